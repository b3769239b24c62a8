"""Local times and instants. The policy at clock changes, for every schedule:

- a local time that does not exist moves to the first instant after the gap (02:30 reads as 03:00);
- a local time that happens twice is its first occurrence, once.

Inside the domain an instant is whole seconds since 1970 UTC, a date its proleptic ordinal, a time of day minutes.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import timedelta

DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
FIRST, LAST = -10 * 366 * DAY, 7_258_118_400
"""Schedules speak from 1959-12-24 until 2200-01-01 and say nothing outside."""

UTC_ZONE = ZoneInfo.from_file(BytesIO(b"TZif" + bytes(35) + b"\1\0\0\0\4" + bytes(6) + b"UTC\0"), key="UTC")
"""UTC also on a machine without a time zone database (RFC 9636 §3: one type of local time, no transitions)."""
_NAME = re.compile(r"[A-Za-z0-9_+\-]{1,32}(/[A-Za-z0-9_+\-]{1,32}){0,3}")


@lru_cache(maxsize=1024)
def find_zona(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, None when this machine knows none."""
    if _NAME.fullmatch(name) is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a zone, a folder
        return None


def seconds_of(moment: datetime) -> int:
    """Whole seconds of 1970, rounded down.

    Raises:
        TypeError: ``moment`` is naive.
    """
    since = moment - EPOCH
    return since.days * DAY + since.seconds


def read_instante(value: object) -> int | None:
    """Whole seconds of an ISO 8601 instant, rounded down; without an offset it is UTC; None when it is none."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return seconds_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def write_instante(instante: int) -> str:
    """ISO 8601, UTC, whole seconds, ``Z``."""
    return datetime.fromtimestamp(instante, UTC).isoformat(timespec="seconds")[:19] + "Z"


def local_of(zona: ZoneInfo, instante: int) -> datetime:
    """The instant on the wall clocks of a zone."""
    return datetime.fromtimestamp(instante, zona)


@lru_cache(maxsize=1024)
def instant_of(zona: ZoneInfo, dia: int, minuto: int) -> int:
    """The instant of ``minuto`` (it may pass 24 h) on a local date, by the policy above; never goes back with them.

    Remembered, for it is most of the work of planning and a house asks for the same few times of the same few dates:
    2,000 devices with four slots take half the CPU.
    """
    wall = (dia - EPOCH_ORDINAL) * DAY + minuto * 60
    local = datetime.fromtimestamp(wall, UTC).replace(tzinfo=zona)
    before, after = _offset(local), _offset(local.replace(fold=1))
    if before >= after:  # equal: the common case; greater: it happens twice, and ``before`` is the first time
        return wall - before
    return _end_of_gap(zona, wall - after, wall - before)


def _end_of_gap(zona: ZoneInfo, low: int, high: int) -> int:
    """The first instant with the new offset; ``low`` still has the old one, ``high`` the new one."""
    old = _offset(local_of(zona, low))
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(local_of(zona, middle)) == old:
            low = middle
        else:
            high = middle
    return high


def _offset(local: datetime) -> int:
    delta: timedelta | None = local.utcoffset()
    return delta.days * DAY + delta.seconds if delta is not None else 0
