"""The backend's MQTT client by itself, towards a real broker, and a sink for what it delivers."""

from __future__ import annotations

import json
from contextlib import contextmanager

from app.clock import Clock
from app.domain.events import CambioDeseada, DeviceUpdated
from app.ingest import Delivery
from app.mqtt_client import MqttClient, MqttSettings
from tests.support.mqtt import SHARED, Cliente
from tests.support.nucleo import a_device
from tests.support.procesos import wait_until


class Sink:
    """Where deliveries go: a list, acknowledged when told."""

    def __init__(self):
        self.got: list[Delivery] = []
        self.lost = 0
        self.confirmed: list[tuple[int, int]] = []
        self.is_full = False

    def take_in(self, deliveries):
        self.got += deliveries

    def full(self):
        return self.is_full

    def session_lost(self):
        self.lost += 1

    def confirm(self, device_id, version):
        self.confirmed.append((device_id, version))

    def payloads(self):
        return [d.payload for d in self.got]


class Edge:
    """One client and its sink."""

    def __init__(self, port, **settings):
        values = {"host": "127.0.0.1", "port": port, "keepalive": 30, "client_id": "iot-backend-prueba"}
        self.sink = Sink()
        self.devices = []
        self.asked_for_all: list[bool] = []
        self.client = MqttClient(MqttSettings(**(values | settings)), self.sink, self._pending, Clock())

    def _pending(self, everything):
        self.asked_for_all.append(everything)
        return self.devices if everything else []

    def start(self):
        self.client.start()
        return self

    def connected(self, timeout=10.0):
        wait_until(self.client.connected, timeout, f"connected: {self.client.status()}")
        return self

    def want(self, device_id, version, **config):
        device = a_device(device_id, version=version, deseada_version=version, configuracion_json=json.dumps(config))
        self.devices = [d for d in self.devices if d.id != device_id] + [device]
        self.client.on_events([DeviceUpdated(1, device, False, CambioDeseada.PEDIDA)])


@contextmanager
def edge(port, **settings):
    made = Edge(port, **settings)
    try:
        yield made.start()
    finally:
        made.client.stop()
        assert not made.client._thread.is_alive()


def say(broker, *payloads, topic=SHARED, **kw):
    with Cliente(broker.port) as client:
        for payload in payloads:
            client.publish(topic, payload, **kw)
