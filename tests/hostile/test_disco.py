"""The database is locked by somebody else; the disk is full."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.support.http import problem
from tests.support.mqtt import own_topic
from tests.support.procesos import Proceso, missing, wait_until

pytestmark = pytest.mark.timeout(90)

LOCKER = """
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN IMMEDIATE")
print("cerrado", flush=True)
time.sleep(60)
"""


def test_locked_by_another_process(own_parts, tmp_path):
    """Writes 503 + Retry-After within 2 s, reads go on, ingest waits without acknowledging, then nothing is missing."""
    backend = own_parts.backend(own_parts.mosquitto(), INGEST_DEVICE_RATE=0)
    client = own_parts.client(backend)
    client.publish(own_topic("CANDADO1"), {"parametros": {"n": 0}})
    device = backend.wait_device("CANDADO1")
    locker = Proceso("locker", [sys.executable, "-c", LOCKER, str(backend.database)], tmp_path / "locker.log")
    try:
        wait_until(lambda: "cerrado" in locker.log(), 10, "locked")
        for n in range(1, 201):
            client.publish(own_topic("CANDADO1"), {"parametros": {"n": n}}, wait=False)
        for _ in range(2):
            began = time.monotonic()
            answer = backend.http.put(f"/dispositivos/{device['id']}", {"nombre": "no puede"})
            took = time.monotonic() - began
            problem(answer, 503)
            assert took < 2.5, f"{took:.1f} s"
            assert int(answer.headers["Retry-After"]) >= 1
            began = time.monotonic()
            assert backend.http.get(f"/dispositivos/{device['id']}").json["parametros"] == {"n": 0}
            assert time.monotonic() - began < 1
        with backend.sse("?serial=CANDADO1&snapshot=1") as stream:
            stream.hello()
            assert stream.update().json["parametros"] == {"n": 0}
    finally:
        locker.kill()
    backend.wait_device("CANDADO1", timeout=20, parametros={"n": 200})
    assert backend.query("SELECT count(*) FROM estado_log")[0][0] == 201
    assert backend.http.put(f"/dispositivos/{device['id']}", {"nombre": "ya puede"}).status == 200


def test_kill_while_locked_loses_nothing(own_parts, tmp_path):
    """What could not be stored was not acknowledged: after kill -9 and start it is all there, once."""
    backend = own_parts.backend(own_parts.mosquitto(), INGEST_DEVICE_RATE=0)
    client = own_parts.client(backend)
    client.publish(own_topic("CANDADO2"), {"parametros": {"n": 0}})
    device = backend.wait_device("CANDADO2")
    locker = Proceso("locker", [sys.executable, "-c", LOCKER, str(backend.database)], tmp_path / "locker.log")
    wait_until(lambda: "cerrado" in locker.log(), 10, "locked")
    client.publish_all((own_topic("CANDADO2"), {"parametros": {"n": n}}) for n in range(1, 101))
    backend.kill()
    locker.kill()
    backend.start()
    backend.wait_device("CANDADO2", timeout=20, parametros={"n": 100})
    assert [r["parametros"]["n"] for r in backend.logs(device["id"])["data"]] == list(range(100, -1, -1))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB."""
    folder = tmp_path / "disco"
    folder.mkdir()
    if os.geteuid() != 0:
        missing("mounting a small disk needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        missing(f"no tmpfs here: {done.stderr!r}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder) -> None:
    """Use up the last byte."""
    with (folder / "basura").open("wb", buffering=0) as f:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError:
                continue


def test_disk_full(own_parts, small_disk):
    """Reads go on, writes 507, ingest holds its acknowledgements; with room again all of it is stored, once."""
    backend = own_parts.backend(own_parts.mosquitto(), INSTANCE_PATH=small_disk / "instance", INGEST_DEVICE_RATE=0)
    backend.instance = small_disk / "instance"
    client = own_parts.client(backend)
    client.publish(own_topic("LLENO1"), {"parametros": {"n": 0}})
    device = backend.wait_device("LLENO1")
    fill(small_disk)

    def refused():
        answer = backend.http.put(f"/dispositivos/{device['id']}", {"descripcion": "d" * 200})
        return answer if answer.status != 200 else None

    problem(wait_until(refused, 20, "the disk is felt"), 507)
    for n in range(1, 301):
        client.publish(own_topic("LLENO1"), {"parametros": {"n": n, "relleno": "r" * 500}}, wait=False)
    assert backend.http.get("/dispositivos").status == 200
    assert backend.http.get(f"/dispositivos/{device['id']}/logs").status == 200
    problem(backend.http.put(f"/dispositivos/{device['id']}", {"descripcion": "e" * 200}), 507)
    (small_disk / "basura").unlink()
    backend.wait_device("LLENO1", timeout=40, parametros={"n": 300, "relleno": "r" * 500})
    assert backend.query("SELECT count(*) FROM estado_log WHERE dispositivo_id = ?", device["id"])[0][0] == 301
    assert backend.http.put(f"/dispositivos/{device['id']}", {"nombre": "ya cabe"}).status == 200
    backend.stop()
    with sqlite3.connect(backend.database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_full_disk_with_ballast_goes_on(own_parts, small_disk):
    """Who meets the end of the disk is told so once; then what devices say is stored, and people can still act."""
    settings = {"INSTANCE_PATH": small_disk / "instance", "INGEST_DEVICE_RATE": 0, "BALLAST_MB": 4}
    backend = own_parts.backend(own_parts.mosquitto(), **settings)
    backend.instance = small_disk / "instance"
    client = own_parts.client(backend)
    client.publish(own_topic("LASTRE1"), {"parametros": {"n": 0}})
    device = backend.wait_device("LASTRE1")
    wait_until(lambda: backend.http.get("/salud").json["disco"]["lastre"], 10, "the ballast is there")
    assert (backend.instance / "lastre").stat().st_blocks * 512 >= 4 << 20, "it is no hole"
    fill(small_disk)
    for n in range(1, 201):
        client.publish(own_topic("LASTRE1"), {"parametros": {"n": n, "relleno": "r" * 500}}, wait=False)
    backend.wait_device("LASTRE1", timeout=20, parametros={"n": 200, "relleno": "r" * 500})
    assert not (backend.instance / "lastre").exists()
    assert backend.http.get("/salud").json["disco"]["lastre"] is False
    assert backend.http.put(f"/dispositivos/{device['id']}", {"nombre": "todavía cabe"}).status == 200
    assert backend.query("SELECT count(*) FROM estado_log")[0][0] == 201
    backend.stop()
