"""A notice: something that somebody should know, once, until it is over (issue 3, point 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain.dispositivo import load_object
from app.domain.identidad import Alcance

NUEVO, VISTO, RESUELTO = "nuevo", "visto", "resuelto"
ESTADOS = (NUEVO, VISTO, RESUELTO)
GRAVEDADES = ("info", "advertencia", "grave")
"""From the lightest to the worst."""
WEBHOOK, APPRISE = 1, 2
"""The doors out, as bits of :attr:`Aviso.por_enviar` and :attr:`Aviso.abandonado`."""
PUERTAS = {WEBHOOK: "webhook", APPRISE: "apprise"}
TODAS = WEBHOOK | APPRISE


@dataclass(frozen=True, slots=True)
class Aviso:
    """One notice. ``clave`` is what it is about: there is one open notice (nuevo or visto) of each.

    Timestamps are ISO 8601 UTC with ``Z``; ``secuencia`` is the number of the event that told its latest news, so
    that notices have an order that no clock can turn around. ``por_enviar`` and ``abandonado`` are sets of doors, as
    bits: through which it has still to go out, and through which it was given up.
    """

    id: int
    clave: str
    tipo: str
    gravedad: str
    texto: str
    dispositivo_id: int | None
    datos_json: str
    estado: str
    veces: int
    creado_en: str
    actualizado_en: str
    visto_en: str | None
    resuelto_en: str | None
    por_enviar: int
    abandonado: int
    secuencia: int

    @property
    def open(self) -> bool:
        """Whether it still stands."""
        return self.estado != RESUELTO

    def as_object(self, serial_number: str | None) -> dict[str, Any]:
        """What clients, streams and webhooks read; ``serial_number`` is of its device, None when it has none."""
        return {
            "id": self.id,
            "tipo": self.tipo,
            "gravedad": self.gravedad,
            "texto": self.texto,
            "clave": self.clave,
            "dispositivo_id": self.dispositivo_id,
            "serial_number": serial_number,
            "datos": load_object(self.datos_json),
            "estado": self.estado,
            "veces": self.veces,
            "creado_en": self.creado_en,
            "actualizado_en": self.actualizado_en,
            "visto_en": self.visto_en,
            "resuelto_en": self.resuelto_en,
            "no_enviado_por": [name for bit, name in PUERTAS.items() if self.abandonado & bit],
        }


@dataclass(frozen=True, slots=True)
class FiltroAvisos:
    """Which notices; None: any. Who sees a part of the house (``alcance``) sees none of the whole house."""

    estado: str | None = None
    dispositivo_id: int | None = None
    alcance: Alcance | None = None


def at_least(minimum: str) -> tuple[str, ...]:
    """The gravities that are not lighter than ``minimum``."""
    return GRAVEDADES[GRAVEDADES.index(minimum) :]
