"""Committed facts. A listener of the bus gets them after COMMIT, in commit order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from app.domain.dispositivo import Dispositivo


class CambioDeseada(Enum):
    """Whose change the desired configuration carries; its topic follows both, the device's own without haste."""

    NO = "no"
    PEDIDA = "pedida"
    """Somebody asked for it: a new version, which must reach the device."""
    SEGUIDA = "seguida"
    """The device itself changed: the same version, so that one that is awake has nothing to obey."""


@dataclass(frozen=True, slots=True)
class DeviceUpdated:
    """A device was detected, reported, claimed or changed.

    ``secuencia`` counts every event of the house without gaps, over restarts. ``reclamado_antes`` is None for a device
    that did not exist before. ``deseada``: what became of its desired configuration. ``habitacion_antes`` is the room
    that it left with this event, None when it left none.
    """

    secuencia: int
    dispositivo: Dispositivo
    reclamado_antes: bool | None
    deseada: CambioDeseada
    habitacion_antes: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    """A device is no more: somebody deleted it, or it was unclaimed and silent for too long.

    ``dispositivo`` is its last state; its id is never given to another.
    """

    secuencia: int
    dispositivo: Dispositivo


@dataclass(frozen=True, slots=True)
class Suceso:
    """A named live event beside the updates: ``event: <tipo>`` with ``datos_json`` (an object) as its data.

    ``tipo``: orden, aviso, conectividad, regla. ``dispositivo_id``, ``serial_number``, ``reclamado`` and
    ``habitacion_id`` are of the device that it is about; all None for one of the whole house.
    """

    secuencia: int
    tipo: str
    datos_json: str
    dispositivo_id: int | None = None
    serial_number: str | None = None
    reclamado: bool | None = None
    habitacion_id: int | None = None


Event = DeviceUpdated | DeviceRemoved | Suceso


@dataclass(frozen=True, slots=True)
class AccesoRevocado:
    """What an open stream or a remembered identity may not go on with: one credential (``sesion:12``, ``token:3``), or
    everything of an account whose role, scope or password changed. No live event: readers are closed, not told.
    """

    usuario_id: int
    credencial: str | None = None
    """None: all of the account's."""


@dataclass(frozen=True, slots=True)
class CredencialCambiada:
    """A device got a broker user of its own, or another password for it, or lost it. No live event: it is for the
    broker and for the ingest. ``clave``: as Mosquitto's password file has it; None: it has none any more."""

    serial_number: str
    clave: str | None = field(repr=False)


def device_updates(events: Sequence[Event]) -> list[DeviceUpdated]:
    """The updates among the events of a commit."""
    return [e for e in events if isinstance(e, DeviceUpdated)]
