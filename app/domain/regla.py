"""A rule's condition: leaves that look at one device or at the time, joined by todas, alguna and no. Pure.

A level may be unknown (a lost device, a parameter that never came, a clock that is wrong): None, which neither meets a
condition nor ends one that was met (Kleene's logic).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from app.domain.conectividad import FUERA
from app.domain.regla_hoja import MemoriaHoja, cumple, supera

OPERADORES = (">", ">=", "<", "<=", "==", "!=")
CON_HISTERESIS = OPERADORES[:4]
TIPOS_HOJA = ("parametro", "estado", "conectividad", "horario")
UNIONES = ("todas", "alguna", "no")
MAX_HOJAS, MAX_HONDO = 16, 4
MAX_CADENA = 4
"""Rules that may lead to each other; the next one is not carried out, and that is told."""
Valor = float | bool | str


@dataclass(frozen=True, slots=True)
class Hoja:
    """A leaf; ``n`` is its place among those of its rule, ``clave`` the parameter or the word that is looked for."""

    n: int
    tipo: str
    dispositivo_id: int | None
    clave: str
    operador: str
    valor: Valor
    histeresis: float
    durante_s: float
    franjas: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Union:
    """``todas`` or ``alguna`` of its parts, or ``no`` its only one."""

    tipo: str
    partes: tuple[Nodo, ...]


Nodo = Hoja | Union


def leer(condicion: Mapping[str, Any]) -> Nodo:
    """The tree of a condition that was found valid."""
    return _leer(condicion, count())


def _leer(c: Mapping[str, Any], places: Iterator[int]) -> Nodo:
    for tipo in ("todas", "alguna"):
        if c.get(tipo) is not None:
            return Union(tipo, tuple(_leer(part, places) for part in c[tipo]))
    if c.get("no") is not None:
        return Union("no", (_leer(c["no"], places),))
    tipo = next(t for t in TIPOS_HOJA if c.get(t) is not None)
    return Hoja(
        next(places),
        tipo,
        c.get("dispositivo_id"),
        "" if tipo == "horario" else c[tipo],
        c.get("operador") or "==",
        c.get("valor", ""),
        c.get("histeresis") or 0.0,
        c.get("durante_s") or 0.0,
        tuple(c["horario"]) if tipo == "horario" else (),
    )


def hojas_de(nodo: Nodo) -> tuple[Hoja, ...]:
    """Every leaf, by its place."""
    return (nodo,) if isinstance(nodo, Hoja) else tuple(h for part in nodo.partes for h in hojas_de(part))


def nivel(hoja: Hoja, estado: str, conectividad: str, parametros: Mapping[str, Any], *, antes: bool) -> bool | None:
    """What a leaf that looks at a device sees; of one that is lost only its liveness is known.

    ``antes``: whether it was met, for its hysteresis.
    """
    if hoja.tipo == "conectividad":
        return conectividad == hoja.clave
    if conectividad == FUERA:
        return None
    if hoja.tipo == "estado":
        return estado == hoja.clave
    leido = _read(parametros, hoja.clave)
    if _kind(leido) is not _kind(hoja.valor):
        return None
    if hoja.operador in CON_HISTERESIS:
        return supera(hoja.operador, leido, float(hoja.valor), histeresis=hoja.histeresis, antes=antes)
    return (leido == hoja.valor) is (hoja.operador == "==")


def _read(parametros: Mapping[str, Any], clave: str) -> Any:
    """A parameter; ``bateria.nivel`` is the ``nivel`` of the object ``bateria``, unless one has that very name."""
    if clave in parametros:
        return parametros[clave]
    found: Any = parametros
    for step in clave.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _kind(value: Any) -> type | None:
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else str if isinstance(value, str) else None


def decidir(nodo: Nodo, memorias: Sequence[MemoriaHoja], ahora: float) -> bool | None:
    """Whether the condition is met; None when what is known does not say."""
    if isinstance(nodo, Hoja):
        return cumple(memorias[nodo.n], nodo.durante_s, ahora)
    said = [decidir(part, memorias, ahora) for part in nodo.partes]
    if nodo.tipo == "no":
        return None if said[0] is None else not said[0]
    decisive = nodo.tipo == "alguna"
    if decisive in said:
        return decisive
    return None if None in said else not decisive


def plazo(hoja: Hoja, memoria: MemoriaHoja) -> float | None:
    """When a leaf that holds will have held for long enough (epoch seconds); None when time alone will not do it."""
    if memoria.desde is None or memoria.incierta is not None:
        return None
    return memoria.desde + hoja.durante_s


def describir(nodo: Nodo, nombres: Mapping[int, str]) -> str:
    """The condition in Spanish, for the cause that its changes keep."""
    if isinstance(nodo, Union):
        parts = [describir(part, nombres) for part in nodo.partes]
        return f"no ({parts[0]})" if nodo.tipo == "no" else {"todas": " y ", "alguna": " o "}[nodo.tipo].join(parts)
    if nodo.tipo == "horario":
        text = "en su horario"
    else:
        about = nombres.get(nodo.dispositivo_id or 0, f"dispositivo {nodo.dispositivo_id}")
        what = f"{nodo.clave} {nodo.operador} {_value(nodo.valor)}" if nodo.tipo == "parametro" else nodo.clave
        text = f"{about}: {what}"
    return f"{text} durante {nodo.durante_s:g} s" if nodo.durante_s else text


def _value(valor: Valor) -> str:
    if isinstance(valor, bool):
        return "sí" if valor else "no"
    return valor if isinstance(valor, str) else f"{valor:g}"
