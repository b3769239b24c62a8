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

Rejection = dict[str, Any]
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
    """One device's inside. Not thread-safe: a device belongs to one thread at a time.

    ``version`` is that of the desired configuration that it obeyed last; its reports echo it (modern devices only).
    """

    def __init__(
        self, spec: Spec, seed: object, *, intervalo: float | None = None, faults: DeviceFaults | None = None
    ) -> None:
        self.serial = spec.serial
        self.version: int | None = None
        self._driven = spec.estilo != LEGACY
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
        """Whether it is to follow its own clockwork: a modern device never does, the backend drives it."""
        return not self._driven and _wants_schedule(self.configuracion)

    def apply(self, configuracion: dict[str, Any]) -> None:
        """Take over ``encendido``, ``modo``, ``horarios``, ``intervalo_envio``; what makes no sense is left as it was.

        A legacy device in ``horario`` mode leaves ``encendido`` to ``follow_schedule``; a modern one obeys it always.
        """
        self.encendido, self._interval = self._asked(configuracion)
        self.configuracion = dict(configuracion)

    def treatment(self, configuracion: dict[str, Any]) -> str | None:
        """The fault that meets this order, ``None`` when it is obeyed; one that changes nothing always is."""
        if self._faults is None or self._asked(configuracion) == (self.encendido, self._interval):
            return None
        return self._faults.treatment()

    @property
    def delay(self) -> float:
        """Seconds by which ``lento`` is late."""
        return self._faults.delay if self._faults is not None else 0.0

    def dead(self, now: float) -> bool:
        """Whether ``muere`` has come about; ``now`` in monotonic seconds."""
        return self._faults is not None and self._faults.dead(now)

    def blinks(self, now: float) -> bool:
        """Whether ``parpadea`` cuts its connection now."""
        return self._faults is not None and self._faults.blinks(now)

    def follow_schedule(self, local: datetime) -> bool:
        """In ``horario`` mode, be as the schedule says at local time ``local``; ``True`` when that flipped it.

        A modern device never is: the backend drives it.
        """
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

    def reports(self, now: float, rechazo: Rejection | None = None) -> list[bytes]:
        """The same without a new measurement, as after an order; ``rechazo`` (version, motivo) says it was refused."""
        values = self._walk.values(encendido=self.encendido)
        if self._faults is None:
            return [self._payload(values, rechazo)]
        return self._faults.mangle(self._payload(self._faults.distort(values, self._walk.rules), rechazo), now)

    def _asked(self, configuracion: dict[str, Any]) -> tuple[bool, float]:
        """``encendido`` and the interval in seconds that the configuration asks for."""
        encendido, interval = configuracion.get("encendido"), configuracion.get("intervalo_envio")
        if not isinstance(interval, int | float) or isinstance(interval, bool) or not math.isfinite(interval):
            interval = self._interval
        if not isinstance(encendido, bool) or (not self._driven and _wants_schedule(configuracion)):
            encendido = self.encendido
        return encendido, min(max(float(interval), _INTERVAL_MIN_S), _INTERVAL_MAX_S)

    def _payload(self, values: dict[str, Any], rechazo: Rejection | None) -> bytes:
        report: dict[str, Any] = {"serial_number": self.serial, "estado": self.estado, "parametros": values}
        if self.version is not None:
            report["version"] = self.version
        if rechazo is not None:
            report["rechazo"] = rechazo
        return json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()


def _wants_schedule(configuracion: dict[str, Any]) -> bool:
    modo = configuracion.get("modo")
    return isinstance(modo, str) and plain(modo) == "horario"
