"""Legacy devices: shared topic, a new connection per message, orders read over HTTP, schedules kept by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.backend import Backend, RespuestaHttp
from simulator.broker import Broker, explain, publish_once
from simulator.faults import DISOBEYS, REFUSES
from simulator.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from simulator.device import Device
    from simulator.stats import Stats

SHARED_TOPIC = "dispositivos/estado"
POLL_S = 3.0


class LegacyWorld:
    """What all legacy devices of a house share: broker, backend (or none), the patience with each, the counters."""

    def __init__(
        self, broker: Broker, backend: Backend | None, stats: Stats, local_time: Callable[[], datetime]
    ) -> None:
        self.broker = broker
        self.backend = backend
        self.stats = stats
        self.local_time = local_time
        self.broker_gate = Gate()
        self.backend_gate = Gate()


class LegacyDevice:
    """One legacy device. ``step`` does what is due; the pool calls it from one thread at a time."""

    def __init__(self, device: Device, world: LegacyWorld, first: float) -> None:
        self._device = device
        self._world = world
        self._next_report = first
        self._next_poll = first + device.random.uniform(0, POLL_S)
        self._unconfirmed = False

    @property
    def due(self) -> float:
        """Monotonic time at which ``step`` wants to be called."""
        return min(self._next_report, self._next_poll)

    def step(self, now: float) -> None:
        if self._device.dead(now):
            self._next_report = self._next_poll = now + 1
            return
        if now >= self._next_poll:
            self._next_poll = now + POLL_S
            before = self._device.estado, self._device.interval
            self._poll()
            if before != (self._device.estado, self._device.interval):
                self._next_report = now
        if now >= self._next_report:
            self._next_report = now + self._device.interval
            self._report(now)

    def _report(self, now: float) -> None:
        world = self._world
        for payload in self._device.next_reports(now):
            if world.broker_gate.wait():
                world.stats.add("fallos")
                continue
            try:
                publish_once(world.broker, SHARED_TOPIC, payload)
            except OSError as err:
                world.broker_gate.failed()
                world.stats.failed("fallos", explain(err))
            else:
                world.broker_gate.ok()
                world.stats.add("enviados")

    def _poll(self) -> None:
        world = self._world
        if world.backend is None:
            self._device.follow_schedule(world.local_time())
        elif not world.backend_gate.wait():
            try:
                self._ask(world.backend)
            except OSError as err:
                world.backend_gate.failed()
                world.stats.failed("fallos_http", _why(err))
            except RespuestaHttp as err:
                world.stats.failed("fallos_http", str(err))
                if err.status == 404:
                    world.backend.forget(self._device.serial)
            else:
                world.backend_gate.ok()

    def _ask(self, backend: Backend) -> None:
        """Read the configuration, apply it, and tell the backend when the schedule flipped the device."""
        device_id = backend.id_of(self._device.serial)
        if device_id is None:
            return
        configuracion = backend.device(device_id).get("configuracion")
        self._world.stats.add("consultas")
        if isinstance(configuracion, dict) and configuracion:
            self._take(configuracion)
        flipped = self._device.follow_schedule(self._world.local_time())
        if flipped or self._unconfirmed:
            self._unconfirmed = True
            self._tell(backend, device_id)
            self._unconfirmed = False

    def _take(self, configuracion: dict[str, Any]) -> None:
        """Obey; a legacy device that refuses has no way to say so."""
        if self._device.treatment(configuracion) in (REFUSES, DISOBEYS):
            self._world.stats.add("desobedecidas")
        else:
            self._device.apply(configuracion)

    def _tell(self, backend: Backend, device_id: int) -> None:
        """The PUT of WIRE section 2; repeated at the next poll when it failed."""
        encendido = self._device.encendido
        configuracion = {**self._device.configuracion, "encendido": encendido}
        backend.update(
            device_id, {"configuracion": configuracion, "encendido": encendido, "estado": self._device.estado}
        )
        self._world.stats.add("cambios_por_horario")


def _why(err: OSError) -> str:
    match err:
        case ConnectionRefusedError():
            return "el backend no acepta la conexión (¿está en marcha?)"
        case TimeoutError():
            return "el backend no contesta"
    return f"no se llega al backend: {err.strerror or err}"
