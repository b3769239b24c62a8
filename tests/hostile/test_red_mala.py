"""A bad line between the backend and its broker: resets, latency, spoilt bytes. Nothing lost, nothing doubled."""

from __future__ import annotations

import time

import pytest

from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import wait_until
from tests.support.proxy import Proxy

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def proxied(own_parts):
    """A broker, a proxy before it, a backend that only knows the proxy."""
    broker = own_parts.mosquitto()
    with Proxy(broker.port, latency=0.002) as proxy:
        backend = own_parts.backend(mqtt_port=proxy.port, INGEST_DEVICE_RATE=0)
        yield broker, proxy, backend
        backend.stop()


def stored(backend) -> list[int]:
    return [n for (n,) in backend.query("SELECT json_extract(parametros,'$.n') FROM estado_log ORDER BY id")]


def take(stream, events: list[int]) -> None:
    """Add what has arrived on the stream, without waiting."""
    while (frame := stream.maybe(0)) is not None:
        if frame.event == "message":
            events.append(frame.json["parametros"]["n"])


@pytest.mark.parametrize("fault", ["cut", "flip"])
def test_bad_line_under_load(proxied, fault):
    """Faults while messages pour in: every message is stored once and streamed, in order."""
    broker, proxy, backend = proxied
    with backend.sse("?serial=LINEA1") as stream, Cliente(broker.port) as client:
        stream.hello()
        n = 0
        events: list[int] = []
        for _ in range(4):
            before = proxy.connections
            getattr(proxy, fault)()
            deadline = time.monotonic() + 20
            while proxy.connections == before and time.monotonic() < deadline:
                for _ in range(20):
                    n += 1
                    client.publish(own_topic("LINEA1"), {"parametros": {"n": n}}, wait=False)
                time.sleep(0.01)
                take(stream, events)
                if fault == "flip" and time.monotonic() > deadline - 19:
                    break  # a spoilt acknowledgement need not break the connection
            wait_until(lambda: take(stream, events) or backend.mqtt_connected(), 40, "reconnected", every=0.05)
        n += 1
        client.publish(own_topic("LINEA1"), {"parametros": {"n": n}})
        backend.wait_device("LINEA1", timeout=40, parametros={"n": n})
        found = stored(backend)
        if fault == "cut":
            assert found == list(range(1, n + 1))
        else:
            # A spoilt packet id may acknowledge a message that was not stored; nothing may come twice or out of order.
            assert found == sorted(set(found))
        wait_until(lambda: take(stream, events) or events[-1] == n, 10, "the last one streamed")
        assert events == sorted(set(events))  # a catch-up may run ahead of this reader, which then gets the latest
        assert set(events) <= set(found)


def test_slow_line(own_parts):
    """Fifty milliseconds each way: still all of it, once."""
    broker = own_parts.mosquitto()
    with Proxy(broker.port, latency=0.05) as proxy:
        backend = own_parts.backend(mqtt_port=proxy.port, INGEST_DEVICE_RATE=0)
        with Cliente(broker.port) as client:
            client.publish_all((own_topic("LENTA1"), {"parametros": {"n": n}}) for n in range(1, 1001))
        backend.wait_device("LENTA1", timeout=30, parametros={"n": 1000})
        assert stored(backend) == list(range(1, 1001))
        backend.stop()


def test_nobody_answers_there_but_the_port_is_open(own_parts):
    """A port that accepts and says nothing: HTTP serves, /salud says it, the end is clean."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        backend = own_parts.backend(mqtt_port=mute.getsockname()[1], start=False)
        backend.start(wait_mqtt=False)
        assert backend.http.get("/dispositivos").status == 200
        assert backend.mqtt_connected() is False
        backend.stop()


def test_something_else_than_a_broker_answers_there(own_parts, http):
    """The MQTT port is in truth a web server: no traceback, no busy loop."""
    from tests.support.backend import Backend

    other: Backend = own_parts.backend(mqtt_port=http.port, start=False)
    other.start(wait_mqtt=False)
    time.sleep(1)
    assert other.http.get("/dispositivos").status == 200
    assert other.mqtt_connected() is False
    ticks = cpu(other)
    time.sleep(1)
    assert cpu(other) - ticks < 60
    other.stop()


def cpu(backend) -> int:
    """Clock ticks (hundredths of a second) that the process has used."""
    with open(f"/proc/{backend.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
