"""One reader of the live stream: its place in the hub's history, and the bytes that it is owed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gevent import getcurrent

from app.domain.dispositivo import Dispositivo
from app.representacion import device_event_json
from app.sse_frames import HELLO, PING

if TYPE_CHECKING:
    from datetime import datetime

    import gevent

    from app.domain.events import AccesoRevocado
    from app.domain.filtro import FiltroStream
    from app.domain.identidad import Identidad
    from app.sse import Hub

RETRY_MS = (500, 3000)
"""What a closing server tells its readers to wait, drawn for each, so that they don't come back as one."""


class Subscription:
    """One reader's place in the stream."""

    __slots__ = (
        "_greenlet", "_hub", "_missed_to", "_quien", "_reset", "_rest", "_send", "address", "cursor", "ended", "expira",
        "filtro", "next_ping",
    )  # fmt: skip

    def __init__(
        self,
        hub: Hub,
        filtro: FiltroStream,
        address: str,
        cursor: int,
        *,
        reset: bool,
        quien: Identidad | None,
    ) -> None:
        self._hub = hub
        self._quien = quien
        self.expira: datetime | None = None
        self.ended = False
        self._greenlet: gevent.Greenlet | None = None
        self.filtro = filtro
        self.cursor = cursor
        self._reset = reset
        self._send: Callable[[bytes], int] | None = None
        self._rest = b""  # of what was handed over, the part that the socket had no room for
        self._missed_to = hub.last  # up to here a reader that resumes is given every event
        self.address = address
        self.next_ping = hub.clock.monotonic() + hub.ping_s

    def stream(self, snapshot: tuple[int, Sequence[Dispositivo]] | None = None) -> Stream:
        """The bytes for the reader, to be iterated in a greenlet; close it in any case."""
        return Stream(self, self._frames(snapshot))

    def close(self) -> None:
        """Give the place back."""
        self._hub.release(self)

    def is_of(self, fact: AccesoRevocado) -> bool:
        """Whether the reader came in with what is revoked."""
        return self._quien is not None and self._quien.is_of(fact.usuario_id, fact.credencial)

    def end_at(self, instant: datetime | None) -> None:
        """The stream ends then, when what let the reader in does; None: nothing says when."""
        if instant is not None:
            self.expira = instant
            self._hub.expire(self)

    def kill(self) -> None:
        """In the loop: end the stream at once, also in the middle of sending to a reader that does not read."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def attach(self, send: Callable[[bytes], int]) -> None:
        """How to send to the reader without waiting, from any thread: answers how many bytes were taken, or raises
        ``OSError``. Called only while the stream waits for events."""
        self._send = send

    def take(self, before: int, last: int, chunk: bytes) -> bool:
        """Give a waiting reader that has all up to ``before`` what follows; False when its greenlet has to go on."""
        if self._send is None or self._rest or self.cursor != before or self.ended:
            return False
        if chunk:
            try:
                sent = self._send(chunk)
            except OSError:  # no room, or the reader is gone: its greenlet waits for it, or ends
                return False
            self._rest = chunk[sent:]
        self.cursor = last
        return not self._rest and last == self._hub.last

    def _frames(self, snapshot: tuple[int, Sequence[Dispositivo]] | None) -> Iterator[bytes]:
        hub = self._hub
        self._greenlet = getcurrent()
        if self.ended:
            return
        yield HELLO + self._opening(snapshot)
        del snapshot
        while not (hub.closing or self.ended):
            if hub.last > self.cursor:
                chunk = self._next()
                if chunk:
                    yield chunk
            else:
                hub.park(self)
                if self._rest:
                    rest, self._rest = self._rest, b""
                    yield rest
            if self.next_ping <= hub.clock.monotonic():
                self.next_ping = hub.clock.monotonic() + hub.ping_s
                yield PING
        if hub.closing:
            yield f"retry: {random.randint(*RETRY_MS)}\n\n".encode()  # noqa: S311 - spreads load, guards nothing

    def _next(self) -> bytes:
        """What comes after the cursor. A reader that resumes and whose missed events leave the history before it took
        them is told ``reset``, never a part of them in silence."""
        hub = self._hub
        missing = self.cursor < self._missed_to
        if missing and not hub.remembers(self.cursor):
            self.cursor = hub.last
            return self._reset_frame()
        self.cursor, chunk = hub.run(self.filtro, self.cursor, exact=missing)
        return chunk

    def _reset_frame(self) -> bytes:
        return f"id: {self._hub.epoch}-{self.cursor}\nevent: reset\ndata: {{}}\n\n".encode()

    def _opening(self, snapshot: tuple[int, Sequence[Dispositivo]] | None) -> bytes:
        epoch = self._hub.epoch
        opening = self._reset_frame() if self._reset else b""
        frames: list[str] = []
        if snapshot is not None:
            upto, devices = snapshot
            self.cursor = max(self.cursor, upto)
            frames += [f"data: {device_event_json(d)}\n\n" for d in devices]
            if devices:  # only the last one names a place: who is cut off before it must not resume after it
                frames[-1] = f"id: {epoch}-{upto}\n{frames[-1]}"
        return opening + "".join(frames).encode()


class Stream:
    """An iterator of bytes that gives the reader's place back when closed, even if it was never started."""

    __slots__ = ("_frames", "_sub")

    def __init__(self, sub: Subscription, frames: Iterator[bytes]) -> None:
        self._sub = sub
        self._frames = frames

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._frames)

    def attach(self, send: Callable[[bytes], int]) -> None:
        """Offer a way past the iterator; see :meth:`Subscription.attach`."""
        self._sub.attach(send)

    def close(self) -> None:
        """End the stream and give the place back."""
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()
        self._sub.close()
