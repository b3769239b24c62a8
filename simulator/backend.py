"""The backend's HTTP API as a device or an installer uses it: JSON over kept-alive connections, one per thread."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_S = 5.0
_LIST_MAX_AGE_S = 3.0
_BODY_MAX = 64 * 1024 * 1024


class RespuestaHttp(Exception):
    """The backend answered with an error: ``status`` and its own sentence."""

    def __init__(self, status: int, mensaje: str) -> None:
        super().__init__(f"el backend respondió {status}: {mensaje}")
        self.status = status


class Backend:
    """Safe to use from many threads. Every call may raise ``OSError`` (unreachable) or ``RespuestaHttp``."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"dirección de backend no válida: {url}")
        self._https = parts.scheme == "https"
        self._netloc = parts.netloc.rpartition("@")[2]
        self._path = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._local = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._list_lock = threading.Lock()
        self._ids: dict[str, int] = {}
        self._listed_at = float("-inf")

    def id_of(self, serial: str) -> int | None:
        """The id behind a serial, from ``GET /dispositivos``; ``None`` while the backend has not seen it.

        The list is shared by the whole house and read at most every 3 s: one answer about 2,000 devices is 1 MB.
        """
        with self._list_lock:
            if serial not in self._ids and time.monotonic() - self._listed_at > _LIST_MAX_AGE_S:
                self._listed_at = time.monotonic()
                devices = self._call("GET", "/dispositivos")
                self._ids = {device["serial_number"]: device["id"] for device in devices}
            return self._ids.get(serial)

    def forget(self, serial: str) -> None:
        """The id is no longer true (404): ask for it again."""
        with self._list_lock:
            self._ids.pop(serial, None)

    def device(self, device_id: int) -> dict[str, Any]:
        return self._object("GET", f"/dispositivos/{device_id}")

    def read(self, path: str) -> dict[str, Any]:
        return self._object("GET", path)

    def update(self, device_id: int, cambios: dict[str, Any]) -> dict[str, Any]:
        return self._object("PUT", f"/dispositivos/{device_id}", cambios)

    def reclamar(self, reclamo: dict[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/dispositivos/reclamar", reclamo)

    def items(self, path: str) -> list[dict[str, Any]]:
        """What a GET lists, as a bare array or as the ``data`` of a page."""
        answer = self._call("GET", path)
        found = answer.get("data") if isinstance(answer, dict) else answer
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise RespuestaHttp(502, "se esperaba una lista de objetos JSON")
        return found

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._object("POST", path, body)

    def close(self) -> None:
        """Close the connections of all threads, which must have ended."""
        while self._connections:
            self._connections.pop().close()

    def _object(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._call(method, path, body)
        if not isinstance(answer, dict):
            raise RespuestaHttp(502, "se esperaba un objeto JSON")
        return answer

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            status, answer = self._exchange(method, self._path + path, data)
        except http.client.HTTPException as err:
            raise ConnectionError(f"respuesta HTTP que no se entiende: {err!r}") from err
        if status >= 300:
            raise RespuestaHttp(status, _sentence(answer))
        try:
            return json.loads(answer)
        except ValueError as err:
            raise RespuestaHttp(status, "la respuesta no es JSON") from err

    def _exchange(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        """One request; once more when the server had closed the kept-alive connection meanwhile (all idempotent)."""
        fresh = getattr(self._local, "connection", None) is None
        try:
            return self._exchange_once(method, path, data)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if fresh:
                raise
            return self._exchange_once(method, path, data)

    def _exchange_once(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        connection = self._connection()
        headers = {**self._headers, "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read(_BODY_MAX)
        except BaseException:
            self._drop(connection)
            raise

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            maker = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
            connection = self._local.connection = maker(self._netloc, timeout=_PATIENCE_S)
            self._connections.append(connection)
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._local.connection = None
        self._connections.remove(connection)


def _sentence(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return answer[:200].decode("utf-8", "replace").strip() or "sin explicación"
