"""The bytes of live events (WIRE §4): what each event is to a reader of some filter. No threads, no loop."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import NamedTuple

from app.domain.events import DeviceRemoved, DeviceUpdated, Event, Suceso
from app.domain.filtro import FiltroStream
from app.representacion import device_event_json

HELLO = b"event: hello\ndata: {}\n\n"
PING = b"event: ping\ndata: {}\n\n"
ENTRY_OVERHEAD = 600


class Entry:
    """An event in the history; its frame is made when the first reader needs it."""

    __slots__ = ("_frame", "epoch", "event", "size")

    def __init__(self, event: Event, epoch: str) -> None:
        self.event = event
        self.epoch = epoch
        self.size = ENTRY_OVERHEAD + _weight(event)
        self._frame: bytes | None = None

    @property
    def key(self) -> Hashable:
        """What it is the state of: a lagging reader is told the latest of each key only."""
        match self.event:
            case DeviceUpdated(dispositivo=d) | DeviceRemoved(dispositivo=d):
                return d.id
            case Suceso(tipo=tipo, dispositivo_id=about):
                return tipo, about

    @property
    def reclamado_antes(self) -> bool | None:
        """Whether its device was claimed before it."""
        match self.event:
            case DeviceUpdated(reclamado_antes=antes):
                return antes
            case DeviceRemoved(dispositivo=d):
                return d.reclamado
            case Suceso(reclamado=reclamado):
                return reclamado

    @property
    def reclamado(self) -> bool | None:
        """Whether its device is claimed now; None when it is no more."""
        match self.event:
            case DeviceUpdated(dispositivo=d):
                return d.reclamado
            case DeviceRemoved():
                return None
            case Suceso(reclamado=reclamado):
                return reclamado

    def frame(self) -> bytes:
        """The frame of an update has no ``event:`` line, so that ``EventSource.onmessage`` fires; others are named."""
        if self._frame is None:
            head = f"id: {self.epoch}-{self.event.secuencia}\n"
            match self.event:
                case DeviceUpdated(dispositivo=d):
                    self._frame = f"{head}data: {device_event_json(d)}\n\n".encode()
                case Suceso(tipo=tipo, datos_json=datos):
                    self._frame = f"{head}event: {tipo}\ndata: {datos}\n\n".encode()
                case DeviceRemoved():
                    self._frame = self.leave()
        assert self._frame is not None
        return self._frame

    def leave(self, *, placed: bool = True) -> bytes:
        """The frame that tells a reader that the device is not in its filter any more; ``placed``: with its id."""
        assert not isinstance(self.event, Suceso)
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
    """The bytes of an event for a reader of this filter, None when it is not for them."""
    match entry.event:
        case Suceso(serial_number=serial, reclamado=reclamado):
            if serial is None:  # of the whole house: not for who looks at one device only
                return entry.frame() if filtro.serial is None else None
            return entry.frame() if filtro.matches(serial, bool(reclamado)) else None
        case DeviceUpdated(dispositivo=d):
            if filtro.matches(d.serial_number, d.reclamado):
                return entry.frame()
            return entry.leave() if leaves(filtro, entry, reclamado_antes) else None
        case DeviceRemoved():
            return entry.frame() if leaves(filtro, entry, reclamado_antes) else None


def leaves(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bool:
    """Whether the device was in the filter and is not any more."""
    if isinstance(entry.event, Suceso):
        return False
    d = entry.event.dispositivo
    was_in = reclamado_antes is not None and filtro.matches(d.serial_number, reclamado_antes)
    return was_in and (isinstance(entry.event, DeviceRemoved) or not filtro.matches(d.serial_number, d.reclamado))


def _weight(event: Event) -> int:
    match event:
        case DeviceUpdated(dispositivo=d):
            return len(d.parametros_json) + len(d.configuracion_json)
        case Suceso(datos_json=datos):
            return len(datos)
        case DeviceRemoved():
            return 0
