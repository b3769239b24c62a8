"""Rows out of the pages of a SQLite file, one page at a time: what is readable where the tree above it is not.

The format is sqlite.org/fileformat2.html; of it only leaves of tables are read (type 13), and rows that are whole in
their page. Rows of the log beside it count as far as it was committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LEAF = 13
HEADER, WAL_HEADER, FRAME_HEADER = 100, 32, 24
INTS = (0, 1, 2, 3, 4, 6, 8)
"""Bytes of an integer by its serial type, up to 6."""
Valor = int | float | str | bytes | None


def filas(path: Path, size: int, after: int) -> Iterator[tuple[int, list[Valor]]]:
    """(rowid, values) of every row of any table whose rowid is greater than ``after``; ``size`` of a page in bytes.
    The same row can come more than once, and out of order."""
    for number, page in enumerate(_pages(path, size)):
        yield from _rows(page, HEADER if number == 0 else 0, after)
    for page in _committed(path.with_name(f"{path.name}-wal"), size):
        yield from _rows(page, 0, after)


def _pages(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while page := file.read(size):
            yield page


def _committed(path: Path, size: int) -> Iterator[bytes]:
    """Pages of the log up to its last commit; frames of an earlier round have other salts."""
    if not path.exists():
        return
    with path.open("rb") as file:
        salts = file.read(WAL_HEADER)[16:24]
        waiting: list[bytes] = []
        while len(head := file.read(FRAME_HEADER)) == FRAME_HEADER and head[8:16] == salts:
            page = file.read(size)
            if len(page) < size:
                return
            waiting.append(page)
            if int.from_bytes(head[4:8], "big"):  # the size of the database after it: this one commits
                yield from waiting
                waiting = []


def _rows(page: bytes, start: int, after: int) -> Iterator[tuple[int, list[Valor]]]:
    if len(page) < start + 8 or page[start] != LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    first = start + 8
    if first + 2 * count > len(page):
        return
    places = [int.from_bytes(page[first + 2 * n : first + 2 * n + 2], "big") for n in range(count)]
    for place in reversed(places):  # the greatest rowid is the last
        found = _row(page, place)
        if found is None:
            continue
        if found[0] <= after:
            return
        yield found


def _row(page: bytes, place: int) -> tuple[int, list[Valor]] | None:
    try:
        length, at = _varint(page, place)
        rowid, at = _varint(page, at)
        if not 0 < rowid < 2**63 or at + length > len(page):
            return None
        end, kinds = at + length, list[int]()
        header, cursor = _varint(page, at)
        body = at + header
        while cursor < body:
            kind, cursor = _varint(page, cursor)
            kinds.append(kind)
        values = list[Valor]()
        for kind in kinds:
            value, body = _value(page, body, kind)
            values.append(value)
    except (IndexError, ValueError):
        return None
    return (rowid, values) if cursor <= end and body <= end else None


def _value(page: bytes, at: int, kind: int) -> tuple[Valor, int]:
    if kind >= len(INTS):
        if kind == 8 or kind == 9:
            return kind - 8, at
        if kind < 12:  # a float, which no table asks for here, or one of the two that are never written
            return None, at + (8 if kind == 7 else 0)
        end = at + (kind - 12) // 2
        data = page[at:end]
        if len(data) < end - at:
            raise IndexError
        return (data.decode() if kind % 2 else data), end
    end = at + INTS[kind]
    return (int.from_bytes(page[at:end], "big", signed=True) if kind else None), end


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(8):
        byte = page[at + n]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    return value << 8 | page[at + 8], at + 9
