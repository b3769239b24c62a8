"""The facts of schedules: what the house decides, what the schedule says at an instant, what changes, what is off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Casa:
    """What the house decides for all its devices. An unknown ``zona`` reads as UTC; degrees, north and east +."""

    zona: str = "UTC"
    latitud: float | None = None
    longitud: float | None = None
    festivos: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Transicion:
    """One change of the level. ``instante`` is aware UTC, ``local`` the same instant in the device's zone.

    ``capa`` is the layer that causes it: ``semana``, ``excepcion``, ``festivo``, ``saltar`` or ``anulacion``;
    ``detalle`` names the slot in Spanish (``lunes 07:00–09:00``, ``excepción Navidad: todo el día apagado``).
    """

    instante: datetime
    local: datetime
    encendido: bool
    capa: str
    detalle: str


@dataclass(frozen=True, slots=True)
class Aviso:
    """One remark of the linter: ``campo`` is a path (``configuracion.horarios[0].fin``), ``codigo`` is stable."""

    campo: str
    codigo: str
    mensaje: str


@dataclass(frozen=True, slots=True)
class Nivel:
    """What the schedule says at an instant, and which layer and slot say it (as in :class:`Transicion`)."""

    encendido: bool
    capa: str
    detalle: str
