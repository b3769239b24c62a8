"""Into which stretches of the calendar a time is cut, so that they are as many as are wanted or a few less."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from app.domain.horario_zona import instant_of, local_of
from app.domain.niveles import CINCO, DIA, HORA, Calendario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

SHORT = {"PT5M": CINCO, "PT10M": 600, "PT15M": 900, "PT30M": 1800, "PT1H": HORA}
LONG = {"PT2H": 120, "PT3H": 180, "PT6H": 360, "PT12H": 720}
DAYS = {"P1D": (1, 0), "P2D": (2, 0), "P3D": (3, 0), "P7D": (7, 1)}
"""Days together, and which ordinal of the Gregorian calendar begins one: weeks begin on Mondays."""
MONTHS = {"P1M": 1, "P3M": 3, "P1Y": 12}
LAST = "P1Y"


@dataclass(frozen=True, slots=True)
class Corte:
    """``paso`` as ISO 8601 says durations; ``limites``: where the stretches meet, seconds of 1970, at least two."""

    paso: str
    limites: tuple[int, ...]

    @property
    def nivel(self) -> int:
        """The longest of the kept summaries that the stretches are made of."""
        if self.paso in DAYS or self.paso in MONTHS:
            return DIA
        return HORA if all(limit % HORA == 0 for limit in self.limites) else CINCO


def cortar(desde: int, hasta: int, cuantos: int, zona: ZoneInfo, minimo: int = CINCO) -> Corte:
    """The shortest step of which no more than ``cuantos`` reach from ``desde`` to ``hasta``; years, when not even they
    are few enough. Whole steps of the calendar: the first may begin before, the last end after. ``minimo``: the
    shortest level that is kept."""
    for paso, nominal, limits in _steps(zona):
        if (hasta - desde) // nominal > cuantos and paso != LAST:
            continue
        found = _around(limits(desde), desde, hasta)
        cut = Corte(paso, tuple(found))
        if paso == LAST or (len(found) - 1 <= cuantos and cut.nivel >= minimo):
            return cut
    raise AssertionError("years are not refused")


def _steps(zona: ZoneInfo) -> Iterator[tuple[str, int, Callable[[int], Iterator[int]]]]:
    """(step, its longest length in seconds, what gives its limits from at least one before a second on)."""
    for paso, seconds in SHORT.items():
        yield paso, seconds, lambda start, seconds=seconds: _elapsed(zona, start, seconds)  # type: ignore[misc]
    for paso, minutes in LONG.items():
        yield paso, minutes * 60 + HORA, lambda start, minutes=minutes: _wall(zona, start, minutes)  # type: ignore[misc]
    for paso, (days, first) in DAYS.items():
        yield paso, days * DIA + HORA, lambda start, d=days, f=first: _days(zona, start, d, f)  # type: ignore[misc]
    for paso, months in MONTHS.items():
        yield paso, months * 31 * DIA, lambda start, months=months: _months(zona, start, months)  # type: ignore[misc]


def _around(limits: Iterator[int], desde: int, hasta: int) -> list[int]:
    found: list[int] = []
    for before, after in pairwise(limits):
        if after <= desde or after <= before:
            continue
        found = found or [before]
        found.append(after)
        if after >= hasta:
            break
    return found


def _elapsed(zona: ZoneInfo, start: int, seconds: int) -> Iterator[int]:
    """Up to an hour: counted from midnight on, also over a change of the clocks."""
    days = Calendario(zona)
    begin, end = days.dia(start)
    while True:
        yield from range(begin, end, seconds)
        begin, end = days.dia(end)


def _wall(zona: ZoneInfo, start: int, minutes: int) -> Iterator[int]:
    """Some hours: as the clocks on the wall say."""
    ordinal = local_of(zona, start).toordinal() - 1
    while True:
        yield from (_five(instant_of(zona, ordinal, minute)) for minute in range(0, 1440, minutes))
        ordinal += 1


def _days(zona: ZoneInfo, start: int, days: int, first: int) -> Iterator[int]:
    ordinal = local_of(zona, start).toordinal() - 1
    ordinal -= (ordinal - first) % days
    while True:
        yield _five(instant_of(zona, ordinal, 0))
        ordinal += days


def _months(zona: ZoneInfo, start: int, months: int) -> Iterator[int]:
    local = local_of(zona, start - DIA)
    month = local.year * 12 + local.month - 1
    month -= month % months
    while True:
        yield _five(instant_of(zona, date(month // 12, month % 12 + 1, 1).toordinal(), 0))
        month += months


def _five(second: int) -> int:
    return second - second % CINCO
