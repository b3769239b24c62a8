"""One HTTP connection in its greenlet: read a request against a deadline, have it answered, send the answer.

A stream keeps almost nothing: when one starts, the request's buffers, headers and environ are gone from this greenlet
and what stays is the socket, the iterator and two small frames.
"""

from __future__ import annotations

import logging
import socket as stdsocket
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import gevent
from gevent import GreenletExit

from app.problems import CONTENT_TYPE, SECURITY_HEADERS, Problem, ProblemError, internal
from app.server_descarga import Emisor, send_pieces
from app.server_http import (
    HEAD_END,
    MAX_CHUNK_LINE,
    Head,
    bad_request,
    body_too_large,
    check_partial_head,
    make_environ,
    parse_chunk_size,
    parse_head,
    response_head,
)
from app.server_pool import Answer, call_app, finish
from app.server_tls import HANDSHAKE, first_byte, read_now, say_goodbye, shake_hands, write_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gevent.socket import socket as GeventSocket  # noqa: N812
    from gevent.ssl import SSLContext

    from app.espera import EnEspera
    from app.server import Server

log = logging.getLogger(__name__)

RECV_BYTES = 8192
KEEPALIVE_IDLE_S = 75.0
LINGER_S = 1.0
LINGER_BYTES = 1 << 18
STREAM_SNDBUF = 32768
STREAM_KEEPALIVE_IDLE_S = 15
STREAM_KEEPALIVE_INTERVAL_S = 5
FRAMES_PER_TURN = 32
"""Frames sent in one go before the other greenlets get a turn, when the socket never makes us wait."""

Estado = Literal["idle", "busy", "stream"]


