"""MQTT, backend to device: the desired configuration as a retained level."""

from __future__ import annotations

import json

import pytest

from tests.support.mqtt import Cliente, nothing_retained, own_topic, retained
from tests.support.procesos import wait_until


def topic(serial: str) -> str:
    return f"dispositivos/{serial}/configuracion"


@pytest.fixture
def onlooker(backend):
    with Cliente(backend.mqtt_port) as client:
        yield client


def wished(client: Cliente, timeout: float = 5.0) -> dict:
    message = client.message(timeout)
    assert message.qos == 1
    return json.loads(message.payload)


def test_put_publishes_the_whole_configuration_with_its_version(backend, http, detectar, onlooker):
    device = detectar(estado="inactivo", configuracion={"intervalo_envio": 5})
    onlooker.subscribe(topic(device["serial_number"]))
    http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": True}})
    sent = wished(onlooker)
    while sent.get("modo") != "manual":
        sent = wished(onlooker)
    version = sent.pop("version")
    assert sent == {"intervalo_envio": 5, "modo": "manual", "encendido": True}
    assert isinstance(version, int)
    assert wait_until(lambda: retained(backend.mqtt_port, topic(device["serial_number"])), 5) == {
        **sent,
        "version": version,
    }
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    later = wished(onlooker)
    assert (later["encendido"], later["version"]) == (False, version + 1)


def test_claim_publishes_it(backend, http, detectar, onlooker):
    device = detectar(estado="inactivo")
    onlooker.subscribe(topic(device["serial_number"]))
    http.post(
        "/dispositivos/reclamar", {"serial_number": device["serial_number"], "configuracion": {"intervalo_envio": 30}}
    )
    sent = wished(onlooker)
    while "intervalo_envio" not in sent:
        sent = wished(onlooker)
    assert sent["intervalo_envio"] == 30
    assert sent["version"] >= 1


def test_nothing_is_sent_when_nothing_changed(http, detectar, onlooker):
    """A new name or the same configuration again is no news for the device."""
    device = detectar(estado="inactivo")
    path = f"/dispositivos/{device['id']}"
    http.put(path, {"configuracion": {"intervalo_envio": 9}})
    onlooker.subscribe(topic(device["serial_number"]))
    first = wished(onlooker)
    while first.get("intervalo_envio") != 9:
        first = wished(onlooker)
    http.put(path, {"nombre": "otro nombre"})
    http.put(path, {"configuracion": {"intervalo_envio": 9}})
    http.put(path, {"configuracion": {"intervalo_envio": 10}})
    second = wished(onlooker)
    assert (second["intervalo_envio"], second["version"]) == (10, first["version"] + 1)
    assert onlooker.pending() == []


def test_a_device_that_reads_it_and_reports_back_is_quiet(backend, http, detectar, onlooker):
    """No ping-pong: a report that echoes the desired configuration causes no new one."""
    device = detectar(estado="inactivo")
    serial = device["serial_number"]
    http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": True}})
    onlooker.subscribe(topic(serial))
    sent = wished(onlooker)
    while not sent.get("encendido"):
        sent = wished(onlooker)
    onlooker.publish(own_topic(serial), {"estado": "activo", "configuracion": sent, "parametros": {"eco": 1}})
    now = backend.wait_device(serial, parametros={"eco": 1})
    assert "version" not in now["configuracion"]
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    later = wished(onlooker)
    assert (later["encendido"], later["version"]) == (False, sent["version"] + 1)
    assert onlooker.pending() == []


def test_published_again_after_the_broker_lost_it(own_parts):
    """A broker without persistence comes back empty: every wish is there again after the reconnect."""
    broker = own_parts.mosquitto(persistent=False)
    backend = own_parts.backend(broker)
    ids = {}
    with Cliente(broker.port) as client:
        for n in range(5):
            client.publish("dispositivos/estado", {"serial_number": f"DESEO{n}", "estado": "inactivo"})
            ids[n] = backend.wait_device(f"DESEO{n}")["id"]
    for n, device_id in ids.items():
        backend.http.put(f"/dispositivos/{device_id}", {"configuracion": {"modo": "manual", "encendido": True, "n": n}})
    before = {n: wait_until(lambda n=n: retained(broker.port, topic(f"DESEO{n}")), 5) for n in ids}
    broker.kill()
    broker.start()
    wait_until(backend.mqtt_connected, 40, "reconnected", every=0.2)
    for n in ids:
        wait_until(
            lambda n=n: not nothing_retained(broker.port, topic(f"DESEO{n}")), 10, f"wish of DESEO{n}", every=0.2
        )
        assert retained(broker.port, topic(f"DESEO{n}")) == before[n]


def test_a_wish_made_while_the_broker_is_away_arrives(own_parts):
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    with Cliente(broker.port) as client:
        client.publish("dispositivos/estado", {"serial_number": "AUSENTE1", "estado": "inactivo"})
        device = backend.wait_device("AUSENTE1")
    broker.stop()
    answer = backend.http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": True}})
    assert (answer.status, answer.json["estado"]) == (200, "activo")
    broker.start()
    wait_until(backend.mqtt_connected, 40, "reconnected", every=0.2)
    wait_until(lambda: not nothing_retained(broker.port, topic("AUSENTE1")), 10, "the wish", every=0.2)
    assert retained(broker.port, topic("AUSENTE1"))["encendido"] is True


def test_a_wish_made_before_a_kill_arrives_after_it(own_parts):
    """Committed but not published when the process died: published by the next one."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    with Cliente(broker.port) as client:
        client.publish("dispositivos/estado", {"serial_number": "MUERTE1", "estado": "inactivo"})
        device = backend.wait_device("MUERTE1")
    broker.pause()
    assert backend.http.put(f"/dispositivos/{device['id']}", {"configuracion": {"encendido": True}}).status == 200
    backend.kill()
    broker.resume()
    backend.start()
    wait_until(lambda: not nothing_retained(broker.port, topic("MUERTE1")), 10, "the wish", every=0.2)
    assert retained(broker.port, topic("MUERTE1"))["encendido"] is True
