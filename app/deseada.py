"""Desired configurations on their way to the devices (WIRE §2): retained, one topic a device, the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.valores import is_serial

MAX_IN_FLIGHT = 20
"""Mosquitto's own default window; more would only queue in the broker."""


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
    """The out-tray: at most one waiting version a device, so it is bounded by the devices there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Dispositivo] = {}
        self._in_flight: dict[int, Deseada] = {}
        self._again: dict[int, Deseada] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight) + len(self._again)

    def add(self, devices: Iterable[Dispositivo]) -> None:
        """Put out the desired configuration of each; an older version of the same device gives way.

        A row of the original program may hold any text as a serial. One that is not fit for a topic is left out: no
        device can listen there, and paho raises over a wildcard, which would end every connection to the broker.
        """
        with self._lock:
            for d in devices:
                if not is_serial(d.serial_number):
                    continue
                waiting = self._waiting.get(d.id)
                if waiting is None or waiting.deseada_version < d.deseada_version:
                    self._waiting[d.id] = d

    def next(self) -> Deseada | None:
        """The next to send, None when there is none or enough are under way."""
        with self._lock:
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                return None
            while self._again:
                device_id, wish = self._again.popitem()
                newer = self._waiting.get(device_id)
                if newer is None or newer.deseada_version < wish.version:
                    return wish
            if not self._waiting:
                return None
            device_id = next(iter(self._waiting))
            return deseada_of(self._waiting.pop(device_id))

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
                before = self._again.get(wish.device_id)
                if before is None or before.version < wish.version:
                    self._again[wish.device_id] = wish
            self._in_flight.clear()
