"""Bounds on JSON that strangers send: what is outside them is refused before it reaches a row."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

MAX_DEPTH = 8
MAX_KEYS = 256
MAX_STRING_BYTES = 4096
MAX_ABS_NUMBER = 2**53
"""Beyond it a double, and so every JavaScript client, loses integers (RFC 8259 §6)."""

SERIAL_RE = re.compile(r"[A-Za-z0-9._:-]{1,100}")

ESTADO_ACTIVO = "activo"
ESTADO_INACTIVO = "inactivo"
ESTADO_DESCONOCIDO = "desconocido"

_ON = frozenset({"activo", "on", "true", "1", "encendido"})
_OFF = frozenset({"inactivo", "off", "false", "0", "apagado"})


class Cotas(NamedTuple):
    """How deep a JSON value may be, and how many keys and elements it may have in all."""

    niveles: int
    claves: int


COTAS = Cotas(MAX_DEPTH, MAX_KEYS)
COTAS_AMPLIAS = Cotas(12, 4096)
"""Of what people lay down for a whole house: conditions within conditions, an action for each of many devices."""


class ValorInvalido(ValueError):
    """A value breaks a bound; ``ruta`` is its path, ``motivo`` the reason in Spanish."""

    def __init__(self, ruta: str, motivo: str) -> None:
        self.ruta = ruta
        self.motivo = motivo
        super().__init__(f"{ruta}: {motivo}" if ruta else motivo)


def is_serial(text: object) -> bool:
    """Whether ``text`` may name a device: 1 to 100 of ``[A-Za-z0-9._:-]``, so that it is safe in a topic and a path."""
    return isinstance(text, str) and SERIAL_RE.fullmatch(text) is not None and text not in (".", "..")


def parse_encendido(value: object) -> bool | None:
    """The boolean behind any accepted spelling (WIRE §3: ``activo|on|true|1``, ``inactivo|off|false|0``), else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return True if value == 1 else False if value == 0 else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _ON else False if word in _OFF else None
    return None


def estado_of(encendido: bool) -> str:
    """``activo`` when on, ``inactivo`` when off."""
    return ESTADO_ACTIVO if encendido else ESTADO_INACTIVO


def check_json(value: Any, cotas: Cotas = COTAS) -> None:
    """Refuse what breaks the bounds above.

    Raises:
        ValorInvalido: naming the path and the reason.
    """
    _check(value, "", 1, [cotas.claves, *cotas])


def _check(value: Any, ruta: str, depth: int, left: list[int]) -> None:
    """``left``: how many keys are left, and the bounds."""
    kind = type(value)
    if kind is str:
        _check_text(value, ruta)
    elif kind is bool or value is None:
        return
    elif kind is int:
        if not -MAX_ABS_NUMBER <= value <= MAX_ABS_NUMBER:
            raise ValorInvalido(ruta, "número fuera de ±2^53")
    elif kind is float:
        if not math.isfinite(value) or abs(value) > MAX_ABS_NUMBER:
            raise ValorInvalido(ruta, "número no finito o fuera de ±2^53")
    elif kind is dict:
        _check_items(value, ruta, depth, left)
    elif kind is list:
        _spend(left, len(value), ruta)
        if depth > left[1]:
            raise ValorInvalido(ruta, f"más de {left[1]} niveles de anidamiento")
        for i, item in enumerate(value):
            _check(item, f"{ruta}[{i}]", depth + 1, left)
    else:
        raise ValorInvalido(ruta, "tipo no admitido en JSON")


def _check_items(value: dict[str, Any], ruta: str, depth: int, left: list[int]) -> None:
    if depth > left[1]:
        raise ValorInvalido(ruta, f"más de {left[1]} niveles de anidamiento")
    _spend(left, len(value), ruta)
    for key, item in value.items():
        where = f"{ruta}.{key}" if ruta else key
        _check_text(key, where)
        _check(item, where, depth + 1, left)


def _spend(left: list[int], count: int, ruta: str) -> None:
    left[0] -= count
    if left[0] < 0:
        raise ValorInvalido(ruta, f"más de {left[2]} claves o elementos")


def _check_text(text: str, ruta: str) -> None:
    if text.isascii():
        if "\x00" in text:
            raise ValorInvalido(ruta, "contiene el carácter NUL")
        size = len(text)
    else:
        if "\x00" in text:
            raise ValorInvalido(ruta, "contiene el carácter NUL")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise ValorInvalido(
                ruta.encode("utf-8", "replace").decode(), "contiene un sustituto Unicode suelto"
            ) from None
    if size > MAX_STRING_BYTES:
        raise ValorInvalido(ruta, f"texto de más de {MAX_STRING_BYTES} bytes")
