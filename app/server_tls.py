"""TLS for the server: who speaks it, its handshake against a deadline, and its sockets as the connection uses them.

An SSL object may be used by one thread only, and it knows of bytes that the socket does not: whoever reads or writes
past it breaks the session. So everything here is called in the loop's thread, and a stream over TLS is never handed to
the writer's thread (``Hub`` sends straight to plain sockets only).
"""

from __future__ import annotations

import socket as stdsocket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gevent
from gevent import ssl

if TYPE_CHECKING:
    from pathlib import Path

    from gevent.socket import socket as GeventSocket  # noqa: N812

HANDSHAKE = b"\x16"
"""The first byte of TLS (RFC 8446 §5.1); no method of HTTP starts with it."""
CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(slots=True)
class TlsDoor:
    """The port that speaks TLS only. ``context`` is replaced, whole, when the certificate is renewed."""

    port: int
    context: ssl.SSLContext


def make_context(certificate: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer, ciphers with forward secrecy.

    Raises:
        OSError: the file can't be read or holds no key and certificate that belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate)
    return context


def first_byte(sock: GeventSocket, wait: float) -> bytes:
    """The peer's first byte, which stays unread; none when it left without one.

    Raises:
        TimeoutError: it did not come in time.
    """
    sock.settimeout(wait)
    found: bytes = sock.recv(1, stdsocket.MSG_PEEK)
    return found


def shake_hands(sock: GeventSocket, context: ssl.SSLContext, limit: float) -> ssl.SSLSocket:
    """The socket with TLS over it; ``sock`` itself is no more. One deadline, however the peer's bytes drip.

    Raises:
        OSError: no agreement, or none in time.
    """
    secured = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True)
    try:
        with gevent.Timeout(limit, TimeoutError("the handshake took too long")):
            secured.settimeout(limit)
            secured.do_handshake()
    except BaseException:
        secured.close()
        raise
    return secured


def read_now(sock: ssl.SSLSocket, size: int) -> bytes:
    """What can be read without waiting; none when the peer has said goodbye. In the loop.

    Raises:
        BlockingIOError: nothing yet: what arrived was TLS's own.
        OSError: the connection is broken.
    """
    try:
        data: bytes = sock._sslobj.read(size)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise BlockingIOError from None
    except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
        return b""
    return data


def write_now(sock: ssl.SSLSocket, data: bytes | memoryview) -> int:
    """How many bytes could be sent without waiting; what is left must be sent next, nothing else."""
    try:
        return int(sock._sslobj.write(data))
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return 0


def say_goodbye(sock: ssl.SSLSocket) -> None:
    """Tell the peer that nothing was cut off (RFC 8446 §6.1), without waiting for its own goodbye."""
    if sock._sslobj is not None:
        with suppress(OSError, ValueError):
            sock._sslobj.shutdown()
