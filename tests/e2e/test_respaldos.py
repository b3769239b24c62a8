"""Backups of the whole program under load: of one instant, whole, and what a restart goes back to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from app import respaldo
from tests.e2e.test_muertes import Productor
from tests.support.http import problem
from tests.support.mqtt import own_topic
from tests.support.procesos import ROOT, wait_until

pytestmark = pytest.mark.e2e
SERIALS = ("RESP01", "RESP02")


@pytest.fixture
def casa(own_parts):
    return own_parts.backend(own_parts.mosquitto(), INGEST_DEVICE_RATE="0")


def iot(backend, *args, code=0):
    command = [sys.executable, "-m", "app.cli", *args]
    done = subprocess.run(command, cwd=ROOT, env=backend.env(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def numbers(backend, serial):
    """What the log has of a device, in its order."""
    sql = "SELECT json_extract(l.parametros, '$.n') FROM estado_log l JOIN dispositivo d ON d.id = l.dispositivo_id "
    return [n for (n,) in backend.query(f"{sql} WHERE serial_number = ? ORDER BY l.id", serial) if n is not None]


def test_a_backup_under_load_is_a_beginning_of_what_was_stored(casa):
    """Each device's messages are numbered: what comes back has 1 to n of each, and all that was stored before it."""
    producers = [Productor(casa.mqtt_port, serial) for serial in SERIALS]
    for each in producers:
        each.start()
    try:
        wait_until(lambda: all(len(numbers(casa, s)) > 200 for s in SERIALS), 20, "messages are stored")
        before = {s: len(numbers(casa, s)) for s in SERIALS}
        made = json.loads(iot(casa, "respaldo", "--json"))
        assert casa.http.get("/salud/lista").status == 200
    finally:
        for each in producers:
            each.enough.set()
            each.join(30)
    wait_until(lambda: all(len(numbers(casa, p.serial)) == p.sent for p in producers), 20, "all is stored")
    casa.stop()
    assert "apartadas" in iot(casa, "restaurar", made["nombre"])
    for each in producers:
        found = numbers(casa, each.serial)
        assert found == list(range(1, len(found) + 1))
        assert before[each.serial] <= len(found) < each.sent
    assert casa.query("PRAGMA integrity_check") == [("ok",)]
    casa.start()
    assert {d["serial_number"] for d in casa.http.get("/dispositivos").json} == set(SERIALS)


def test_over_http_the_program_starts_anew_with_what_was(casa, own_parts):
    client = own_parts.client(casa)
    client.publish(own_topic("RESP01"), {"estado": "activo"})
    casa.wait_device("RESP01")
    assert casa.http.post("/respaldos").status == 202
    wait_until(lambda: casa.http.get("/respaldos").json["respaldos"], 20, "the backup is made")
    (made,) = casa.http.get("/respaldos").json["respaldos"]
    answer = casa.http.get(f"/respaldos/{made['nombre']}")
    assert (answer.status, len(answer.body)) == (200, made["bytes"])
    client.publish(own_topic("RESP02"), {"estado": "activo"})
    casa.wait_device("RESP02")
    pid = casa.process.pid
    with casa.sse() as stream:
        stream.hello()
        answer = casa.http.post(f"/respaldos/{made['nombre']}/restaurar")
        assert (answer.status, answer.json["contenido"]["dispositivos"]) == (202, 1)
    wait_until(lambda: restored(casa), 20, "the house is as it was")
    assert casa.process.pid == pid
    assert [d["serial_number"] for d in casa.http.get("/dispositivos").json] == ["RESP01"]
    done = [a["accion"] for a in casa.http.get("/auditoria").json["data"]]
    assert done[0] == "respaldo_restaurado"
    assert next(casa.instance.glob("apartadas/*/iot.db")).stat().st_size > 0


def restored(casa):
    try:
        return casa.http.get("/avisos").json["data"][0]["tipo"] == "respaldo_restaurado"
    except (OSError, LookupError, TypeError):
        return False


def test_what_is_no_backup_is_refused_and_nothing_happens(casa):
    folder = casa.instance / "respaldos"
    folder.mkdir(exist_ok=True)
    (folder / "casa-20260101T000000Z.tar.gz").write_bytes(b"nada")
    problem(casa.http.post("/respaldos/casa-20260101T000000Z.tar.gz/restaurar"), 422)
    for name in ("otro", "..%2fsecret_key", "casa-20260102T000000Z.tar.gz"):
        problem(casa.http.get(f"/respaldos/{name}"), 404)
    assert "no es un respaldo" in iot(casa, "respaldo", "--verificar", "casa-20260101T000000Z.tar.gz", code=1)
    assert "ya hay un IoT Backend en marcha" in iot(casa, "restaurar", "casa-20260101T000000Z.tar.gz", code=1)
    assert casa.http.get("/salud/lista").status == 200


def test_killed_while_it_is_made_there_is_none_and_the_next_is_whole(casa, own_parts):
    client = own_parts.client(casa)
    for n in range(50):
        client.publish(own_topic("RESP01"), {"parametros": {"n": n, "x": os.urandom(1000).hex()}})
    casa.wait_device("RESP01")
    folder, kills = casa.instance / "respaldos", 0
    for wait in (0.05, 0.15, 0.25, 0.3, 0.35, 0.4):
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "respaldo"], cwd=ROOT, env=casa.env(), stdout=subprocess.DEVNULL
        )
        time.sleep(wait)
        child.kill()
        kills += child.wait() != 0
    assert kills
    for each in respaldo.listar(folder):
        respaldo.verificar(each.ruta)
    iot(casa, "respaldo")
    assert not [p for p in folder.iterdir() if p.name.startswith(".")], "what the killed ones left is gone"
    respaldo.verificar(respaldo.listar(folder)[0].ruta)


def test_killed_while_it_goes_back_the_house_is_the_one_or_the_other(casa, own_parts):
    """Whatever moment it is: all of what was, or all of the backup, never something between; and once more does it."""
    client = own_parts.client(casa)
    for n in range(30):
        client.publish(own_topic("ANTES1"), {"parametros": {"n": n, "x": os.urandom(1000).hex()}})
    casa.wait_device("ANTES1")
    iot(casa, "respaldo")
    name = respaldo.listar(casa.instance / "respaldos")[0].ruta.name
    client.publish(own_topic("DESPUES"), {"estado": "activo"})
    casa.wait_device("DESPUES")
    casa.stop()
    seen, kills = set(), 0
    for wait in (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8):
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "restaurar", name], cwd=ROOT, env=casa.env(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(wait)
        child.kill()
        kills += child.wait() < 0
        assert casa.query("PRAGMA integrity_check") == [("ok",)]
        serials = frozenset(s for (s,) in casa.query("SELECT serial_number FROM dispositivo"))
        assert serials in ({"ANTES1", "DESPUES"}, {"ANTES1"})
        assert casa.query("SELECT count(*) FROM estado_log")[0][0] == 30 + ("DESPUES" in serials)
        seen.add(serials)
    assert kills
    assert "restaur" in iot(casa, "restaurar", name).lower()
    casa.start()
    assert [d["serial_number"] for d in casa.http.get("/dispositivos").json] == ["ANTES1"]
