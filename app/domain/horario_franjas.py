"""Reading ``horarios`` in both its shapes (WIRE §5): windows and events, with times of the clock or of the sun.

Lenient, as devices are: a slot that makes no sense does nothing and is named in ``fallos``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.domain.horario_tipos import Aviso
from app.domain.valores import parse_encendido

DAY_MINUTES = 24 * 60
MAX_FRANJAS = 256
"""Slots that are read of one ``horarios``; the rest does nothing."""
MAX_DESPLAZAMIENTO = 12 * 60
"""Minutes that a time may be away from sunrise or sunset."""

RELOJ, AMANECER, ATARDECER = 0, 1, 2
DIAS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY_DAY = frozenset(range(7))
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?")
_SUN = re.compile(r"(amanecer|atardecer|sunrise|sunset)\s*(?:([+-])\s*(?:([0-9]{1,2}):([0-9]{2})|([0-9]{1,3})))?")
_BASES = {"amanecer": AMANECER, "sunrise": AMANECER, "atardecer": ATARDECER, "sunset": ATARDECER}
# How early a sun time may be as a start and how late as an end: a window ends on the day on which it starts if it can.
_EARLIEST = {AMANECER: 3 * 60, ATARDECER: 12 * 60}
_LATEST = {AMANECER: 12 * 60, ATARDECER: 24 * 60}


def plain(text: str) -> str:
    """Lower case without accents or outer spaces: ``Sábado`` is ``sabado``."""
    text = text.strip().lower()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def _day_names() -> dict[str, frozenset[int]]:
    names: dict[str, frozenset[int]] = dict.fromkeys(("todos", "all", "diario", "daily", "everyday"), _EVERY_DAY)
    for number, (spanish, english) in enumerate(zip(DIAS, _ENGLISH, strict=True)):
        for name in (plain(spanish), plain(spanish)[:3], english, english[:3]):
            names[name] = frozenset({number})
    return names


_DAYS = _day_names()


class Hora(NamedTuple):
    """A time of day: ``minutos`` from midnight (0 to 1440), from sunrise or from sunset."""

    base: int
    minutos: int

    def texto(self) -> str:
        """As people read it: ``07:00``, ``amanecer+00:30``."""
        hours, minutes = divmod(abs(self.minutos), 60)
        if self.base == RELOJ:
            return f"{hours:02}:{minutes:02}"
        name = "amanecer" if self.base == AMANECER else "atardecer"
        return f"{name}{'-' if self.minutos < 0 else '+'}{hours:02}:{minutes:02}" if self.minutos else name


@dataclass(frozen=True, slots=True)
class Slot:
    """A window (``fin`` given, on inside [start, end)) or an event (no ``fin``: ``encendido`` from then on)."""

    dias: frozenset[int]
    inicio: Hora
    fin: Hora | None
    encendido: bool
    orden: int
    campo: str

    @property
    def con_sol(self) -> bool:
        return self.inicio.base != RELOJ or (self.fin is not None and self.fin.base != RELOJ)

    @property
    def al_otro_dia(self) -> bool:
        """Whether the window ends on the day after the one on which it starts; equal times last a whole day."""
        if self.fin is None:
            return False
        start, end = self.inicio, self.fin
        if start.base == end.base:
            return start.minutos >= end.minutos
        return _EARLIEST.get(start.base, start.minutos) >= _LATEST.get(end.base, end.minutos)

    def texto(self) -> str:
        if self.fin is None:
            return f"{self.inicio.texto()} {'encendido' if self.encendido else 'apagado'}"
        return f"{self.inicio.texto()}–{self.fin.texto()}"


@dataclass(frozen=True, slots=True)
class Programa:
    """What one layer says of its days: slots of each weekday (Monday first), or on or off for whole days (``fijo``)."""

    eventos: bool
    slots: tuple[Slot, ...]
    por_dia: tuple[tuple[Slot, ...], ...]
    fijo: bool | None = None

    @property
    def con_sol(self) -> bool:
        return any(slot.con_sol for slot in self.slots)


def fijo(encendido: bool) -> Programa:
    return Programa(False, (), ((),) * 7, encendido)


def programa(slots: list[Slot], eventos: bool) -> Programa:
    days: list[list[Slot]] = [[] for _ in range(7)]
    for slot in slots:
        for day in slot.dias:
            days[day].append(slot)
    return Programa(eventos, tuple(slots), tuple(map(tuple, days)))


def siempre_como(base: Programa, dia: int) -> Programa:
    """A programme that holds on every date what ``base`` holds on a weekday."""
    return Programa(base.eventos, base.por_dia[dia], (base.por_dia[dia],) * 7)


def read_dia(name: object) -> frozenset[int]:
    """The weekdays (Monday 0) behind a name; none when it is unknown."""
    return _DAYS.get(plain(name), frozenset()) if isinstance(name, str) and len(name) <= 40 else frozenset()


def read_hora(value: object) -> Hora | None:
    """``HH:MM``, or ``amanecer``/``atardecer`` (``sunrise``/``sunset``) with ``+``/``-`` minutes or H:MM; else None."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    found = _TIME.fullmatch(value.strip())
    if found is not None:
        hour, minute = int(found[1]), int(found[2])
        return Hora(RELOJ, hour * 60 + minute) if minute < 60 and hour * 60 + minute <= DAY_MINUTES else None
    found = _SUN.fullmatch(plain(value))
    if found is None:
        return None
    minutes = int(found[5] or 0) + int(found[3] or 0) * 60 + int(found[4] or 0)
    if minutes > MAX_DESPLAZAMIENTO or int(found[4] or 0) > 59:
        return None
    return Hora(_BASES[found[1]], -minutes if found[2] == "-" else minutes)


