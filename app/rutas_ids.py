"""How a device's id looks in a path."""

from __future__ import annotations

from werkzeug.routing import BaseConverter, ValidationError

MAX_ID = 2**63 - 1


class DeviceIdConverter(BaseConverter):
    """A positive decimal number in ASCII that SQLite can hold; anything else is no device, hence a 404.

    werkzeug's own ``int`` takes the digits of any script.
    """

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The id."""
        number = int(value)
        if number > MAX_ID:
            raise ValidationError
        return number
