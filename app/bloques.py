"""The log of a device in blocks of a fixed number of rows, so that a page costs the same however deep it is.

All blocks of a device are full but the newest, so the block of the n-th row is found by division, and how many rows
there are by a subtraction; each knows the times and states in it, so a filter counts whole blocks without reading them.
The blocks are kept by :mod:`app.resumidor`, behind the ingest: rows beyond the newest block are looked at one by one.
Whoever deletes old rows deletes whole blocks, the oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.db import raw
from app.domain.filtro import FiltroLog
from app.historial import MAX_OFFSET, OWN_REPORT, FilaLog, Pagina, iso_of, make_page

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection

BLOQUE = 256
SIN_FILTRO = FiltroLog()
ACTIVO, INACTIVO = "activo", "inactivo"
MAX_ID = 2**63 - 1


class Fila(NamedTuple):
    """A row of the log as the driver gives it."""

    id: int
    dispositivo_id: int
    estado: str | None
    parametros: str | None
    timestamp: str | None


class Bloque(NamedTuple):
    """A row of ``log_bloque``, in the order of its columns."""

    dispositivo_id: int
    numero: int
    filas: int
    primer_id: int
    ultimo_id: int
    desde: str
    hasta: str
    activos: int
    inactivos: int
    ordenado: int
    tope: str
    tardio: int


# --- keeping ----------------------------------------------------------------------------------------------------------


def crecer(conn: Connection, filas: Sequence[Fila]) -> list[Bloque]:
    """The blocks that are new or different with these rows, which follow in the log what the blocks tell so far."""
    newest: dict[int, Bloque | None] = {}
    changed: dict[tuple[int, int], Bloque] = {}
    for fila in filas:
        device = fila.dispositivo_id
        if device not in newest:
            newest[device] = _newest(raw(conn), device)
        grown = _with(newest[device], fila)
        newest[device] = changed[device, grown.numero] = grown
    return list(changed.values())


def _with(block: Bloque | None, fila: Fila) -> Bloque:
    stamp = fila.timestamp or ""
    on, off = int(fila.estado == ACTIVO), int(fila.estado == INACTIVO)
    if block is None or block.filas == BLOQUE:
        number = 0 if block is None else block.numero + 1
        top = "" if block is None else block.tope
        late = int(stamp < top)
        return Bloque(fila.dispositivo_id, number, 1, fila.id, fila.id, stamp, stamp, on, off, 1, max(top, stamp), late)
    return Bloque(
        block.dispositivo_id,
        block.numero,
        block.filas + 1,
        block.primer_id,
        fila.id,
        min(block.desde, stamp),
        max(block.hasta, stamp),
        block.activos + on,
        block.inactivos + off,
        int(block.ordenado and stamp >= block.hasta),
        max(block.tope, stamp),
        int(block.tardio or stamp < block.tope),
    )


def _newest(file: sqlite3.Connection, dispositivo_id: int) -> Bloque | None:
    row = file.execute(f"{_BLOCKS} ORDER BY numero DESC LIMIT 1", (dispositivo_id,)).fetchone()
    return None if row is None else Bloque(*row)


_BLOCKS = "SELECT * FROM log_bloque WHERE dispositivo_id = ?"


def entre(conn: Connection, dispositivo_id: int, desde: str, hasta: str) -> list[Fila]:
    """The rows from ``desde`` to before ``hasta`` of which blocks tell, in the order of their ids."""
    sql = f"{_BLOCKS} AND hasta >= ? AND desde < ? ORDER BY numero"
    found: list[Fila] = []
    for row in raw(conn).execute(sql, (dispositivo_id, desde, hasta)):
        block = Bloque(*row)
        values = (dispositivo_id, block.primer_id, block.ultimo_id, desde, hasta)
        found += (Fila(*each) for each in raw(conn).execute(_BETWEEN, values))
    return found


def cuantos_entre(conn: Connection, dispositivo_id: int, desde: str, hasta: str) -> int:
    """How many blocks :func:`entre` would look into."""
    sql = "SELECT count(*) FROM log_bloque WHERE dispositivo_id = ? AND hasta >= ? AND desde < ?"
    return int(raw(conn).execute(sql, (dispositivo_id, desde, hasta)).fetchone()[0])


_COLUMNS = "SELECT id, dispositivo_id, estado, parametros, timestamp FROM estado_log"
_BETWEEN = (
    f"{_COLUMNS} WHERE dispositivo_id = ? AND id BETWEEN ? AND ? AND timestamp >= ? AND timestamp < ? ORDER BY id"
)


def siguen(conn: Connection, hasta: int, limit: int) -> list[Fila]:
    """At most ``limit`` rows of the whole log after that id."""
    return [Fila(*row) for row in raw(conn).execute(f"{_COLUMNS} WHERE id > ? ORDER BY id LIMIT ?", (hasta, limit))]


def siguen_de(conn: Connection, dispositivo_id: int, hasta: int, limit: int) -> list[Fila]:
    """The same of one device."""
    sql = f"{_COLUMNS} WHERE dispositivo_id = ? AND id > ? ORDER BY id LIMIT ?"
    return [Fila(*row) for row in raw(conn).execute(sql, (dispositivo_id, hasta, limit))]


def contado_hasta(conn: Connection) -> int:
    """The id of the newest row of which blocks and summaries tell."""
    row = raw(conn).execute("SELECT valor FROM casa WHERE clave = 'historial_hasta'").fetchone()
    return 0 if row is None else int(row[0])


# --- pages ------------------------------------------------------------------------------------------------------------


def pagina(
    conn: Connection, dispositivo_id: int, *, page: int, per_page: int, filtro: FiltroLog = SIN_FILTRO
) -> Pagina[FilaLog]:
    """A page of a device's log; the caller has made sure that the device exists."""
    log = _Log(raw(conn), dispositivo_id, filtro)
    offset = (page - 1) * per_page
    if filtro == SIN_FILTRO:
        total, data = log.plain(min(offset, MAX_OFFSET), per_page)
    else:
        total, data = log.filtered(offset, per_page)
    return make_page(page, per_page, total, data)


