"""Committed facts. A listener of the bus gets them after COMMIT, in commit order."""

from __future__ import annotations

from dataclasses import dataclass
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
    that did not exist before. ``deseada``: what became of its desired configuration.
    """

    secuencia: int
    dispositivo: Dispositivo
    reclamado_antes: bool | None
    deseada: CambioDeseada
