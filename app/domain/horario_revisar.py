"""The linter of schedules: what can never act, overlaps, says nothing new or cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from app.domain.horario_capas import SALTAR, Capas, Excepcion, read_anulacion, read_capas, read_saltar
from app.domain.horario_dias import Calendario, resolve
from app.domain.horario_franjas import ATARDECER, DIAS, RELOJ, Hora, Programa, Slot, read_horarios
from app.domain.horario_plan import Plan
from app.domain.horario_tipos import Aviso, Casa
from app.domain.horario_zona import DAY, FIRST, LAST, instant_of, local_of, seconds_of
from app.domain.modo import mode_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MAX_AVISOS = 50
MAX_REVISADAS = 64
"""Slots that are tried on every coming date; the linter runs while a person waits."""
YEAR = 366
_WEEK = 7 * 1440


def revisar(configuracion: Mapping[str, Any], casa: Casa, ahora: datetime) -> list[Aviso]:
    """What a person should look at in a schedule, at most 50 remarks; never raises. Dates are those after ``ahora``.

    Codes: ``forma_desconocida``, ``franja_invalida``, ``evento_invalido``, ``hora_invalida``, ``estado_invalido``,
    ``dia_desconocido``, ``fecha_invalida``, ``instante_invalido``, ``excepcion_invalida``, ``festivos_invalido``,
    ``anulacion_invalida``, ``zona_desconocida`` and ``demasiadas`` (cannot be read); ``dia_entero`` (equal times),
    ``vacio`` (nothing left of it, on some dates or at all), ``solapado``, ``sin_efecto``, ``nunca``, ``pasada``,
    ``sin_coordenadas``, ``modo_manual``.
    """
    found: list[Aviso] = []
    capas = read_capas(configuracion, casa, found)
    now = min(max(seconds_of(ahora), FIRST + DAY), LAST - 2 * YEAR * DAY)
    today = local_of(capas.zona, now).toordinal()
    tried = 0
    for programa in _programas(configuracion, capas):
        found += _slots(programa, capas, today, max(0, MAX_REVISADAS - tried))
        tried += len(programa.slots)
    found += _layers(capas, today)
    found += _marks(configuracion, capas, now)
    if capas.semana is not None and mode_of(dict(configuracion)) != "horario":
        text = "Hay horarios, pero el modo no es «horario»: no actúan."
        found.append(Aviso("configuracion.modo", "modo_manual", text))
    return found[:MAX_AVISOS]


def _programas(configuracion: Mapping[str, Any], capas: Capas) -> Iterator[Programa]:
    """Every readable programme, sun slots included."""
    values = [(configuracion.get("horarios"), "configuracion.horarios")]
    excepciones = configuracion.get("excepciones")
    for excepcion in capas.excepciones:
        item = excepciones[excepcion.indice] if isinstance(excepciones, list) else {}
        values.append((item.get("horarios"), f"configuracion.excepciones[{excepcion.indice}].horarios"))
    festivos = configuracion.get("festivos")
    if isinstance(festivos, dict):
        values.append((festivos.get("horarios"), "configuracion.festivos.horarios"))
    for value, campo in values:
        programa = read_horarios(value, campo, []) if value is not None else None
        if programa is not None:
            yield programa


def _slots(programa: Programa, capas: Capas, today: int, limit: int) -> Iterator[Aviso]:
    usable = [slot for slot in programa.slots if not slot.con_sol or capas.lugar]
    for slot in programa.slots:
        if slot.con_sol and capas.lugar is None:
            text = f"{slot.texto()}: la casa no tiene coordenadas; no actúa."
            yield Aviso(slot.campo, "sin_coordenadas", text)
        elif not slot.dias:
            yield Aviso(slot.campo, "nunca", f"{slot.texto()}: no le queda ningún día; no actúa.")
        elif slot.fin == slot.inicio:
            text = f"{slot.texto()}: inicio y fin son iguales; dura el día entero."
            yield Aviso(slot.campo, "dia_entero", text)
    for slot in usable[:limit]:
        yield from _dates(slot, capas, today)
    yield from _same(usable, capas, today) if programa.eventos else _overlaps(usable, capas, today)


def _dates(slot: Slot, capas: Capas, today: int) -> Iterator[Aviso]:
    """Dates of the coming year on which the sun does not do what the slot waits for, or nothing is left of it."""
    days = range(today, today + YEAR) if slot.con_sol else _clock_changes(capas.zona, today)
    days = [day for day in days if (day - 1) % 7 in slot.dias]
    absent = [day for day in days if _times(slot, day, capas) is None]
    empty = [day for day in days if slot.fin and (at := _times(slot, day, capas)) and at[1] <= at[0]]
    if absent and len(absent) == len(days):
        yield Aviso(slot.campo, "nunca", f"{slot.texto()}: aquí no ocurre en todo el año; no actúa.")
    elif absent:
        text = (
            f"{slot.texto()}: sin ese paso del sol {len(absent)} días al año, desde el {date.fromordinal(absent[0])}."
        )
        yield Aviso(slot.campo, "nunca", f"{text} Esos días no actúa.")
    if empty and slot.con_sol and len(empty) + len(absent) == len(days):
        yield Aviso(slot.campo, "vacio", f"{slot.texto()}: acaba siempre antes de empezar; no actúa.")
    elif empty:
        text = f"{slot.texto()}: el {date.fromordinal(empty[0])} no queda nada de ella"
        more = f" (ni otros {len(empty) - 1} días del año)" if len(empty) > 1 else ""
        yield Aviso(slot.campo, "vacio", f"{text}{more}.")


def _times(slot: Slot, dia: int, capas: Capas) -> tuple[int, int] | None:
    start = resolve(slot.inicio, dia, capas.zona, capas.lugar)
    end = start if slot.fin is None else resolve(slot.fin, dia + slot.al_otro_dia, capas.zona, capas.lugar)
    return None if start is None or end is None else (start, end)


@lru_cache(maxsize=16)
def _clock_changes(zona: ZoneInfo, today: int) -> list[int]:
    """Dates of the coming year that do not last 24 hours."""
    starts = [instant_of(zona, day, 0) for day in range(today, today + YEAR + 1)]
    return [today + i for i in range(YEAR) if starts[i + 1] - starts[i] != DAY]


def _overlaps(slots: list[Slot], capas: Capas, today: int) -> Iterator[Aviso]:
    """Windows that begin while another one runs, minute by minute of an ordinary week (the sun's is this week's)."""
    pieces: list[tuple[int, int, int]] = []
    for index, slot in enumerate(slots):
        if slot.fin is not None:
            start = _minute(slot.inicio, capas, today)
            end = _minute(slot.fin, capas, today) + 1440 * slot.al_otro_dia
            pieces += [(day * 1440 + start, day * 1440 + end, index) for day in slot.dias if end > start]
    pieces.sort()
    told: set[int] = set()
    reach: tuple[int, int] = (-_WEEK, -1)
    for start, end, index in [(a - _WEEK, b - _WEEK, i) for a, b, i in pieces] + pieces:
        if start < reach[0] and index != reach[1] and max(index, reach[1]) not in told:
            late, early = slots[max(index, reach[1])], slots[min(index, reach[1])]
            told.add(max(index, reach[1]))
            text = f"{late.texto()} se solapa con {early.texto()} ({early.campo.removeprefix('configuracion.')})."
            yield Aviso(late.campo, "solapado", text)
        reach = max(reach, (end, index))


def _same(slots: list[Slot], capas: Capas, today: int) -> Iterator[Aviso]:
    """Events that leave everything as it is, and those at the minute of a later written one."""
    when = sorted((d * 1440 + _minute(s.inicio, capas, today), s.orden, i) for i, s in enumerate(slots) for d in s.dias)
    shown: dict[int, int] = {minute: index for minute, _, index in when}
    if shown and len({slots[index].encendido for index in shown.values()}) == 1:
        campo = slots[0].campo.split(".horarios", 1)[0] + ".horarios"
        word = "encienden" if slots[0].encendido else "apagan"
        yield Aviso(campo, "sin_efecto", f"Todos los eventos {word}: nunca cambia nada.")
        return
    order = list(shown.values())
    useful = {now for i, now in enumerate(order) if slots[order[i - 1]].encendido is not slots[now].encendido}
    for index, slot in enumerate(slots):
        if slot.dias and index not in order:
            yield Aviso(
                slot.campo, "solapado", f"{slot.texto()}: otro evento a la misma hora, escrito después, lo tapa."
            )
        elif slot.dias and index not in useful:
            yield Aviso(slot.campo, "sin_efecto", f"{slot.texto()}: el evento anterior ya deja ese estado.")


def _minute(hora: Hora, capas: Capas, today: int) -> int:
    """Minutes from local midnight; of the sun's times those of today, about 06:00 and 18:00 where it has none."""
    if hora.base == RELOJ:
        return hora.minutos
    moment = resolve(hora, today, capas.zona, capas.lugar)
    if moment is None:
        return (18 if hora.base == ATARDECER else 6) * 60 + hora.minutos
    local = local_of(capas.zona, moment)
    return (local.toordinal() - today) * 1440 + local.hour * 60 + local.minute


