"""A damaged database where there is a backup: the house starts by itself with that and what could still be read, the
damaged file is kept, and people are told."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from app import migrations, sospecha
from app.clock import Clock
from app.sospecha import Sospecha
from tests.support.mqtt import own_topic
from tests.support.procesos import ROOT, wait_until

BEFORE, AFTER = 40, 400
PAGE = 4096


@pytest.fixture
def house(own_parts):
    """A house with a backup, messages after it, and a device that came after it; stopped."""
    backend = own_parts.backend(own_parts.mosquitto(), INGEST_DEVICE_RATE="0")
    with_client = own_parts.client(backend)
    say(with_client, "VIEJO1", range(BEFORE))
    wait_until(lambda: count(backend) == BEFORE, 10, "stored")
    command = [sys.executable, "-m", "app.cli", "respaldo"]
    subprocess.run(command, cwd=ROOT, env=backend.env(), check=True, capture_output=True, timeout=60)
    say(with_client, "NUEVO1", range(20))
    say(with_client, "VIEJO1", range(BEFORE, AFTER))
    wait_until(lambda: count(backend) == AFTER + 20, 10, "stored")
    backend.stop()
    return backend


def say(client, serial, numbers):
    infos = [
        client.publish(own_topic(serial), {"parametros": {"n": n, "x": f"{n:04}" * 30}}, wait=False) for n in numbers
    ]
    for info in infos:
        info.wait_for_publish(10)


def count(backend):
    return backend.query("SELECT count(*) FROM estado_log")[0][0]


def flipped_header(data):
    return b"\0" * 100 + data[100:]


def truncated(data):
    return data[: len(data) * 3 // 4 // PAGE * PAGE]


def cut_in_a_page(data):
    return data[: len(data) // 2 + 1234]


def empty(_data):
    return b""


def nonsense(_data):
    return b"esto no es una base de datos" * 1000


def some_pages(data):
    chance, spoilt = random.Random(3), bytearray(data)
    for page in chance.sample(range(2, len(data) // PAGE), 6):
        spoilt[page * PAGE : (page + 1) * PAGE] = chance.randbytes(PAGE)
    return bytes(spoilt)


@pytest.mark.parametrize("damage", [flipped_header, truncated, cut_in_a_page, empty, nonsense, some_pages])
def test_it_starts_with_what_there_is_and_says_so(house, damage):
    bad = damage(house.database.read_bytes())
    house.database.write_bytes(bad)
    house.start()
    serials = {d["serial_number"] for d in house.http.get("/dispositivos").json}
    assert "VIEJO1" in serials
    found = [n for (n,) in house.query(
        "SELECT json_extract(l.parametros, '$.n') FROM estado_log l JOIN dispositivo d ON d.id = l.dispositivo_id "
        "WHERE serial_number = 'VIEJO1' ORDER BY l.id"
    )]  # fmt: skip
    assert found[:BEFORE] == list(range(BEFORE)), "the backup"
    assert found == sorted(set(found)), "nothing twice, in order"
    print(f"{damage.__name__}: {len(found) - BEFORE} of {AFTER - BEFORE} rows saved, {serials}")
    assert house.query("PRAGMA integrity_check") == [("ok",)]
    notice = house.http.get("/avisos").json["data"][0]
    assert (notice["tipo"], notice["gravedad"]) == ("base_reparada", "grave")
    assert "dañada" in house.log()
    kept = [p for p in house.instance.glob("apartadas/*/iot.db") if p.read_bytes() == bad]
    assert kept, "the damaged bytes are gone"
    assert house.http.get("/auditoria").json["data"][0]["accion"] == "base_reparada"
    house.stop()
    house.start()
    assert len(house.http.get("/avisos").json["data"]) == 1, "once"
    house.stop()


def test_when_only_pages_of_the_log_are_bad_most_of_it_is_saved(house):
    """Nothing but the table's leaves is spoilt: the other pages' rows are there, and the device that came later."""
    data = bytearray(house.database.read_bytes())
    (root,) = house.query("SELECT rootpage FROM sqlite_master WHERE name = 'estado_log'")[0]
    leaves = [p for p in range(len(data) // PAGE) if data[p * PAGE] == 0x0D and f'"n":{AFTER - 40}'.encode() in
              data[p * PAGE : (p + 1) * PAGE] and p != root - 1]  # fmt: skip
    assert leaves
    data[leaves[0] * PAGE : (leaves[0] + 1) * PAGE] = b"\xa5" * PAGE
    house.database.write_bytes(data)
    house.start()
    assert {d["serial_number"] for d in house.http.get("/dispositivos").json} == {"VIEJO1", "NUEVO1"}
    saved = count(house)
    assert AFTER + 20 - 40 <= saved < AFTER + 20
    text = json.dumps(house.http.get("/avisos").json["data"][0]["texto"], ensure_ascii=False)
    assert f"{saved - BEFORE} filas y 1 dispositivos" in text
    house.stop()


def test_a_missing_database_comes_back_too(house):
    house.database.unlink()
    house.start()
    assert [d["serial_number"] for d in house.http.get("/dispositivos").json] == ["VIEJO1"]
    house.stop()


def test_a_damaged_newest_backup_is_passed_over(house):
    folder = house.instance / "respaldos"
    (good,) = folder.glob("casa-*")
    later = folder / "casa-29991231T000000Z.tar.gz"
    later.write_bytes(good.read_bytes()[:-200])
    house.database.write_bytes(b"")
    house.start()
    assert good.name in house.http.get("/avisos").json["data"][0]["texto"]
    assert later.exists()
    house.stop()


def test_without_a_backup_nothing_is_touched(house):
    for each in (house.instance / "respaldos").glob("casa-*"):
        Path(each).unlink()
    house.database.write_bytes(b"x" * 9000)
    process = house.launch()
    assert process.wait(15) != 0
    assert house.database.read_bytes() == b"x" * 9000
    house._process = None


def spoil_while_running(house):
    """Leaves of the log's table, in the file under the running program: no page that a start has to read."""
    (root,) = house.query("SELECT rootpage FROM sqlite_master WHERE name = 'estado_log'")[0]
    with house.database.open("r+b") as file:
        data = file.read()
        leaves = [p for p in range(len(data) // PAGE) if data[p * PAGE] == 0x0D and b'"x":"' in
                  data[p * PAGE : (p + 1) * PAGE] and p != root - 1]  # fmt: skip
        for page in leaves[1:4]:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)
    assert len(leaves) > 3


