"""Desired configurations on their way to the devices (WIRE §2): retained, one topic a device, the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.valores import is_serial

MAX_IN_FLIGHT = 20
"""Mosquitto's own default window; more would only queue in the broker."""
FOLLOW_S = 2.0
"""A device that flips twice at once and obeys each echo of itself would never rest; it gets one, of its last word."""


class Deseada(NamedTuple):
    """One version of a device's desired configuration, ready to be sent."""

    device_id: int
    serial_number: str
    version: int
    payload: bytes


def desired_topic(serial: str) -> str:
    """Where the device reads it."""
    return f"dispositivos/{serial}/configuracion"


def deseada_of(d: Dispositivo) -> Deseada:
    """The whole desired ``configuracion`` plus ``version``."""
    payload = dump_object({**d.configuracion, "version": d.deseada_version}).encode()
    return Deseada(d.id, d.serial_number, d.deseada_version, payload)


class Bandeja:
    """The out-tray: at most one waiting configuration a device, so it is bounded by the devices there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Dispositivo] = {}
        self._following: dict[int, tuple[float, Dispositivo]] = {}  # soonest first
        self._in_flight: dict[int, Deseada] = {}
        self._again: dict[int, Deseada] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._following) + len(self._in_flight) + len(self._again)

    def add(self, devices: Iterable[Dispositivo]) -> None:
        """Put out what people asked of each, at once; what waited for the same device gives way to it.

        A row of the original program may hold any text as a serial. One that is not fit for a topic is left out: no
        device can listen there, and paho raises over a wildcard, which would end every connection to the broker.
        """
        with self._lock:
            for d in devices:
                if is_serial(d.serial_number) and self._is_news(d):
                    self._following.pop(d.id, None)
                    self._waiting[d.id] = d

    def follow(self, devices: Iterable[Dispositivo], now: float) -> None:
        """Let the topic follow what the device itself changed, once it has been quiet for ``FOLLOW_S``."""
        with self._lock:
            for d in devices:
                if not is_serial(d.serial_number) or not self._is_news(d):
                    continue
                if d.id in self._waiting:
                    self._waiting[d.id] = d
                else:
                    self._following.pop(d.id, None)
                    self._following[d.id] = (now + FOLLOW_S, d)

    def next(self, now: float) -> Deseada | None:
        """The next to send, None when there is none or enough are under way; ``now`` is monotonic."""
        with self._lock:
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                return None
            while self._again:
                device_id, wish = self._again.popitem()
                if device_id not in self._waiting and device_id not in self._following:
                    return wish
            if self._waiting:
                return deseada_of(self._waiting.pop(next(iter(self._waiting))))
            if self._following:
                device_id = next(iter(self._following))
                due, d = self._following[device_id]
                if due <= now:
                    del self._following[device_id]
                    return deseada_of(d)
            return None

    def _is_news(self, d: Dispositivo) -> bool:
        before = self._waiting.get(d.id) or self._following.get(d.id, (0.0, None))[1]
        return before is None or before.version < d.version

    def sent(self, mid: int, wish: Deseada) -> None:
        """It is under way as packet ``mid``."""
        with self._lock:
            self._in_flight[mid] = wish

    def confirmed(self, mid: int) -> Deseada | None:
        """The broker has it."""
        with self._lock:
            return self._in_flight.pop(mid, None)

    def reclaim(self) -> None:
        """The connection is gone: what was under way has to be sent again."""
        with self._lock:
            for wish in self._in_flight.values():
                # In the order in which they were sent: the last one wins, two of one version may differ (``follow``).
                self._again[wish.device_id] = wish
            self._in_flight.clear()
