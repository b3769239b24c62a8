"""Brokers as the backend chooses them (app/broker.py), and a client that can have a kept session and a password."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from app.broker import Broker, choose_broker
from app.clock import Clock
from tests.support.procesos import ROOT, free_port, wait_until

BACKEND = "iot-backend"


@dataclass(frozen=True)
class Ajustes:
    """The settings that app/broker.py reads."""

    mqtt_broker_port: int
    mqtt_broker_url: str = ""
    mqtt_listen_host: str = "127.0.0.1"
    mqtt_listen_anonymous: bool = False
    mqtt_shared_topic: bool = True
    mqtt_embedded: str = "auto"
    mqtt_client_id: str = BACKEND
    mqtt_username: str = ""
    mqtt_password: str = ""
    mqtt_tls_enabled: bool = False
    mqtt_tls_ca: str = ""
    mqtt_tls_cert: str = ""
    mqtt_tls_key: str = ""
    mqtt_tls_insecure: bool = False
    mqtt_tls_port: int = 8883
    https_enabled: str = "auto"


def choose(folder: Path, *, port: int | None = None, **settings: Any) -> Broker:
    return choose_broker(Ajustes(port or free_port(), **settings), folder, clock=Clock())


class Cliente:
    """A client that remembers the payloads it got, in order; `flags` has (dup, retain, qos) of each."""

    def __init__(
        self,
        broker: Broker,
        client_id: str = "",
        *,
        kept: bool = False,
        backend: bool = False,
        user: tuple[str, str] | None = None,
    ) -> None:
        if backend:
            client_id, user = broker.client_id or client_id, broker.credentials
        self.got: list[bytes] = []
        self.topics: list[str] = []
        self.flags: list[tuple[bool, bool, int]] = []
        self.session_present = False
        self.refused: str | None = None
        self.cut = threading.Event()
        self._ready, self._subscribed = threading.Event(), threading.Event()
        self._client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=not kept, protocol=paho.MQTTv311
        )
        client.max_inflight_messages_set(500)
        client.max_queued_messages_set(0)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_disconnect = lambda *_: self.cut.set()
        if user is not None:
            client.username_pw_set(*user)
        client.connect(broker.info.host, broker.info.port, keepalive=30)
        client.loop_start()
        wait_until(self._ready.is_set, 10, "CONNACK")

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _props: Any) -> None:
        self.session_present = flags.session_present
        self.refused = str(reason) if reason.is_failure else None
        self._ready.set()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.flags.append((message.dup, message.retain, message.qos))
        self.topics.append(message.topic)
        self.got.append(message.payload)

    def __enter__(self) -> Cliente:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic: str, qos: int = 1) -> None:
        self._subscribed.clear()
        self._client.subscribe(topic, qos)
        wait_until(self._subscribed.is_set, 10, "SUBACK")

    def publish(self, topic: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
        """Returns when the broker has acknowledged all of them."""
        infos = [self._client.publish(topic, p, qos=qos, retain=retain) for p in payloads]
        for info in infos:
            info.wait_for_publish(30)
            assert info.is_published()

    def wait(self, count: int, timeout: float = 15.0) -> list[bytes]:
        wait_until(lambda: len(self.got) >= count, timeout, f"{count} messages, have {len(self.got)}")
        return self.got


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % n for n in range(start, start + count)]


def leave_session(broker: Broker, topic: str = "dispositivos/#") -> None:
    """The backend was here, subscribed, and went away."""
    with Cliente(broker, BACKEND, kept=True, backend=True) as backend:
        backend.subscribe(topic)


_PARENT = """
import sys, time
from pathlib import Path
from tests.support.gestionado import choose
broker = choose(Path(sys.argv[1]), port=int(sys.argv[2]), mqtt_embedded=sys.argv[3])
broker.start()
print(broker.pid, flush=True)
time.sleep(600)
"""


def backend_process(folder: Path, port: int, *, embedded: str = "auto") -> tuple[subprocess.Popen[str], int]:
    """Another process that has a broker as its child; its handle and the broker's pid."""
    argv = [sys.executable, "-c", _PARENT, str(folder), str(port), embedded]
    parent = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def running(pid: int) -> bool:
    """Whether that process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


def signal_broker(broker: Any, number: int) -> None:
    pid = broker.pid
    assert pid is not None
    os.kill(pid, number)
    wait_until(lambda: not running(pid) and broker.pid != pid, 10, "the broker's end, also for who minds it")
