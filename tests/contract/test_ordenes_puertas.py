"""Every change of desired state, through any door, is an order that says who asked (issue 3, point 2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.test_horario_http import around_now
from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until

ON = {"encendido": True}


@pytest.fixture
def lamp(backend, mqtt, serial) -> dict[str, Any]:
    """A device with a topic of its own that said that it is off."""
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo"})
    return backend.wait_device(serial)


def newest(http, device: dict[str, Any]) -> dict[str, Any] | None:
    return next(iter(http.get(f"/dispositivos/{device['id']}/ordenes").json["data"]), None)


def put(http, device, **body):
    return http.put(f"/dispositivos/{device['id']}", body)


def claim(http, device):
    return http.post("/dispositivos/reclamar", {"serial_number": device["serial_number"], "configuracion": ON})


def scene(http, device):
    acciones = [{"dispositivo_id": device["id"], "configuracion": ON}]
    made = http.post("/escenas", {"nombre": device["serial_number"], "acciones": acciones})
    return http.post(f"{made.headers['Location']}/aplicar")


def rule(http, device):
    condicion = {"dispositivo_id": device["id"], "estado": "inactivo"}
    acciones = [{"tipo": "orden", "dispositivo_id": device["id"], "configuracion": ON}]
    return http.post("/reglas", {"nombre": device["serial_number"], "condicion": condicion, "acciones": acciones})


def room(http, device):
    made = http.post("/habitaciones", {"nombre": device["serial_number"]}).json
    put(http, device, habitacion_id=made["id"])
    return http.post("/ordenes", {"habitacion_id": made["id"], "cambios": ON})


DOORS = {
    "put": (lambda h, d: put(h, d, **ON), "http"),
    "put inside": (lambda h, d: put(h, d, configuracion=ON), "http"),
    "put estado": (lambda h, d: put(h, d, estado="activo"), "http"),
    "claim": (claim, "http"),
    "bulk": (lambda h, d: h.post("/ordenes", {"dispositivos": [d["id"]], "cambios": ON}), "http"),
    "room": (room, "http"),
    "scene": (scene, "escena"),
    "rule": (rule, "regla"),
    "schedule": (lambda h, d: put(h, d, configuracion={"modo": "horario", "horarios": around_now()}), "horario"),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_door(backend, http, mqtt, lamp, door):
    """Made pending, sent, and applied by the device's own word, each told on the stream, under the cause that asked."""
    ask, cause = DOORS[door]
    with backend.sse(f"?serial={lamp['serial_number']}").hello() as reader:
        assert ask(http, lamp).status in (200, 201)
        made = reader.until(lambda e: e.event == "orden" and e.json["cambios"].get("encendido") is True).json
        assert (made["estado"], made["causa"]["tipo"], made["dispositivo_id"]) == ("pendiente", cause, lamp["id"])
        assert made["serial_number"] == lamp["serial_number"]
        sent = reader.until(lambda e: e.event == "orden" and e.json["id"] == made["id"]).json
        assert sent["estado"] == "enviada"
        wanted = http.get(f"/dispositivos/{lamp['id']}").json
        assert (wanted["estado"], wanted["deriva"]["encendido"]["orden"]) == ("activo", made["id"])
        mqtt.publish(own_topic(lamp["serial_number"]), {"estado": "activo"})
        done = reader.until(lambda e: e.event == "orden" and e.json["id"] == made["id"]).json
        assert done["estado"] == "aplicada"
    assert http.get(f"/dispositivos/{lamp['id']}").json["deriva"] == {}
    if door == "rule":
        http.request("DELETE", f"/reglas/{made['causa']['id']}")


def test_a_device_that_is_added_by_hand(http, serial):
    made = http.post("/dispositivos", {"serial_number": serial, "nombre": "n", "tipo": "t", "encendido": True}).json
    assert newest(http, made)["cambios"] == ON


@pytest.mark.parametrize("door", ["anular", "quitar", "saltar"])
def test_the_doors_of_a_schedule(backend, http, lamp, door):
    """What they change is the device's to know, so each is an order; what it then has to do is one too."""
    put(http, lamp, configuracion={"modo": "horario", "zona": "UTC", "horarios": around_now()})
    wait_until(lambda: (newest(http, lamp) or {"causa": {}})["causa"].get("tipo") == "horario", 5, "it is driven")
    base = f"/dispositivos/{lamp['id']}/horario"
    if door == "saltar":
        assert http.post(f"{base}/saltar").status == 200
        assert set(newest(http, lamp)["cambios"]) == {"saltar"}
        return
    assert http.post(f"{base}/anular", {"encendido": False}).status == 200
    asked = newest(http, lamp)
    assert (asked["cambios"]["encendido"], asked["causa"]["tipo"]) == (False, "http")
    assert set(asked["cambios"]) == {"encendido", "anulacion"}
    if door == "quitar":
        assert http.request("DELETE", f"{base}/anular").status == 200
        last = wait_until(
            lambda: o if (o := newest(http, lamp))["causa"]["tipo"] == "horario" else None, 5, "asked again"
        )
        assert last["cambios"]["encendido"] is True


def test_what_a_device_decides_itself_is_no_order(backend, http, mqtt, lamp):
    report = {"estado": "activo", "configuracion": {"encendido": True, "brillo": 3}, "parametros": {"n": 9}}
    mqtt.publish(own_topic(lamp["serial_number"]), report)
    backend.wait_device(lamp["serial_number"], parametros={"n": 9})
    assert newest(http, lamp) is None