def desde_cursor(
    conn: Connection, dispositivo_id: int, antes_de: int | None, *, per_page: int, filtro: FiltroLog = SIN_FILTRO
) -> tuple[list[FilaLog], int | None]:
    """The newest rows before the one of that id (None: of all), and from where to go on; None at the end."""
    return _Log(raw(conn), dispositivo_id, filtro).before(MAX_ID if antes_de is None else antes_de, per_page)


@dataclass(frozen=True, slots=True)
class _Tramo:
    """Rows of the log by their ids, both included; ``filas``: how many of them match, None when it must be counted."""

    primer_id: int
    ultimo_id: int
    filas: int | None


class _Log:
    """The log of one device, as one snapshot and one filter see it."""

    def __init__(self, file: sqlite3.Connection, dispositivo_id: int, filtro: FiltroLog) -> None:
        self._file, self._device, self._filtro = file, dispositivo_id, filtro
        self._newest = _newest(file, dispositivo_id)
        self._told = 0 if self._newest is None else self._newest.ultimo_id  # what is beyond, no block tells
        conditions = [("timestamp >= ?", filtro.desde), ("timestamp < ?", filtro.hasta), ("estado = ?", filtro.estado)]
        self._where = "".join(f" AND {sql}" for sql, value in conditions if value is not None)
        self._values = tuple(value for _, value in conditions if value is not None)

    def plain(self, offset: int, count: int) -> tuple[int, list[FilaLog]]:
        """(rows in all, those of the page) without a filter."""
        beyond, blocks = self._count(self._told + 1, MAX_ID), 0
        oldest = None
        if self._newest is not None:
            oldest = Bloque(*self._file.execute(f"{_BLOCKS} ORDER BY numero LIMIT 1", (self._device,)).fetchone())
            blocks = (self._newest.numero - oldest.numero) * BLOQUE + self._newest.filas
        total = blocks + beyond
        if offset >= total:
            return total, []
        count = min(count, total - offset)
        start = total - offset - count  # counted from the oldest row
        if oldest is None or start >= blocks:
            return total, [_fila(row) for row in self._rows(self._told + 1, MAX_ID, count, offset)]
        number, inside = divmod(start, BLOQUE)
        (first,) = self._file.execute(_FIRST_ID, (self._device, oldest.numero + number)).fetchone()
        rows = self._file.execute(f"{_ROWS} ORDER BY id LIMIT ? OFFSET ?", (self._device, first, MAX_ID, count, inside))
        return total, [_fila(row) for row in reversed(rows.fetchall())]

    def filtered(self, offset: int, count: int) -> tuple[int, list[FilaLog]]:
        """(rows in all, those of the page) of what the filter lets pass."""
        total, data = 0, list[FilaLog]()
        for tramo in self._stretches(MAX_ID):
            here = self._count(tramo.primer_id, tramo.ultimo_id) if tramo.filas is None else tramo.filas
            if here and len(data) < count and total + here > offset:
                skipped = max(0, offset - total)
                rows = self._rows(tramo.primer_id, tramo.ultimo_id, count - len(data), skipped)
                data += map(_fila, rows)
            total += here
        return total, data

    def before(self, limit: int, count: int) -> tuple[list[FilaLog], int | None]:
        """See :func:`desde_cursor`."""
        found: list[tuple[int, str | None, str | None, str | None, str | None]] = []
        stretches = self._stretches(limit) if self._where else [_Tramo(0, limit - 1, None)]
        for tramo in stretches:
            if tramo.filas != 0:
                found += self._rows(tramo.primer_id, min(tramo.ultimo_id, limit - 1), count + 1 - len(found), 0)
            if len(found) > count:
                return [_fila(row) for row in found[:count]], found[count - 1][0]
        return [_fila(row) for row in found], None

    def _stretches(self, limit: int) -> Iterator[_Tramo]:
        """Newest first: what no block tells, then the blocks that may hold a matching row below ``limit``."""
        if limit > self._told:
            yield _Tramo(self._told + 1, MAX_ID, None)
        f = self._filtro
        sql = f"{_BLOCKS} AND primer_id < ?"
        values: list[int | str] = [self._device, limit]
        for condition, value in (("hasta >= ?", f.desde), ("desde < ?", f.hasta)):
            if value is not None:
                sql, values = f"{sql} AND {condition}", [*values, value]
        for row in self._file.execute(f"{sql} ORDER BY numero DESC", values):
            block = Bloque(*row)
            yield _Tramo(block.primer_id, block.ultimo_id, _matching(block, f))

    def _count(self, first: int, last: int) -> int:
        sql = f"SELECT count(*) FROM estado_log WHERE dispositivo_id = ? AND id BETWEEN ? AND ?{self._where}"
        return int(self._file.execute(sql, (self._device, first, last, *self._values)).fetchone()[0])

    def _rows(self, first: int, last: int, count: int, offset: int) -> list[tuple[int, str, str, str, str]]:
        """The rows that match, newest first."""
        sql = f"{_ROWS}{self._where} ORDER BY id DESC LIMIT ? OFFSET ?"
        return self._file.execute(sql, (self._device, first, last, *self._values, count, offset)).fetchall()


def _matching(block: Bloque, f: FiltroLog) -> int | None:
    """How many rows of a block pass; None when its rows must be looked at."""
    counts = {None: block.filas, ACTIVO: block.activos, INACTIVO: block.inactivos}
    if f.estado not in counts:
        return 0 if block.activos + block.inactivos == block.filas else None
    if counts[f.estado] == 0:
        return 0
    starts = f.desde is None or (block.desde >= f.desde)
    ends = f.hasta is None or (block.hasta < f.hasta and block.desde != "")
    return counts[f.estado] if starts and ends else None


_FIRST_ID = "SELECT primer_id FROM log_bloque WHERE dispositivo_id = ? AND numero = ?"
_ROWS = (
    "SELECT id, estado, parametros, timestamp, causa FROM estado_log WHERE dispositivo_id = ? AND id BETWEEN ? AND ?"
)


def _fila(row: Sequence[str | int | None]) -> FilaLog:
    _, estado, parametros, stamp, causa = row
    return FilaLog(estado, parametros or "{}", iso_of(stamp), causa or OWN_REPORT)  # type: ignore[arg-type]
