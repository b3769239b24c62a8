"""Live events (WIRE §4): the hub keeps the recent events once; a subscription is a place in them.

No queue a reader: a reader is a cursor into the shared history, so a slow one costs nothing and makes nobody wait.
One that lags gets each device's latest state only (coalescing); one that takes nothing at all is closed by the server's
send deadline and comes back with its ``Last-Event-ID``. Each event is serialised once, each run of events is joined
once for all readers of the same filter.

Threads: ``publish`` is called by the writer, ``open`` by request threads, everything else in the loop's greenlets. A
reader that waits, with nothing owed to it, is given a new event by the writer itself, straight to its socket; whoever
touches a waiting reader holds ``Hub._waiters``, so the writer and the reader's greenlet never both send.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import gevent
from gevent import getcurrent
from gevent.hub import get_hub

from app.clock import Clock
from app.domain.errors import TooManyStreams
from app.domain.events import AccesoRevocado, Event
from app.domain.filtro import FiltroStream
from app.domain.identidad import Identidad
from app.sse_frames import Entry, Latest, frame_for, frame_within, newest
from app.sse_lector import Subscription

CHUNK_BYTES = 256 << 10
"""A reader is given at most about this much at once, so that one write never holds much memory."""
HISTORY_BYTES = 16 << 20
"""Bound of the history next to its number of events; a flood of 64 KiB payloads must not fill a Raspberry Pi."""
LAG_EVENTS = 2000
"""A reader further behind gets only the latest state of each device, unless it is being given what it missed."""
JOINED_RUNS = 64
AT_ONCE = 32
"""Up to so many waiting readers, and events, nobody waits for a further turn of a thread or of the loop."""


class Loop(Protocol):
    """What the hub needs of the event loop."""

    def run_callback(self, func: Callable[..., object], *args: object) -> object:
        """Run soon, in the loop's thread."""

    def run_callback_threadsafe(self, func: Callable[..., object], *args: object) -> object:
        """The same, called from any thread."""


