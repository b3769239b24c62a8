# ruff: noqa: DTZ001  wall-clock times have no zone
"""A slow, obvious reading of schedules: it looks at every minute of a table of wall-clock times, and at every date.

Written from WIRE §5 and the rules in app/domain/horario*.py's docstrings, not from their code; only the sun's times
are taken from app/domain/sol.py, which has its own tests.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.sol import amanecer_atardecer

NAMES = ["lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"]
BACK_DAYS, SPAN_DAYS = 20, 3
MINUTE = timedelta(minutes=1)


@lru_cache(maxsize=8)
def first_seen(zona: ZoneInfo, start: int) -> dict[datetime, int]:
    """Wall-clock time -> the first of the minutes from ``start`` on at which clocks show it."""
    found: dict[datetime, int] = {}
    for minute in range(start, start + (BACK_DAYS + SPAN_DAYS + 4) * 1440):
        found.setdefault(datetime.fromtimestamp(minute * 60, zona).replace(tzinfo=None), minute)
    return found


class Oracle:
    """The level of each minute of three local dates, the first of which is ``day``."""

    def __init__(
        self, configuracion: dict[str, Any], day: date, *, zona: str, lugar: tuple[float, float], festivos: set[date]
    ):
        self.conf, self.zona, self.lugar, self.festivos = configuracion, ZoneInfo(zona), lugar, festivos
        noon = datetime(day.year, day.month, day.day, tzinfo=UTC)
        start = int((noon - timedelta(days=BACK_DAYS)).timestamp()) // 60
        self.first = first_seen(self.zona, start)
        self.dates = [day + timedelta(days=k) for k in range(2 - BACK_DAYS, SPAN_DAYS + 2)]
        self.rulers = {d: self.ruler(d) for d in self.dates}
        self.midnights = {d: self.instant(d, "00:00") for d in self.dates if d >= day - timedelta(days=3)}
        self.begin = self.instant(day, "00:00")
        self.end = self.instant(day + timedelta(days=SPAN_DAYS), "00:00")
        skipped = {int(datetime.fromisoformat(x).timestamp()) // 60 for x in configuracion.get("saltar", [])}
        self.windows = [w for d in self.dates for w in self.windows_of(d)]
        self.events = sorted(e for d in self.dates for e in self.events_of(d))
        self.starts = sorted({w[0] for w in self.windows} | {e[0] for e in self.events if e[4]})
        self.windows = [w for w in self.windows if w[0] not in skipped]
        self.events = [e for e in self.events if e[0] not in skipped]

    def instant(self, day: date, text: str) -> int | None:
        """UTC minute of a time of a date: first time it is seen on the clock, else the next time that is."""
        if text[0] == "a":
            base, sign, offset = text[:-4].rstrip("+-"), (-1 if "-" in text else 1), int(text[-3:])
            found = amanecer_atardecer(day.toordinal(), *self.lugar, zona=self.zona)[base == "atardecer"]
            return None if found is None else found // 60 + sign * offset
        wall = datetime(day.year, day.month, day.day, int(text[:2]), int(text[3:]))
        while wall not in self.first:
            wall += MINUTE
        return self.first[wall]

    def ruler(self, day: date) -> tuple[bool, Any]:
        """Whether the week rules, and what rules: a list, an object, or a whole day's state."""
        for layer in reversed(self.conf.get("excepciones", [])):
            first, last = date.fromisoformat(layer["desde"]), date.fromisoformat(layer.get("hasta", layer["desde"]))
            shifts = range(-150, 151) if layer.get("cada_ano") else [0]
            if any(shifted(first, n) <= day <= shifted(last, n) for n in shifts):
                return False, layer["horarios"] if "horarios" in layer else layer["encendido"]
        layer = self.conf.get("festivos")
        if day in self.festivos and layer is not None:
            if layer == "domingo":
                return False, self.as_sunday()
            return False, layer["horarios"] if "horarios" in layer else layer["encendido"]
        return True, self.conf["horarios"]

    def as_sunday(self) -> Any:
        week = self.conf["horarios"]
        if isinstance(week, list):
            return [
                {**w, "dias": ["todos"]} for w in week if not w.get("dias") or {"domingo", "todos"} & set(w["dias"])
            ]
        return {"diario": [e for name, entries in week.items() if name in ("domingo", "diario") for e in entries]}

    def windows_of(self, day: date) -> list[tuple[int, int]]:
        found = []
        rules = self.rulers[day][1]
        for w in rules if isinstance(rules, list) else []:
            if w.get("dias") and not {NAMES[day.weekday()], "todos"} & set(w["dias"]):
                continue
            last = day + timedelta(days=1) if next_day(w["inicio"], w["fin"]) else day
            start, end = self.instant(day, w["inicio"]), self.instant(last, w["fin"])
            if start is not None and end is not None and start < end:
                found.append((start, end))
        return found

    def events_of(self, day: date) -> list[tuple[int, date, datetime, int, bool, bool]]:
        """(instant, date, wall time, order of writing, seen on its date, state)."""
        rules = self.rulers[day][1]
        seen = isinstance(rules, dict)
        source = rules if seen else self.conf["horarios"]
        found, order = [], 0
        for name, entries in source.items() if isinstance(source, dict) else []:
            for text, word in entries:
                order += 1
                instant = self.instant(day, text) if name in (NAMES[day.weekday()], "diario") else None
                if instant is None:
                    continue
                wall = datetime(day.year, day.month, day.day)
                if text[0] == "a":
                    wall = datetime.fromtimestamp(instant * 60, self.zona).replace(tzinfo=None)
                else:
                    wall = wall.replace(hour=int(text[:2]), minute=int(text[3:]))
                found.append((instant, day, wall, order, seen, word == "on"))
        return found

    def level(self, minute: int) -> bool | None:
        override = self.conf.get("anulacion")
        if override:
            start, end = epoch_minute(override["desde"]), epoch_minute(override["hasta"] or "9000-01-01T00:00Z")
            if start <= minute < end:
                return bool(override["encendido"])
        day = max(d for d, midnight in self.midnights.items() if midnight <= minute)
        rules = self.rulers[day][1]
        if rules is True or any(start <= minute < end for start, end in self.windows):
            return True
        if not isinstance(rules, dict):
            return False
        past = [e for e in self.events if e[0] <= minute and e[1] >= self.since(day)]
        if past:
            return max(past, key=lambda e: e[:4])[5]
        return None if isinstance(self.conf["horarios"], dict) else False

    def since(self, day: date) -> date:
        """With no events beneath, only those of the unbroken run of dates that have some."""
        if isinstance(self.conf["horarios"], dict):
            return date.min
        while isinstance(self.rulers[day - timedelta(days=1)][1], dict):
            day -= timedelta(days=1)
        return day

    def levels(self) -> dict[int, bool | None]:
        """From the minute before the first date to the last of the third."""
        return {minute: self.level(minute) for minute in range(self.begin - 1, self.end)}


def next_day(start: str, end: str) -> bool:
    """A window ends on the date on which it starts if it can."""
    if start[0] == "a" and end[0] == "a" and start[:3] == end[:3]:
        return signed(start) >= signed(end)
    earliest = {"ama": "03:00", "ata": "12:00"}.get(start[:3], start)
    latest = {"ama": "12:00", "ata": "24:00"}.get(end[:3], end)
    return earliest >= latest


def signed(text: str) -> int:
    return int(text[-3:]) * (-1 if "-" in text else 1)


def epoch_minute(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // 60


def shifted(day: date, years: int) -> date:
    return day.replace(year=min(max(day.year + years, 1), 9998))
