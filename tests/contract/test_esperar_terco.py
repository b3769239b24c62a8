"""PUT …?esperar= to devices that make it hard: a legacy one that polls, one that disobeys, one behind a dead broker."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.procesos import wait_until

ON, OFF = "activo", "inactivo"
GRACE = 2


@pytest.fixture(scope="module")
def settings():
    return {"COMMAND_GRACE_S": GRACE, "ORDER_TTL_S": 30}


class Legacy:
    """WIRE §2: polls its own configuration, is so (unless it is stubborn), and says so on the shared topic."""

    def __init__(self, http, mqtt, device: dict[str, Any], every: float = 0.3) -> None:
        self._http, self._mqtt, self._every = http, mqtt, every
        self.device, self.path = device, f"/dispositivos/{device['id']}"
        self.stubborn = False
        self.was: list[bool] = [False]
        self._steps = itertools.count(1)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Legacy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            wanted = bool(self._http.get(self.path).json["configuracion"].get("encendido"))
            if not self.stubborn and wanted is not self.was[-1]:
                self.was.append(wanted)
            report = {"estado": ON if self.was[-1] else OFF, "parametros": {"n": next(self._steps)}}
            self._mqtt.publish("dispositivos/estado", {"serial_number": self.device["serial_number"], **report})


@pytest.fixture
def legacy(http, mqtt, detectar) -> Iterator[Legacy]:
    with Legacy(http, mqtt, detectar(estado=OFF)) as made:
        yield made


def test_a_legacy_device_proves_it_with_its_next_matching_report(http, legacy):
    told = http.put(f"{legacy.path}?esperar=10", {"encendido": True}).json
    assert (told["orden"]["estado"], told["estado"], told["deriva"]) == ("aplicada", ON, {})
    assert legacy.was == [False, True]


def test_two_quick_opposite_wishes_of_a_legacy_device(backend, http, legacy):
    """On and off within one poll: the first is overtaken, the second is so, and the stream never says on again."""
    serial = legacy.device["serial_number"]
    told: list[dict[str, Any]] = []

    def ask(on: bool) -> None:
        told.append(http.put(f"{legacy.path}?esperar=10", {"encendido": on}).json)

    first = threading.Thread(target=ask, args=(True,))
    first.start()
    wait_until(lambda: http.get(legacy.path).json["configuracion"].get("encendido") is True, 5, "it is asked")
    with backend.sse(f"?serial={serial}").hello() as reader:
        ask(on=False)
        first.join()
        assert [t["orden"]["estado"] for t in told] == ["sustituida", "aplicada"]
        after = [reader.update().json for _ in range(6)]
    off = next(n for n, d in enumerate(after) if d["estado"] == OFF)
    assert {d["estado"] for d in after[off:]} == {OFF}
    assert legacy.was[-1] is False


def test_one_that_disobeys_is_told_of_and_not_bounced(backend, http, legacy):
    """Within the grace the stream goes on saying what is wanted, beside what is said; after it the device is right."""
    legacy.stubborn = True
    with backend.sse(f"?serial={legacy.device['serial_number']}").hello() as reader:
        told = http.put(f"{legacy.path}?esperar=10", {"encendido": True}).json
        assert told["orden"]["estado"] == "rechazada"
        assert told["orden"]["motivo"] == "el dispositivo sigue inactivo"
        assert told["resultado"] == "El dispositivo no lo ha hecho"
        states = [reader.update().json for _ in range(8)]
    asked = next(n for n, d in enumerate(states) if d["estado"] == ON)
    refused = next(n for n, d in enumerate(states) if n > asked and d["estado"] == OFF)
    assert {d["estado"] for d in states[refused:]} == {OFF}
    assert all(d["deriva"]["encendido"]["reportado"] is False for d in states[asked:])
    assert http.get("/dispositivos?deriva=true").json[0]["id"] == legacy.device["id"]


def test_with_a_dead_broker(own_parts):
    """The wish is kept, the wait ends in its time and says the truth; the broker comes back, and it is carried out."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, COMMAND_GRACE_S=GRACE)
    with own_parts.client(backend) as client:
        client.publish("dispositivos/estado", {"serial_number": "SINBROKER", "estado": OFF})
        device = backend.wait_device("SINBROKER")
    broker.stop()
    wait_until(lambda: not backend.mqtt_connected(), 10, "the loss is seen")
    began = time.monotonic()
    told = backend.http.put(f"/dispositivos/{device['id']}?esperar=1", {"encendido": True}).json
    assert 0.9 < time.monotonic() - began < 5
    assert (told["orden"]["estado"], told["estado"]) == ("pendiente", ON)
    assert told["resultado"] == "Guardado; el dispositivo aún no lo ha confirmado"
    broker.start()
    wait_until(backend.mqtt_connected, 40, "connected again", every=0.2)
    with own_parts.client(backend) as client, Legacy(backend.http, client, device):
        waited = backend.http.put(f"/dispositivos/{device['id']}?esperar=10", {"encendido": True}).json
    assert waited["orden"]["estado"] == "aplicada"
