"""What the HTTP server is tested with: an application that echoes, streams and waits, and requests in bytes."""

from __future__ import annotations

import json
import threading
import time
from email.parser import BytesParser
from typing import Any

from tests.support.edge import Edge


class Ticking:
    """An event stream that says something every 50 ms, and tells whether it was closed."""

    open_now = 0

    def __init__(self, size: int = 20) -> None:
        Ticking.open_now += 1
        self._frame = b"data: " + b"x" * size + b"\n\n"
        self._closed = False

    def __iter__(self) -> Ticking:
        return self

    def __next__(self) -> bytes:
        import gevent

        gevent.sleep(0.05)
        return self._frame

    def close(self) -> None:
        Ticking.open_now -= not self._closed
        self._closed = True


gate = threading.Event()


def echo(environ: dict[str, Any], start_response: Any) -> Any:
    """Says what it was asked; some paths behave in a special way."""
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return Ticking(int(environ["QUERY_STRING"] or 20))
    if path == "/wait":
        gate.wait(10)
    if path == "/boom":
        raise RuntimeError("on purpose")
    if path == "/nothing":
        start_response("204 No Content", [])
        return []
    if path == "/big":
        body = b"x" * 5_000_000
    else:
        sent = environ["wsgi.input"].read()
        seen = {k: v for k, v in environ.items() if isinstance(v, str)}
        body = json.dumps({**seen, "body": sent.decode("latin-1"), "thread": threading.current_thread().name}).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


def get(path: str = "/", *headers: str, start: str | None = None) -> bytes:
    return "\r\n".join([start or f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode("latin-1")


def split(answer: bytes) -> tuple[int, Any, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return int(line.split()[1]), BytesParser().parsebytes(fields), body


def refused(edge: Edge, data: bytes, status: int) -> dict[str, Any]:
    """The one answer to ``data`` is a problem with this status, and the connection is closed."""
    with edge.connect() as sock:
        sock.settimeout(5)
        sock.sendall(data)
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    found, headers, body = split(answer)
    assert found == status, answer
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Connection"] == "close"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert answer.count(b"\r\n\r\n") == 1
    problem: dict[str, Any] = json.loads(body)
    assert problem["status"] == status
    assert {"type", "title", "detail", "error", "codigo"} <= set(problem)
    return problem


def until(condition: Any, seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
