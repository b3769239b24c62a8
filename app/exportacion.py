"""The log, as files: rows of any stretch as CSV or as a JSON object a line, in the order in which they were stored.

SQLite itself writes the lines, thousands in one text, so that a row costs next to no Python. Each slice is a read of
its own: memory stays the same however long it is, and nobody's snapshot is held while a slow reader reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.db import raw
from app.domain.filtro import FiltroLog
from app.historial import OWN_REPORT

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection

CSV, NDJSON, PARQUET = "csv", "ndjson", "parquet"
FORMATOS = {
    CSV: "text/csv; charset=utf-8; header=present",
    NDJSON: "application/x-ndjson",
    PARQUET: "application/vnd.apache.parquet",
}
SLICE = 4000
"""Rows in a slice: some half a megabyte, and some 10 ms."""
FEW = 16
"""Up to so many devices are read by their index, without the rows of the others."""
COLUMNAS = ("dispositivo_id", "serial_number", "timestamp", "estado", "parametros", "causa")

Lectura = Callable[[], AbstractContextManager["Connection"]]


@dataclass(frozen=True, slots=True)
class Exportacion:
    """What is wanted. ``dispositivos`` None: of all devices; ``parametros`` empty: all of them, else the rows that have
    one and nothing but these. ``parte``: causes as somebody is told who sees a part of the house."""

    formato: str
    filtro: FiltroLog
    dispositivos: frozenset[int] | None = None
    parte: bool = False
    parametros: tuple[str, ...] = ()


def archivo(reader: Lectura, que: Exportacion) -> Iterator[bytes]:
    """The file, in pieces. Rows that are stored meanwhile are not in it.

    Raises:
        FormatoNoDisponible: Parquet, and nothing that writes it is installed.
    """
    if que.formato == PARQUET:
        from app.exportacion_parquet import parquet

        return parquet(_cells(reader, que))
    return _lines(reader, que)


def _lines(reader: Lectura, que: Exportacion) -> Iterator[bytes]:
    """Pieces of whole lines."""
    line, glue = (_CSV_LINE, "char(13, 10)") if que.formato == CSV else (_NDJSON_LINE, "char(10)")
    if que.formato == CSV:
        yield f"{','.join(COLUMNAS)}\r\n".encode()
    columns = f"CASE WHEN $wanted THEN {line} END AS linea"
    around = f"SELECT group_concat(linea, {glue}) || {glue}, max(id), count(*) FROM (%s)"
    for [(text, _, _)] in _slices(reader, que, columns, around):
        yield (text or "").encode()  # nothing too, so that the thread that makes the pieces is everybody's again


def _cells(reader: Lectura, que: Exportacion) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of :data:`COLUMNAS`, a slice at a time."""
    columns = (
        f"$wanted, l.dispositivo_id, d.serial_number, ifnull({_STAMP}, ''), l.estado, $parametros || '', $causa || ''"
    )
    for rows in _slices(reader, que, columns, ""):
        yield [row[1:-1] for row in rows if row[0]]


def _slices(reader: Lectura, que: Exportacion, columns: str, around: str) -> Iterator[list[tuple[Any, ...]]]:
    """What SQLite makes of each slice of rows; each is a read of its own. ``around`` makes one row of a slice, whose
    last columns are the last id in it and how many it has; without it the last column of each is its id."""
    few = sorted(que.dispositivos) if que.dispositivos is not None and len(que.dispositivos) <= FEW else None
    sql = _sql(que, columns, few)
    with reader() as conn:
        spans = _spans(raw(conn), que)
    for first, last in spans:
        while first <= last:
            with reader() as conn:
                upper = last if few is None else _upper(raw(conn), few, first, last)
                rows = raw(conn).execute(around % sql if around else sql, _values(que, first, upper)).fetchall()
            yield rows
            reached, count = rows[0][-2:] if around else (rows[-1][-1] if rows else 0, len(rows))
            if few is None and count < SLICE:
                break
            first = (reached if few is None else upper) + 1


