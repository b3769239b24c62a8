"""The five minutes of an hour in a few bytes: a stretch of one point is a point, and needs no more than that.

Times are microseconds since the hour began. One byte tells the kind of each part; little-endian throughout.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from app.domain.niveles import CINCO
from app.domain.resumen import US, Punto, Resumen, de_punto

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE = struct.Struct("<BId")
_MANY = struct.Struct("<BIIddIdIddI")
_RISE = struct.Struct("<d")
ONE, MANY, ONE_COUNTED, MANY_COUNTED = 1, 2, 3, 4


def empaquetar(hora: int, partes: Mapping[int, Resumen]) -> bytes:
    """The parts of the hour that begins at that second of 1970, by their beginnings."""
    base = hora * US
    return b"".join(_packed(base, partes[begin]) for begin in sorted(partes))


def _packed(base: int, r: Resumen) -> bytes:
    if r.n == 1:
        return _ONE.pack(ONE if r.subida is None else ONE_COUNTED, r.primero_en - base, r.primero)
    many = _MANY.pack(
        MANY if r.subida is None else MANY_COUNTED,
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
    return many if r.subida is None else many + _RISE.pack(r.subida)


def desempaquetar(hora: int, data: bytes) -> dict[int, Resumen]:
    """The parts again, in the order of time."""
    base, at, found = hora * US, 0, {}
    while at < len(data):
        kind = data[at]
        if kind in (ONE, ONE_COUNTED):
            _, first, value = _ONE.unpack_from(data, at)
            at += _ONE.size
            part = de_punto(Punto(base + first, value), contador=kind == ONE_COUNTED)
        else:
            _, n, changes, low, high, first, value, last, newest, integral, known = _MANY.unpack_from(data, at)
            at += _MANY.size
            risen = None
            if kind == MANY_COUNTED:
                (risen,) = _RISE.unpack_from(data, at)
                at += _RISE.size
            part = Resumen(n, changes, low, high, base + first, value, base + last, newest, integral, known, risen)
        found[hora + first // US // CINCO * CINCO] = part
    return found
