"""Schedules as a level, not an edge: what a device should be at any instant, when that changes, and why.

Everything here is pure: the instant, the configuration and the house are parameters, and no JSON content of the keys
below ever raises; what makes no sense does nothing, and :func:`revisar` names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.errors import ErrorCampo
from app.domain.horario_plan import Plan
from app.domain.horario_tipos import Aviso, Casa, Nivel, Transicion

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


def compilar(configuracion: Mapping[str, Any], casa: Casa) -> Plan | None:
    """The plan of a configuration, None when it holds no usable schedule. ``modo`` is not looked at."""
    raise NotImplementedError


def estado_deseado(configuracion: Mapping[str, Any], instante: datetime, casa: Casa) -> bool | None:
    """On or off at ``instante`` (aware) as the schedule says; None when it says nothing."""
    plan = compilar(configuracion, casa)
    nivel = plan.nivel(instante) if plan else None
    return nivel.encendido if nivel else None


def revisar(configuracion: Mapping[str, Any], casa: Casa, ahora: datetime) -> list[Aviso]:
    """The linter: slots that never act, overlap, say nothing new or cannot be read. Warnings only; never raises."""
    raise NotImplementedError


def validar(configuracion: Mapping[str, Any]) -> list[ErrorCampo]:
    """Hard errors of ``zona``, ``excepciones``, ``festivos``, ``saltar`` and ``anulacion``; null reads as absent.

    Faults of ``horarios`` itself are answered by app/schemas.py.
    """
    raise NotImplementedError


def poner_anulacion(
    configuracion: dict[str, Any], encendido: bool, *, hasta: datetime | None, ahora: datetime, casa: Casa
) -> dict[str, Any]:
    """A copy with ``anulacion``: ``encendido`` wins over the schedule from ``ahora`` until ``hasta`` (aware).

    ``hasta`` None: until the schedule's next transition, stored as its instant; where there is none, until cancelled.
    """
    raise NotImplementedError


def saltar_siguiente(
    configuracion: dict[str, Any], ahora: datetime, casa: Casa
) -> tuple[dict[str, Any], Transicion] | None:
    """A copy in which the next occurrence after ``ahora`` (window or event) is in ``saltar``, and what is skipped.

    None when nothing comes within 400 days, or ``saltar`` is full.
    """
    raise NotImplementedError


def limpiar(configuracion: dict[str, Any], ahora: datetime) -> dict[str, Any]:
    """A copy without the ``anulacion`` and ``saltar`` entries that are over; the same object when there are none."""
    raise NotImplementedError
