"""What each local date holds, as instants: its windows, its events, and the layer that rules it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.domain.horario_capas import SEMANA, Capa, Capas
from app.domain.horario_franjas import AMANECER, RELOJ, Hora, Programa, Slot
from app.domain.horario_zona import instant_of, local_of
from app.domain.sol import amanecer_atardecer

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MAX_MEMO = 64
"""Dates kept while one question is answered."""
_NO_WEEK = Programa(False, (), ((),) * 7)


class Ocurrencia(NamedTuple):
    """A window of one date, on in [inicio, fin), or an event (``fin`` = ``inicio``); seconds of 1970."""

    inicio: int
    fin: int
    dia: int
    minuto: int
    slot: Slot
    capa: Capa
    saltada: bool

    def detalle(self) -> str:
        return self.capa.detalle(self.dia, self.slot.texto())

    def turno(self) -> tuple[int, int, int, int]:
        """The order in which events take effect: of two at the same minute the later written one is the last."""
        return self.inicio, self.dia, self.minuto, self.slot.orden


class Jornada(NamedTuple):
    """One local date. ``eventos`` is None when neither its layer nor the week beneath has events.

    ``ocultos``: the events are the week's under a layer without events; they only decide what holds afterwards. Events
    are in the order in which they take effect.
    """

    inicio: int
    capa: Capa
    franjas: tuple[Ocurrencia, ...]
    eventos: tuple[Ocurrencia, ...] | None
    ocultos: bool


class Calendario:
    """Dates as :class:`Jornada`, remembered while one question is answered; ``niveles`` is for who asks, and forgotten
    with them: (instant, level) of the cuts of a date."""

    __slots__ = ("_capas", "_memo", "_semana", "niveles")

    def __init__(self, capas: Capas) -> None:
        self._capas = capas
        self._semana = Capa(SEMANA, "", capas.semana or _NO_WEEK)
        self._memo: dict[int, Jornada] = {}
        self.niveles: dict[int, list[tuple[int, bool | None]]] = {}

    def dia_de(self, instante: int) -> int:
        """The date whose span holds the instant; a date starts at the first instant that bears it."""
        dia = local_of(self._capas.zona, instante).toordinal()
        while instante < self.jornada(dia).inicio:
            dia -= 1
        while instante >= self.jornada(dia + 1).inicio:
            dia += 1
        return dia

    def jornada(self, dia: int) -> Jornada:
        found = self._memo.get(dia)
        if found is None:
            if len(self._memo) >= MAX_MEMO:
                self._memo.clear()
                self.niveles.clear()
            found = self._memo[dia] = self._make(dia)
        return found

    def ordinario(self, dia: int) -> bool:
        """Whether the week rules that date."""
        return self.capa(dia) is self._semana

    def capa(self, dia: int) -> Capa:
        """The layer that rules that date."""
        capas = self._capas
        for excepcion in reversed(capas.excepciones):
            if excepcion.cubre(dia):
                return excepcion.capa
        if capas.festivo is not None and dia in capas.festivos:
            return capas.festivo
        return self._semana

    def _make(self, dia: int) -> Jornada:
        capa = self.capa(dia)
        weekday = (dia - 1) % 7
        ocultos = not capa.programa.eventos
        source = self._semana if ocultos else capa
        franjas: list[Ocurrencia] = []
        if ocultos:
            for slot in capa.programa.por_dia[weekday]:
                self._place(slot, capa, dia, franjas)
        eventos: list[Ocurrencia] | None = None
        if source.programa.eventos:
            eventos = []
            for slot in source.programa.por_dia[weekday]:
                self._place(slot, source, dia, eventos)
            eventos.sort(key=Ocurrencia.turno)
        inicio = instant_of(self._capas.zona, dia, 0)
        return Jornada(inicio, capa, tuple(franjas), None if eventos is None else tuple(eventos), ocultos)

    def _place(self, slot: Slot, capa: Capa, dia: int, into: list[Ocurrencia]) -> None:
        """The slot's occurrence of that date, none where the sun or a clock change leaves nothing of it."""
        zona, lugar = self._capas.zona, self._capas.lugar
        start = resolve(slot.inicio, dia, zona, lugar)
        if start is None:
            return
        end = start
        if slot.fin is not None:
            ending = resolve(slot.fin, dia + slot.al_otro_dia, zona, lugar)
            if ending is None or ending <= start:
                return
            end = ending
        minuto = slot.inicio.minutos
        if slot.inicio.base != RELOJ:
            local = local_of(zona, start)
            minuto = (local.toordinal() - dia) * 1440 + local.hour * 60 + local.minute
        into.append(Ocurrencia(start, end, dia, minuto, slot, capa, start in self._capas.saltar))


def resolve(hora: Hora, dia: int, zona: ZoneInfo, lugar: tuple[float, float] | None) -> int | None:
    """The instant of a time of a date; None for a sun time without coordinates or in polar day or night."""
    if hora.base == RELOJ:
        return instant_of(zona, dia, hora.minutos)
    if lugar is None:
        return None
    sunrise, sunset = amanecer_atardecer(dia, *lugar, zona=zona)
    moment = sunrise if hora.base == AMANECER else sunset
    return None if moment is None else moment + hora.minutos * 60
