"""How a device's id looks in a path."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class DeviceIdConverter(BaseConverter):
    """A positive decimal number in ASCII; anything else is no device, hence a 404.

    werkzeug's own ``int`` takes the digits of any script. A number beyond what a row can have is left to the use-case:
    refused here it would be a 405, because werkzeug has already seen the path match under another method.
    """

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The id."""
        return int(value)
