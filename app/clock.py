"""The only module that reads the clock; everybody else is handed one (a lint rule bans it elsewhere)."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Wall time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling native thread."""
        time.sleep(seconds)


def iso_z(moment: datetime) -> str:
    """ISO 8601, UTC, microseconds, ``Z`` (WIRE §3): 27 characters, so that text order is time order; given UTC."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"
