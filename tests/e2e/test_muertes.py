"""kill -9 under load, at any instant and at chosen system calls: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import threading
import time

import pytest

from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import ROOT, children_of, require, wait_until


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_twenty_kills_under_load():
    """At least twenty kill -9 at 3,000 messages a second or more, Mosquitto: 0 lost, 0 doubled, integrity ok."""
    require("mosquitto")
    from bench.children import Lab
    from bench.kill import campaign

    with Lab() as lab:
        found = campaign(lab, kills=20, rate=3_200, seed=random.SystemRandom().randrange(10**6))
    verdict = found.verdict
    print(found.summary())
    assert (verdict.lost, verdict.doubled, verdict.unknown) == (0, 0, 0), found
    assert verdict.integrity == "ok"
    assert verdict.acked == verdict.sent == verdict.stored
    assert found.stop_code == 0
    assert found.stop_seconds < 5
    assert sorted(found.ready)[len(found.ready) // 2] < 3.0, found.ready


class Productor(threading.Thread):
    """Publishes numbered messages of one device until told to stop; keeps what the broker acknowledged."""

    def __init__(self, port: int, serial: str) -> None:
        super().__init__(name=f"productor-{serial}")
        self.port, self.serial, self.sent = port, serial, 0
        self.enough = threading.Event()

    def run(self) -> None:
        with Cliente(self.port) as client:
            infos = []
            while not self.enough.is_set():
                for _ in range(20):
                    self.sent += 1
                    infos.append(client.publish(own_topic(self.serial), {"parametros": {"n": self.sent}}, wait=False))
                time.sleep(0.01)
            for info in infos:
                info.wait_for_publish(20)
                assert info.is_published()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("syscall", ["pwrite64", "fdatasync", "sendto"])
def test_killed_at_the_nth_system_call(own_parts, syscall):
    """strace kills the process as it enters its n-th write, sync or send; each start goes on where that one ended."""
    strace = require("strace")
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, INGEST_DEVICE_RATE=0)
    backend.stop()
    producer = Productor(broker.port, "SYSCALL1")
    producer.start()
    chance = random.Random(f"{syscall}")
    try:
        for _ in range(3):
            nth = chance.randrange(40, 250)
            inject = f"inject={syscall}:signal=SIGKILL:when={nth}"
            process = backend.launch(strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={syscall}", "-e", inject)
            wait_until(lambda p=process: not p.alive, 40, f"killed at {syscall} number {nth}", every=0.1)
            backend._process = None
    finally:
        producer.enough.set()
        producer.join(60)
    assert backend.database.exists()
    backend.start()
    device = backend.wait_device("SYSCALL1", timeout=40, parametros={"n": producer.sent})
    wait_until(lambda: backend.query("SELECT count(*) FROM estado_log")[0][0] >= producer.sent, 10)
    stored = [r[0] for r in backend.query("SELECT json_extract(parametros,'$.n') FROM estado_log ORDER BY id")]
    assert stored == list(range(1, producer.sent + 1))
    assert device["version"] == producer.sent
    backend.stop()
    connection = sqlite3.connect(backend.database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.timeout(60)
def test_sigterm_under_load_is_quick_clean_and_loses_nothing(own_parts):
    """Exit 0 within five seconds while messages pour in; what came meanwhile is there after the start, once."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, INGEST_DEVICE_RATE=0)
    producer = Productor(broker.port, "TERM1")
    producer.start()
    try:
        for _ in range(3):
            backend.wait_device("TERM1", timeout=10)
            backend.restart()
    finally:
        producer.enough.set()
        producer.join(60)
    backend.wait_device("TERM1", timeout=20, parametros={"n": producer.sent})
    stored = [r[0] for r in backend.query("SELECT json_extract(parametros,'$.n') FROM estado_log ORDER BY id")]
    assert stored == list(range(1, producer.sent + 1))


def test_sigint_is_a_clean_end_too(own_parts):
    """Ctrl-C: what a person does at the terminal."""
    import signal

    backend = own_parts.backend(own_parts.mosquitto())
    process = backend.process
    process.signal(signal.SIGINT)
    assert process.wait(5) in (0, 130)
    assert "Traceback" not in process.log()
    backend._process = None


@pytest.mark.parametrize("mode", ["nunca", "siempre"])
def test_killed_with_its_own_broker_leaves_no_orphan_that_blocks_the_next(own_parts, mode):
    """kill -9 with a broker child: the next start works on the same ports, and one broker is left in the end."""
    backend = own_parts.backend(given_broker=False, MQTT_EMBEDDED=mode)
    children = children_of(backend.process.pid)
    assert children
    backend.kill()
    backend.start()
    with Cliente(backend.mqtt_port) as client:
        client.publish(own_topic("HUERFANO1"), {"estado": "activo"})
    backend.wait_device("HUERFANO1")
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), 10, f"orphans gone: {children}")
    backend.stop()


@pytest.mark.parametrize("mode", ["nunca", "siempre"])
def test_a_broker_child_that_dies_is_started_again(own_parts, mode):
    """Our own broker killed: said in /salud, started again, devices are heard again."""
    backend = own_parts.backend(given_broker=False, MQTT_EMBEDDED=mode)
    (child,) = children_of(backend.process.pid)
    os.kill(child, 9)
    wait_until(
        lambda: child not in children_of(backend.process.pid) and children_of(backend.process.pid),
        20,
        "a new child",
        every=0.1,
    )
    wait_until(backend.mqtt_connected, 40, "connected", every=0.2)
    with Cliente(backend.mqtt_port) as client:
        client.publish(own_topic("RENACIDO1"), {"estado": "activo"})
    backend.wait_device("RENACIDO1", timeout=10)


def test_ready_soon_after_the_start(own_parts):
    """From `python run.py` to the first answer; bench measures it on a quiet machine, here only no disaster."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    began = time.monotonic()
    backend.start(wait_mqtt=False)
    assert time.monotonic() - began < 6


def test_the_program_is_where_it_says():
    assert (ROOT / "run.py").exists()
    assert sys.version_info >= (3, 11)
