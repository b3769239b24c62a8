"""Liveness as clients see it, with a real broker: silence, last wills, retained messages (docs/control-vida.md)."""

from __future__ import annotations

import pytest

from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import wait_until


def alive(http, device, wanted, timeout=10):
    path = f"/dispositivos/{device['id']}"
    return wait_until(
        lambda: (d := http.get(path).json)["conectividad"]["estado"] == wanted and d, timeout, f"{wanted}", every=0.1
    )


def test_a_device_appears_alive_and_is_separate_from_its_state(http, detectar):
    device = detectar(estado="inactivo")
    assert (device["estado"], device["conectividad"]["estado"], device["conectividad"]["motivo"]) == (
        "inactivo",
        "en_linea",
        "senal",
    )
    assert device["conectividad"]["ultima_senal"] == device["visto_en"]
    assert list(device["conectividad"]) == ["estado", "ultima_senal", "esperado_cada_s", "motivo", "desde"]


def test_silence_by_hand_set_threshold(backend, http, mqtt, detectar):
    """Silent: doubtful, then lost, with an event, a log row with its cause and a notice; one message and it is back."""
    device = detectar(estado="activo")
    serial = device["serial_number"]
    http.post("/dispositivos/reclamar", {"serial_number": serial, "nombre": "Lámpara"})
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        assert http.put(f"/dispositivos/{device['id']}", {"esperado_cada_s": 1}).status == 200
        told = [stream.until(lambda e: e.event == "conectividad", 15).json for _ in range(2)]
    assert [t["conectividad"]["estado"] for t in told] == ["dudoso", "fuera"]
    assert (told[1]["antes"], told[1]["serial_number"], told[1]["conectividad"]["motivo"]) == (
        "dudoso",
        serial,
        "silencio",
    )
    lost = http.get(f"/dispositivos/{device['id']}")
    assert lost.json["conectividad"] == told[1]["conectividad"]
    assert lost.json["estado"] == "activo"
    assert device["id"] in [d["id"] for d in http.get("/dispositivos?conectividad=fuera").json]
    assert backend.metric("iot_dispositivos", conectividad="fuera") >= 1
    causes = [row["causa"] for row in backend.logs(device["id"])["data"]]
    assert [c["detalle"] for c in causes if c["tipo"] == "conectividad"] == [
        "dudoso → fuera: silencio",
        "en_linea → dudoso: silencio",
    ]
    notice = [a for a in http.get("/avisos?estado=nuevo").json["data"] if a["tipo"] == "dispositivo_perdido"]
    assert "Lámpara" in notice[0]["texto"]
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "estado": "activo", "parametros": {"n": 2}})
    alive(http, device, "en_linea")
    assert not [a for a in http.get("/avisos?estado=nuevo").json["data"] if a["tipo"] == "dispositivo_perdido"]


def test_a_last_will_and_the_message_that_overrules_it(http, mqtt, serial, backend):
    report = {"serial_number": serial, "estado": "activo", "parametros": {"n": 1}}
    mqtt.publish(own_topic(serial), report)
    device = backend.wait_device(serial)
    mqtt.publish(f"dispositivos/{serial}/disponible", b"offline")
    assert alive(http, device, "dudoso")["conectividad"]["motivo"] == "testamento"
    alive(http, device, "fuera", 12)
    mqtt.publish(own_topic(serial), report)
    alive(http, device, "en_linea")


def test_what_the_broker_kept_is_no_life(parts, serial):
    """Two retained reports of devices nobody knows: introduced, of unknown liveness, until they speak themselves."""
    mosquitto = parts.mosquitto()
    with Cliente(mosquitto.port) as early:
        early.publish(own_topic(serial), {"serial_number": serial, "parametros": {"n": 1}}, retain=True)
    backend = parts.backend(mosquitto)
    device = backend.wait_device(serial)
    assert device["conectividad"]["estado"] == "desconocido"
    with Cliente(mosquitto.port) as own:
        own.publish(own_topic(serial), {"serial_number": serial, "parametros": {"n": 2}})
    alive(backend.http, device, "en_linea")


@pytest.mark.parametrize("value", [0, -1, 86401, "x", True])
def test_a_cadence_that_makes_no_sense(http, detectar, value):
    answer = http.put(f"/dispositivos/{detectar()['id']}", {"esperado_cada_s": value})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, "esperado_cada_s")


def test_a_cadence_set_by_hand_and_taken_back(http, detectar):
    path = f"/dispositivos/{detectar()['id']}"
    assert http.put(path, {"esperado_cada_s": 90}).json["conectividad"]["esperado_cada_s"] == 90
    assert http.put(path, {"nombre": "otro"}).json["conectividad"]["esperado_cada_s"] == 90
    assert http.put(path, {"esperado_cada_s": None}).json["conectividad"]["esperado_cada_s"] != 90


def test_a_filter_that_makes_no_sense(http):
    assert http.get("/dispositivos?conectividad=viva").status == 422
