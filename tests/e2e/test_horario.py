"""A real simulated device on a real broker, driven by the schedule that the backend keeps for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.broker import Broker
from simulator.catalogue import KINDS
from simulator.device import Spec
from simulator.fleet import Fleet
from tests.conftest import new_serial
from tests.support.backend import Backend
from tests.support.http import Http
from tests.support.procesos import wait_until

LIGHT = next(kind for kind in KINDS if kind.prefix == "LGT0")


def window(start_h: int, end_h: int) -> list[dict[str, str]]:
    """A window of UTC between hours from now."""
    now = datetime.now(UTC)
    return [{"inicio": f"{now + timedelta(hours=start_h):%H:%M}", "fin": f"{now + timedelta(hours=end_h):%H:%M}"}]


@pytest.fixture
def lamp(backend: Backend) -> Iterator[Lamp]:
    """A light that is unplugged at the end."""
    with ExitStack() as stack:
        yield Lamp(stack, backend.mqtt_port)


class Lamp:
    """One modern light, reporting twice a second while it is switched on."""

    def __init__(self, stack: ExitStack, port: int) -> None:
        self._spec = Spec(f"LGT0{new_serial()}", LIGHT, "moderno")
        self._stack, self._port = stack, port
        self.serial = self._spec.serial

    def plug_in(self) -> Callable[[], None]:
        """Answers how to pull the plug."""
        mine = self._stack.enter_context(ExitStack())
        mine.enter_context(Fleet([self._spec], Broker(port=self._port), seed="horario", intervalo=0.5))
        return mine.close


def follow(http: Http, device: dict[str, Any], horarios: Any) -> None:
    sent = {"configuracion": {"modo": "horario", "zona": "UTC", "horarios": horarios}}
    assert http.put(f"/dispositivos/{device['id']}", sent).status == 200


def proven(http: Http, device: dict[str, Any], *, on: bool) -> dict[str, Any]:
    """The newest order by the schedule, once the device's own report has proven it."""

    def look() -> dict[str, Any] | None:
        page = http.get(f"/dispositivos/{device['id']}/ordenes?per_page=5").json["data"]
        newest = next((o for o in page if "encendido" in o["cambios"]), None)
        return newest if newest and newest["cambios"]["encendido"] is on and newest["estado"] == "aplicada" else None

    return wait_until(look, 15, "an order that the device's report has proven")


def test_a_device_follows_the_schedule_that_the_backend_keeps(backend, http, lamp):
    """On in its window, off outside, put aside for two seconds, and on again by itself: each proven by its report."""
    lamp.plug_in()
    device = backend.wait_device(lamp.serial, 15)
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    backend.wait_device(lamp.serial, estado="inactivo", deriva={})
    follow(http, device, window(-1, 3))
    assert proven(http, device, on=True)["causa"]["tipo"] == "horario"
    follow(http, device, window(3, 5))
    assert proven(http, device, on=False)["causa"]["tipo"] == "horario"
    answer = http.post(f"/dispositivos/{device['id']}/horario/anular", {"encendido": True, "durante_s": 2})
    assert answer.status == 200
    assert proven(http, device, on=True)["causa"]["tipo"] == "http"
    assert proven(http, device, on=False)["causa"]["tipo"] == "horario"


def test_a_device_that_was_away_and_a_backend_that_was_killed(backend, http, lamp):
    """The window opens while the device is gone and the backend dies: both come back, and the lamp is on."""
    unplug = lamp.plug_in()
    device = backend.wait_device(lamp.serial, 15)
    follow(http, device, window(3, 5))
    wait_until(lambda: http.device(lamp.serial)["configuracion"].get("horarios"), 5, "the schedule is kept")
    unplug()
    follow(http, device, window(-1, 3))
    backend.kill()
    backend.start()
    lamp.plug_in()
    backend.wait_device(lamp.serial, 15, estado="activo")
    assert proven(http, device, on=True)["causa"]["tipo"] == "horario"
