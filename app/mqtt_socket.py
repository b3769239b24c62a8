"""The socket under paho: it reads in large pieces, cuts them into packets and decodes the PUBLISH packets itself.

paho-mqtt 2.2.0 reads a packet with three ``recv`` (two of one byte), takes 35 µs of a message's 60, and sends each
PUBACK by itself. Each of those system calls gives the GIL away, and under load gets it back only when the committing
thread lets go of it (docs/adr/0001). So paho is left with what is rare: connecting, subscribing, publishing, pinging.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

READ_BYTES = 65536
NAGLE_OFF = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_PUBLISH, _PUBACK = 0x30, b"\x40\x02"
_MAX_LENGTH_BYTES = 4


class Publish(NamedTuple):
    """A PUBLISH packet (MQTT 3.1.1 §3.3); ``mid`` is 0 at QoS 0."""

    topic: bytes
    payload: bytes
    mid: int
    qos: int
    dup: bool
    retain: bool


class BufferedSocket:
    """What paho uses of a socket, over a plain or a TLS one; not thread-safe, like the loop that owns it."""

    def __init__(self, sock: socket.socket, monotonic: Callable[[], float]) -> None:
        self._sock = sock
        self._monotonic = monotonic
        self._data = bytearray()
        self._pos = 0
        self._lent = 0  # paho may read up to here
        self._ended = False
        self._out = bytearray()
        self.heard = monotonic()
        sock.setsockopt(*NAGLE_OFF)

    def fill(self) -> None:
        """Read once; nothing there is no fault."""
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        self._ended = not data
        del self._data[: self._pos]
        self._pos = self._lent = 0
        self._data += data
        self.heard = self._monotonic()

    def next_packet(self) -> Publish | bool:
        """The next packet if it is a PUBLISH; True when it is for paho to read, as is the end of the connection; False
        when it has not arrived whole.

        Raises:
            ConnectionError: what came is not MQTT 3.1.1, or a QoS that was not asked for.
        """
        data, first = self._data, self._pos
        if len(data) - first < 2:
            return self._ended
        at, size, shift = first + 1, 0, 0
        while True:  # the remaining length, seven bits a byte (§2.2.3)
            byte = data[at]
            size |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                break
            shift += 7
            if shift >= 7 * _MAX_LENGTH_BYTES:
                raise ConnectionError("el broker manda un paquete de longitud imposible")
            if at >= len(data):
                return self._ended
        end = at + size
        if end > len(data):
            return self._ended
        if data[first] & 0xF0 != _PUBLISH:
            self._lent = end
            return True
        self._pos = end
        return _publish(data, data[first], at, end)

    def recv(self, size: int) -> bytes:
        """What :meth:`next_packet` lent to paho, empty at the end of the connection.

        Raises:
            BlockingIOError: there is no more of it.
        """
        end = min(self._pos + size, self._lent)
        if end <= self._pos and not self._ended:
            raise BlockingIOError
        piece = bytes(self._data[self._pos : end])
        self._pos += len(piece)
        return piece

    def pending(self) -> bool:
        """Whether bytes wait that no selector knows of."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def acknowledge(self, mid: int) -> None:
        """Take a PUBACK; :meth:`flush` sends it."""
        self._out += _PUBACK + mid.to_bytes(2, "big")

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


def _publish(data: bytearray, flags: int, at: int, end: int) -> Publish:
    qos = flags >> 1 & 3
    topic_end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    start = topic_end + 2 * (qos > 0)
    if start > end or qos > 1:
        raise ConnectionError("el broker manda un PUBLISH mal hecho o de una QoS que no se pidió")
    mid = int.from_bytes(data[topic_end:start], "big")
    topic, payload = bytes(data[at + 2 : topic_end]), bytes(data[start:end])
    return Publish(topic, payload, mid, qos, bool(flags & 0x08), bool(flags & 0x01))
