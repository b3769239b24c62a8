"""The five minutes of an hour in a few bytes: a stretch of one point is a point, and needs no more than that.

Times are microseconds since the hour began. One byte tells the kind of each part; little-endian throughout.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from app.domain.niveles import CINCO
from app.domain.resumen import US, Resumen

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE = struct.Struct("<BId")
_MANY = struct.Struct("<BIIddIdIddI")
ONE, MANY = 1, 2


def empaquetar(hora: int, partes: Mapping[int, Resumen]) -> bytes:
    """The parts of the hour that begins at that second of 1970, by their beginnings."""
    base = hora * US
    return b"".join(_packed(base, partes[begin]) for begin in sorted(partes))


def _packed(base: int, r: Resumen) -> bytes:
    if r.n == 1:
        return _ONE.pack(ONE, r.primero_en - base, r.primero)
    return _MANY.pack(
        MANY,
        min(r.n, 2**32 - 1),
        min(r.cambios, 2**32 - 1),
        r.minimo,
        r.maximo,
        r.primero_en - base,
        r.primero,
        r.ultimo_en - base,
        r.ultimo,
        r.integral,
        r.cubierto,
    )


def desempaquetar(hora: int, data: bytes) -> dict[int, Resumen]:
    """The parts again, in the order of time."""
    base, at, found = hora * US, 0, {}
    while at < len(data):
        if data[at] == ONE:
            _, first, value = _ONE.unpack_from(data, at)
            at += _ONE.size
            part = Resumen(1, 0, value, value, base + first, value, base + first, value, 0.0, 0)
        else:
            _, n, changes, low, high, first, value, last, newest, integral, known = _MANY.unpack_from(data, at)
            at += _MANY.size
            part = Resumen(n, changes, low, high, base + first, value, base + last, newest, integral, known)
        found[hora + first // US // CINCO * CINCO] = part
    return found
