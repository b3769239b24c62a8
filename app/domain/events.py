"""Committed facts. A listener of the bus gets them after COMMIT, in commit order."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.dispositivo import Dispositivo


@dataclass(frozen=True, slots=True)
class DeviceUpdated:
    """A device was detected, reported, claimed or changed.

    ``secuencia`` counts every event of the house without gaps, over restarts. ``reclamado_antes`` is None for a device
    that did not exist before. ``deseada_cambiada``: its desired configuration is new and must reach the device.
    """

    secuencia: int
    dispositivo: Dispositivo
    reclamado_antes: bool | None
    deseada_cambiada: bool
