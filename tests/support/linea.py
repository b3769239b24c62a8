"""An ingest on a database file of its own, with a note of what it acknowledged and when."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from app.clock import Clock
from app.ingest import Delivery, Ingest
from app.limitador import IngestLimits
from tests.support.mqtt import SHARED
from tests.support.nucleo import House


class Line:
    """An ingest on a database file, with what it acknowledged."""

    def __init__(self, house, **limits):
        values = {
            "batch_max": 500, "queue_max": 20_000, "device_rate": 0.0, "max_unclaimed": 1000,
            "rejected_max": 100, "grace_s": 10.0,
        }  # fmt: skip
        self.house = house
        self.acked: list[int] = []
        self.ack_calls: list[list[int]] = []
        self.durable_at_ack: list[int] = []
        self.ingest = Ingest(house.db, IngestLimits(**(values | limits)), house.clock, self._ack)
        self.mids = itertools.count(1)

    def _ack(self, deliveries):
        with closing(sqlite3.connect(self.house.db.path)) as other:  # another connection sees only what is committed
            self.durable_at_ack.append(other.execute("SELECT count(*) FROM estado_log").fetchone()[0])
        self.ack_calls.append([d.mid for d in deliveries])
        self.acked += [d.mid for d in deliveries]

    def offer(self, body, *, mid=None, qos=1, dup=False, retain=False, topic=SHARED, epoch=1):
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        mid = mid or (next(self.mids) if qos else 0)
        self.ingest.offer(Delivery(topic, payload, mid, qos, dup, retain, epoch))
        return mid

    def stats(self, name):
        return self.ingest.stats()[name]

    def stored(self):
        return self.house.scalar("SELECT count(*) FROM estado_log")


@contextmanager
def line(folder, clock=None, *, start=True, **limits) -> Iterator[Line]:
    with House(folder, clock or Clock()) as house:
        made = Line(house, **limits)
        if start:
            made.ingest.start()
        try:
            yield made
        finally:
            if made.ingest._thread.ident is not None:
                made.ingest.stop()
                assert not made.ingest.alive()


def values(line):
    """What was stored, in order: the n of each message's parameters."""
    return [json.loads(row[0])["n"] for row in line.house.rows("SELECT parametros FROM estado_log ORDER BY id")]


def message(n, serial="A"):
    return {"serial_number": serial, "parametros": {"n": n}}
