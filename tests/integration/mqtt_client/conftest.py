"""A broker and a connected client for each test of the MQTT edge, whose retries are quick."""

from __future__ import annotations

import pytest

from app import mqtt_client as module
from tests.support.cliente_mqtt import edge


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", (0.1, 0.3))


@pytest.fixture
def broker(own_parts):
    return own_parts.mosquitto()


@pytest.fixture
def connected(broker):
    with edge(broker.port) as it:
        yield it.connected()
