"""The broker is away, dies, comes back with or without its memory."""

from __future__ import annotations

import time

import pytest

from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import wait_until

pytestmark = pytest.mark.timeout(90)


def test_broker_down_at_start(own_parts):
    """HTTP and streams serve at once, /salud says it, and the first broker to appear is used."""
    broker = own_parts.mosquitto(start=False)
    backend = own_parts.backend(broker, start=False)
    began = time.monotonic()
    backend.launch()
    wait_until(lambda: backend.process.alive and answers(backend), 15, "HTTP answers without a broker")
    assert time.monotonic() - began < 10
    assert backend.http.post("/dispositivos", {"serial_number": "SINBROKER1", "nombre": "n", "tipo": "t"}).status == 201
    with backend.sse("?snapshot=1") as stream:
        stream.hello()
        assert stream.update().json["serial_number"] == "SINBROKER1"
    assert backend.mqtt_connected() is False
    broker.start()
    wait_until(backend.mqtt_connected, 40, "connected", every=0.2)
    with Cliente(broker.port) as client:
        client.publish(own_topic("SINBROKER1"), {"estado": "activo"})
    backend.wait_device("SINBROKER1", estado="activo")


def answers(backend) -> bool:
    try:
        return backend.http.get("/dispositivos").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "forgetful"])
def test_broker_killed_under_traffic(own_parts, persistent):
    """What was stored stays once; the stream lives; after the return new messages flow, no duplicates."""
    broker = own_parts.mosquitto(persistent=persistent, durable=persistent)
    backend = own_parts.backend(broker)
    with Cliente(broker.port) as client:
        client.publish_all((own_topic("CORTE1"), {"parametros": {"n": n}}) for n in range(100))
    device = backend.wait_device("CORTE1", parametros={"n": 99})
    with backend.sse("?serial=CORTE1") as stream:
        stream.hello()
        broker.kill()
        wait_until(lambda: not backend.mqtt_connected(), 10, "the loss is seen")
        assert backend.http.get("/dispositivos").status == 200
        broker.start()
        wait_until(backend.mqtt_connected, 40, "reconnected", every=0.2)
        with Cliente(broker.port) as client:
            client.publish_all((own_topic("CORTE1"), {"parametros": {"n": n}}) for n in range(100, 150))
        stream.until(lambda e: e.event == "message" and e.json["parametros"]["n"] == 149)
    rows = [r["parametros"]["n"] for r in backend.logs(device["id"])["data"]]
    assert rows == list(range(149, -1, -1))


def test_a_frozen_broker_is_noticed(own_parts):
    """The broker hangs with its sockets open: /salud says so within keepalive and a half, then it heals by itself."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, MQTT_KEEPALIVE=5)
    broker.pause()
    wait_until(lambda: not backend.mqtt_connected(), 25, "the silence is seen", every=0.2)
    assert backend.http.get("/dispositivos").status == 200
    broker.resume()
    wait_until(backend.mqtt_connected, 40, "reconnected", every=0.2)
    with Cliente(broker.port) as client:
        client.publish(own_topic("HELADO1"), {"estado": "activo"})
    backend.wait_device("HELADO1", timeout=10)


def test_another_client_with_our_id_does_not_end_in_a_war(own_parts):
    """A thief of the client id: the backend gives up loudly or wins, and HTTP serves on."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, MQTT_CLIENT_ID="disputado")
    with Cliente(broker.port, "disputado", clean=False):
        wait_until(lambda: backend.log().count("disputado") or not backend.mqtt_connected(), 10, "the theft is seen")
        assert backend.http.get("/dispositivos").status == 200
    wait_until(backend.mqtt_connected, 60, "back once the thief is gone", every=0.3)


def test_two_backends_on_one_folder(own_parts):
    """The second one refuses to start and says why; the first is not disturbed."""
    broker = own_parts.mosquitto()
    first = own_parts.backend(broker)
    second = own_parts.backend(broker, start=False, INSTANCE_PATH=first.instance)
    process = second.launch()
    code = process.wait(15)
    assert code != 0
    assert "Traceback" not in process.log()
    assert str(first.instance) in process.log() or "carpeta" in process.log().lower() or "marcha" in process.log()
    second._process = None
    assert first.http.get("/dispositivos").status == 200
    assert first.mqtt_connected()


def test_messages_sent_while_down_arrive(own_parts):
    """The session is kept over a restart: 3,000 messages wait at the broker (its default keeps 1,000)."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, INGEST_DEVICE_RATE=0)
    backend.stop()
    with Cliente(broker.port) as client:
        client.publish_all((own_topic(f"ESPERA{n % 10}"), {"parametros": {"n": n}}) for n in range(3_000))
    backend.start()
    backend.wait_device("ESPERA9", timeout=20, parametros={"n": 2_999})
    wait_until(lambda: backend.query("SELECT count(*) FROM estado_log")[0][0] == 3_000, 10, "all rows")