class Connection:
    """A connection from accept to close. ``port`` is the one it came to."""

    __slots__ = ("__weakref__", "_buffer", "_peer", "_port", "_server", "_sock", "_tls", "greenlet", "state")

    def __init__(self, sock: GeventSocket, peer: tuple[str, int], server: Server, port: int) -> None:
        self._sock = sock
        self._peer = peer
        self._server = server
        self._port = port
        self._tls = False
        self._buffer = b""
        self.state: Estado = "idle"
        self.greenlet: gevent.Greenlet[..., None] | None = None

    def run(self) -> None:
        """Serve requests until either side has had enough."""
        try:
            self._sock.setsockopt(stdsocket.IPPROTO_TCP, stdsocket.TCP_NODELAY, 1)
            first_wait = self._server.limits.header_timeout
            if self._server.tls is not None:
                self._meet(self._server.tls.context, first_wait)
            while (next_step := self._serve_one(first_wait)) is True:
                first_wait = KEEPALIVE_IDLE_S
            if next_step is not False:
                self._stream(next_step)
        except ProblemError as error:
            self._refuse(error.problem)
        except (OSError, GreenletExit):
            pass  # the peer left, or stopped reading, or we are stopping
        except Exception:
            log.exception("a connection failed unexpectedly")
        finally:
            if self._tls:
                say_goodbye(self._sock)
            self._sock.close()
            self._server.forget(self)

    def _meet(self, context: SSLContext, wait: float) -> None:
        """TLS, if the peer begins with it. Both ports understand it: a browser that was told to use HTTPS for this
        name (HSTS) does so on whatever port the address has. Only the plain port understands plain HTTP."""
        first = first_byte(self._sock, wait)
        if first == HANDSHAKE:
            self._sock = shake_hands(self._sock, context, wait)
            self._tls = True
        elif first and self._server.tls is not None and self._port == self._server.tls.port:
            detail = "En este puerto solo se habla HTTPS: la dirección empieza por https://"
            raise ProblemError(Problem(400, "falta_https", detail))

    # --- one request ------------------------------------------------------------------------------------------------

    def _serve_one(self, wait: float) -> bool | Iterator[bytes]:
        """True: read the next request; False: close; an iterator: stream it."""
        self.state = "idle"
        head = self._read_head(wait)
        if head is None:
            return False
        self.state = "busy"
        here = (self._server.address[0], self._port)
        scheme = "https" if self._tls else "http"
        with self._server.cuerpos.room(head) as most:
            answer = self._answer(make_environ(head, self._read_body(head, most), self._peer, here, scheme=scheme))
        self._server.count(answer.status)
        log.debug("%s %s %s %s", self._peer[0], head.method, head.target, answer.status)
        if answer.stream is not None:
            return self._start_stream(answer, head)
        # Who may not come in does not get to hold a place either.
        keep = head.keep_alive and not self._server.stopping and answer.status[:3] not in ("401", "403", "421")
        if answer.pieces is not None:
            emisor = Emisor(self._send, self._server.workers, self._server.http_date())
            return send_pieces(answer, head, emisor, keep=keep)
        self._send(self._render(answer, head, keep))
        return keep

    def _answer(self, environ: dict[str, Any]) -> Answer:
        try:
            answer = self._server.workers.run(partial(call_app, self._server.app, environ))
            return answer if answer.held is None else self._hold(answer, answer.held)
        except ProblemError as error:
            return problem_answer(error.problem)
        except OSError:
            raise
        except Exception:
            log.exception("the application failed outside of its own error handling")
            return problem_answer(internal())

    def _hold(self, answer: Answer, held: EnEspera) -> Answer:
        """Wait for what the answer tells, without a thread, for as long as the peer stays."""
        leave = self._server.loop.io(self._sock.fileno(), 1)
        leave.start(self._on_readable_held, gevent.getcurrent(), leave)
        try:
            held.espera.wait()
            leave.stop()
            return self._server.workers.run(partial(finish, answer), admitted=True)
        finally:
            leave.stop()
            leave.close()
            held.espera.close()

    def _on_readable_held(self, waiting: gevent.Greenlet[..., None], leave: Any) -> None:
        """In the hub: the peer left, or sends its next request already, which is read in its turn."""
        try:
            self._buffer += (heard := self._heard())
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        leave.stop()
        if not heard:
            waiting.kill(block=False)

    def _render(self, answer: Answer, head: Head, keep: bool) -> bytes:
        """The whole answer, so that it leaves in one send."""
        names = {k.lower() for k, _ in answer.headers}
        extra = [] if "date" in names else [("Date", self._server.http_date())]
        bodyless = answer.status[:3] in ("204", "304")
        if "content-length" not in names and not bodyless and (head.method != "HEAD" or answer.body):
            extra.append(("Content-Length", str(len(answer.body))))
        if not keep:
            extra.append(("Connection", "close"))
        elif not head.minor:
            extra.append(("Connection", "keep-alive"))
        raw = response_head(answer.status, answer.headers + extra)
        return raw if bodyless or head.method == "HEAD" else raw + answer.body

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read_head(self, wait: float) -> Head | None:
        """The next head; None when the peer is done. One deadline for the whole head, however its bytes drip."""
        buffer, self._buffer = self._buffer.lstrip(b"\r\n"), b""
        deadline = self._deadline() if buffer else None
        while (end := buffer.find(HEAD_END)) < 0:
            check_partial_head(buffer)
            more = self._recv(deadline, wait)
            if not more:
                if buffer:
                    raise bad_request("La petición llegó cortada")
                return None
            deadline = deadline or self._deadline()
            buffer = (buffer + more) if buffer else more.lstrip(b"\r\n")
        check_partial_head(buffer[: end + 2])
        self._buffer = buffer[end + len(HEAD_END) :]
        return parse_head(buffer[:end])

    def _deadline(self) -> float:
        return self._server.clock.monotonic() + self._server.limits.header_timeout

    def _recv(self, deadline: float | None, wait: float) -> bytes:
        """Some bytes; none when the peer closed, or was idle for ``wait`` before the first byte of a request."""
        left = wait if deadline is None else deadline - self._server.clock.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
            data: bytes = self._sock.recv(RECV_BYTES)
        except TimeoutError:
            if deadline is None:
                return b""
            raise ProblemError(Problem(408, "peticion_lenta", "La petición tardó demasiado en llegar")) from None
        return data

    def _read_body(self, head: Head, limit: int) -> bytes:
        if not head.chunked and not head.content_length:
            return b""
        if head.content_length is not None and head.content_length > limit:
            raise body_too_large(limit)
        if head.expects_continue and not self._buffer:
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        deadline = self._deadline()
        if head.content_length is not None:
            return self._read_exactly(head.content_length, deadline)
        return self._read_chunks(limit, deadline)

    def _read_exactly(self, size: int, deadline: float) -> bytes:
        parts, have = [self._buffer], len(self._buffer)
        while have < size:
            more = self._recv(deadline, 0)
            if not more:
                raise bad_request("El cuerpo llegó cortado")
            parts.append(more)
            have += len(more)
        data = b"".join(parts)
        self._buffer = data[size:]
        return data[:size]

    def _read_chunks(self, limit: int, deadline: float) -> bytes:
        body = bytearray()
        while size := parse_chunk_size(self._read_line(deadline)):
            if len(body) + size > limit:
                raise body_too_large(limit)
            body += self._read_exactly(size, deadline)
            if self._read_exactly(2, deadline) != b"\r\n":
                raise bad_request("El cuerpo por trozos (chunked) está mal formado")
        for _ in range(16):  # trailers are read and dropped
            if not self._read_line(deadline):
                return bytes(body)
        raise bad_request("Demasiadas cabeceras al final del cuerpo")

    def _read_line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_CHUNK_LINE:
                raise bad_request("El cuerpo por trozos (chunked) está mal formado")
            more = self._recv(deadline, 0)
            if not more:
                raise bad_request("El cuerpo llegó cortado")
            self._buffer += more
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        if end > MAX_CHUNK_LINE:
            raise bad_request("El cuerpo por trozos (chunked) está mal formado")
        return line

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self, data: bytes | memoryview) -> None:
        """Send all of ``data`` within the send deadline.

        Raises:
            OSError: the peer is gone, or did not read in time, or too much waits for peers like it.
        """
        sock, limits = self._sock, self._server.limits
        sock.settimeout(limits.send_timeout)
        sent = write_now(sock, data) if self._tls else sock.send(data)
        if sent == len(data):
            return
        view = memoryview(data)[sent:]
        # A timer of its own: over TLS one send may wait more than once, for parts of a record.
        in_time = gevent.Timeout(limits.send_timeout, TimeoutError("the peer does not read"))
        with self._server.unsent(len(view)), in_time:
            while view:
                view = view[sock.send(view) :]

    def _refuse(self, problem: Problem) -> None:
        """Answer a request that could not be read, and close: what follows it can't be trusted to be a request."""
        answer = problem_answer(problem)
        self._server.count(answer.status)
        log.debug("%s refused: %s %s", self._peer[0], answer.status, problem.error)
        head = [*answer.headers, ("Date", self._server.http_date()), ("Connection", "close")]
        head.append(("Content-Length", str(len(answer.body))))
        try:
            self._send(response_head(answer.status, head) + answer.body)
            self._linger()
        except (OSError, GreenletExit):
            pass

    def _linger(self) -> None:
        """Read a little of what the peer still sends: a reset would wipe the answer from its receive buffer."""
        if self._tls:
            say_goodbye(self._sock)
        self._sock.shutdown(stdsocket.SHUT_WR)
        deadline, budget = self._server.clock.monotonic() + LINGER_S, LINGER_BYTES
        while budget > 0 and (left := deadline - self._server.clock.monotonic()) > 0:
            self._sock.settimeout(left)
            got = len(self._sock.recv(RECV_BYTES))
            if not got:
                return
            budget -= got

    # --- streams ----------------------------------------------------------------------------------------------------

    def _start_stream(self, answer: Answer, head: Head) -> bool | Iterator[bytes]:
        """Send the head of a stream, which ends with the connection, so that its frames need no framing of ours."""
        assert answer.stream is not None
        self.state = "stream"
        try:
            self._tune_for_stream()
            headers = [*answer.headers, ("Date", self._server.http_date()), ("Connection", "close")]
            self._send(response_head(answer.status, headers))
        except BaseException:
            close_stream(answer.stream)
            raise
        if head.method == "HEAD":
            close_stream(answer.stream)
            return False
        self._buffer = b""
        return answer.stream

    def _tune_for_stream(self) -> None:
        """A silent partition must end a stream; a reader that stops must not hold much of the kernel's memory."""
        sock, tcp = self._sock, stdsocket.IPPROTO_TCP
        sock.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_SNDBUF, STREAM_SNDBUF)
        sock.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_USER_TIMEOUT", int(self._server.limits.send_timeout * 1000)),
            ("TCP_KEEPIDLE", STREAM_KEEPALIVE_IDLE_S),
            ("TCP_KEEPINTVL", STREAM_KEEPALIVE_INTERVAL_S),
        ):
            if hasattr(stdsocket, name):
                sock.setsockopt(tcp, getattr(stdsocket, name), value)

    def _stream(self, frames: Iterator[bytes]) -> None:
        leave = self._server.loop.io(self._sock.fileno(), 1)
        leave.start(self._on_readable, gevent.getcurrent())
        attach = getattr(frames, "attach", None)
        if attach is not None and not self._tls:
            attach(self._sock._sock.send)
        try:
            for sent, frame in enumerate(frames, 1):
                self._send_frame(frame)
                if not sent % FRAMES_PER_TURN:
                    gevent.sleep(0)
        finally:
            leave.stop()
            leave.close()
            close_stream(frames)

    def _send_frame(self, frame: bytes) -> None:
        """Tens of thousands a second: straight to the kernel, which has room for all of it unless the reader lags."""
        if self._tls:
            self._send(frame)
            return
        try:
            sent = self._sock._sock.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._send(memoryview(frame)[sent:])

    def _on_readable(self, streaming: gevent.Greenlet[..., None]) -> None:
        """In the hub: a reader of a stream has nothing to say, so readable means that it left (or talks, which is
        thrown away); without this its place would stay taken until the next ping fails."""
        try:
            data = self._heard()
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            streaming.kill(block=False)

    def _heard(self) -> bytes:
        """In the hub: what the peer has sent, without waiting; none when it left."""
        data: bytes = read_now(self._sock, RECV_BYTES) if self._tls else self._sock._sock.recv(RECV_BYTES)
        return data


def problem_answer(problem: Problem) -> Answer:
    """A problem as the server's own answer."""
    headers = [("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store"), *SECURITY_HEADERS, *problem.headers]
    return Answer(f"{problem.status} {_reason(problem.status)}", headers, problem.body())


def _reason(status: int) -> str:
    from http import HTTPStatus

    return HTTPStatus(status).phrase


def close_stream(frames: Iterator[bytes]) -> None:
    """Give a stream's subscription back, whether it ran or not."""
    close = getattr(frames, "close", None)
    if close is not None:
        close()