def read_horarios(value: object, campo: str, fallos: list[Aviso], *, sol: bool = True) -> Programa | None:
    """The programme of either shape, None when it is neither; without ``sol`` (no coordinates) sun slots are left out.

    Faults are added to ``fallos`` with their paths below ``campo``.
    """
    match value:
        case list():
            slots = _windows(value[:MAX_FRANJAS], campo, fallos)
            total, eventos = len(value), False
        case dict():
            slots = _events(value, campo, fallos)
            total, eventos = sum(len(entries) for entries in value.values() if isinstance(entries, list)), True
        case _:
            fallos.append(Aviso(campo, "forma_desconocida", "Debe ser una lista de franjas o un objeto de eventos."))
            return None
    if total > MAX_FRANJAS:
        fallos.append(Aviso(campo, "demasiadas", f"Solo se leen las primeras {MAX_FRANJAS}; las demás no actúan."))
    return programa([slot for slot in slots if sol or not slot.con_sol], eventos)


def _windows(items: list[Any], campo: str, fallos: list[Aviso]) -> list[Slot]:
    slots = []
    for index, item in enumerate(items):
        slot = _window(item, index, f"{campo}[{index}]", fallos)
        if slot is not None:
            slots.append(slot)
    return slots


def _window(item: Any, orden: int, campo: str, fallos: list[Aviso]) -> Slot | None:
    if not isinstance(item, dict):
        fallos.append(Aviso(campo, "franja_invalida", "La franja debe ser un objeto con inicio y fin; no actúa."))
        return None
    start = _side(item, ("inicio", "start"), campo, fallos)
    end = _side(item, ("fin", "end"), campo, fallos)
    named = "days" if "dias" not in item and "days" in item else "dias"
    dias = _days(item.get(named), f"{campo}.{named}", fallos)
    if start is None or end is None:
        return None
    return Slot(dias, start, end, True, orden, campo)


def _side(item: dict[Any, Any], names: tuple[str, str], campo: str, fallos: list[Aviso]) -> Hora | None:
    key = names[1] if names[0] not in item and names[1] in item else names[0]
    hora = read_hora(item.get(key))
    if hora is not None and names[0] == "inicio" and hora == (RELOJ, DAY_MINUTES):
        hora = None
    if hora is None:
        _bad_time(f"{campo}.{key}", item.get(key), fallos)
    return hora


def _bad_time(campo: str, value: object, fallos: list[Aviso]) -> None:
    shown = f"«{value[:40]}»" if isinstance(value, str) else "Lo que hay"
    text = f"{shown} no es una hora (HH:MM, amanecer o atardecer con ± minutos); no actúa."
    fallos.append(Aviso(campo, "hora_invalida", text))


def _days(value: Any, campo: str, fallos: list[Aviso]) -> frozenset[int]:
    if value is None:
        return _EVERY_DAY
    days: frozenset[int] = frozenset()
    for index, name in enumerate(value if isinstance(value, list) else [value]):
        found = read_dia(name)
        days |= found
        if not found:
            _bad_day(f"{campo}[{index}]" if isinstance(value, list) else campo, name, fallos)
    return days


def _bad_day(campo: str, name: object, fallos: list[Aviso]) -> None:
    shown = f"«{name[:40]}»" if isinstance(name, str) else "Lo que hay"
    fallos.append(Aviso(campo[:200], "dia_desconocido", f"{shown} no es un día (lunes a domingo, o todos)."))


def _events(value: dict[Any, Any], campo: str, fallos: list[Aviso]) -> list[Slot]:
    slots: list[Slot] = []
    order = 0
    for name, entries in value.items():
        where = f"{campo}.{str(name)[:40]}"
        dias = read_dia(name)
        if not dias:
            _bad_day(where, name, fallos)
        if not isinstance(entries, list):
            fallos.append(Aviso(where, "evento_invalido", "Debe ser una lista de pares [hora, on|off]; no actúa."))
            continue
        for index, entry in enumerate(entries[: MAX_FRANJAS - order]):
            order += 1
            slot = _event(entry, dias, order, f"{where}[{index}]", fallos)
            if slot is not None and dias:
                slots.append(slot)
    return slots


def _event(entry: Any, dias: frozenset[int], orden: int, campo: str, fallos: list[Aviso]) -> Slot | None:
    if not isinstance(entry, list | tuple) or len(entry) != 2:
        fallos.append(Aviso(campo, "evento_invalido", "Debe ser un par [hora, on|off]; no actúa."))
        return None
    hora, on = read_hora(entry[0]), parse_encendido(entry[1])
    if hora is None or hora == (RELOJ, DAY_MINUTES):
        _bad_time(f"{campo}[0]", entry[0], fallos)
        return None
    if on is None:
        fallos.append(Aviso(f"{campo}[1]", "estado_invalido", "Debe ser on u off; no actúa."))
        return None
    return Slot(dias, hora, None, on, orden, campo)
