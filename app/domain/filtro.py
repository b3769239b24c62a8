"""What a reader wants to see."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.identidad import Alcance


@dataclass(frozen=True, slots=True)
class FiltroStream:
    """Filter of a live stream; None does not filter. ``alcance`` is the part of the house that the reader may see."""

    serial: str | None = None
    reclamado: bool | None = None
    alcance: Alcance | None = None

    def matches(self, serial: str, reclamado: bool) -> bool:
        """Whether a device with these values is in the stream, its place in the house aside."""
        return (self.serial is None or self.serial == serial) and (
            self.reclamado is None or self.reclamado == reclamado
        )


@dataclass(frozen=True, slots=True)
class FiltroLista:
    """Filter of the device list; ``deriva``: whether something is not as asked; ``q`` is looked for in serial, name,
    model and description, case-insensitive; ``habitacion``
    and ``grupo`` are ids, ``alcance`` the part of the house that the reader may see."""

    reclamado: bool | None = None
    tipo: str | None = None
    estado: str | None = None
    q: str | None = None
    deriva: bool | None = None
    conectividad: str | None = None
    habitacion: int | None = None
    grupo: int | None = None
    alcance: Alcance | None = None


@dataclass(frozen=True, slots=True)
class FiltroLog:
    """Filter of a log: from ``desde`` to before ``hasta``, both as the log's rows say their time (naive UTC text)."""

    desde: str | None = None
    hasta: str | None = None
    estado: str | None = None