def _upper(file: sqlite3.Connection, few: Sequence[int], first: int, last: int) -> int:
    """Up to which id these devices have about a slice of rows."""
    share = max(1, SLICE // max(1, len(few)))
    found = [file.execute(_NTH, (device, first, last, share - 1)).fetchone() for device in few]
    return min((row[0] for row in found if row is not None), default=last)


def _spans(file: sqlite3.Connection, que: Exportacion) -> list[tuple[int, int]]:
    """The ids between which all rows of that stretch are: by what the blocks know of their times, and what no block
    tells of yet."""
    f = que.filtro
    told, last = file.execute(_TOLD).fetchone()
    if f.desde is None and f.hasta is None:
        return [(1, last)]
    found = file.execute(_BETWEEN, (f.desde or "", f.hasta or MAX_STAMP)).fetchone()
    return [*([] if found[0] is None else [found]), (told + 1, last)]


def _sql(que: Exportacion, columns: str, few: Sequence[int] | None) -> str:
    cause = _TRIMMED if que.parte else f"ifnull(l.causa, '{OWN_REPORT}')"
    parametros = _CHOSEN if que.parametros else "ifnull(l.parametros, '{}')"
    given = _given(que)
    wanted = " AND ".join(sql for name, sql in _CONDITIONS.items() if given[name] is not None) or "1"
    own = OWN_REPORT.replace('"', '""')
    quoted = "'\"' || replace($causa, '\"', '\"\"') || '\"'"
    cell = quoted if que.parte else f"CASE WHEN l.causa IS NULL THEN '\"{own}\"' ELSE {quoted} END"
    columns = (
        columns.replace("$cause_cell", cell)
        .replace("$causa", cause)
        .replace("$parametros", parametros)
        .replace("$wanted", wanted)
    )
    where = "" if few is None else f"l.dispositivo_id IN ({','.join(map(str, few))}) AND "
    return (
        f"SELECT {columns}, l.id AS id "
        f"FROM estado_log l JOIN dispositivo d ON d.id = l.dispositivo_id "
        f"WHERE {where}l.id BETWEEN :first AND :last ORDER BY l.id LIMIT {SLICE}"
    )


def _values(que: Exportacion, first: int, last: int) -> dict[str, object]:
    return {**_given(que), "first": first, "last": last}


def _given(que: Exportacion) -> dict[str, object]:
    """What the conditions are about, by name; None: not asked for."""
    f = que.filtro
    wanted = None if que.dispositivos is None else f"[{','.join(map(str, sorted(que.dispositivos)))}]"
    names = json.dumps(que.parametros) if que.parametros else None
    return {"desde": f.desde, "hasta": f.hasta, "estado": f.estado, "ids": wanted, "nombres": names}


_TOLD = "SELECT ifnull((SELECT max(ultimo_id) FROM log_bloque), 0), ifnull((SELECT max(id) FROM estado_log), 0)"
MAX_STAMP = "\U0010ffff"
_BETWEEN = "SELECT min(primer_id), max(ultimo_id) FROM log_bloque WHERE hasta >= ? AND desde < ?"
_NTH = "SELECT id FROM estado_log WHERE dispositivo_id = ? AND id BETWEEN ? AND ? ORDER BY id LIMIT 1 OFFSET ?"
_NAMED = "json_each(ifnull(l.parametros, '{}')) j WHERE j.key IN (SELECT value FROM json_each(:nombres))"
_CONDITIONS = {
    "desde": "l.timestamp >= :desde",
    "hasta": "l.timestamp < :hasta",
    "estado": "l.estado = :estado",
    "ids": "l.dispositivo_id IN (SELECT value FROM json_each(:ids))",
    "nombres": f"EXISTS (SELECT 1 FROM {_NAMED})",
}
_CHOSEN = (
    # ``->`` (SQLite 3.38) takes a value as it is written; json_each would write a number again, with 15 digits.
    f"(SELECT json_group_object(j.key, json(l.parametros -> j.fullkey)) FROM {_NAMED})"
)
_TRIMMED = "json_object('tipo', json_extract(ifnull(l.causa, '{}'), '$.tipo'))"
_STAMP = "replace(rtrim(l.timestamp, 'Z'), ' ', 'T') || 'Z'"
_NDJSON_LINE = (
    "'{\"dispositivo_id\":' || l.dispositivo_id || ',\"serial_number\":' || json_quote(d.serial_number) || "
    f"',\"timestamp\":' || json_quote({_STAMP}) || ',\"estado\":' || json_quote(l.estado) || "
    "',\"parametros\":' || $parametros || ',\"causa\":' || $causa || '}'"
)


def _cell(sql: str) -> str:
    """Quoted, and such that no spreadsheet takes it for a formula."""
    safe = f"CASE WHEN substr({sql}, 1, 1) IN ('=', '+', '-', '@', char(9), char(13)) THEN '''' ELSE '' END"
    return f"'\"' || {safe} || replace({sql}, '\"', '\"\"') || '\"'"


# What almost every row has is written out, so that SQLite neither looks into it nor makes it anew.
_OTHER = _cell("ifnull(l.estado, '')")
_ESTADO = f"CASE l.estado WHEN 'activo' THEN '\"activo\"' WHEN 'inactivo' THEN '\"inactivo\"' ELSE {_OTHER} END"
_CSV_LINE = " || ',' || ".join(
    (
        "l.dispositivo_id",
        _cell("d.serial_number"),
        f"ifnull({_STAMP}, '')",
        _ESTADO,
        "'\"' || replace($parametros, '\"', '\"\"') || '\"'",
        "$cause_cell",
    )
)
