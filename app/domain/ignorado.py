"""What is not to appear: serials, and beginnings of serials. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MIN_PREFIJO = 3
"""A shorter beginning would silence whole kinds of devices by a slip of the finger."""


@dataclass(frozen=True, slots=True)
class Ignorado:
    """One pattern: a whole serial, or the beginning of serials."""

    id: int
    patron: str
    prefijo: bool
    creado_en: str

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {"id": self.id, "patron": self.patron, "prefijo": self.prefijo, "creado_en": self.creado_en}


@dataclass(frozen=True, slots=True)
class Ignorados:
    """All of them, ready to be asked."""

    series: frozenset[str] = frozenset()
    prefijos: tuple[str, ...] = ()

    def __contains__(self, serial: str) -> bool:
        return serial in self.series or serial.startswith(self.prefijos)
