"""The HTTP edge for real, without a process of its own: server, app, database file and hub, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app import create_app
from app.autenticador import Autenticador
from app.bus import Bus
from app.clock import Clock
from app.contrasenas import Contrasenas
from app.db import Database
from app.domain.events import AccesoRevocado, Event
from app.entrada import Entrada
from app.espera import Esperas
from app.intentos import Intentos
from app.migrations import migrate
from app.pases import Pases
from app.server import Server
from app.server_tls import TlsDoor, make_context
from app.servicios import Cifrado, Services
from app.sse import Hub


@dataclass(frozen=True)
class EdgeSettings:
    """The settings that the edge reads, with the defaults of config.py."""

    backend_host: str = "127.0.0.1"
    backend_port: int = 0
    http_threads: int = 4
    http_queue_max: int = 200
    http_max_connections: int = 8000
    http_header_timeout_s: float = 10.0
    http_body_max: int = 65536
    claims_per_min: float = 0.0
    sse_send_timeout_s: float = 20.0
    trusted_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    trusted_proxies: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    public_backend_url: str = ""
    mqtt_broker_url: str = ""
    mqtt_broker_port: int = 1883
    mqtt_listen_host: str = "127.0.0.1"
    mqtt_tls_port: int = 8883


@dataclass
class Edge:
    """A running edge: its port, and the parts behind it."""

    port: int
    server: Server
    services: Services | None = None
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def tls_port(self) -> int:
        assert self.server.tls is not None
        return self.server.tls.port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def raw(self, data: bytes) -> bytes:
        """Everything the server says to these bytes until it closes or falls silent for half a second."""
        with self.connect() as sock:
            sock.settimeout(0.5)
            sock.sendall(data)
            return read_until_silent(sock)


def read_until_silent(sock: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := sock.recv(65536):
            found += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    return found


def make_services(
    folder: Path,
    settings: EdgeSettings,
    parts: dict[str, Any],
    clock: Clock | None = None,
    control: str | None = None,
    cifrado: Cifrado | None = None,
) -> Services:
    clock = clock or Clock()
    bus: Bus[Event] = Bus()
    revocations: Bus[AccesoRevocado] = Bus()
    path = folder / "iot.db"
    migrate(path, clock.now())
    db = Database(f"sqlite:///{path.name}", folder, clock, bus.publish, revoke=revocations.publish)
    hub = Hub(epoch="e", last=0, history=1000, ping_s=15.0, max_streams=6000, max_per_address=6000, clock=clock)
    bus.subscribe(hub.publish)
    esperas = Esperas()
    bus.subscribe(esperas.on_events)
    autenticador = Autenticador(db, clock, control=control)
    pases = Pases(clock)
    for listener in (autenticador.on_revoked, pases.revocar, hub.revoke):
        revocations.subscribe(listener)
    entrada = Entrada(db, clock, Contrasenas(), Intentos())
    whole = cifrado or Cifrado()
    return Services(settings, db, hub, esperas, clock, lambda: parts, autenticador, entrada, pases, cifrado=whole)


@contextmanager
def running(
    app: Callable[..., Any] | None,
    folder: Path | None,
    *,
    clock: Clock | None = None,
    control: str | None = None,
    wrap: Callable[[Any], Any] = lambda whole: whole,
    certificate: Path | None = None,
    cifrado: Cifrado | None = None,
    **changes: Any,
) -> Iterator[Edge]:
    """An edge with ``app``, or with the whole application over a database in ``folder``, ``wrap`` around it; ``clock``
    is the application's, ``control`` the command line's credential, ``certificate``: with TLS."""
    settings = replace(EdgeSettings(), **changes)
    parts: dict[str, Any] = {"version": "t", "base_de_datos": {"responde": True}, "mqtt": {"conectado": False}}
    services = make_services(folder, settings, parts, clock, control, cifrado) if folder is not None else None
    ready, made = threading.Event(), []

    def serve() -> None:
        whole = app or wrap(create_app(services))
        door = TlsDoor(0, make_context(certificate)) if certificate is not None else None
        on_stop = services.hub.close if services else lambda: None
        server = Server(whole, settings, Clock(), on_stop=on_stop, tls=door)
        server.start()
        if services:
            services.hub.start()
        made.append(server)
        ready.set()
        server.serve_forever()

    thread = threading.Thread(target=serve, name="edge")
    thread.start()
    assert ready.wait(10)
    try:
        yield Edge(made[0].port, made[0], services, parts)
    finally:
        made[0].stop()
        thread.join(10)
        if services:
            services.db.close()
