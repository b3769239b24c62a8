"""A socket that reads and writes in large pieces under a client that asks for single bytes.

paho-mqtt 2.2.0 reads a packet with three ``recv`` (two of one byte) and sends each PUBACK by itself. Each of those
system calls gives the GIL away, and under load gets it back only when the committing thread lets go of it (figures in
docs/adr/0001).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

READ_BYTES = 65536
NAGLE_OFF = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class BufferedSocket:
    """What paho uses of a socket, over a plain or a TLS one; not thread-safe, like the loop that owns it."""

    def __init__(self, sock: socket.socket, monotonic: Callable[[], float]) -> None:
        self._sock = sock
        self._monotonic = monotonic
        self._data = b""
        self._pos = 0
        self._out = bytearray()
        self.heard = monotonic()
        sock.setsockopt(*NAGLE_OFF)

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes, from what was read ahead when there is any.

        Raises:
            BlockingIOError: nothing there (also for TLS).
        """
        if self._pos >= len(self._data):
            try:
                self._data = self._sock.recv(READ_BYTES)
            except ssl.SSLWantReadError:
                raise BlockingIOError from None
            self._pos = 0
            self.heard = self._monotonic()
        end = self._pos + size
        piece = self._data[self._pos : end]
        self._pos = end
        return piece

    def buffered(self) -> bool:
        """Whether bytes wait here that no selector knows of."""
        return self._pos < len(self._data) or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0)

    def send(self, data: bytes | bytearray) -> int:
        """Take everything; :meth:`flush` sends it."""
        self._out += data
        return len(data)

    def flush(self) -> None:
        """Send what was taken, as far as it goes.

        Raises:
            OSError: the connection is lost.
        """
        while self._out:
            try:
                sent = self._sock.send(self._out)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self._out[:sent]

    def unsent(self) -> bool:
        """Whether :meth:`flush` has to be called again when the socket can take more."""
        return bool(self._out)

    def fileno(self) -> int:
        """The descriptor, -1 when closed."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """As a socket's."""
        self._sock.setblocking(flag)

    def close(self) -> None:
        """Send what can be sent, then close."""
        with suppress(OSError):
            self.flush()
        self._sock.close()
