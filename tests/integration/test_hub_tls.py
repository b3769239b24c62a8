"""The live stream over TLS, as much of it as a house ever has: every reader gets every event, whole, in order, once."""

from __future__ import annotations

import json
import selectors
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.edge import Edge, running
from tests.support.eventos import an_event
from tests.support.servidor import until
from tests.support.tls import Tls

pytestmark = pytest.mark.integration

READERS, SLOW, EVENTS = 200, 20, 600
REQUEST = b"GET /stream/dispositivos HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(tmp_path / "tls")


@pytest.fixture
def edge(tmp_path: Path, tls: Tls) -> Iterator[Edge]:
    with running(None, tmp_path, certificate=tls.certificate) as found:
        yield found


class Crowd:
    """Readers in one thread; the slow ones begin to read only when they are let."""

    def __init__(self, edge: Edge, tls: Tls, count: int, slow: int) -> None:
        self.got: dict[ssl.SSLSocket, bytearray] = {}
        self.broken: list[Exception] = []
        self._selector = selectors.DefaultSelector()
        self._held: list[ssl.SSLSocket] = []
        self._ending = threading.Event()
        for n in range(count):
            sock = tls.connect(edge.tls_port if n % 2 else edge.port)
            sock.sendall(REQUEST)
            sock.setblocking(False)
            self.got[sock] = bytearray()
            if n < slow:
                self._held.append(sock)
            else:
                self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read, name="crowd")
        self._thread.start()

    def release(self) -> None:
        for sock in self._held:
            self._selector.register(sock, selectors.EVENT_READ)

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(10)
        for sock in self.got:
            sock.close()
        self._selector.close()

    def _read(self) -> None:
        while not self._ending.is_set():
            for key, _ in self._selector.select(0.05):
                sock = key.fileobj
                assert isinstance(sock, ssl.SSLSocket)
                try:
                    while chunk := sock.recv(65536):
                        self.got[sock] += chunk
                except ssl.SSLWantReadError:
                    continue
                except OSError as error:
                    self.broken.append(error)
                self._selector.unregister(sock)


def updates(raw: bytes) -> list[int]:
    """The events' numbers; each frame must be whole JSON."""
    numbers = []
    for frame in raw.partition(b"\r\n\r\n")[2].split(b"\n\n"):
        if frame.startswith(b"id: "):
            number, data = frame.split(b"\n")
            assert json.loads(data.removeprefix(b"data: "))["event"] == "device_update"
            numbers.append(int(number.rpartition(b"-")[2]))
    return numbers


def test_two_hundred_readers_under_load(edge: Edge, tls: Tls) -> None:
    """600 events of 3 KB from another thread, in gusts, while 200 read over TLS and 20 of them not at first."""
    assert edge.services is not None
    hub = edge.services.hub
    crowd = Crowd(edge, tls, READERS, SLOW)
    try:
        until(lambda: hub.stats()["lectores"] == READERS, 20)
        text = '{"t":"%s"}' % ("ñ" * 1500)

        def publish() -> None:
            number = 0
            while number < EVENTS:
                gust = 1 + number % 7
                hub.publish([an_event(number + n + 1, 1 + n % 5, parametros_json=text) for n in range(gust)])
                number += gust
                time.sleep(0.002)

        writer = threading.Thread(target=publish, name="writer")
        writer.start()
        writer.join(60)
        last = hub.last
        crowd.release()
        until(lambda: all(f"-{last}\n".encode() in raw[-20_000:] for raw in crowd.got.values()), 60)
    finally:
        crowd.stop()
    assert not crowd.broken
    for raw in crowd.got.values():
        assert updates(bytes(raw)) == list(range(1, last + 1))
    until(lambda: hub.stats()["lectores"] == 0)