def _layers(capas: Capas, today: int) -> Iterator[Aviso]:
    """Layers that never rule: past, or always covered by another."""
    days = Calendario(capas)
    rule: dict[int, set[int]] = {}
    for day in range(today, today + YEAR):
        rule.setdefault(id(days.capa(day).programa), set()).add((day - 1) % 7)
    for excepcion in capas.excepciones:
        campo = f"configuracion.excepciones[{excepcion.indice}]"
        if not excepcion.anual and excepcion.hasta < today:
            yield Aviso(campo, "pasada", f"La {excepcion.capa.prefijo} ya pasó.")
        elif id(excepcion.capa.programa) not in rule and _due(excepcion, today):
            yield Aviso(campo, "nunca", f"Otra posterior tapa siempre la {excepcion.capa.prefijo}.")
    if capas.semana is None:
        return
    free = rule.get(id(capas.semana), set())
    if capas.festivo is not None and capas.festivo.prefijo != "festivo":
        free = set(range(7)) if id(capas.festivo.programa) in rule else free
    for slot in capas.semana.slots:
        if slot.dias and not slot.dias & free:
            names = ", ".join(DIAS[day] for day in sorted(slot.dias)) if len(slot.dias) < 7 else "día"
            text = f"{slot.texto()}: las excepciones cubren cada {names} del año que viene; no actúa."
            yield Aviso(slot.campo, "nunca", text)


