"""The machine says no: I/O errors, no more descriptors."""

from __future__ import annotations

import os
import random
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import missing, require, wait_until

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(
    ("syscall", "error"),
    [("fdatasync", "EIO"), ("pwrite64", "ENOSPC"), ("pread64", "EIO")],
)
def test_io_errors_now_and_then(own_parts, syscall, error):
    """Failing system calls under load: no message is lost, doubled or thrown away as unfit; it heals by itself."""
    strace = require("strace")
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, INGEST_DEVICE_RATE=0)
    with Cliente(broker.port) as client:
        client.publish(own_topic("DISCO1"), {"parametros": {"n": 1}})
        device = backend.wait_device("DISCO1", parametros={"n": 1})
        backend.stop()
        first = random.Random(syscall + error).randrange(30, 60)
        inject = f"inject={syscall}:error={error}:when={first}..{first + 5}"
        backend.launch(strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={syscall}", "-e", inject)
        backend.wait_ready(30)
        statuses = set()
        for n in range(2, 402):
            client.publish(own_topic("DISCO1"), {"parametros": {"n": n}}, wait=n % 10 == 0)
            if n % 40 == 0:
                statuses.add(backend.http.put(f"/dispositivos/{device['id']}", {"descripcion": f"d{n}"}).status)
        backend.wait_device("DISCO1", timeout=40, parametros={"n": 401})
        assert statuses <= {200, 503, 507}, statuses
    assert backend.rejected() == []
    stored = [n for (n,) in backend.query("SELECT json_extract(parametros,'$.n') FROM estado_log ORDER BY id")]
    assert stored == list(range(1, 402))
    tracee = Path(f"/proc/{backend.process.pid}/task/{backend.process.pid}/children").read_text().split()[0]
    os.kill(int(tracee), 15)
    backend.process.wait(10)
    backend._process = None
    assert backend.query("PRAGMA integrity_check") == [("ok",)]


def test_out_of_descriptors(own_parts):
    """More connections than descriptors: who is in is served, PUT too; when they go, new ones come in; MQTT lives."""
    prlimit = require("prlimit")
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, start=False)
    backend.launch(prlimit, "--nofile=160:160")
    backend.wait_ready()
    with Cliente(broker.port) as client:
        client.publish(own_topic("FICHA1"), {"parametros": {"n": 1}})
        device = backend.wait_device("FICHA1")
        keep = socket.create_connection(("127.0.0.1", backend.port), timeout=10)
        body = b'{"nombre":"dentro"}'
        request = (
            f"PUT /dispositivos/{device['id']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        keep.sendall(request)
        assert keep.recv(65536).startswith(b"HTTP/1.1 200")
        crowd = []
        try:
            crowd += [socket.create_connection(("127.0.0.1", backend.port), timeout=5) for _ in range(300)]
            keep.sendall(request)
            assert keep.recv(65536).startswith(b"HTTP/1.1 200"), "the one inside is served"
            client.publish(own_topic("FICHA1"), {"parametros": {"n": 2}})
        finally:
            for s in crowd:
                s.close()
            keep.close()
    backend.wait_device("FICHA1", timeout=15, parametros={"n": 2})
    wait_until(lambda: backend.http.get("/dispositivos").status == 200, 10)


def test_many_sockets_do_not_blind_the_broker_connection(own_parts):
    """1,200 open streams, then the broker restarts: its new socket has a high number and must be heard all the same."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8000:
        missing("the limit of descriptors is too low here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (8000, hard))
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, SSE_MAX_STREAMS_PER_ADDRESS=2000)
    streams = [backend.sse() for _ in range(1200)]
    try:
        assert all(s.status == 200 for s in streams)
        broker.restart()
        wait_until(
            lambda: backend.log().count("conectado al broker") >= 2 and backend.mqtt_connected(), 40, "reconnected"
        )
        publish = [require("mosquitto_pub"), "-p", str(broker.port), "-q", "1", "-t", own_topic("ALTO1"), "-m", "{}"]
        subprocess.run(publish, check=True, timeout=10)  # paho in this process would suffer from what is tested
        backend.wait_device("ALTO1", timeout=10)
        for stream in streams[::100]:
            assert stream.until(lambda e: e.event == "message", 10).json["serial_number"] == "ALTO1"
    finally:
        for stream in streams:
            stream.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
