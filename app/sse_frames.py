"""The bytes of live events (WIRE §4): what each event is to a reader of some filter. No threads, no loop."""

from __future__ import annotations

import json
from typing import NamedTuple

from app.domain.events import DeviceUpdated
from app.domain.filtro import FiltroStream
from app.representacion import device_event_json

HELLO = b"event: hello\ndata: {}\n\n"
PING = b"event: ping\ndata: {}\n\n"
ENTRY_OVERHEAD = 600


class Entry:
    """An event in the history; its frame is made when the first reader needs it."""

    __slots__ = ("_frame", "epoch", "event", "size")

    def __init__(self, event: DeviceUpdated, epoch: str) -> None:
        self.event = event
        self.epoch = epoch
        d = event.dispositivo
        self.size = ENTRY_OVERHEAD + len(d.parametros_json) + len(d.configuracion_json)
        self._frame: bytes | None = None

    def update(self) -> bytes:
        """The frame of an update: no ``event:`` line, so that ``EventSource.onmessage`` fires."""
        if self._frame is None:
            data = device_event_json(self.event.dispositivo)
            self._frame = f"id: {self.epoch}-{self.event.secuencia}\ndata: {data}\n\n".encode()
        return self._frame

    def leave(self, *, placed: bool = True) -> bytes:
        """The frame that tells a reader that the device is not in its filter any more; ``placed``: with its id."""
        d = self.event.dispositivo
        head = f"id: {self.epoch}-{self.event.secuencia}\n" if placed else ""
        serial = json.dumps(d.serial_number, ensure_ascii=False)
        return f'{head}event: leave\ndata: {{"id":{d.id},"serial_number":{serial}}}\n\n'.encode()


class Latest(NamedTuple):
    """A device's newest event, and when it was last claimed or let go, so that a lagging reader is told ``leave``."""

    entry: Entry
    changed_at: int
    reclamado_antes: bool | None


def frame_for(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bytes | None:
    d = entry.event.dispositivo
    if filtro.matches(d.serial_number, d.reclamado):
        return entry.update()
    return entry.leave() if leaves(filtro, entry, reclamado_antes) else None


def leaves(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bool:
    d = entry.event.dispositivo
    was_in = reclamado_antes is not None and filtro.matches(d.serial_number, reclamado_antes)
    return was_in and not filtro.matches(d.serial_number, d.reclamado)
