"""The stretches into which history is summarised, and which of them a point falls into.

Five minutes and an hour are of UTC; a day is one of the house's calendar, of 23 to 25 hours. In a zone that is off by
half an hour no local hour is an hour of UTC, so its days are made of five minutes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.domain.horario_zona import instant_of, local_of
from app.domain.resumen import US
from app.domain.valores import parse_encendido

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

CINCO, HORA, DIA = 300, 3600, 86_400
ESTADO = "estado"
"""The series of what a device was: 1 for activo. A parameter of the same name has none."""
MAX_VALOR = 1e100
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the log is naive UTC


class Calendario:
    """The days of a zone."""

    def __init__(self, zona: ZoneInfo) -> None:
        self.zona = zona
        self._last = (0, 0)

    def dia(self, segundo: int) -> tuple[int, int]:
        """From when to when the local day lasts that holds this second of 1970."""
        begin, end = self._last  # rows come in the order of time
        if not begin <= segundo < end:
            self._last = begin, end = self._day(segundo)
        return begin, end

    def _day(self, segundo: int) -> tuple[int, int]:
        ordinal = local_of(self.zona, segundo).toordinal()
        begin, end = (_five(instant_of(self.zona, ordinal + n, 0)) for n in (0, 1))
        if segundo < begin:  # a midnight that came twice: its second time is the day's before, by the policy of zones
            begin, end = _five(instant_of(self.zona, ordinal - 1, 0)), begin
        return begin, end

    def partes(self, inicio: int) -> tuple[int, int, int]:
        """(level, from, to) of what the local day that begins then is made of."""
        _, end = self.dia(inicio)
        return (HORA if inicio % HORA == 0 and end % HORA == 0 else CINCO), inicio, end


def _five(segundo: int) -> int:
    return segundo - segundo % CINCO


def instante_us(stamp: str | None) -> int | None:
    """A timestamp of the log (naive UTC text, as both programs write it) in microseconds; None when it is none."""
    if stamp is None or len(stamp) > len("2026-11-24 07:00:00.000000") or stamp[10:11] != " ":
        return None
    try:
        since = datetime.fromisoformat(stamp) - _EPOCH
    except (ValueError, TypeError):
        return None
    return (since.days * DIA + since.seconds) * US + since.microseconds


def sello_de(segundo: int) -> str:
    """A second of 1970 as the log writes times, so that it is not after any way to write it."""
    return (_EPOCH + timedelta(seconds=segundo)).isoformat(" ")


def valores(estado: str | None, parametros: Mapping[str, object]) -> Iterator[tuple[str, float, bool]]:
    """(series, value, whether it is a yes or no) of a row of the log."""
    on = None if estado is None else parse_encendido(estado)
    if on is not None:
        yield ESTADO, float(on), True
    for name, value in parametros.items():
        if isinstance(value, int | float) and -MAX_VALOR <= value <= MAX_VALOR and name != ESTADO:
            yield name, float(value), type(value) is bool
