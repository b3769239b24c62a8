"""The core of the contract on each kind of broker: configured Mosquitto, our own Mosquitto child, embedded."""

from __future__ import annotations

import pytest

from tests.support.mqtt import Cliente, legacy_publish, own_topic, retained
from tests.support.procesos import accepts, require, wait_until


@pytest.fixture(scope="module", params=["mosquitto", "gestionado", "embebido"])
def backend(request, parts):
    """The same house on each broker."""
    if request.param == "mosquitto":
        backend = parts.backend(parts.mosquitto())
    else:
        if request.param == "gestionado":
            require("mosquitto")
        mode = {"gestionado": "nunca", "embebido": "siempre"}[request.param]
        backend = parts.backend(given_broker=False, MQTT_EMBEDDED=mode)
    yield backend
    backend.stop()
    assert not accepts(backend.mqtt_port) or request.param == "mosquitto", "the broker child outlived us"


def test_a_device_lives(backend, http, serial):
    """Detected, claimed, switched off, heard again, streamed, logged."""
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        legacy_publish(backend.mqtt_port, {"serial_number": serial, "estado": "activo", "parametros": {"t": 1}})
        first = stream.update().json
        assert (first["estado"], first["reclamado"]) == ("activo", False)
        assert http.post("/dispositivos/reclamar", {"serial_number": serial, "nombre": "Sala"}).status == 200
        assert stream.update().json["nombre"] == "Sala"
        off = http.put(f"/dispositivos/{first['id']}", {"configuracion": {"modo": "manual", "encendido": False}})
        assert off.json["estado"] == "inactivo"
        assert stream.update().json["estado"] == "inactivo"
        legacy_publish(backend.mqtt_port, {"serial_number": serial, "estado": "inactivo", "parametros": {"t": 2}})
        assert stream.update().json["parametros"] == {"t": 2}
    assert backend.logs(first["id"])["total"] == 3


def test_desired_configuration_is_retained(backend, http, detectar):
    device = detectar(estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": True}})
    topic = f"dispositivos/{device['serial_number']}/configuracion"

    def there():
        with Cliente(backend.mqtt_port) as client:
            client.subscribe(topic)
            return client.message(3).payload

    wait_until(there, 5)
    assert retained(backend.mqtt_port, topic)["encendido"] is True


def test_retained_messages_of_others_do_not_leak(backend, http, detectar):
    """amqtt 0.12.1 gives a newcomer everybody's retained messages; the guard must hold."""
    device = detectar(estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"configuracion": {"secreto": "sí"}})
    wait_until(lambda: retained(backend.mqtt_port, f"dispositivos/{device['serial_number']}/configuracion"), 5)
    with Cliente(backend.mqtt_port) as client:
        client.subscribe("dispositivos/OTRA/disponible")
        client.publish("dispositivos/OTRA/disponible", b"barrera")
        assert client.message().topic == "dispositivos/OTRA/disponible"
        assert client.pending() == []


def test_burst_is_complete_and_in_order(backend, mqtt, serial):
    mqtt.publish_all((own_topic(serial), {"parametros": {"n": n}}) for n in range(150))
    device = backend.wait_device(serial, timeout=15, parametros={"n": 149})
    assert [r["parametros"]["n"] for r in backend.logs(device["id"])["data"]] == list(range(149, -1, -1))


def test_poison_is_kept_and_the_loop_lives(backend, mqtt, serial):
    mqtt.publish("dispositivos/estado", b"\xff\xfe no es texto")
    mqtt.publish(own_topic(serial), {"estado": "activo"})
    backend.wait_device(serial)
    assert any("no es texto" in r["payload"] for r in backend.rejected())


def test_restart_keeps_the_house(backend, http, detectar):
    device = detectar(estado="activo")
    http.put(f"/dispositivos/{device['id']}", {"configuracion": {"color": "azul"}})
    backend.restart()
    assert http.get(f"/dispositivos/{device['id']}").json["configuracion"]["color"] == "azul"
    with Cliente(backend.mqtt_port) as client:
        client.publish(own_topic(device["serial_number"]), {"parametros": {"tras": 1}})
    backend.wait_device(device["serial_number"], parametros={"tras": 1})
