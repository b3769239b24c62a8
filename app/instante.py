"""Use-case: how a device, or the house, was at an instant of the past, by what the log said last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app import bloques, dispositivos
from app.clock import iso_z
from app.db import raw
from app.domain.causa import recortada
from app.domain.dispositivo import load_object
from app.domain.valores import ESTADO_DESCONOCIDO
from app.historial import OWN_REPORT, iso_of, stamp_of

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection

    from app.domain.dispositivo import Dispositivo
    from app.domain.filtro import FiltroLista

Row = Sequence[Any]
"""(timestamp, id, estado, parametros, causa): the later of two is the greater."""


def en_instante(
    conn: Connection, devices: Iterable[Dispositivo], instante: datetime, *, parte: bool = False
) -> list[dict[str, Any]]:
    """What clients read of each device: its names as they are now, its state and parameters as they were; ``parte``: as
    somebody is told who sees a part of the house."""
    told, end, when = bloques.contado_hasta(conn), stamp_of(instante + timedelta(microseconds=1)), iso_z(instante)
    return [_as_object(d, when, _last(raw(conn), d.id, told, end), parte=parte) for d in devices]


def lista(conn: Connection, filtro: FiltroLista, instante: datetime) -> list[dict[str, Any]]:
    """The same of all devices that the filter lets pass as they are now, but its ``estado``, which is of then."""
    devices, parte = dispositivos.listar(conn, replace(filtro, estado=None)), filtro.alcance is not None
    found = en_instante(conn, devices, instante, parte=parte)
    return [each for each in found if filtro.estado in (None, each["estado"])]


def _as_object(device: Dispositivo, instante: str, row: Row | None, *, parte: bool) -> dict[str, Any]:
    stamp, _, estado, parametros, causa = row or (None, 0, None, None, None)
    cause = None if row is None else load_object(causa or OWN_REPORT)
    return {
        "id": device.id,
        "serial_number": device.serial_number,
        "nombre": device.nombre,
        "tipo": device.tipo,
        "instante": instante,
        "estado": estado or ESTADO_DESCONOCIDO,
        "parametros": load_object(parametros or "{}"),
        "timestamp": iso_of(stamp),
        "causa": recortada(cause) if parte and cause is not None else cause,
    }


def _last(file: sqlite3.Connection, device_id: int, told: int, end: str) -> Row | None:
    """The last row before ``end``, also where clocks were set back: of what no block tells, and of the blocks that may
    hold it."""
    found = file.execute(f"{_ROWS} AND id > ? AND timestamp < ? {_BY_TIME}", (device_id, told, end)).fetchall()
    for first, last, ordered in _blocks(file, device_id, end):
        if ordered:
            first = last = _halve(file, device_id, first, last, end)
        values = (device_id, first, last, end)
        found += file.execute(f"{_ROWS} AND id BETWEEN ? AND ? AND timestamp < ? {_BY_TIME}", values)
    return max(found, key=lambda row: row[:2], default=None)


def _blocks(file: sqlite3.Connection, device_id: int, end: str) -> list[tuple[int, int, int]]:
    """(first id, last id, whether in order) of the blocks that may hold the last row before ``end``.

    ``tope`` only grows, so the first block that reaches ``end`` is found by halving. All before it are of before, and
    the one that goes furthest is the last of them, unless a clock was set back there. Of those after it only late ones
    can hold a row of before.
    """
    low, high = file.execute(_FIRST_AND_LAST, (device_id,)).fetchone()
    if low is None:
        return []
    high += 1
    while low < high:
        middle = (low + high) // 2
        if file.execute(_TOP, (device_id, middle)).fetchone()[0] < end:
            low = middle + 1
        else:
            high = middle
    found = file.execute(f"{_BLOCK} numero = ?", (device_id, low)).fetchall()
    found += file.execute(_LATE, (device_id, low, end))
    whole = file.execute(f"{_BLOCK} numero = ? AND hasta = tope", (device_id, low - 1)).fetchall()
    return found + (whole or file.execute(f"{_BLOCK} numero < ? {_FURTHEST}", (device_id, low)).fetchall())


def _halve(file: sqlite3.Connection, device_id: int, first: int, last: int, end: str) -> int:
    """The id of the last row before ``end`` in a block that is in the order of time, or of its first row: a page of the
    disk for each look, where reading the block would be one for each row."""
    low, best = first + 1, first
    while low <= last:
        middle = (low + last) // 2
        found, stamp = file.execute(_AT, (device_id, middle)).fetchone()
        if (stamp or "") < end:
            low, best = middle + 1, found
        else:
            last = found - 1
    return best


_AT = "SELECT id, timestamp FROM estado_log WHERE dispositivo_id = ? AND id <= ? ORDER BY id DESC LIMIT 1"
_ROWS = "SELECT timestamp, id, estado, parametros, causa FROM estado_log WHERE dispositivo_id = ?"
_BY_TIME = "ORDER BY timestamp DESC, id DESC LIMIT 1"
_FIRST_AND_LAST = (
    "SELECT (SELECT min(numero) FROM log_bloque WHERE dispositivo_id = ?1), "
    "(SELECT max(numero) FROM log_bloque WHERE dispositivo_id = ?1)"
)
_TOP = "SELECT tope FROM log_bloque WHERE dispositivo_id = ? AND numero = ?"
_BLOCK = "SELECT primer_id, ultimo_id, ordenado FROM log_bloque WHERE dispositivo_id = ? AND"
_LATE = (  # by its own index: there are next to none, and the planner would read all that are newer
    "SELECT primer_id, ultimo_id, ordenado FROM log_bloque INDEXED BY ix_log_bloque_tardio "
    "WHERE dispositivo_id = ? AND numero > ? AND tardio AND desde < ?"
)
_FURTHEST = "ORDER BY hasta DESC, numero DESC LIMIT 1"
