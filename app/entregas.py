"""Redelivered duplicates: which deliveries were stored last, kept in the same transaction as what they brought.

A redelivery keeps its packet id and sets DUP (MQTT 3.1.1 §3.3.1.1), so (DUP, packet id, checksum) among the recent
deliveries knows it again, also over a crash between commit and acknowledgement. Content alone never makes a duplicate:
a lamp says "on" a thousand times. Packet ids come round after 65,535 messages, so the window stays far below that.
"""

from __future__ import annotations

import zlib
from array import array
from collections import deque

from sqlalchemy import Connection, bindparam, delete, insert, select

from app.db import UnitOfWork
from app.models import entrega

WINDOW = 8192
"""Deliveries remembered; more than a broker has in flight to us, far less than packet ids there are."""


class Ventana:
    """The recent deliveries; used by the ingest thread only."""

    def __init__(self, saved: list[tuple[int, int, bytes]]) -> None:
        self._checksum: dict[int, int] = {}
        self._rows: deque[tuple[int, int, array[int]]] = deque()
        self._fresh = array("I")
        self._cleared = False
        self._pending: tuple[int, int, array[int]] | None = None
        for row_id, count, blob in saved:
            pairs = array("I")
            pairs.frombytes(blob)
            self._rows.append((row_id, count, pairs))
            self._checksum.update(zip(pairs[::2], pairs[1::2], strict=True))

    def admit(self, mid: int, payload: bytes, *, dup: bool) -> bool:
        """Take a delivery in; False when it is one that was taken in before."""
        checksum = zlib.crc32(payload)
        if dup and self._checksum.get(mid) == checksum:
            return False
        self._checksum[mid] = checksum
        self._fresh.append(mid)
        self._fresh.append(checksum)
        return True

    def clear(self) -> None:
        """The session is gone, and its packet ids with it."""
        self._checksum.clear()
        self._fresh = array("I")
        self._rows.clear()
        self._cleared = True

    def save(self, uow: UnitOfWork) -> None:
        """Write what was taken in since the last :meth:`saved`, drop what left the window."""
        if self._cleared:
            uow.conn.execute(delete(entrega))
        self._pending = None
        if not self._fresh:
            return
        count = len(self._fresh) // 2
        values = {"mensajes": count, "huellas": self._fresh.tobytes()}
        key = uow.conn.execute(_INSERT, values).inserted_primary_key
        self._pending = (key[0] if key else 0, count, self._fresh)
        kept = count + sum(row[1] for row in self._rows)
        upto = 0
        for row_id, old, _ in self._rows:
            if kept - old < WINDOW:
                break
            kept -= old
            upto = row_id
        if upto:
            uow.conn.execute(_DROP, {"upto": upto})

    def saved(self) -> None:
        """The unit that :meth:`save` wrote in is committed."""
        self._cleared = False
        if self._pending is None:
            return
        self._rows.append(self._pending)
        self._pending = None
        self._fresh = array("I")
        kept = sum(row[1] for row in self._rows)
        while kept - self._rows[0][1] >= WINDOW:
            _, count, pairs = self._rows.popleft()
            kept -= count
            for mid, checksum in zip(pairs[::2], pairs[1::2], strict=True):
                if self._checksum.get(mid) == checksum:
                    del self._checksum[mid]


_INSERT = insert(entrega)
_DROP = delete(entrega).where(entrega.c.id <= bindparam("upto"))


def load(conn: Connection) -> Ventana:
    """The window as the last run left it."""
    rows = conn.execute(select(entrega.c.id, entrega.c.mensajes, entrega.c.huellas).order_by(entrega.c.id))
    return Ventana([(i, n, b) for i, n, b in rows])
