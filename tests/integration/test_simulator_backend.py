"""Simulated devices in a real house: detected, claimed, switched, scheduled, by the real backend."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.backend import Backend as Api
from simulator.broker import Broker
from simulator.catalogue import KINDS
from simulator.device import Spec
from simulator.faults import parse_fault
from simulator.fleet import Fleet, make_specs
from tests.conftest import Parts
from tests.support.backend import Backend
from tests.support.procesos import wait_until

pytestmark = pytest.mark.integration

BY_PREFIX = {kind.prefix: kind for kind in KINDS}
WINDOWS = [{"inicio": "00:00", "fin": "12:00"}, {"dias": ["todos"], "start": "12:00", "end": "00:00"}]


def fleet(backend: Backend, *specs: Spec, **options: Any) -> Fleet:
    api = Api(f"http://127.0.0.1:{backend.port}")
    return Fleet(list(specs), Broker(port=backend.mqtt_port), api, seed="casa", **options)


def claim(backend: Backend, spec: Spec) -> dict[str, Any]:
    """Wait until it was detected, then claim it with what its QR says."""
    device = backend.wait_device(spec.serial)
    assert (device["nombre"], device["tipo"], device["modelo"]) == ("No definido", "generico", "desconocido")
    answer = backend.http.post("/dispositivos/reclamar", spec.identity())
    assert answer.status == 200, answer.text
    return backend.wait_device(spec.serial, reclamado=True, modelo=spec.kind.modelo)


@pytest.mark.parametrize("estilo", ["legado", "moderno"])
def test_a_device_appears_is_claimed_and_is_switched_off(backend: Backend, estilo: str) -> None:
    """The README's story: its PUT, ``encendido`` inside ``configuracion``, reaches the device, which reports it."""
    spec = Spec(f"PLG0PUT{estilo[:5].upper()}", BY_PREFIX["PLG0"], estilo)
    with fleet(backend, spec, intervalo=1) as house:
        device = claim(backend, spec)
        body = {"configuracion": {"modo": "manual", "encendido": False, "intervalo_envio": 0.5}}
        assert backend.http.put(f"/dispositivos/{device['id']}", body).status == 200
        off = wait_until(
            lambda: (shown := backend.http.device(spec.serial))["parametros"] == {"consumo_w": 0.0} and shown, 8
        )  # fmt: skip
        assert off["estado"] == "inactivo"
        assert off["configuracion"]["encendido"] is False
        sent = house.stats["enviados"]
        wait_until(lambda: house.stats["enviados"] >= sent + 3, 5, "it goes on reporting while off")
        assert backend.http.device(spec.serial)["estado"] == "inactivo"
        assert house.stats["fallos"] + house.stats["fallos_http"] == 0, house.stats.last_failure


@pytest.mark.parametrize("estilo", ["legado", "moderno"])
@pytest.mark.parametrize("horarios", [WINDOWS, {"diario": [["00:00", "on"]]}])
def test_a_schedule_switches_the_device_and_the_backend_hears_it(backend: Backend, estilo: str, horarios: Any) -> None:
    """Both shapes of ``horarios``; a legacy device tells by PUT, a modern one by its report."""
    spec = Spec(f"LGT0{estilo[:4].upper()}{type(horarios).__name__.upper()}", BY_PREFIX["LGT0"], estilo)
    with fleet(backend, spec, intervalo=1) as house:
        device = claim(backend, spec)
        path = f"/dispositivos/{device['id']}"
        assert backend.http.put(path, {"encendido": False, "configuracion": {"modo": "manual"}}).status == 200
        wait_until(lambda: _device(house).estado == "inactivo", 8, "it is off")
        assert backend.http.put(path, {"configuracion": {"modo": "horario", "horarios": horarios}}).status == 200
        shown = backend.wait_device(spec.serial, timeout=15, estado="activo")
        assert shown["configuracion"]["horarios"] == horarios
        assert shown["configuracion"]["encendido"] is True
        wait_until(lambda: _device(house).estado == "activo", 2)
        assert house.stats["fallos_http"] == 0, house.stats.last_failure


def _device(house: Fleet) -> Any:
    return house.devices[0]


def test_garbage_from_the_house_is_rejected_and_the_backend_lives(backend: Backend) -> None:
    """Every malformed payload is in the operator's list; the devices' own reports go on."""
    specs = make_specs(2, "mezcla", "basura")
    before = backend.rejected_metric()
    with fleet(backend, *specs, intervalo=0.1, faults=[parse_fault("basura:prob=0.5")]) as house:
        wait_until(lambda: house.stats["basura"] >= 25, 30)
        wait_until(lambda: backend.rejected_metric() > before + 15, 10)
        for spec in specs:
            backend.wait_device(spec.serial, estado="activo", reclamado=False)


def test_legacy_devices_find_a_new_id_after_the_house_was_rebuilt(own_parts: Parts) -> None:
    """A backend that is away or has forgotten them is asked again, patiently."""
    broker = own_parts.mosquitto()
    first = own_parts.backend(broker)
    spec = Spec("LGT0REHECHA1", BY_PREFIX["LGT0"], "legado")
    with fleet(first, spec, intervalo=0.5) as house:
        wait_until(lambda: house.stats["consultas"], 10, "it polls")
        first.stop()
        wait_until(lambda: house.stats["fallos_http"], 10, "its absence is seen")
        second = own_parts.backend(broker, start=False, BACKEND_PORT=first.port)
        second.port, second.http = first.port, first.http
        second.start()
        second.wait_device(spec.serial)
        polls = house.stats["consultas"]
        wait_until(lambda: house.stats["consultas"] > polls, 15, "it polls again")


def test_qr_and_claim_agree(backend: Backend) -> None:
    """The text of the QR is accepted as it is by the endpoint that claims."""
    from simulator.qr import qr_text

    spec = Spec("CO20QRTEXTO1", BY_PREFIX["CO20"], "moderno", "Aire")
    with fleet(backend, spec):
        backend.wait_device(spec.serial)
    answer = backend.http.request("POST", "/dispositivos/reclamar", json.loads(qr_text(spec)))
    assert answer.status == 200, answer.text
    assert backend.http.device(spec.serial)["configuracion"]["intervalo_envio"] == 12
