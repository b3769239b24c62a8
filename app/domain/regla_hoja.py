"""One leaf of a rule: a level with hysteresis that must hold for a time. Pure; instants are epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class MemoriaHoja:
    """What is still known of a leaf after a restart.

    ``valor`` is its last known level, ``desde`` since when that is true (None: it is not), ``incierta`` since when
    the level cannot be told (None: it can).
    """

    valor: bool = False
    desde: float | None = None
    incierta: float | None = None


def supera(operador: str, leido: float, valor: float, *, histeresis: float, antes: bool) -> bool:
    """Whether a reading meets ``operador valor``; once met (``antes``) it must go back by ``histeresis`` to end."""
    slack = histeresis if antes else 0.0
    match operador:
        case ">":
            return leido > valor - slack
        case ">=":
            return leido >= valor - slack
        case "<":
            return leido < valor + slack
        case "<=":
            return leido <= valor + slack
        case "==":
            return leido == valor
        case "!=":
            return leido != valor
    raise ValueError(operador)


def seguir(memoria: MemoriaHoja, nivel: bool | None, ahora: float) -> MemoriaHoja:
    """The memory after the level was looked at; None is unknown, which resets nothing and does not count as time."""
    if nivel is None:
        return memoria if memoria.incierta is not None else replace(memoria, incierta=ahora)
    if not nivel:
        return MemoriaHoja()
    desde = ahora if memoria.desde is None else memoria.desde
    if memoria.incierta is not None and memoria.desde is not None:
        desde += max(0.0, ahora - memoria.incierta)
    return MemoriaHoja(True, min(desde, ahora))  # a clock that was set back may make it late, never early


def cumple(memoria: MemoriaHoja, durante_s: float, ahora: float) -> bool | None:
    """Whether the leaf has held for ``durante_s`` seconds; None while its level is unknown."""
    if memoria.incierta is not None:
        return None
    return memoria.desde is not None and ahora >= memoria.desde + durante_s  # the very sum that is waited for