def _due(excepcion: Excepcion, today: int) -> bool:
    """Whether it covers a date of the coming year at all."""
    first = excepcion.proxima(today)
    return first is not None and first < today + YEAR


def _marks(configuracion: Mapping[str, Any], capas: Capas, now: int) -> Iterator[Aviso]:
    """Skipped occurrences and overrides that are over, or meet nothing."""
    anulacion = read_anulacion(configuracion.get("anulacion"), [])
    if anulacion is not None and anulacion.hasta is not None and anulacion.hasta <= now:
        yield Aviso("configuracion.anulacion", "pasada", "La anulación ya acabó.")
    plan = Plan(replace(capas, anulacion=None))
    nivel = plan.nivel_en(now)
    showing = nivel is not None and nivel.capa == SALTAR
    saltar = configuracion.get("saltar")
    for index, item in enumerate(saltar[:MAX_REVISADAS] if isinstance(saltar, list) else ()):
        for instante in read_saltar([item], []):
            campo = f"configuracion.{SALTAR}[{index}]"
            if not FIRST <= instante < LAST or not plan.empieza(instante):
                yield Aviso(campo, "nunca", "Ninguna franja ni evento empieza en ese instante; no salta nada.")
            elif instante <= now and not showing:
                yield Aviso(campo, "pasada", "Lo que se saltaba ya pasó.")
