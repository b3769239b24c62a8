"""Desired configurations on their way to the devices (WIRE §2): retained, one topic a device, the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.events import CambioDeseada, DeviceRemoved, Event, device_updates
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


BORRADA = -1
"""The version of what clears a deleted device's topic."""


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
        self._clears: dict[int, Deseada] = {}

    def __len__(self) -> int:
        waiting = len(self._waiting) + len(self._following) + len(self._clears)
        return waiting + len(self._in_flight) + len(self._again)

    def take(self, events: Sequence[Event], now: float) -> bool:
        """Take in what a commit told; True when something has to go out without haste or delay."""
        updates = device_updates(events)
        followed = [e.dispositivo for e in updates if e.deseada is CambioDeseada.SEGUIDA]
        asked = [e.dispositivo for e in updates if e.deseada is CambioDeseada.PEDIDA]
        gone = [(e.dispositivo.id, e.dispositivo.serial_number) for e in events if type(e) is DeviceRemoved]
        if followed:
            self.follow(followed, now)
        self.add(asked)
        self.clear(gone)
        return bool(asked or gone)

    def clear(self, gone: Iterable[tuple[int, str]]) -> None:
        """Put out the end of deleted devices (id, serial): an empty retained message (WIRE §2)."""
        with self._lock:
            for device_id, serial in gone:
                for tray in (self._waiting, self._following, self._again):
                    tray.pop(device_id, None)
                if is_serial(serial):
                    self._clears[device_id] = Deseada(device_id, serial, BORRADA, b"")

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
            if self._clears:  # before all: the same serial may be a new device already, which has its own wish
                return self._clears.pop(next(iter(self._clears)))
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
                tray = self._clears if wish.version == BORRADA else self._again
                tray[wish.device_id] = wish
            for device_id in self._clears:
                self._again.pop(device_id, None)
            self._in_flight.clear()
