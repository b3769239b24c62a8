"""SIGTERM in bad company: exit 0 within five seconds all the same (Backend.stop checks both)."""

from __future__ import annotations

import socket
import sqlite3

from tests.support.mqtt import Cliente, own_topic
from tests.support.sse import Sse


def test_with_the_broker_down(own_parts):
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    broker.kill()
    backend.stop()


def test_with_the_broker_frozen(own_parts):
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    broker.pause()
    backend.stop()
    broker.resume()


def test_while_the_database_is_locked_and_messages_wait(own_parts):
    """They were not acknowledged: the next start stores them."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, INGEST_DEVICE_RATE=0)
    with Cliente(broker.port) as client:
        client.publish(own_topic("ESPERA1"), {"parametros": {"n": 0}})
        backend.wait_device("ESPERA1")
        lock = sqlite3.connect(backend.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        client.publish_all((own_topic("ESPERA1"), {"parametros": {"n": n}}) for n in range(1, 301))
        backend.stop()
        lock.execute("ROLLBACK")
        lock.close()
    backend.start()
    backend.wait_device("ESPERA1", timeout=15, parametros={"n": 300})
    stored = [n for (n,) in backend.query("SELECT json_extract(parametros,'$.n') FROM estado_log ORDER BY id")]
    assert stored == list(range(301))
    backend.stop()


def test_with_frozen_readers_slow_requests_and_idle_connections(own_parts):
    backend = own_parts.backend(own_parts.mosquitto(), INGEST_DEVICE_RATE=0)
    frozen = [Sse(backend.port, rcvbuf=4096) for _ in range(20)]
    others = [socket.create_connection(("127.0.0.1", backend.port), timeout=5) for _ in range(20)]
    for s in others[:10]:
        s.sendall(b"PUT /dispositivos/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    with Cliente(backend.mqtt_port) as client:
        client.publish_all((own_topic(f"LLENA{n % 30}"), {"parametros": {"x": "x" * 3000}}) for n in range(600))
    backend.stop()
    for s in frozen:
        s.close()
    for s in others:
        s.close()


def test_right_after_the_start(own_parts):
    """Stopped as soon as it answers, before it has its broker."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.start(wait_mqtt=False)
    backend.stop()


def test_twice(own_parts):
    """A second SIGTERM changes nothing."""
    backend = own_parts.backend(own_parts.mosquitto())
    backend.process.signal(15)
    backend.stop()
