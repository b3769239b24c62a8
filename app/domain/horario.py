"""Schedules as a level, not an edge: what a device should be at any instant, when that changes, and why.

Everything here is pure: the instant, the configuration and the house are parameters, and no JSON content of the keys
below ever raises; what makes no sense does nothing, and :func:`revisar` names it.

Keys of ``configuracion``, all optional: ``horarios`` (WIRE §5, both shapes; times may be ``amanecer+30``), ``zona``,
``excepciones``, ``festivos``, ``saltar``, ``anulacion``. The rules in which they win stand in horario_plan.py, the
policy at clock changes in horario_zona.py. With layers but no usable week, the week is off; a slot with a sun time
does nothing in a house without coordinates. A window ends on the date on which it starts if it can: equal times last
a whole day, and a sun time counts from the earliest it can be as a start (sunrise 03:00, sunset 12:00) and to the
latest as an end (12:00, 24:00), so that «19:00 to atardecer» is empty in winter and never runs into the next day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.horario_capas import MAX_CAPAS, read_anulacion, read_capas
from app.domain.horario_plan import Plan
from app.domain.horario_revisar import revisar
from app.domain.horario_tipos import Aviso, Casa, Nivel, Transicion
from app.domain.horario_validar import validar
from app.domain.horario_zona import DAY, read_instante, seconds_of, write_instante

__all__ = [
    "Aviso",
    "Casa",
    "Nivel",
    "Plan",
    "Transicion",
    "compilar",
    "estado_deseado",
    "limpiar",
    "poner_anulacion",
    "revisar",
    "saltar_siguiente",
    "validar",
]
_SKIP_LASTS = 30 * DAY
"""A skipped event shows until the next one that is not skipped; a window until it would have ended, much sooner."""


def compilar(configuracion: Mapping[str, Any], casa: Casa) -> Plan | None:
    """The plan of a configuration, None when it holds no usable schedule. ``modo`` is not looked at."""
    capas = read_capas(configuracion, casa, [])
    if capas.semana is None and not capas.excepciones and capas.festivo is None and capas.anulacion is None:
        return None
    return Plan(capas)


def estado_deseado(configuracion: Mapping[str, Any], instante: datetime, casa: Casa) -> bool | None:
    """On or off at ``instante`` (aware) as the schedule says; None when it says nothing."""
    plan = compilar(configuracion, casa)
    nivel = plan.nivel(instante) if plan else None
    return nivel.encendido if nivel else None


def poner_anulacion(
    configuracion: dict[str, Any], encendido: bool, *, hasta: datetime | None, ahora: datetime, casa: Casa
) -> dict[str, Any]:
    """A copy with ``anulacion``: ``encendido`` wins over the schedule from ``ahora`` until ``hasta`` (aware).

    ``hasta`` None: until the schedule's next transition, stored as its instant; where there is none, until cancelled.
    """
    rest = {key: value for key, value in configuracion.items() if key != "anulacion"}
    if hasta is None:
        plan = compilar(rest, casa)
        change = plan.siguiente(ahora) if plan else None
        hasta = change.instante if change else None
    end = None if hasta is None else write_instante(seconds_of(hasta))
    return {**rest, "anulacion": {"encendido": encendido, "desde": write_instante(seconds_of(ahora)), "hasta": end}}


def saltar_siguiente(
    configuracion: dict[str, Any], ahora: datetime, casa: Casa
) -> tuple[dict[str, Any], Transicion] | None:
    """A copy in which the next occurrence after ``ahora`` (window or event) is in ``saltar``, and what is skipped.

    None when nothing comes within 400 days, or ``saltar`` is full (64 that are not over yet).
    """
    plan = compilar(configuracion, casa)
    coming = plan.ocurrencia(ahora) if plan else None
    if coming is None:
        return None
    configuracion = limpiar(configuracion, ahora)
    saltar = configuracion.get("saltar")
    entries = saltar if isinstance(saltar, list) else []
    if len(entries) >= MAX_CAPAS:
        return None
    return {**configuracion, "saltar": [*entries, write_instante(seconds_of(coming.instante))]}, coming


def limpiar(configuracion: dict[str, Any], ahora: datetime) -> dict[str, Any]:
    """A copy without the ``anulacion`` and ``saltar`` entries that are over; the same object when there are none.

    A skipped occurrence is over when it and every later skipped one before it are 30 days apart or more: a skipped
    event shows until the next one happens.
    """
    now, over = seconds_of(ahora), set[str]()
    anulacion = read_anulacion(configuracion.get("anulacion"), [])
    if anulacion is not None and anulacion.hasta is not None and anulacion.hasta <= now:
        over.add("anulacion")
    saltar = configuracion.get("saltar")
    kept = _still_skipped(saltar, now) if isinstance(saltar, list) else saltar
    if isinstance(saltar, list) and saltar and not kept:
        over.add("saltar")
    elif kept == saltar and not over:
        return configuracion
    cleaned = {key: value for key, value in configuracion.items() if key not in over}
    return {**cleaned, "saltar": kept} if "saltar" in cleaned else cleaned


def _still_skipped(saltar: list[Any], now: int) -> list[Any]:
    """Entries that may still show, and those that are no instants (the linter's matter), in their order."""
    instants = sorted((found for item in saltar if (found := read_instante(item)) is not None), reverse=True)
    oldest = now
    for instant in instants:
        if instant < oldest - _SKIP_LASTS:
            break
        oldest = min(oldest, instant)
    return [item for item in saltar if (found := read_instante(item)) is None or found >= oldest]
