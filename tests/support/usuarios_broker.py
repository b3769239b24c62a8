"""A managed mosquitto with devices that have users of their own, and what reaches the backend through it."""

from __future__ import annotations

import secrets
from pathlib import Path

from app.broker import Broker
from app.broker_acl import password_hash
from tests.support.gestionado import Cliente, choose
from tests.support.procesos import free_port, wait_until

A, B, OLD = "TMP0AAAAAAAA", "LGT0BBBBBBBB", "SND0CCCCCCCC"
"""A and B have users, OLD has none."""
STATE = "dispositivos/estado"


def state(serial: str) -> str:
    return f"dispositivos/{serial}/estado"


def wish(serial: str) -> str:
    return f"dispositivos/{serial}/configuracion"


class Casa:
    """A managed broker in which the devices A and B have users, and OLD and all others have none."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.keys = {serial: secrets.token_urlsafe(12) for serial in (A, B)}
        self.hashes = {serial: password_hash(key) for serial, key in self.keys.items()}
        self.folder, self.settings = folder, settings
        self.broker = self._start(free_port())

    def _start(self, port: int) -> Broker:
        broker = choose(self.folder, port=port, mqtt_embedded="nunca", **self.settings)
        broker.set_users(self.hashes)
        broker.start()
        return broker

    def restart(self) -> None:
        self.broker.stop()
        self.broker = self._start(self.broker.info.port)

    def revoke(self, serial: str) -> None:
        del self.hashes[serial]
        self.broker.set_users(self.hashes)

    def device(self, serial: str, client_id: str = "") -> Cliente:
        return Cliente(self.broker, client_id, user=(serial, self.keys[serial]))

    def backend(self) -> Cliente:
        return Cliente(self.broker, kept=True, backend=True)

    def speaker(self) -> Cliente:
        """The backend's user beside its session, to write to devices."""
        return Cliente(self.broker, user=self.broker.credentials)


def heard(casa: Casa, *said: tuple[Cliente, str]) -> list[str]:
    """The topics of what reached the backend, one message for each of `said`, then a last one that ends the wait."""
    with casa.backend() as backend, casa.device(B) as last:
        backend.subscribe("dispositivos/+/estado")
        backend.subscribe(STATE)
        for client, topic in said:
            client.publish(topic, b"{}")
        last.publish(state(B), b"fin")
        wait_until(lambda: b"fin" in backend.got, 10, "the last message")
        return backend.topics[:-1]
