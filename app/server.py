"""The HTTP server: one greenlet a connection, the app in native threads, event streams in their greenlet.

Nothing is monkey-patched (docs/arquitectura.md): a route may block without stopping a stream, and a stream costs no
thread. The loop, the sockets and the timers are gevent's; reading HTTP is ours (docs/adr/0003), because every fault of
a request must be answered as a problem, against deadlines that count the whole request.
"""

from __future__ import annotations

import logging
import os
import resource
import socket as stdsocket
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import gevent
from gevent import socket
from gevent.event import Event

from app.server_conn import RECV_BYTES, Connection, problem_answer
from app.server_cuerpos import Cuerpos
from app.server_http import response_head
from app.server_pool import Workers, saturated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.clock import Clock
    from app.server_tls import TlsDoor

log = logging.getLogger(__name__)

BACKLOG = 1024
ACCEPTS_PER_TURN = 64
RESERVED_DESCRIPTORS = 128
"""Kept for the database, the broker, the log and the listening sockets."""
MAX_UNSENT_BYTES = 64 << 20
STOP_TIMEOUT_S = 2.0
ACCEPT_PAUSE_S = (0.02, 1.0)


class HttpSettings(Protocol):
    """The settings that the server reads."""

    @property
    def backend_host(self) -> str: ...
    @property
    def backend_port(self) -> int: ...
    @property
    def http_threads(self) -> int: ...
    @property
    def http_queue_max(self) -> int: ...
    @property
    def http_max_connections(self) -> int: ...
    @property
    def http_header_timeout_s(self) -> float: ...
    @property
    def http_body_max(self) -> int: ...
    @property
    def sse_send_timeout_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection; seconds."""

    header_timeout: float
    send_timeout: float


class Server:
    """Serves ``app``; everything but ``stop`` is called in the thread of the loop it was made in.

    Args:
        on_stop: ends the event streams, when no new connection can come any more.
        tls: where TLS is spoken too; the plain port then understands it as well.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        settings: HttpSettings,
        clock: Clock,
        *,
        on_stop: Callable[[], object] = lambda: None,
        tls: TlsDoor | None = None,
    ) -> None:
        self.app = app
        self.clock = clock
        self.limits = Limits(settings.http_header_timeout_s, settings.sse_send_timeout_s)
        self.cuerpos = Cuerpos(settings.http_body_max)
        self.loop = gevent.get_hub().loop
        self.stopping = False
        self.tls = tls
        self.address = (settings.backend_host, settings.backend_port)
        self._settings = settings
        self._on_stop = on_stop
        self._thread = threading.get_ident()
        self._connections: set[Connection] = set()
        self._max_connections = max_connections(settings.http_max_connections)
        self._unsent = 0
        self._counts: Counter[str] = Counter()
        self._date = (0, "")
        self._done = Event()
        self._spare: int | None = None

    # --- life -------------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return self.address[1]

    def start(self) -> None:
        """Listen and accept.

        Raises:
            OSError: the address is taken or is not this machine's.
        """
        self._listeners = [_listen(self.address)]
        self.address = self._listeners[0].getsockname()[:2]
        if self.tls is not None:
            self._listeners.append(_listen((self.address[0], self.tls.port)))
            self.tls.port = self._listeners[1].getsockname()[1]
        self.workers = Workers(self._settings.http_threads, self._settings.http_queue_max)
        self._spare = _spare_descriptor()
        self._accepting = [gevent.spawn(self._accept_forever, listener) for listener in self._listeners]

    def serve_forever(self) -> None:
        """Return when somebody has called ``stop``."""
        self._done.wait()

    def stop(self) -> None:
        """From any thread: accept no more, let running requests end (2 s), end the streams, close."""
        if threading.get_ident() == self._thread:
            self._stop()
            return
        if self._done.is_set():
            return
        finished = threading.Event()
        self.loop.run_callback_threadsafe(gevent.spawn, self._stop, finished.set)
        finished.wait(STOP_TIMEOUT_S * 2)

    def stop_accepting(self) -> None:
        """Close the door; what runs goes on. In the loop's thread."""
        if not self.stopping:
            self.stopping = True
            gevent.killall(self._accepting)
            for listener in self._listeners:
                listener.close()

    def _stop(self, then: Callable[[], object] = lambda: None) -> None:
        self.stop_accepting()
        for connection in [c for c in self._connections if c.state == "idle"]:
            connection.greenlet and connection.greenlet.kill(block=False)
        self._on_stop()
        rest = [c.greenlet for c in self._connections if c.greenlet is not None]
        gevent.joinall(rest, timeout=STOP_TIMEOUT_S)
        with suppress(gevent.Timeout):
            gevent.killall([g for g in rest if not g.dead], timeout=0.5)
        self.workers.stop()
        self._drop_spare()
        self._done.set()
        then()

    # --- accepting --------------------------------------------------------------------------------------------------

    def _accept_forever(self, listener: socket.socket) -> None:
        port = listener.getsockname()[1]
        pause, in_a_row = ACCEPT_PAUSE_S[0], 0
        while True:
            try:
                sock, address = listener.accept()
            except OSError as error:
                self._out_of_descriptors(listener, error, pause)
                gevent.sleep(pause)
                pause, in_a_row = min(ACCEPT_PAUSE_S[1], pause * 2), 0
                continue
            pause, in_a_row = ACCEPT_PAUSE_S[0], in_a_row + 1
            self._admit(sock, address, port)
            if not in_a_row % ACCEPTS_PER_TURN:  # a flood of connections must not starve those that are in
                gevent.sleep(0)

    def _admit(self, sock: socket.socket, address: tuple[Any, ...], port: int) -> None:
        if len(self._connections) >= self._max_connections:
            self._turn_away(sock)
            return
        connection = Connection(sock, (self._peer(sock, address[0]), address[1]), self, port)
        self._connections.add(connection)
        connection.greenlet = gevent.spawn(connection.run)

    @staticmethod
    def _peer(sock: socket.socket, host: str) -> str:
        """The other end; this machine calling itself by its address in the house's network is loopback all the same.
        Nobody else can answer a handshake from an address that is ours."""
        if host != sock.getsockname()[0]:
            return plain_peer(host)
        return "127.0.0.1" if "." in host else "::1"

    def _turn_away(self, sock: socket.socket) -> None:
        """Say that it is full, without waiting for the request or for the peer."""
        self._counts["connections_refused"] += 1
        answer = problem_answer(saturated().problem)
        headers = [*answer.headers, ("Content-Length", str(len(answer.body))), ("Connection", "close")]
        with suppress(OSError):
            sock.settimeout(0.0)
            sock.send(response_head(answer.status, headers) + answer.body)
            sock.shutdown(stdsocket.SHUT_WR)
            sock.recv(RECV_BYTES)  # what is left unread would make the close a reset, which wipes the answer
        sock.close()

    def _out_of_descriptors(self, listener: socket.socket, error: OSError, pause: float) -> None:
        """Give up the spare descriptor for an instant, to tell those who wait in the queue that there is no room."""
        self._counts["accept_errors"] += 1
        if pause == ACCEPT_PAUSE_S[0]:
            log.warning("accept failed (%s); pausing", error)
        if self._spare is None:
            self._spare = _spare_descriptor()
            return
        self._drop_spare()
        with suppress(OSError):
            listener.settimeout(0.0)
            for _ in range(ACCEPTS_PER_TURN):
                self._turn_away(listener.accept()[0])
        listener.settimeout(None)
        self._spare = _spare_descriptor()

    def _drop_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    # --- what connections use ---------------------------------------------------------------------------------------

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""
        self._connections.discard(connection)

    def count(self, status: str) -> None:
        """An answer was made."""
        self._counts[f"{status[0]}xx"] += 1

    def http_date(self) -> str:
        """The Date header, made once a second."""
        now = self.clock.now()
        second = int(now.timestamp())
        if self._date[0] != second:
            self._date = (second, _http_date(second))
        return self._date[1]

    @contextmanager
    def unsent(self, size: int) -> Iterator[None]:
        """Account for bytes that wait for a peer to read them.

        Raises:
            OSError: too much waits in all.
        """
        if self._unsent + size > MAX_UNSENT_BYTES:
            self._counts["slow_readers_dropped"] += 1
            raise OSError("too many bytes wait for slow readers")
        self._unsent += size
        try:
            yield
        finally:
            self._unsent -= size

    def stats(self) -> dict[str, int]:
        """Numbers for /salud and /metrics; may be read from any thread."""
        states = Counter(c.state for c in list(self._connections))
        return {
            "conexiones": len(self._connections),
            "conexiones_max": self._max_connections,
            "streams": states["stream"],
            "en_proceso": self.workers.pending,
            "en_cola": self.workers.waiting,
            "rechazadas_ocupado": self.workers.refused,
            "rechazadas_conexion": self._counts["connections_refused"],
            "fallos_accept": self._counts["accept_errors"],
            "lectores_lentos": self._counts["slow_readers_dropped"],
            "bytes_por_enviar": self._unsent,
            **{f"respuestas_{k}xx": self._counts[f"{k}xx"] for k in range(2, 6)},
        }


def plain_peer(host: str) -> str:
    """The peer's address; an IPv4 one that came through an IPv6 socket is told as IPv4."""
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def raise_descriptor_limit() -> int:
    """Raise the soft limit on descriptors to the hard one; return what is in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1 << 20 if hard == resource.RLIM_INFINITY else min(hard, 1 << 20)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def max_connections(wanted: int) -> int:
    """How many connections this process can really hold; streams should stay well below, so that a PUT finds room."""
    return min(wanted, max(16, raise_descriptor_limit() - RESERVED_DESCRIPTORS))


def _listen(address: tuple[str, int]) -> socket.socket:
    family = stdsocket.AF_INET6 if ":" in address[0] else stdsocket.AF_INET
    listener = socket.socket(family, stdsocket.SOCK_STREAM)
    try:
        listener.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_REUSEADDR, 1)
        if family == stdsocket.AF_INET6:
            listener.setsockopt(stdsocket.IPPROTO_IPV6, stdsocket.IPV6_V6ONLY, int(address[0] != "::"))
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _spare_descriptor() -> int | None:
    with suppress(OSError):
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return None


def _http_date(second: int) -> str:
    from email.utils import formatdate

    return formatdate(second, usegmt=True)
