"""Requests that wait for the end of an order (``?esperar=``): parked in the loop, never in a thread of the pool."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event as Wakeup

from app.domain.events import Event, Suceso
from app.problems import RETRY_AFTER_S, Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_ESPERAS = 256
"""Requests that may wait at a time; one more is refused before it changes anything."""


@dataclass(frozen=True, slots=True)
class EnEspera:
    """The body of an answer that is yet to be made: the server waits in its greenlet, then has ``finish`` run by a
    thread of the pool. ``finish`` answers headers, which replace those already given, and the body."""

    espera: Espera
    finish: Callable[[], tuple[dict[str, str], bytes]]

    def __iter__(self) -> Iterator[bytes]:
        """For a server that cannot wait: the answer as it is now."""
        try:
            yield self.finish()[1]
        finally:
            self.espera.close()


class Esperas:
    """Who waits for which order. ``on_events`` is the writer's, the rest may be called from any thread."""

    def __init__(self, maximum: int = MAX_ESPERAS) -> None:
        self._maximum = maximum
        self._lock = threading.Lock()
        self._by_device: dict[int, set[Espera]] = {}
        self._places = 0
        self._closed = False

    @contextmanager
    def place(self, seconds: float | None) -> Iterator[Espera | None]:
        """A place to wait in, kept by the answer once it has been given an order; None when nobody asks to wait.

        Raises:
            ProblemError: 503, too many wait already.
        """
        if seconds is None:
            yield None
            return
        with self._lock:
            if self._places >= self._maximum:
                raise _full()
            self._places += 1
        espera = Espera(self, seconds)
        try:
            yield espera
        except BaseException:
            espera.close()
            raise
        if espera.orden is None:
            espera.close()

    def on_events(self, events: Sequence[Event]) -> None:
        """Wake those whose order ended."""
        if not self._by_device:
            return
        for event in events:
            if isinstance(event, Suceso) and event.tipo == "orden" and event.dispositivo_id in self._by_device:
                told = json.loads(event.datos_json)
                if told["cerrada_en"] is not None:
                    self._wake(event.dispositivo_id, told["id"])

    def close(self) -> None:
        """The server stops: everybody gets the answer that there is."""
        with self._lock:
            self._closed = True
            waiting = [e for several in self._by_device.values() for e in several]
        for espera in waiting:
            espera.wake()

    @property
    def waiting(self) -> int:
        """Places taken."""
        return self._places

    def _wake(self, device_id: int, orden_id: int) -> None:
        with self._lock:
            ended = [e for e in self._by_device.get(device_id, ()) if e.orden == orden_id]
        for espera in ended:
            espera.wake()

    def _enter(self, espera: Espera, device_id: int) -> None:
        with self._lock:
            self._by_device.setdefault(device_id, set()).add(espera)
            closed = self._closed
        if closed:
            espera.wake()

    def _leave(self, espera: Espera, device_id: int | None) -> None:
        with self._lock:
            self._places -= 1
            if device_id is not None:
                several = self._by_device[device_id]
                several.discard(espera)
                if not several:
                    del self._by_device[device_id]


class Espera:
    """One request that waits, at most ``seconds``, for the end of the order that it caused."""

    def __init__(self, esperas: Esperas, seconds: float) -> None:
        self.seconds = seconds
        self.orden: int | None = None
        self._esperas = esperas
        self._device_id: int | None = None
        self._ended = False
        self._left = False
        self._notify: Callable[[], object] = lambda: None

    def expect(self, device_id: int, orden_id: int) -> None:
        """Wait for this order. Called before the commit that makes it, so that no end of it is missed."""
        self.orden, self._device_id = orden_id, device_id
        self._esperas._enter(self, device_id)

    def wait(self) -> None:
        """In a greenlet of the server: return when the order has ended, the time is over or the server stops."""
        loop, wakeup = gevent.get_hub().loop, Wakeup()
        self._notify = lambda: loop.run_callback_threadsafe(wakeup.set)
        if not self._ended:
            wakeup.wait(self.seconds)

    def wake(self) -> None:
        """End the wait, from any thread."""
        self._ended = True
        try:
            self._notify()
        except ValueError:  # the loop is gone
            return

    def close(self) -> None:
        """Give the place back; once is enough, more does no harm."""
        if not self._left:
            self._left = True
            self._esperas._leave(self, self._device_id)


def _full() -> ProblemError:
    return ProblemError(
        Problem(
            503,
            "demasiadas_esperas",
            "Ya esperan demasiadas peticiones; no se ha cambiado nada. Repítala sin esperar, o más tarde",
            headers=[("Retry-After", str(RETRY_AFTER_S))],
        )
    )
