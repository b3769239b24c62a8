"""A Server-Sent Events reader over a bare socket: what arrives is kept as the bytes that arrived."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPMessage, parse_headers
from io import BytesIO
from typing import Any

import pytest

BESIDE = {"ping", "orden", "aviso", "conectividad", "regla"}


@dataclass(frozen=True, slots=True)
class Evento:
    """One frame. ``raw`` ends in the empty line that ends a frame."""

    raw: bytes
    event: str
    data: str
    id: str | None
    retry: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def epoch(self) -> str:
        return self.id.rsplit("-", 1)[0]

    @property
    def sequence(self) -> int:
        return int(self.id.rsplit("-", 1)[1])


def parse(raw: bytes) -> Evento:
    fields: dict[str, list[str]] = {}
    for line in raw.decode().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    one = {k: v[-1] for k, v in fields.items()}
    return Evento(raw, one.get("event", "message"), "\n".join(fields.get("data", [])), one.get("id"), one.get("retry"))


class Sse:
    """An open stream. ``next`` waits for a frame; ``update`` skips pings."""

    def __init__(
        self,
        port: int,
        query: str = "",
        *,
        headers: dict[str, str] | None = None,
        host: str = "127.0.0.1",
        rcvbuf: int = 0,
    ) -> None:
        self._buffer, self._text, self.ended = b"", b"", False
        self._socket = socket.socket()
        if rcvbuf:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self._socket.settimeout(10)
        self._socket.connect((host, port))
        lines = [f"GET /stream/dispositivos{query} HTTP/1.1", f"Host: {host}:{port}", "Accept: text/event-stream"]
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._buffer:
            self._receive(10)
            assert not self.ended, f"closed before the headers: {self._buffer!r}"
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status, rest = head.split(b"\r\n", 1)
        self.status = int(status.split()[1])
        self.headers: HTTPMessage = parse_headers(BytesIO(rest + b"\r\n\r\n"))
        self._chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def __enter__(self) -> Sse:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def next(self, timeout: float = 5.0) -> Evento:
        """The next frame of any kind."""
        frame = self.maybe(timeout)
        if frame is None:
            pytest.fail("stream ended" if self.ended else f"no frame within {timeout:g} s")
        return frame

    def maybe(self, timeout: float) -> Evento | None:
        """The next frame, or None when none came in time or the stream ended."""
        deadline = time.monotonic() + timeout
        while True:
            self._unchunk()
            if b"\n\n" in self._text:
                frame, self._text = self._text.split(b"\n\n", 1)
                return parse(frame + b"\n\n")
            left = deadline - time.monotonic()
            if self.ended or (left <= 0 and timeout > 0):
                return None
            before = len(self._buffer)
            self._receive(left)
            if timeout <= 0 and len(self._buffer) == before:
                return None

    def update(self, timeout: float = 5.0) -> Evento:
        """The next frame that is neither a ping nor one of the named events beside the updates."""
        return self.until(lambda e: e.event not in BESIDE, timeout)

    def until(self, wanted: Callable[[Evento], bool], timeout: float = 10.0) -> Evento:
        """The first frame that ``wanted`` accepts."""
        deadline = time.monotonic() + timeout
        while True:
            frame = self.next(max(0.01, deadline - time.monotonic()))
            if wanted(frame):
                return frame

    def hello(self) -> Sse:
        first = self.next()
        assert first.raw == b"event: hello\ndata: {}\n\n", first.raw
        return self

    def _receive(self, timeout: float) -> None:
        self._socket.settimeout(max(0.001, timeout))
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        self.ended = self.ended or not data
        self._buffer += data

    def _unchunk(self) -> None:
        if not self._chunked:
            self._text, self._buffer = self._text + self._buffer, b""
            return
        while b"\r\n" in self._buffer:
            size_line, rest = self._buffer.split(b"\r\n", 1)
            size = int(size_line.split(b";")[0], 16)
            if len(rest) < size + 2:
                return
            self.ended = self.ended or size == 0
            self._text, self._buffer = self._text + rest[:size], rest[size + 2 :]
