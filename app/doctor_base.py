"""What a check of `./iot doctor` answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Nivel(StrEnum):
    """How bad it is. Only MAL makes the exit code 1."""

    BIEN = "bien"
    AVISO = "aviso"
    MAL = "mal"


@dataclass(frozen=True, slots=True)
class Hallazgo:
    """One finding: what was checked, what was found, what that means and how to mend it (Spanish)."""

    que: str
    nivel: Nivel
    hallado: str
    significa: str = ""
    arreglo: str = ""


def bien(que: str, hallado: str, significa: str = "") -> Hallazgo:
    """All is well; `significa` may still carry a note."""
    return Hallazgo(que, Nivel.BIEN, hallado, significa)


def aviso(que: str, hallado: str, significa: str, arreglo: str = "") -> Hallazgo:
    """It works, and somebody should know."""
    return Hallazgo(que, Nivel.AVISO, hallado, significa, arreglo)


def mal(que: str, hallado: str, significa: str, arreglo: str) -> Hallazgo:
    """It does not work as it is."""
    return Hallazgo(que, Nivel.MAL, hallado, significa, arreglo)
