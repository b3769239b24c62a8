"""MQTT, device to backend: what a message makes of a row, a log and a stream."""

from __future__ import annotations

import pytest

from tests.support.mqtt import legacy_publish, own_topic
from tests.support.procesos import wait_until


def test_legacy_message_on_a_connection_of_its_own(backend, serial):
    """QoS 0, not retained, random client id, connection closed right after."""
    legacy_publish(
        backend.mqtt_port, {"serial_number": serial, "estado": "activo", "parametros": {"t": 20.5}, "configuracion": {}}
    )
    device = backend.wait_device(serial)
    assert (device["nombre"], device["tipo"], device["modelo"], device["descripcion"]) == (
        "No definido",
        "generico",
        "desconocido",
        "",
    )
    assert (device["estado"], device["parametros"], device["reclamado"]) == ("activo", {"t": 20.5}, False)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_every_qos_is_heard_once(backend, mqtt, serial, qos):
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"q": qos}}, qos=qos)
    device = backend.wait_device(serial)
    assert backend.logs(device["id"])["total"] == 1


def test_only_the_serial_is_required(backend, mqtt, serial):
    mqtt.publish("dispositivos/estado", {"serial_number": serial})
    device = backend.wait_device(serial)
    assert (device["estado"], device["parametros"], device["configuracion"]) == ("desconocido", {}, {})


def test_each_part_replaces_the_whole_old_one(backend, mqtt, serial):
    """Replaced, not merged; what does not come stays."""
    mqtt.publish(
        "dispositivos/estado",
        {
            "serial_number": serial,
            "estado": "activo",
            "parametros": {"a": 1, "b": 2},
            "configuracion": {"x": 1, "y": 2},
        },
    )
    backend.wait_device(serial)
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"c": 3}})
    device = backend.wait_device(serial, parametros={"c": 3})
    assert (device["estado"], device["configuracion"]) == ("activo", {"x": 1, "y": 2, "encendido": True})
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "configuracion": {"z": 9}})
    device = backend.wait_device(serial, configuracion={"z": 9, "encendido": True})
    assert device["parametros"] == {"c": 3}


@pytest.mark.parametrize("empty", [None, {}, ""], ids=["null", "empty", "text"])
def test_null_and_empty_replace_nothing(backend, mqtt, serial, empty):
    mqtt.publish(
        "dispositivos/estado",
        {"serial_number": serial, "estado": "activo", "parametros": {"a": 1}, "configuracion": {"x": 1}},
    )
    before = backend.wait_device(serial)
    body = {"serial_number": serial, "estado": empty if empty != {} else None}
    if empty != "":
        body |= {"parametros": empty, "configuracion": empty}
    mqtt.publish("dispositivos/estado", body)
    after = wait_until(lambda: (d := backend.http.device(serial))["version"] > before["version"] and d, 5)
    assert {k: after[k] for k in ("estado", "parametros", "configuracion")} == {
        k: before[k] for k in ("estado", "parametros", "configuracion")
    }


def test_unknown_members_are_ignored(backend, mqtt, serial):
    mqtt.publish(
        "dispositivos/estado",
        {"serial_number": serial, "nombre": "yo me nombro", "reclamado": True, "id": 1, "otra": [1]},
    )
    device = backend.wait_device(serial)
    assert (device["nombre"], device["reclamado"]) == ("No definido", False)


def test_one_message_one_log_row_one_event(backend, mqtt, serial):
    """Even when nothing changed."""
    body = {"serial_number": serial, "estado": "activo", "parametros": {"t": 1}}
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        for _ in range(5):
            mqtt.publish("dispositivos/estado", body)
        events = [stream.update() for _ in range(5)]
    assert len({e.id for e in events}) == 5
    device = backend.http.device(serial)
    page = backend.logs(device["id"])
    assert page["total"] == 5
    assert all((r["estado"], r["parametros"]) == ("activo", {"t": 1}) for r in page["data"])


def test_own_topic_needs_no_serial_in_the_body(backend, mqtt, serial):
    mqtt.publish(own_topic(serial), {"estado": "activo", "parametros": {"t": 5}})
    assert backend.wait_device(serial)["estado"] == "activo"


def test_own_topic_with_the_same_serial(backend, mqtt, serial):
    mqtt.publish(own_topic(serial), {"serial_number": serial, "parametros": {"t": 5}})
    assert backend.wait_device(serial)["parametros"] == {"t": 5}


def test_own_topic_may_not_speak_for_another(backend, mqtt, serials):
    mine, other = serials(), serials()
    mqtt.publish(own_topic(mine), {"serial_number": other, "parametros": {"t": 5}})
    row = wait_until(lambda: next((r for r in backend.rejected() if other in r["payload"]), None), 5)
    assert row["topic"] == own_topic(mine)
    assert mine in row["detalle"] or other in row["detalle"] or "topic" in row["detalle"]
    assert backend.http.device(mine) is None
    assert backend.http.device(other) is None


def test_both_topics_are_one_device(backend, mqtt, serial):
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"t": 1}})
    mqtt.publish(own_topic(serial), {"parametros": {"t": 2}})
    device = backend.wait_device(serial, parametros={"t": 2})
    assert backend.logs(device["id"])["total"] == 2


def test_retained_report_is_not_taken_twice_at_restart(own_parts):
    """A retained report (a device's choice) is one message; a backend that comes back keeps one row for it."""
    backend = own_parts.backend(own_parts.mosquitto())
    client = own_parts.client(backend)
    client.publish(own_topic("RETENIDO1"), {"parametros": {"t": 1}}, retain=True)
    device = backend.wait_device("RETENIDO1")
    backend.restart()
    client.publish(own_topic("RETENIDO1"), {"parametros": {"t": 2}})
    backend.wait_device("RETENIDO1", parametros={"t": 2})
    assert backend.logs(device["id"])["total"] == 2


def test_order_is_kept_in_a_burst(backend, mqtt, serial):
    """150 messages as fast as they go: all rows, in order, and the last one is the state."""
    mqtt.publish_all(("dispositivos/estado", {"serial_number": serial, "parametros": {"n": n}}) for n in range(150))
    device = backend.wait_device(serial, parametros={"n": 149})
    assert [r["parametros"]["n"] for r in backend.logs(device["id"])["data"]] == list(range(149, -1, -1))


def test_shared_topic_can_be_turned_off(own_parts):
    backend = own_parts.backend(own_parts.mosquitto(), MQTT_SHARED_TOPIC="false")
    client = own_parts.client(backend)
    client.publish("dispositivos/estado", {"serial_number": "COMUN1"})
    client.publish(own_topic("PROPIO1"), {"estado": "activo"})
    backend.wait_device("PROPIO1")
    assert backend.http.device("COMUN1") is None
