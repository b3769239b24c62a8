"""Devices and onlookers on the broker, with paho as the client."""

from __future__ import annotations

import json
import queue
import secrets
import threading
import time
from collections.abc import Iterable
from typing import Any

import paho.mqtt.client as paho
import pytest

SHARED = "dispositivos/estado"


def own_topic(serial: str) -> str:
    return f"dispositivos/{serial}/estado"


def encode(payload: Any) -> bytes:
    """A JSON payload; bytes stay as they are."""
    return payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()


class Cliente:
    """A connected client: publishes and waits for the broker's acknowledgement, collects what it is subscribed to."""

    def __init__(self, port: int, client_id: str | None = None, *, clean: bool = True) -> None:
        self._inbox: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self._connected, self._subscribed = threading.Event(), threading.Event()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id or f"prueba-{secrets.token_hex(6)}",
            clean_session=clean,
            protocol=paho.MQTTv311,
        )
        self._client.max_inflight_messages_set(200)
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _u, message: self._inbox.put(message)
        self._client.connect("127.0.0.1", port, keepalive=30)
        self._client.loop_start()
        if not self._connected.wait(10):
            self.close()
            pytest.fail("no CONNACK within 10 s")

    def __enter__(self) -> Cliente:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # No cycle through the callbacks: paho closes its socket pair only when the client is freed.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def publish(
        self, topic: str, payload: Any, *, qos: int = 1, retain: bool = False, wait: bool = True
    ) -> paho.MQTTMessageInfo:
        info = self._client.publish(topic, encode(payload), qos=qos, retain=retain)
        if wait:
            info.wait_for_publish(15)
            assert info.is_published()
        return info

    def publish_all(self, messages: Iterable[tuple[str, Any]], *, qos: int = 1, timeout: float = 60) -> int:
        """Publish many, then wait until the broker has acknowledged every one of them."""
        infos = [self.publish(topic, payload, qos=qos, wait=False) for topic, payload in messages]
        deadline = time.monotonic() + timeout
        for info in infos:
            info.wait_for_publish(max(0.1, deadline - time.monotonic()))
            assert info.is_published()
        return len(infos)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        self._subscribed.clear()
        self._client.subscribe(topic, qos)
        if not self._subscribed.wait(10):
            pytest.fail("no SUBACK within 10 s")

    def message(self, timeout: float = 5.0) -> paho.MQTTMessage:
        try:
            return self._inbox.get(timeout=timeout)
        except queue.Empty:
            pytest.fail(f"no message within {timeout:g} s")

    def pending(self) -> list[paho.MQTTMessage]:
        found = []
        while not self._inbox.empty():
            found.append(self._inbox.get_nowait())
        return found


def legacy_publish(port: int, payload: Any, topic: str = SHARED) -> None:
    """As today's devices do it: a new connection with a random client id, one message at QoS 0, good bye."""
    with Cliente(port) as client:
        client.publish(topic, payload, qos=0)


def retained(port: int, topic: str, timeout: float = 5.0) -> Any:
    """The retained JSON that a newcomer is given at ``topic``, with its flags checked. Who subscribes just before it is
    published hears it as news, not retained: the next newcomer does not."""
    for _ in range(3):
        with Cliente(port) as client:
            client.subscribe(topic)
            message = client.message(timeout)
        assert message.qos == 1
        if message.retain:
            return json.loads(message.payload)
    raise AssertionError("a retained message was expected")


def nothing_retained(port: int, topic: str) -> bool:
    """Whether a newcomer to ``topic`` is given nothing (a message to itself is the barrier)."""
    barrier = f"prueba/barrera/{secrets.token_hex(4)}"
    with Cliente(port) as client:
        client.subscribe(topic)
        client.subscribe(barrier)
        client.publish(barrier, b"x")
        return client.message().topic == barrier
