"""A hub on this thread's own gevent loop, and readers that take its streams as the server does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from app import dispositivos
from app.clock import Clock
from app.domain.filtro import FiltroStream
from app.sse import Hub
from tests.support.eventos import Page

ALL = FiltroStream()
FREE = FiltroStream(reclamado=False)


def make_hub(**kw) -> Hub:
    values = {
        "epoch": "ep", "last": 0, "history": 100, "ping_s": 60.0, "max_streams": 50, "max_per_address": 50,
        "clock": Clock(),
    }  # fmt: skip
    return Hub(**(values | kw))


class Reader:
    """A greenlet that reads a stream as the server does, into a Page."""

    def __init__(self, hub, filtro=ALL, *, page=None, house=None, pause=0.0):
        self.page = page or Page()
        self.sub = hub.open(filtro, address="a", last_event_id=self.page.last_id)
        self.chunks: list[bytes] = []
        self.ended = False
        snapshot = None
        if house is not None:  # in the order of the route: opened first, read then
            with house.db.reader() as conn:
                snapshot = dispositivos.snapshot(conn, filtro)
        self._stream = self.sub.stream(snapshot)
        self._pause = pause
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        try:
            for chunk in self._stream:
                self.chunks.append(chunk)
                self.page.take(chunk)
                gevent.sleep(self._pause)
            self.ended = True
        finally:
            self._stream.close()

    def stop(self):
        self._greenlet.kill()

    def join(self):
        self._greenlet.join(5)
        assert self.ended


@contextmanager
def running(hub) -> Iterator[Hub]:
    """The hub on this thread's loop; at the end every stream and the ping timer are over."""
    hub.start()
    try:
        yield hub
    finally:
        hub.close()
        settle(lambda: not hub.stats()["lectores"])
        gevent.sleep(0)


def settle(condition, timeout=5.0):
    """Let the loop run until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not settle"
        gevent.sleep(0.002)
