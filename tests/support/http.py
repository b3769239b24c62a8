"""HTTP as a client speaks it: ``Http`` for polite requests, ``raw`` for bytes nobody's library would send."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Respuesta:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


class Http:
    """One request, one connection: what curl does."""

    def __init__(self, port: int, host: str = "127.0.0.1", timeout: float = 15.0) -> None:
        self.host, self.port, self.timeout = host, port, timeout

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Respuesta:
        sent = dict(headers or {})
        data = raw
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Respuesta(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **kw: Any) -> Respuesta:
        return self.request("GET", path, **kw)

    def put(self, path: str, body: Any = None, **kw: Any) -> Respuesta:
        return self.request("PUT", path, body, **kw)

    def post(self, path: str, body: Any = None, **kw: Any) -> Respuesta:
        return self.request("POST", path, body, **kw)

    def device(self, serial: str) -> dict[str, Any] | None:
        """The device of that serial number as the list shows it, or None."""
        found = [d for d in self.get(f"/dispositivos?q={serial}").json if d["serial_number"] == serial]
        return found[0] if found else None


def raw(port: int, data: bytes, *, timeout: float = 10.0, half_close: bool = False) -> Respuesta | None:
    """Send bytes as they are; the parsed answer, or None when the server closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = http.client.HTTPResponse(s)
        try:
            answer.begin()
            return Respuesta(answer.status, answer.headers, answer.read())
        except (http.client.BadStatusLine, http.client.RemoteDisconnected, ConnectionResetError):
            return None
        finally:
            answer.close()


def problem(answer: Respuesta, status: int, sentence: str | None = None) -> dict[str, Any]:
    """Assert the shape of every error: RFC 9457 plus ``error``; the body is returned."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers.get_content_type() == "application/problem+json", answer.headers.items()
    body = answer.json
    assert {"type", "title", "status", "detail", "error"} <= set(body), body
    assert body["status"] == status
    assert all(isinstance(body[k], str) and body[k] for k in ("type", "title", "detail", "error")), body
    if sentence is not None:
        assert body["error"] == sentence
    return body
