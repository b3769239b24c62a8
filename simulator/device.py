"""What both styles of device share: state, configuration, schedule, measurements, reports."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.parameters import Walk
from simulator.schedule import is_on, plain

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.catalogue import Kind
    from simulator.faults import DeviceFaults

MODERN, LEGACY = "moderno", "legado"
_INTERVAL_MIN_S, _INTERVAL_MAX_S = 0.05, 3600.0


@dataclass(frozen=True, slots=True)
class Spec:
    """A device to simulate. ``estilo`` is "moderno" or "legado"; ``nombre`` is what its QR and its claim say."""

    serial: str
    kind: Kind
    estilo: str
    nombre: str = ""

    def identity(self) -> dict[str, Any]:
        """What the device's QR says (WIRE section 6), also the body that claims it."""
        return {
            "serial_number": self.serial,
            "nombre": self.nombre or self.kind.nombre,
            "tipo": self.kind.tipo,
            "modelo": self.kind.modelo,
            "descripcion": self.kind.descripcion,
            "configuracion": self.kind.default_configuracion(),
        }


class Device:
    """One device's inside. Not thread-safe: a device belongs to one thread at a time."""

    def __init__(
        self, spec: Spec, seed: object, *, intervalo: float | None = None, faults: DeviceFaults | None = None
    ) -> None:
        self.serial = spec.serial
        self.configuracion = spec.kind.default_configuracion()
        if intervalo is not None:
            self.configuracion["intervalo_envio"] = intervalo
        self.encendido = self.configuracion["encendido"] is not False
        self._interval = 10.0
        self._faults = faults
        self.random = random.Random(f"{seed}:{spec.serial}")
        self._walk = Walk(spec.kind.parametros, random.Random(f"{seed}:{spec.serial}:parametros"))
        self.apply(self.configuracion)

    @property
    def estado(self) -> str:
        return "activo" if self.encendido else "inactivo"

    @property
    def interval(self) -> float:
        """Seconds between two reports."""
        return self._interval

    @property
    def on_schedule(self) -> bool:
        modo = self.configuracion.get("modo")
        return isinstance(modo, str) and plain(modo) == "horario"

    def apply(self, configuracion: dict[str, Any]) -> None:
        """Take over ``encendido``, ``modo``, ``horarios``, ``intervalo_envio``; what makes no sense is left as it was.

        In ``horario`` mode ``encendido`` is left to ``follow_schedule``.
        """
        self.configuracion = dict(configuracion)
        interval = configuracion.get("intervalo_envio")
        if isinstance(interval, int | float) and not isinstance(interval, bool) and math.isfinite(interval):
            self._interval = min(max(float(interval), _INTERVAL_MIN_S), _INTERVAL_MAX_S)
        encendido = configuracion.get("encendido")
        if not self.on_schedule and isinstance(encendido, bool):
            self.encendido = encendido

    def follow_schedule(self, local: datetime) -> bool:
        """In ``horario`` mode, be as the schedule says at local time ``local``; ``True`` when that flipped it."""
        wanted = is_on(self.configuracion.get("horarios"), local) if self.on_schedule else None
        if wanted is None or wanted == self.encendido:
            return False
        self.encendido = wanted
        self.configuracion["encendido"] = wanted
        return True

    def next_reports(self, now: float) -> list[bytes]:
        """Measure once and say what to send, faults included (none, one or several); ``now`` in monotonic seconds."""
        self._walk.step()
        return self.reports(now)

    def reports(self, now: float) -> list[bytes]:
        """The same without a new measurement, as after an order."""
        values = self._walk.values(encendido=self.encendido)
        if self._faults is None:
            return [self._payload(values)]
        return self._faults.mangle(self._payload(self._faults.distort(values, self._walk.rules)), now)

    def _payload(self, values: dict[str, Any]) -> bytes:
        report = {"serial_number": self.serial, "estado": self.estado, "parametros": values}
        return json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()