class Hub:
    """The history and its readers.

    Args:
        epoch: names this run of the program; ids of another epoch are answered with ``reset``.
        last: number of the last event committed before this run.
        history: events kept for resuming.
        ping_s: seconds between pings of a stream.
        max_streams: open streams in all.
        max_per_address: open streams of one peer address.
    """

    def __init__(
        self,
        *,
        epoch: str,
        last: int,
        history: int,
        ping_s: float,
        max_streams: int,
        max_per_address: int,
        clock: Clock,
    ) -> None:
        self.epoch = epoch
        self.last = last
        self.ping_s = ping_s
        self.closing = False
        self.clock = clock
        self._history = history
        self._max_streams = max_streams
        self._max_per_address = max_per_address
        self._recent = threading.Lock()  # guards the four below
        self._entries: dict[int, Entry] = {}
        self._latest: dict[Hashable, Latest] = {}  # by what it is the state of, least recently changed first
        self._oldest = last + 1
        self._bytes = 0
        self._loop: Loop | None = None
        self._waking = False
        self._lock = threading.Lock()
        self._open: set[Subscription] = set()
        self._of_address: dict[str, int] = {}
        self._filtros: dict[FiltroStream, tuple[FiltroStream, int]] = {}  # one for all that are equal, and its readers
        self._expiring: set[Subscription] = set()
        self._rights_changed: dict[int, int] = {}  # account -> number of the last event that it saw with its old rights
        self._waiters = threading.Lock()  # held to take a reader out of ``_parked``, and to send to one that is in it
        self._parked: dict[Subscription, gevent.Greenlet] = {}
        self._joined: dict[tuple[FiltroStream, int, bool], tuple[int, bytes]] = {}
        self._counts = {"abiertas": 0, "rechazadas": 0, "reanudadas": 0, "resets": 0, "agrupadas": 0}

    def start(self) -> None:
        """Bind to the calling thread's event loop and start the ping timer."""
        self._loop = get_hub().loop
        gevent.spawn(self._tick)

    def publish(self, events: Sequence[Event]) -> None:
        """Take in committed events, in commit order; any thread, one at a time (the writer's lock sees to it)."""
        with self._recent:
            if events[0].secuencia != self.last + 1:  # somebody else wrote to the database: that can't be told again
                self._entries.clear()
                self._bytes, self._oldest = 0, events[0].secuencia
            for event in events:
                self._remember(Entry(event, self.epoch))
            while len(self._entries) > self._history or self._bytes > HISTORY_BYTES:
                self._bytes -= self._entries.pop(self._oldest).size
                self._oldest += 1
            before, self.last = self.last, events[-1].secuencia
        if self._parked and not self._hand_over(before) and not self._waking and self._loop is not None:
            self._waking = True
            self._loop.run_callback_threadsafe(self._wake)

    def _hand_over(self, before: int) -> bool:
        """Send what came after ``before`` to the readers that wait for it; False when the loop has to see to some."""
        waiting = list(self._parked)
        if len(waiting) > AT_ONCE or self.last - before > AT_ONCE:
            return False
        runs = {id(sub.filtro): sub.filtro for sub in waiting}  # equal ones are the same: see `open`
        joined = {key: self._join(filtro, before, exact=False) for key, filtro in runs.items()}
        done = True
        with self._waiters:
            for sub in waiting:
                done &= sub not in self._parked or sub.take(before, *joined[id(sub.filtro)])
        return done

    def open(
        self,
        filtro: FiltroStream,
        *,
        address: str,
        last_event_id: str | None,
        quien: Identidad | None = None,
    ) -> Subscription:
        """A place in the stream, from now or from after ``last_event_id``; it ends when what ``quien`` proved is
        revoked.

        Raises:
            TooManyStreams: a bound is reached, or the program is stopping.
        """
        with self._lock:
            mine = self._of_address.get(address, 0)
            if self.closing or len(self._open) >= self._max_streams or mine >= self._max_per_address:
                self._counts["rechazadas"] += 1
                raise TooManyStreams
            cursor = self._position(last_event_id, quien)
            reset = last_event_id is not None and cursor is None
            self._counts["resets"] += reset
            self._counts["reanudadas"] += cursor is not None
            start = cursor if cursor is not None else self.last
            filtro, readers = self._filtros.get(filtro, (filtro, 0))
            sub = Subscription(self, filtro, address, start, reset=reset, quien=quien)
            self._filtros[filtro] = filtro, readers + 1
            self._open.add(sub)
            self._of_address[address] = mine + 1
            self._counts["abiertas"] += 1
            return sub

    def close(self) -> None:
        """End every stream; each reader is told to come back after a moment of its own."""
        self.closing = True
        if self._loop is not None:
            self._loop.run_callback_threadsafe(self._wake)

    def revoke(self, facts: Sequence[AccesoRevocado]) -> None:
        """A listener of revocations: end the streams that may not go on; any thread. Who comes back with other rights
        is told to read everything again."""
        with self._lock:
            for fact in facts:
                if fact.credencial is None:
                    self._rights_changed[fact.usuario_id] = self.last
            ended = [s for s in self._open if any(s.is_of(fact) for fact in facts)]
            for sub in ended:
                sub.ended = True
        if ended and self._loop is not None:
            self._loop.run_callback_threadsafe(self._end, ended)

    def expire(self, sub: Subscription) -> None:
        """End a stream when its time comes."""
        with self._lock:
            if sub in self._open:
                self._expiring.add(sub)

    @staticmethod
    def _end(subs: Sequence[Subscription]) -> None:
        for sub in subs:
            sub.kill()

    def stats(self) -> dict[str, int]:
        """Readers now, and counts since the start."""
        return {
            "lectores": len(self._open),
            "direcciones": len(self._of_address),
            "historial_eventos": len(self._entries),
            "historial_bytes": self._bytes,
            "ultimo_evento": self.last,
            **self._counts,
        }

    def remembers(self, cursor: int) -> bool:
        """Whether every event after ``cursor`` is in the history."""
        return cursor + 1 >= self._oldest

    def run(self, filtro: FiltroStream, cursor: int, *, exact: bool) -> tuple[int, bytes]:
        """Frames for a reader at ``cursor``, and its new cursor; a long run is given in pieces. ``exact``: all events,
        however far behind, as long as the history has them."""
        key = (filtro, cursor, exact)
        found = self._joined.get(key)
        if found is None:
            found = self._join(filtro, cursor, exact=exact)
            if len(self._joined) >= JOINED_RUNS:
                self._joined.clear()
            self._joined[key] = found
        return found

    def park(self, sub: Subscription) -> None:
        """Wait, in the reader's greenlet, for an event, a ping or the end."""
        self._parked[sub] = getcurrent()
        try:
            # The writer sets ``last`` and then looks who is parked; here it is the other way round, so none is missed.
            if self.last <= sub.cursor and not (self.closing or sub.ended):
                get_hub().switch()
        finally:
            self._unpark(sub)

    def release(self, sub: Subscription) -> None:
        """Forget a reader; doing it again does nothing."""
        with self._lock:
            if sub not in self._open:
                return
            self._open.discard(sub)
            self._expiring.discard(sub)
            filtro, readers = self._filtros.pop(sub.filtro)
            if readers > 1:
                self._filtros[filtro] = filtro, readers - 1
            left = self._of_address[sub.address] - 1
            if left:
                self._of_address[sub.address] = left
            else:
                del self._of_address[sub.address]

    def _position(self, last_event_id: str | None, quien: Identidad | None) -> int | None:
        if last_event_id is None:
            return None
        epoch, dash, text = last_event_id.rpartition("-")
        if not dash or epoch != self.epoch or not (text.isascii() and text.isdigit()) or len(text) > 19:
            return None
        seen = int(text)
        if quien is not None and seen <= self._rights_changed.get(quien.usuario_id or 0, -1):
            return None
        return seen if self._oldest - 1 <= seen <= self.last else None

    def _remember(self, entry: Entry) -> None:
        self._entries[entry.event.secuencia] = entry
        self._bytes += entry.size
        key = entry.key
        self._latest[key] = newest(entry, self._latest.pop(key, None))

    def _join(self, filtro: FiltroStream, cursor: int, *, exact: bool) -> tuple[int, bytes]:
        frames: list[bytes] = []
        run: list[tuple[Entry, bool | None]] = []
        latest: list[tuple[Latest, bool | None]] = []
        with self._recent:
            last = self.last
            lagging = not self.remembers(cursor) or (last - cursor > LAG_EVENTS and not exact)
            if lagging:
                latest = self._coalesced(cursor)
            else:
                last = min(last, cursor + LAG_EVENTS)
                entries = [self._entries[n] for n in range(cursor + 1, last + 1)]
                run = [(entry, entry.reclamado_antes) for entry in entries]
        if lagging:
            # First who left, without an id: a device that left early may have its latest event late, and a reader that
            # is cut off between the two would resume after the change that made it leave.
            frames = [each.entry.leave(placed=False) for each, antes in latest if each.left(filtro, cursor, antes)]
            run = [(each.entry, None) for each, _ in latest]
        size = 0
        framed = frame_for if filtro.alcance is None else frame_within
        for entry, antes in run:
            frame = framed(filtro, entry, antes)
            if frame is not None:
                frames.append(frame)
                size += len(frame)
                if size >= CHUNK_BYTES:
                    return entry.event.secuencia, b"".join(frames)
        return last, b"".join(frames)

    def _coalesced(self, cursor: int) -> list[tuple[Latest, bool | None]]:
        """The latest state of each device that changed after ``cursor``, and whether it was claimed then, in the order
        of their events."""
        run: list[tuple[Latest, bool | None]] = []
        for latest in reversed(self._latest.values()):
            event = latest.entry.event
            if event.secuencia <= cursor:
                break
            antes = latest.reclamado_antes if latest.changed_at > cursor else latest.entry.reclamado
            run.append((latest, antes))
        self._counts["agrupadas"] += self.last - cursor - len(run)
        run.reverse()
        return run

    def _wake(self) -> None:
        self._waking = False
        self._joined.clear()
        if self._loop is None:
            return
        for number, sub in enumerate(list(self._parked)):
            if number < AT_ONCE:  # a house's phones: no further turn of the loop between the commit and their bytes
                self._resume(sub)
            else:
                self._loop.run_callback(self._resume, sub)

    def _resume(self, sub: Subscription) -> None:
        """Let a parked reader go on; one that was woken or ended meanwhile is not there any more."""
        greenlet = self._unpark(sub)
        if greenlet is not None:
            greenlet.switch()

    def _unpark(self, sub: Subscription) -> gevent.Greenlet | None:
        with self._waiters:
            return self._parked.pop(sub, None)

    def _tick(self) -> None:
        """One timer for the pings of all streams."""
        loop = get_hub().loop
        period = min(1.0, self.ping_s / 4)
        while not self.closing:
            gevent.sleep(period)
            now = self.clock.monotonic()
            self._end_expired()
            for sub in [s for s in self._parked if s.next_ping <= now]:
                # From the loop, not from here: nobody would ever switch back to this greenlet.
                loop.run_callback(self._resume, sub)

    def _end_expired(self) -> None:
        if not self._expiring:
            return
        now = self.clock.now()
        with self._lock:
            over = [s for s in self._expiring if s.expira is not None and s.expira <= now]
            self._expiring.difference_update(over)
        for sub in over:
            sub.ended = True
        self._end(over)
