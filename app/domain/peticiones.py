"""What people ask over HTTP, validated. None means that the field was not sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Reclamo:
    """A claim, as the QR names it."""

    serial_number: str
    nombre: str | None = None
    tipo: str | None = None
    modelo: str | None = None
    descripcion: str | None = None
    configuracion: dict[str, Any] | None = None
    codigo: str | None = None


@dataclass(frozen=True, slots=True)
class Alta:
    """A device added by hand, before it was ever heard."""

    serial_number: str
    nombre: str | None = None
    tipo: str | None = None
    modelo: str | None = None
    descripcion: str | None = None
    configuracion: dict[str, Any] | None = None
    parametros: dict[str, Any] | None = None
    estado: str | None = None
    codigo: str | None = None


@dataclass(frozen=True, slots=True)
class Cambios:
    """An edit. ``encendido`` is the one at the top level; the one inside ``configuracion`` stays there.

    ``hasta`` (aware) or ``durante_s`` (seconds): how long a driven device's schedule gives way to what is asked.
    """

    nombre: str | None = None
    tipo: str | None = None
    modelo: str | None = None
    descripcion: str | None = None
    configuracion: dict[str, Any] | None = None
    encendido: bool | None = None
    estado: str | None = None
    hasta: datetime | None = None
    durante_s: float | None = None
    esperado: tuple[float | None] | None = None
    """Expect a message every so many seconds; ``(None,)``: learn it again."""
    habitacion: tuple[int | None] | None = None
    """Put it in a room; ``(None,)``: in none."""
