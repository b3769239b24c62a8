"""From a house whose broker knew no users: the backend's session goes on under its new name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from app.broker_identidad import load_or_make
from tests.support.gestionado import BACKEND, Cliente, choose, numbered
from tests.support.procesos import accepts, free_port, require, wait_until
from tests.support.usuarios_broker import OLD, STATE, state, wish

pytestmark = pytest.mark.integration


class Vieja:
    """Clients of a broker that knows no users."""

    def __init__(self, port: int) -> None:
        self.info = type("Info", (), {"host": "127.0.0.1", "port": port})()
        self.credentials = self.client_id = None

    def client(self, client_id: str = "", *, kept: bool = False) -> Cliente:
        return Cliente(self, client_id, kept=kept)  # type: ignore[arg-type]


def test_the_session_of_the_version_before_is_not_lost(tmp_path: Path) -> None:
    """Then the backend came without a user as MQTT_CLIENT_ID: what waits for it, its subscriptions and what comes
    before its return are there under the new name, once, and nothing goes on collecting under the old one."""
    folder = tmp_path / "instance" / "broker"
    folder.mkdir(parents=True)
    port = free_port()
    conf = folder / "antigua.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        "user root\nupgrade_outgoing_qos true\n"
    )
    old = subprocess.Popen([require("mosquitto"), "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts(port), 10, "the old broker")
        plain = Vieja(port)
        with plain.client("iot-backend", kept=True) as backend, plain.client("otro", kept=True) as other:
            backend.subscribe("dispositivos/+/estado")
            backend.subscribe(STATE)
            other.subscribe(STATE)
        with plain.client() as device:
            device.publish(state(OLD), *numbered(200))
            device.publish(STATE, *numbered(100))
            device.publish(wish(OLD), b"{}", retain=True)
    finally:
        old.terminate()
        old.wait(10)
    conf.unlink()
    broker = choose(tmp_path / "instance", port=port, mqtt_embedded="nunca")
    broker.start()
    try:
        with Cliente(broker) as device:
            device.publish(state(OLD), b"despues")
        with Cliente(broker, kept=True, backend=True) as backend:
            assert backend.session_present
            assert backend.wait(301) == [*numbered(200), *numbered(100), b"despues"]
        with Cliente(broker, BACKEND, kept=True) as nobody:
            assert not nobody.session_present
        with Cliente(broker, "otro", kept=True) as other:
            assert other.session_present
            assert other.wait(100) == numbered(100)
    finally:
        broker.stop()


def test_a_database_of_another_version_is_left_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """We change only what we know; the start says what that costs."""
    folder = tmp_path / "broker"
    folder.mkdir()
    database = folder / "mosquitto.db"
    text = b"\x00\xb5\x00mosquitto db" + bytes(4) + (7).to_bytes(4, "big") + b"algo"
    database.write_bytes(text)
    first = load_or_make(folder, database, BACKEND)
    assert database.read_bytes() == text
    assert any("formato 7" in r.getMessage() for r in caplog.records)
    assert load_or_make(folder, database, BACKEND) == first
    assert "antes" not in json.loads((folder / "backend.json").read_text())
