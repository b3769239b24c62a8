"""REST on one kept-alive connection: the list of twenty devices and one device."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

from bench.children import BenchError, Target
from bench.load import Plan
from bench.report import Row
from bench.stats import summary
from bench.store import last_row, probe, run_load, wait_rows
from bench.wire import http_get, http_send

if TYPE_CHECKING:
    from bench.runs import Context

NAME = "rest"
DEVICES = 20
GOAL_MS = 2.0
PATHS = {"/dispositivos": f"GET /dispositivos ({DEVICES})", "/dispositivos/1": "GET /dispositivos/1"}


class Client:
    """A bare HTTP client: one socket, whole answers, a new connection only when the server closed the last."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.opened = 0
        self.sock: socket.socket | None = None

    def get(self, path: str) -> bytes:
        """Body of a 200 or 201 answer; BenchError for another."""
        return self.exchange(http_get(path, self.host))

    def send(self, method: str, path: str, value: dict[str, Any]) -> bytes:
        """The same, for a request that carries JSON."""
        return self.exchange(http_send(method, path, self.host, json.dumps(value).encode()))

    def exchange(self, request: bytes) -> bytes:
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.opened += 1
        self.sock.sendall(request)
        head, body = self.read_head(self.sock)
        if head[9:12] not in (b"200", b"201"):
            raise BenchError(f"{request[:40]!r} contestó {head[:60]!r}")
        return self.read_body(self.sock, head.lower(), body)

    @staticmethod
    def read_head(sock: socket.socket) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                raise BenchError("el servidor cerró sin contestar")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        return head, body

    def read_body(self, sock: socket.socket, head: bytes, body: bytes) -> bytes:
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += sock.recv(65536)
        if b"connection: close" in head or head.startswith(b"http/1.0"):
            self.close()
        return body

    def close(self) -> None:
        if self.sock:
            self.sock.close()
            self.sock = None


def run(context: Context) -> None:
    found = {which: application(context, which) for which in ("plain", "ours") if getattr(context.options, which)}
    context.report.detail(NAME, found)
    for path, label in PATHS.items():
        for mark in ("p50", "p99"):
            value = {name: result[path][mark] for name, result in found.items()}
            goal = mark == "p50" and path == "/dispositivos"
            ours = value.get("ours")
            context.report.add(
                Row(
                    NAME,
                    f"{label}, {mark}",
                    "ms",
                    ours,
                    value.get("plain"),
                    goal_text=f"< {GOAL_MS:.0f} ms" if goal else "",
                    reached=ours < GOAL_MS if goal and ours is not None else None,
                )
            )


def application(context: Context, which: str) -> dict[str, Any]:
    with context.lab() as lab:
        broker = lab.mosquitto()
        target = lab.backend(broker) if which == "ours" else lab.plain(broker)
        probe(lab, target, broker)
        before = last_row(target.database)
        run_load(lab, Plan(broker, devices=DEVICES - 1, count=DEVICES - 1, connections=1))  # the probe is the twentieth
        wait_rows(target.database, before + DEVICES - 1, 10)
        return measure(context, target)


def measure(context: Context, target: Target) -> dict[str, Any]:
    client, found = Client(target.port), {}
    for path in PATHS:
        body = client.get(path)
        if path == "/dispositivos" and body.count(b'"serial_number"') != DEVICES:
            raise BenchError(f"{target.name}: la lista no trae {DEVICES} dispositivos")
        found[path] = timed(client, path, context.options.seconds / 2)
    client.close()
    return {**found, "connections": client.opened}


def timed(client: Client, path: str, seconds: float) -> dict[str, Any]:
    values, end = [], time.monotonic() + seconds
    while (start := time.perf_counter()) and time.monotonic() < end:
        client.get(path)
        values.append(time.perf_counter() - start)
    return summary(values, 1000.0)
