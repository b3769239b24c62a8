"""When the disk will be full, by how the database has grown, and who makes it grow most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from app.clock import iso_z
from app.db import raw

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.db import UnitOfWork

CLAVE = "disco_muestras"
CADA = timedelta(hours=6)
MUESTRAS = 120
"""A month's worth of samples."""
MINIMO = timedelta(days=1)
"""What is said of less is chance."""
HABLADORES = 5
ROW_BYTES = 70
"""Of a row of the log beside its parameters, its place in the index and the summaries included (measured: some 90 in
all)."""
LEJOS = timedelta(days=3650)


def muestrear(uow: UnitOfWork, ocupado: int) -> None:
    """Note how big the database is; what a clock of the future noted goes."""
    kept = [each for each in _muestras(uow.conn) if each[0] < iso_z(uow.now)][1 - MUESTRAS :]
    uow.file.execute(_PUT, (CLAVE, to_json([*kept, (iso_z(uow.now), ocupado)]).decode()))


def toca(conn: Connection, now: datetime) -> bool:
    """Whether it is time to :func:`muestrear`."""
    found = _muestras(conn)
    return not found or not timedelta(0) <= now - datetime.fromisoformat(found[-1][0]) < CADA


def pronosticar(conn: Connection, now: datetime, ocupado: int, libre: int, maximo: int = 0) -> dict[str, Any]:
    """``crece_bytes_dia`` and ``lleno_el``, each null when nobody can say: too little was seen, or it does not grow, or
    it will stop growing (``maximo`` bytes, 0: never) before the disk is full."""
    crece = _crece(_muestras(conn), now, ocupado)
    if crece is None:
        return {"crece_bytes_dia": None, "lleno_el": None}
    bounded = bool(maximo) and max(0, maximo - ocupado) < libre
    left = libre / crece if crece > 0 else LEJOS.days
    full = None if bounded or left >= LEJOS.days else iso_z(now + timedelta(days=left))
    return {"crece_bytes_dia": round(crece), "lleno_el": full}


def habladores(conn: Connection) -> list[dict[str, Any]]:
    """The devices whose rows take most, by how often they speak now and how much they say."""
    rows = raw(conn).execute(_HABLADORES, (ROW_BYTES, HABLADORES))
    return [
        {"serial_number": serial, "mensajes_dia": round(per_day), "bytes_dia": round(size)}
        for serial, per_day, size in rows
    ]


def _crece(muestras: Sequence[tuple[str, int]], now: datetime, ocupado: int) -> float | None:
    """Bytes a day, from the oldest sample on."""
    if not muestras:
        return None
    since = now - datetime.fromisoformat(muestras[0][0])
    return None if since < MINIMO else (ocupado - muestras[0][1]) / (since / timedelta(days=1))


def _muestras(conn: Connection) -> list[tuple[str, int]]:
    row = raw(conn).execute("SELECT valor FROM casa_texto WHERE clave = ?", (CLAVE,)).fetchone()
    return [] if row is None else [(str(when), int(size)) for when, size in from_json(row[0])]


_PUT = "INSERT INTO casa_texto VALUES (?, ?) ON CONFLICT DO UPDATE SET valor = excluded.valor"
_HABLADORES = (
    "SELECT serial_number, 86400.0 / cadencia_s AS al_dia, 86400.0 / cadencia_s * (length(parametros) + ?) AS bytes "
    "FROM dispositivo WHERE cadencia_s > 0 AND conectividad <> 'fuera' ORDER BY bytes DESC LIMIT ?"
)
