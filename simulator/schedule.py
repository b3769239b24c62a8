"""A device's own clockwork: is it on at this local time? Reads both shapes of ``horarios`` (WIRE section 5).

A device is lenient: a slot that makes no sense is skipped, never an exception.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

DAY_MINUTES = 24 * 60
_TIME_RE = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?")
_DAY_NAMES = (
    ("lunes", "lun", "monday", "mon"),
    ("martes", "mar", "tuesday", "tue"),
    ("miercoles", "mie", "wednesday", "wed"),
    ("jueves", "jue", "thursday", "thu"),
    ("viernes", "vie", "friday", "fri"),
    ("sabado", "sab", "saturday", "sat"),
    ("domingo", "dom", "sunday", "sun"),
)
_DAYS = {name: frozenset({number}) for number, names in enumerate(_DAY_NAMES) for name in names}
_EVERY_DAY = frozenset(range(7))
_DAYS.update(dict.fromkeys(("todos", "all", "diario", "daily", "everyday"), _EVERY_DAY))
_ON = {"on", "activo", "true", "1"}
_OFF = {"off", "inactivo", "false", "0"}


def is_on(horarios: Any, when: datetime) -> bool | None:
    """``True`` or ``False`` as the schedule says at local time ``when``; ``None`` when it says nothing."""
    match horarios:
        case list():
            return _inside_windows(horarios, when)
        case dict():
            return _last_event(horarios, when)
    return None


def _inside_windows(windows: list[Any], when: datetime) -> bool | None:
    known = [window for item in windows if (window := _window(item)) is not None]
    if not known:
        return None
    day, minute = when.weekday(), _minute_of(when)
    return any(_contains(window, day, minute) for window in known)


def _window(item: Any) -> tuple[frozenset[int], int, int] | None:
    if not isinstance(item, dict):
        return None
    start = _minutes(item.get("inicio", item.get("start")))
    end = _minutes(item.get("fin", item.get("end")))
    if start is None or end is None or start == DAY_MINUTES:
        return None
    return _days(item.get("dias", item.get("days"))), start, end


def _contains(window: tuple[frozenset[int], int, int], day: int, minute: float) -> bool:
    """Half-open [start, end); a window over midnight belongs to the day on which it starts."""
    days, start, end = window
    if start < end:
        return day in days and start <= minute < end
    return (day in days and minute >= start) or ((day - 1) % 7 in days and minute < end)


def _last_event(events: dict[Any, Any], when: datetime) -> bool | None:
    """The newest event at or before ``when``, looking back a whole week: its state holds until the next one."""
    by_day = _events_by_day(events)
    today, minute = when.weekday(), _minute_of(when)
    for back in range(8):
        limit = minute if back == 0 else DAY_MINUTES
        past = [event for event in by_day[(today - back) % 7] if event[0] <= limit]
        if past:
            return max(past, key=lambda event: event[0:2])[2]
    return None


def _events_by_day(events: dict[Any, Any]) -> list[list[tuple[int, int, bool]]]:
    """For each weekday its (minute, order of writing, state): of two at the same minute the later one written wins."""
    by_day: list[list[tuple[int, int, bool]]] = [[] for _ in range(7)]
    order = 0
    for name, entries in events.items():
        for entry in entries if isinstance(entries, list) else ():
            parsed = _event(entry)
            order += 1
            for day in _named(name) if parsed else ():
                by_day[day].append((parsed[0], order, parsed[1]))  # type: ignore[index]
    return by_day


def _event(entry: Any) -> tuple[int, bool] | None:
    if not isinstance(entry, list | tuple) or len(entry) != 2:
        return None
    minute, word = _minutes(entry[0]), str(entry[1]).strip().lower()
    if minute is None or minute == DAY_MINUTES or word not in _ON | _OFF:
        return None
    return minute, word in _ON


def _days(value: Any) -> frozenset[int]:
    if value is None:
        return _EVERY_DAY
    names = value if isinstance(value, list) else [value]
    return frozenset().union(*(_named(name) for name in names))


def _named(name: Any) -> frozenset[int]:
    return _DAYS.get(plain(name), frozenset()) if isinstance(name, str) else frozenset()


def plain(text: str) -> str:
    """Lower case without accents or outer spaces: ``Sábado`` is ``sabado``."""
    decomposed = unicodedata.normalize("NFD", text.strip().lower())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _minutes(value: Any) -> int | None:
    found = _TIME_RE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2])
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        return None
    return hour * 60 + minute


def _minute_of(when: datetime) -> float:
    return when.hour * 60 + when.minute + when.second / 60
