"""The log, as files: rows of any stretch as CSV or as a JSON object a line, in the order in which they were stored.

SQLite itself writes the lines, thousands in one text, so that a row costs next to no Python. Each slice is a read of
its own: memory stays the same however long it is, and nobody's snapshot is held while a slow reader reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db import raw
from app.domain.filtro import FiltroLog
from app.historial import OWN_REPORT

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection

CSV, NDJSON = "csv", "ndjson"
FORMATOS = {CSV: "text/csv; charset=utf-8; header=present", NDJSON: "application/x-ndjson"}
SLICE = 4000
"""Rows in a slice: some half a megabyte, and some 10 ms."""
COLUMNAS = ("dispositivo_id", "serial_number", "timestamp", "estado", "parametros", "causa")


@dataclass(frozen=True, slots=True)
class Exportacion:
    """What is wanted. ``dispositivos`` None: of all devices. ``parte``: causes as somebody is told who sees a part of
    the house."""

    formato: str
    filtro: FiltroLog
    dispositivos: frozenset[int] | None = None
    parte: bool = False


def lineas(reader: Callable[[], AbstractContextManager[Connection]], que: Exportacion) -> Iterator[bytes]:
    """The file, in pieces of whole lines. Rows that are stored meanwhile are not in it."""
    with reader() as conn:
        spans = _spans(raw(conn), que)
    if que.formato == CSV:
        yield f"{','.join(COLUMNAS)}\r\n".encode()
    alone = next(iter(que.dispositivos)) if que.dispositivos is not None and len(que.dispositivos) == 1 else None
    sql = _sql(que, alone=alone is not None)
    for first, last in spans:
        while first <= last:
            with reader() as conn:
                text, reached, count = raw(conn).execute(sql, _values(que, alone, first, last)).fetchone()
            yield (text or "").encode()  # nothing too, so that the thread that makes the pieces is everybody's again
            if count < SLICE:
                break
            first = reached + 1


def _spans(file: sqlite3.Connection, que: Exportacion) -> list[tuple[int, int]]:
    """The ids between which all rows of that stretch are: by what the blocks know of their times, and what no block
    tells of yet."""
    f = que.filtro
    told, last = file.execute(_TOLD).fetchone()
    if f.desde is None and f.hasta is None:
        return [(1, last)]
    found = file.execute(_BETWEEN, (f.desde or "", f.hasta or MAX_STAMP)).fetchone()
    return [*([] if found[0] is None else [found]), (told + 1, last)]


def _sql(que: Exportacion, *, alone: bool) -> str:
    line, glue = (_CSV_LINE, "char(13, 10)") if que.formato == CSV else (_NDJSON_LINE, "char(10)")
    cause = _TRIMMED if que.parte else f"ifnull(l.causa, '{OWN_REPORT}')"
    where = "l.dispositivo_id = ? AND l.id" if alone else "l.id"
    return (
        f"SELECT group_concat(linea, {glue}) || {glue}, max(id), count(*) FROM ("
        f"SELECT CASE WHEN {_WANTED} THEN {line.replace('$causa', cause)} END AS linea, l.id AS id "
        f"FROM estado_log l JOIN dispositivo d ON d.id = l.dispositivo_id "
        f"WHERE {where} BETWEEN ? AND ? ORDER BY l.id LIMIT {SLICE})"
    )


def _values(que: Exportacion, alone: int | None, first: int, last: int) -> Sequence[object]:
    f = que.filtro
    wanted = None if que.dispositivos is None else f"[{','.join(map(str, sorted(que.dispositivos)))}]"
    given: list[object] = [f.desde, f.desde, f.hasta, f.hasta, f.estado, f.estado, wanted, wanted]
    return (*given, *(() if alone is None else (alone,)), first, last)


_TOLD = "SELECT ifnull((SELECT max(ultimo_id) FROM log_bloque), 0), ifnull((SELECT max(id) FROM estado_log), 0)"
MAX_STAMP = "\U0010ffff"
_BETWEEN = "SELECT min(primer_id), max(ultimo_id) FROM log_bloque WHERE hasta >= ? AND desde < ?"
_WANTED = (
    "(? IS NULL OR l.timestamp >= ?) AND (? IS NULL OR l.timestamp < ?) AND (? IS NULL OR l.estado = ?) "
    "AND (? IS NULL OR l.dispositivo_id IN (SELECT value FROM json_each(?)))"
)
_TRIMMED = "json_object('tipo', json_extract(ifnull(l.causa, '{}'), '$.tipo'))"
_STAMP = "replace(rtrim(l.timestamp, 'Z'), ' ', 'T') || 'Z'"
_NDJSON_LINE = (
    "'{\"dispositivo_id\":' || l.dispositivo_id || ',\"serial_number\":' || json_quote(d.serial_number) || "
    f"',\"timestamp\":' || json_quote({_STAMP}) || ',\"estado\":' || json_quote(l.estado) || "
    "',\"parametros\":' || ifnull(l.parametros, '{}') || ',\"causa\":' || $causa || '}'"
)


def _cell(sql: str) -> str:
    """Quoted, and such that no spreadsheet takes it for a formula."""
    safe = f"CASE WHEN substr({sql}, 1, 1) IN ('=', '+', '-', '@', char(9), char(13)) THEN '''' ELSE '' END"
    return f"'\"' || {safe} || replace({sql}, '\"', '\"\"') || '\"'"


_CSV_LINE = " || ',' || ".join(
    (
        "l.dispositivo_id",
        _cell("d.serial_number"),
        f"ifnull({_STAMP}, '')",
        _cell("ifnull(l.estado, '')"),
        "'\"' || replace(ifnull(l.parametros, '{}'), '\"', '\"\"') || '\"'",
        "'\"' || replace($causa, '\"', '\"\"') || '\"'",
    )
)
