"""Long answers: in pieces, at the reader's pace, holding no thread; cut off when they can't be finished."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.descarga import Trozos
from tests.support.edge import running
from tests.support.servidor import get, split, until

PIECE, PIECES = b"x" * 100_000, 400


class Larga:
    """A WSGI app of one long answer; ``broken``: after how many pieces making them fails."""

    def __init__(self, *, sized: bool = False, broken: int | None = None) -> None:
        self.sized, self.broken = sized, broken
        self.made, self.closed, self.threads = 0, threading.Event(), set[str]()

    def pieces(self) -> Iterator[bytes]:
        try:
            for _ in range(PIECES):
                if self.made == self.broken:
                    raise ValueError("no more")
                self.made += 1
                self.threads.add(threading.current_thread().name)
                yield PIECE
        finally:
            self.closed.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/larga":
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]
        headers = [("Content-Type", "text/csv")]
        start_response("200 OK", headers + ([("Content-Length", str(PIECES * len(PIECE)))] if self.sized else []))
        return Trozos(self.pieces())


@pytest.mark.parametrize("sized", [True, False])
def test_all_of_it_arrives_and_the_connection_goes_on(sized):
    app = Larga(sized=sized)
    with running(app, None) as edge:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
        for _ in range(2):
            app.made = 0
            connection.request("GET", "/larga")
            answer = connection.getresponse()
            assert answer.headers.get("Transfer-Encoding") == (None if sized else "chunked")
            assert len(answer.read()) == PIECES * len(PIECE)
        connection.request("HEAD", "/larga")
        assert connection.getresponse().read() == b""
        connection.request("GET", "/otra")
        assert connection.getresponse().read() == b"ok"
        connection.close()
    assert all(name.startswith("http-") for name in app.threads)


def test_what_fails_on_the_way_is_not_taken_for_the_whole():
    app = Larga(broken=3)
    with running(app, None) as edge:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
        connection.request("GET", "/larga")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
        connection.close()


def test_a_reader_that_does_not_read_holds_no_thread_and_no_more_than_a_piece(caplog):
    """Two threads, three readers that stop after the head: the server answers others, and drops the three in time."""
    app = Larga()
    with running(app, None, http_threads=2, sse_send_timeout_s=1.0) as edge:
        stuck = [edge.connect() for _ in range(3)]
        for sock in stuck:
            sock.sendall(get("/larga"))
        until(lambda: app.made >= 3)
        assert split(edge.raw(get("/otra", "Connection: close")))[2] == b"ok"
        until(app.closed.is_set)
        assert app.made < 3 * PIECES / 2, "nobody made what nobody read"
        for sock in stuck:
            sock.close()


def test_http_1_0_gets_it_until_the_connection_ends():
    with running(Larga(), None) as edge:
        answer = edge.raw(b"GET /larga HTTP/1.0\r\nHost: localhost\r\n\r\n")
        _, headers, body = split(answer)
        assert "Transfer-Encoding" not in headers
        assert len(body) == PIECES * len(PIECE)