def test_damage_that_is_met_while_it_runs_is_mended_by_a_start_of_its_own(house):
    """Whoever reads the spoilt rows is refused; the program starts anew by itself, with the backup and what can be
    read, and tells of it."""
    house.start()
    pid = house.process.pid
    device = house.wait_device("VIEJO1")
    spoil_while_running(house)
    refused = 0
    for page in range(1, 5):
        try:
            refused += house.http.get(f"/dispositivos/{device['id']}/logs?per_page=200&page={page}").status == 503
        except OSError:
            break  # it is starting anew
    wait_until(lambda: _mended(house), 30, "it has mended itself")
    assert house.process.pid == pid
    assert (house.instance / "iot.db.sospecha").exists()
    assert house.query("PRAGMA integrity_check") == [("ok",)]
    assert count(house) >= BEFORE
    house.stop()


def test_damage_that_a_backup_finds_is_mended_too(house):
    """It reads the whole file, so it is often the first to meet it."""
    house.start()
    house.wait_device("VIEJO1")
    spoil_while_running(house)
    assert house.http.post("/respaldos", {}).status == 202
    wait_until(lambda: _mended(house), 60, "it has mended itself")
    assert house.query("PRAGMA integrity_check") == [("ok",)]
    assert count(house) >= BEFORE
    house.stop()


def _mended(house):
    try:
        data = house.http.get("/avisos").json["data"]
    except (OSError, KeyError, ValueError):
        return False
    return any(n["tipo"] == "base_reparada" for n in data)


def test_without_a_backup_it_goes_on_as_it_can(house):
    """A start would find nothing to go back to, and end: reads of what is whole are better than none."""
    for backup in (house.instance / "respaldos").glob("casa-*"):
        backup.unlink()
    house.start()
    device = house.wait_device("VIEJO1")
    spoil_while_running(house)
    statuses = {house.http.get(f"/dispositivos/{device['id']}/logs?per_page=200&page={n}").status for n in range(1, 5)}
    assert 503 in statuses
    assert house.http.get("/dispositivos").status == 200
    house.allowed_in_log = ("",)
    house.stop()


def test_a_large_file_is_checked_whole_when_somebody_met_damage(house, monkeypatch):
    """Without that only its beginning is, which says nothing of the rest."""
    monkeypatch.setattr(migrations, "CHECKED_BYTES", 0)
    spoil_while_running(house)
    now = Clock().now()
    migrations.migrate(house.database, now)
    started = []
    met = Sospecha(house.database, Clock(), lambda: True, lambda: started.append(1))
    met()
    met()
    assert (started, sospecha.hay(house.database)) == ([1], True)
    with pytest.raises(migrations.DatabaseDamaged):
        migrations.migrate(house.database, now)
    assert not sospecha.hay(house.database)


def test_what_no_check_finds_does_not_start_it_for_ever(tmp_path):
    started = []
    for _ in range(5):
        Sospecha(tmp_path / "iot.db", Clock(), lambda: True, lambda: started.append(1))()
    assert len(started) == sospecha.TRIES
    Sospecha(tmp_path / "iot.db", Clock(), lambda: False, lambda: started.append(1))()
    assert len(started) == sospecha.TRIES
