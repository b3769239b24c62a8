"""The bytes of live events (WIRE §4): what each event is to a reader of some filter. No threads, no loop."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from app.domain.causa import recortada
from app.domain.dispositivo import dump_object, load_object
from app.domain.events import DeviceRemoved, DeviceUpdated, Event, Suceso
from app.domain.filtro import FiltroStream
from app.representacion import device_event_json

HELLO = b"event: hello\ndata: {}\n\n"
PING = b"event: ping\ndata: {}\n\n"
ENTRY_OVERHEAD = 600
NO_ROOMS: Mapping[int, int] = {}


class Entry:
    """An event in the history; its frame is made when the first reader needs it."""

    __slots__ = ("_frame", "_trimmed", "epoch", "event", "size")

    def __init__(self, event: Event, epoch: str) -> None:
        self.event = event
        self.epoch = epoch
        self.size = ENTRY_OVERHEAD + _weight(event)
        self._frame: bytes | None = None
        self._trimmed: bytes | None = None

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

    @property
    def has_cause(self) -> bool:
        """Whether it tells a cause, of which not everybody is told all."""
        return isinstance(self.event, Suceso) and self.event.tipo == "orden"

    def trimmed(self) -> bytes:
        """The frame of one that :attr:`has_cause`, for who sees a part of the house."""
        assert isinstance(self.event, Suceso)
        if self._trimmed is None:
            told = load_object(self.event.datos_json)
            told["causa"] = recortada(told["causa"])
            head = f"id: {self.epoch}-{self.event.secuencia}\nevent: {self.event.tipo}\n"
            self._trimmed = f"{head}data: {dump_object(told)}\n\n".encode()
        return self._trimmed

    def leave(self, *, placed: bool = True) -> bytes:
        """The frame that tells a reader that the device is not in its filter any more; ``placed``: with its id."""
        assert not isinstance(self.event, Suceso)
        d = self.event.dispositivo
        head = f"id: {self.epoch}-{self.event.secuencia}\n" if placed else ""
        serial = json.dumps(d.serial_number, ensure_ascii=False)
        return f'{head}event: leave\ndata: {{"id":{d.id},"serial_number":{serial}}}\n\n'.encode()


class Latest(NamedTuple):
    """A device's newest event, and when it was last claimed or let go, and the number of the event with which it last
    left each room, so that a lagging reader is told ``leave``."""

    entry: Entry
    changed_at: int
    reclamado_antes: bool | None
    salidas: Mapping[int, int] = NO_ROOMS

    def left(self, filtro: FiltroStream, cursor: int, antes: bool | None) -> bool:
        """Whether a reader who lags since ``cursor`` was shown the device, and is not any more; ``antes``: whether it
        was claimed then."""
        if filtro.alcance is None or within(filtro, self.entry):
            return leaves(filtro, self.entry, antes)
        rooms = filtro.alcance.habitaciones
        return any(n > cursor and room in rooms for room, n in self.salidas.items())


def newest(entry: Entry, before: Latest | None) -> Latest:
    """What is kept of a device, or of a kind of named event of it, with one more event."""
    event, salidas = entry.event, before.salidas if before else NO_ROOMS
    if isinstance(event, DeviceUpdated) and event.habitacion_antes is not None:
        salidas = {**salidas, event.habitacion_antes: event.secuencia}
    if before is None or entry.reclamado_antes != entry.reclamado:
        return Latest(entry, event.secuencia, entry.reclamado_antes, salidas)
    return Latest(entry, before.changed_at, before.reclamado_antes, salidas)


def frame_for(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bytes | None:
    """The bytes of an event for a reader of this filter who sees the whole house, None when it is not for them."""
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


def frame_within(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bytes | None:
    """:func:`frame_for` a reader who sees a part of the house: nothing of the rest, ``leave`` of what goes there."""
    if within(filtro, entry):
        found = frame_for(filtro, entry, reclamado_antes)
        return entry.trimmed() if found is not None and entry.has_cause else found
    return entry.leave() if _moved_out(filtro, entry, reclamado_antes) else None


def within(filtro: FiltroStream, entry: Entry) -> bool:
    """Whether the event is of the part of the house that the reader may see."""
    if filtro.alcance is None:
        return True
    match entry.event:
        case DeviceUpdated(dispositivo=d) | DeviceRemoved(dispositivo=d):
            return filtro.alcance.includes(d.id, d.habitacion_id)
        case Suceso(dispositivo_id=about, habitacion_id=room):
            return about is not None and filtro.alcance.includes(about, room)


def _moved_out(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bool:
    """Whether with this event, which is not within the scope any more, its device left a room that is."""
    event, alcance = entry.event, filtro.alcance
    if alcance is None or not isinstance(event, DeviceUpdated) or event.habitacion_antes not in alcance.habitaciones:
        return False
    return reclamado_antes is not None and filtro.matches(event.dispositivo.serial_number, reclamado_antes)


def leaves(filtro: FiltroStream, entry: Entry, reclamado_antes: bool | None) -> bool:
    """Whether the device was in the filter and is not any more, its place in the house aside."""
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
