"""Redelivered duplicates: which deliveries were stored last, kept in the same transaction as what they brought.

A redelivery keeps its packet id and sets DUP (MQTT 3.1.1 §3.3.1.1), so (DUP, packet id, checksum) among the recent
deliveries knows it again, also over a crash between commit and acknowledgement. Content alone never makes a duplicate:
a lamp says "on" a thousand times. Packet ids come round after 65,535 messages, so the window stays far below that.
"""

from __future__ import annotations

import zlib
from array import array
from collections import deque
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from app.db import UnitOfWork, insert_one
from app.models import entrega

WINDOW = 8192
"""Deliveries remembered at least; more than a broker has in flight to us, far less than packet ids there are."""
SLACK = 1024
"""How many more may gather before the oldest are dropped, many at a time."""


class _Row(NamedTuple):
    id: int
    size: int
    pairs: array[int]


class Ventana:
    """The recent deliveries; used by the ingest thread only."""

    def __init__(self, saved: list[tuple[int, int, bytes]]) -> None:
        self._known: dict[int, tuple[int, int]] = {}  # packet id -> checksum of its last use, and that use's number
        self._count = 0
        self._left = 0  # uses up to this number are out of the window
        self._rows: deque[_Row] = deque()
        self._kept = 0
        self._fresh = array("I")
        self._cleared = False
        self._pending: _Row | None = None
        for row_id, size, blob in saved:
            pairs = array("I")
            pairs.frombytes(blob)
            self._rows.append(_Row(row_id, size, pairs))
            self._kept += size
            for mid, checksum in zip(pairs[::2], pairs[1::2], strict=True):
                self._note(mid, checksum)

    def admit(self, mid: int, payload: bytes, *, dup: bool) -> bool:
        """Take a delivery in; False when it is one that was taken in before."""
        checksum = zlib.crc32(payload)
        if dup and (seen := self._known.get(mid)) is not None and seen[0] == checksum:
            return False
        self._note(mid, checksum)
        self._fresh.append(mid)
        self._fresh.append(checksum)
        return True

    def _note(self, mid: int, checksum: int) -> None:
        self._count += 1
        self._known[mid] = (checksum, self._count)

    def clear(self) -> None:
        """The session is gone, and its packet ids with it."""
        self._known.clear()
        self._left = self._count
        self._fresh = array("I")
        self._rows.clear()
        self._kept = 0
        self._cleared = True

    def forget(self) -> None:
        """What was taken in since the last :meth:`saved` will not be stored."""
        for mid in self._fresh[::2]:
            self._known.pop(mid, None)
        self._count -= len(self._fresh) // 2
        self._fresh = array("I")

    def save(self, uow: UnitOfWork) -> None:
        """Write what was taken in since the last :meth:`saved`, drop what left the window."""
        self._pending = None
        if self._cleared:
            uow.conn.execute(delete(entrega))
        elif self._kept >= WINDOW + SLACK and (outside := self._outside()):
            uow.conn.execute(_DROP, {"upto": self._rows[outside - 1].id})
        if self._fresh:
            count = len(self._fresh) // 2
            row_id = insert_one(uow, entrega, (count, self._fresh.tobytes()))
            self._pending = _Row(row_id, count, self._fresh)

    def saved(self) -> None:
        """The unit that :meth:`save` wrote in is committed."""
        self._cleared = False
        if self._kept >= WINDOW + SLACK:
            for _ in range(self._outside()):
                self._forget(self._rows.popleft())
        if self._pending is not None:
            self._rows.append(self._pending)
            self._kept += self._pending.size
            self._pending = None
            self._fresh = array("I")

    def _outside(self) -> int:
        """How many of the oldest rows the window does not need any more."""
        kept = self._kept
        for index, row in enumerate(self._rows):
            if kept - row.size < WINDOW:
                return index
            kept -= row.size
        return len(self._rows)

    def _forget(self, row: _Row) -> None:
        self._kept -= row.size
        self._left += row.size
        for mid in row.pairs[::2]:
            if (seen := self._known.get(mid)) is not None and seen[1] <= self._left:
                del self._known[mid]  # else the broker used the id again, and that use is still in the window


_DROP = delete(entrega).where(entrega.c.id <= bindparam("upto"))


def load(conn: Connection) -> Ventana:
    """The window as the last run left it."""
    rows = conn.execute(select(entrega.c.id, entrega.c.mensajes, entrega.c.huellas).order_by(entrega.c.id))
    return Ventana([(i, n, b) for i, n, b in rows])
