"""A compiled schedule: a level at every instant, and where it changes.

The rules, in the order in which they win:

1. ``anulacion``, from its ``desde`` until its ``hasta``.
2. A date whose layer says on for the whole day; a window that is running, also one of the day before that runs out
   over midnight, whatever rules the new date.
3. The date's own layer (the last exception listed that covers it, else the holiday, else the week): off outside its
   windows, or the state of the newest event. Events hold across days. Under a layer without events the week's keep
   counting unseen, so that after it the week goes on as if it had never been away; a layer with events replaces them.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from app.domain.horario_capas import ANULACION, SALTAR, Capas
from app.domain.horario_dias import Calendario, Jornada, Ocurrencia
from app.domain.horario_tipos import Nivel, Transicion
from app.domain.horario_zona import DAY, EPOCH_ORDINAL, FIRST, LAST, local_of, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HORIZON_DAYS = 400
"""How far ahead the next change is looked for, and how far back the event that still holds."""
_QUIET_DAYS = 16
"""After so many ordinary days without a change a week of clock times never changes by itself."""


class Plan:
    """One device's schedule, compiled; immutable, cheap, for the caller to keep while configuration and house stay."""

    __slots__ = ("_ahead", "_back", "_capas", "_sun")

    def __init__(self, capas: Capas) -> None:
        layers = [e.capa for e in capas.excepciones] + ([capas.festivo] if capas.festivo else [])
        programs = [capa.programa for capa in layers] + ([capas.semana] if capas.semana else [])
        self._capas = capas
        self._sun = any(program.con_sol for program in programs)
        # A slot of date d can act from d - ahead until d + back: sun times may leave their date.
        self._back, self._ahead = (2, 1) if self._sun else (1, 0)

    @property
    def zona(self) -> str:
        """The IANA name of the zone in which the schedule is read."""
        return self._capas.zona.key

    def nivel(self, instante: datetime) -> Nivel | None:
        """What the schedule says at ``instante`` (aware); None when it says nothing (yet)."""
        return self.nivel_en(seconds_of(instante))

    def nivel_en(self, instante: int) -> Nivel | None:
        """As :meth:`nivel`, for seconds of 1970."""
        return self._nivel(Calendario(self._capas), instante)

    def empieza(self, instante: int) -> bool:
        """Whether a window or an event of a date that counts starts at ``instante`` (seconds of 1970, within reach)."""
        days = Calendario(self._capas)
        near = self._near(days.dia_de(instante))
        return any(o.inicio == instante for dia in near for o in _visible(days.jornada(dia)))

    def siguiente(self, despues: datetime) -> Transicion | None:
        """The first change strictly after ``despues`` (aware); None when there is none within 400 days."""
        return self._siguiente(Calendario(self._capas), seconds_of(despues))

    def transiciones(self, desde: datetime, hasta: datetime, maximo: int = 1000) -> list[Transicion]:
        """Every change in [desde, hasta), oldest first, at most ``maximo``; ends early after 400 days without one."""
        days, found = Calendario(self._capas), list[Transicion]()
        after, end = _ceil(desde) - 1, _ceil(hasta)
        while len(found) < maximo:
            change = self._siguiente(days, after, end)
            if change is None:
                break
            found.append(change)
            after = seconds_of(change.instante)
        return found

    def ocurrencia(self, despues: datetime) -> Transicion | None:
        """The next window that starts, or event, strictly after ``despues``, whether or not it changes anything.

        Skipped ones are passed over; None when there is none within 400 days.
        """
        days, after = Calendario(self._capas), seconds_of(despues)
        if not FIRST <= after < LAST:
            return None
        for dia in self._days(days, after):
            near = [o for e in self._near(dia) for o in _visible(days.jornada(e)) if o.inicio > after and not o.saltada]
            end = days.jornada(dia + 1).inicio
            found = min((o for o in near if o.inicio < end), key=Ocurrencia.turno, default=None)
            if found is not None:
                return self._transicion(found.inicio, Nivel(found.slot.encendido, found.capa.nombre, found.detalle()))
        return None

    def _siguiente(self, days: Calendario, after: int, end: int = LAST) -> Transicion | None:
        if not FIRST <= after < LAST:
            return None
        start = self._nivel(days, after)
        current = start.encendido if start else None
        limit = min(after + HORIZON_DAYS * DAY, LAST - 1, end - 1)
        for dia in self._days(days, after):
            if days.jornada(dia).inicio > limit:
                return None
            levels = self._levels(days, dia)
            for cut, on in levels[bisect_right(levels, after, key=_cut_of) :]:
                if cut > limit:
                    return None
                if on is not None and on is not current:
                    nivel = self._nivel_in(days, cut, dia)
                    assert nivel is not None
                    return self._transicion(cut, nivel)
        return None

    def _transicion(self, instante: int, nivel: Nivel) -> Transicion:
        when = datetime.fromtimestamp(instante, UTC)
        return Transicion(when, local_of(self._capas.zona, instante), nivel.encendido, nivel.capa, nivel.detalle)

    def _days(self, days: Calendario, after: int) -> Iterator[int]:
        """Dates from that of ``after`` on; leaps over the stretches in which nothing can change."""
        dia = days.dia_de(after)
        end, quiet = dia + HORIZON_DAYS + 1, 0
        marks = [EPOCH_ORDINAL + instant // DAY for instant in self._instants()]
        marked = {mark + near for mark in marks for near in (-1, 0, 1)}
        while dia <= end:
            yield dia
            quiet = quiet + 1 if dia not in marked and days.ordinario(dia) else 0
            dia += 1
            if quiet >= _QUIET_DAYS and not self._sun:
                special = self._special(dia)
                if special is None:
                    return
                dia, quiet = max(dia, special - 2), 0

    def _special(self, dia: int) -> int | None:
        """A date at or after ``dia`` before which only the week rules, two days apart; None: nothing else comes."""
        capas = self._capas
        dates = [EPOCH_ORDINAL + instant // DAY for instant in self._instants()]
        dates += [day for e in capas.excepciones if (day := e.proxima(dia)) is not None]
        dates += capas.festivos
        return min((day for day in dates if day >= dia - 2), default=None)

    @property
    def _empty(self) -> bool:
        return self._capas.semana is None and not self._capas.excepciones and self._capas.festivo is None

    def _near(self, dia: int) -> range:
        return range(dia - self._back, dia + self._ahead + 1)

    def _instants(self) -> list[int]:
        return [*self._capas.saltar, *self._override_cuts()]

    def _override_cuts(self) -> list[int]:
        override = self._capas.anulacion
        return [int(x) for x in override[1:] if x is not None and FIRST <= x <= LAST] if override else []

    def _cuts(self, days: Calendario, dia: int) -> list[int]:
        """The instants of a date at which the level may change."""
        start, end = days.jornada(dia).inicio, days.jornada(dia + 1).inicio
        found = {start, *self._override_cuts()}
        for e in self._near(dia):
            jornada = days.jornada(e)
            for occurrence in (*jornada.franjas, *(jornada.eventos or ())):
                found.add(occurrence.inicio)
                found.add(occurrence.fin)
        return sorted(cut for cut in found if start <= cut < end)

    def _levels(self, days: Calendario, dia: int) -> list[tuple[int, bool | None]]:
        """The level at each cut of a date: what :meth:`_nivel_in` says there, without its words, and for all of them in
        one go. A date may have hundreds of cuts, and a question may look at hundreds of dates."""
        found = days.niveles.get(dia)
        if found is not None:
            return found
        cuts, today = self._cuts(days, dia), days.jornada(dia)
        running = [o for e in self._near(dia) for o in days.jornada(e).franjas if not o.saltada]
        starts, ends = sorted(o.inicio for o in running), sorted(o.fin for o in running)
        found = [(cut, self._level(days, cut, dia, today, starts, ends)) for cut in cuts]
        days.niveles[dia] = found
        return found

    def _level(
        self, days: Calendario, cut: int, dia: int, today: Jornada, starts: list[int], ends: list[int]
    ) -> bool | None:
        override = self._capas.anulacion
        if override and override.desde <= cut and (override.hasta is None or cut < override.hasta):
            return override.encendido
        if self._empty:
            return None
        if today.capa.programa.fijo or bisect_right(starts, cut) > bisect_right(ends, cut):
            return True
        if today.ocultos:
            return False
        newest = self._newest(days, cut, dia)[0]
        return newest.slot.encendido if newest else (None if self._waits else False)

    def _nivel(self, days: Calendario, instante: int) -> Nivel | None:
        if not FIRST <= instante < LAST:
            return None
        return self._nivel_in(days, instante, days.dia_de(instante))

    def _nivel_in(self, days: Calendario, instante: int, dia: int) -> Nivel | None:
        override = self._capas.anulacion
        if override and override.desde <= instante and (override.hasta is None or instante < override.hasta):
            return Nivel(override.encendido, ANULACION, self._until(override.hasta))
        if self._empty:
            return None
        today = days.jornada(dia)
        if today.capa.programa.fijo:
            return Nivel(True, today.capa.nombre, f"{today.capa.prefijo}: todo el día encendido")
        ended = skipped = None
        for e in self._near(dia):
            for o in days.jornada(e).franjas:
                if o.inicio <= instante < o.fin:
                    if not o.saltada:
                        return Nivel(True, o.capa.nombre, o.detalle())
                    skipped = o
                elif o.fin <= instante and not o.saltada and (ended is None or o.fin >= ended.fin):
                    ended = o
        if not today.ocultos:
            return self._by_event(days, instante, dia)
        if skipped is not None:
            return Nivel(False, SALTAR, f"se salta {skipped.detalle()}")
        return _off(today, ended)

    def _by_event(self, days: Calendario, instante: int, dia: int) -> Nivel | None:
        """By the newest event that is not skipped."""
        found, skipped = self._newest(days, instante, dia)
        if found is None:
            if self._waits:
                return None
            return Nivel(False, days.jornada(dia).capa.nombre, f"{days.jornada(dia).capa.prefijo}: aún sin eventos")
        if skipped is not None and skipped.turno() > found.turno():
            return Nivel(found.slot.encendido, SALTAR, f"se salta {skipped.detalle()}; sigue {found.detalle()}")
        return Nivel(found.slot.encendido, found.capa.nombre, found.detalle())

    @property
    def _waits(self) -> bool:
        """Whether nothing is said before the first event."""
        return self._capas.semana is not None and self._capas.semana.eventos

    def _newest(self, days: Calendario, instante: int, dia: int) -> tuple[Ocurrencia | None, Ocurrencia | None]:
        """The newest event that is not skipped, back until a date that has no say about events, and the newest skipped
        one."""
        found = skipped = None
        last = dia - HORIZON_DAYS
        e = dia + self._ahead
        while e > last:
            eventos = days.jornada(e).eventos
            if eventos is None and e <= dia:
                break
            for o in _newest_first(eventos or (), instante):
                if not o.saltada:
                    if found is None or o.turno() > found.turno():
                        found, last = o, max(last, e - 1 - (self._back + self._ahead) * self._sun)
                    break
                skipped = o if skipped is None else max(o, skipped, key=Ocurrencia.turno)
            e -= 1
        return found, skipped

    def _until(self, hasta: int | None) -> str:
        if hasta is None or hasta > LAST:
            return "manual hasta que se cancele"
        return f"manual hasta {local_of(self._capas.zona, hasta).isoformat(' ', 'minutes')[:16]}"


def _newest_first(eventos: Sequence[Ocurrencia], instante: int) -> Iterator[Ocurrencia]:
    """Those that have taken effect."""
    n = bisect_right(eventos, instante, key=_start_of)
    while n:
        n -= 1
        yield eventos[n]


_cut_of = itemgetter(0)
_start_of = attrgetter("inicio")


def _visible(jornada: Jornada) -> tuple[Ocurrencia, ...]:
    return jornada.franjas if jornada.ocultos else jornada.eventos or ()


def _off(today: Jornada, ended: Ocurrencia | None) -> Nivel:
    """Off, and why: the window that ended on this date, else the layer of the date, else the last window that ended."""
    nombre, prefijo, suyo = today.capa
    if ended is not None and (ended.fin > today.inicio or not prefijo):
        return Nivel(False, ended.capa.nombre, ended.detalle())
    if prefijo:
        return Nivel(False, nombre, f"{prefijo}: {'todo el día apagado' if suyo.fijo is False else 'fuera de franja'}")
    return Nivel(False, nombre, "fuera de toda franja")


def _ceil(moment: datetime) -> int:
    return seconds_of(moment) + (1 if moment.microsecond else 0)
