"""A database that the original program made, migrated at start: every row kept, backup first, whatever happens."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.migrations import migrate
from tests.support.mqtt import Cliente, own_topic
from tests.support.original import DEVICE_KEYS, LOG_KEYS, backups, check_kept, make_original, ready, rows_of
from tests.support.procesos import require, wait_until


def test_every_row_is_kept_and_served(house, original):
    """Rows, history, odd values: all there, and every answer is sound JSON of the promised types."""
    house.start()
    check_kept(house, original)
    devices = house.http.get("/dispositivos").json
    assert len(devices) == len(rows_of(original, "SELECT 1 FROM dispositivo"))
    for device in devices:
        assert isinstance(device["parametros"], dict)
        assert isinstance(device["configuracion"], dict)
        assert all(
            isinstance(device[k], str) for k in ("serial_number", "nombre", "tipo", "modelo", "descripcion", "estado")
        )
        assert isinstance(device["reclamado"], bool)
        assert house.http.get(f"/dispositivos/{device['id']}").json == device
        page = house.logs(device["id"])
        assert page["total"] > 0
        for row in page["data"]:
            assert row["parametros"] is None or isinstance(row["parametros"], dict)
            assert row["timestamp"] is None or row["timestamp"].endswith("Z")
    by_serial = {d["serial_number"]: d for d in devices}
    assert by_serial["TMP000000001"]["parametros"] == {"temperatura": 20.1}
    assert by_serial["RARO0005"]["parametros"] == {"salón": "ñandú 😀"}
    assert by_serial["RARO0003"]["parametros"]["h"] == 1
    with house.sse("?snapshot=1") as stream:
        stream.hello()
        assert {stream.update().json["serial_number"] for _ in devices} == set(by_serial)
    house.stop()


def test_the_past_is_in_order_and_in_utc(house, original):
    """A naive UTC timestamp of the original comes out as the same instant with Z; newest first."""
    house.start()
    want = rows_of(
        original, "SELECT timestamp FROM estado_log WHERE dispositivo_id = 3 AND id % 150 <> 0 ORDER BY id DESC"
    )
    got = [r["timestamp"] for r in house.logs(3)["data"] if r["timestamp"]]
    wanted = [t for (t,) in want][: len(got)]
    assert wanted
    for original_stamp in wanted[:20]:
        assert any(datetime.fromisoformat(g.replace("Z", "")) == datetime.fromisoformat(original_stamp) for g in got), (
            original_stamp
        )
    house.stop()


def test_backup_is_made_first_and_is_whole(house, original):
    house.start()
    (backup,) = backups(house)
    assert rows_of(backup, "SELECT * FROM estado_log ORDER BY id") == rows_of(
        original, "SELECT * FROM estado_log ORDER BY id"
    )
    assert rows_of(backup, "SELECT * FROM dispositivo ORDER BY id") == rows_of(
        original, "SELECT * FROM dispositivo ORDER BY id"
    )
    assert backup.stat().st_mode & 0o077 == 0
    house.stop()


def test_twice_in_a_row_and_used_in_between(house, original):
    """The second start migrates nothing, backs up nothing, and what came in between stays."""
    house.start()
    with Cliente(house.mqtt_port) as client:
        client.publish(own_topic("TMP000000001"), {"estado": "activo", "parametros": {"nueva": 1}})
        client.publish(own_topic("NUEVO1"), {"estado": "activo"})
    house.wait_device("TMP000000001", parametros={"nueva": 1})
    house.wait_device("NUEVO1")
    before = len(backups(house))
    house.restart()
    assert len(backups(house)) == before == 1
    assert rows_of(house.database, DEVICE_KEYS) == rows_of(original, DEVICE_KEYS)
    assert house.http.device("TMP000000001")["parametros"] == {"nueva": 1}
    assert house.http.device("NUEVO1") is not None
    house.stop()


def test_a_database_in_wal_mode_with_an_unfinished_wal(house, original):
    """The original was killed: part of its rows are only in the -wal file. They are kept and backed up too."""
    connection = sqlite3.connect(house.database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("INSERT INTO dispositivo VALUES (777,'SOLOWAL1','n','t',NULL,NULL,NULL,NULL,NULL,NULL)")
    connection.commit()
    wal = Path(f"{house.database}-wal").read_bytes()
    main = house.database.read_bytes()
    connection.close()
    house.database.write_bytes(main)
    Path(f"{house.database}-wal").write_bytes(wal)
    house.start()
    assert house.http.get("/dispositivos/777").json["serial_number"] == "SOLOWAL1"
    (backup,) = backups(house)
    assert rows_of(backup, "SELECT serial_number FROM dispositivo WHERE id=777") == [("SOLOWAL1",)]
    house.stop()


def test_an_original_that_was_killed_in_a_transaction(house, original):
    """A hot rollback journal lies beside the file: what was not committed is undone first, nothing else is lost."""
    connection = sqlite3.connect(house.database, isolation_level=None)
    connection.execute("PRAGMA cache_size=5")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE estado_log SET parametros = '{\"a medias\":1}'")
    main, journal = house.database.read_bytes(), Path(f"{house.database}-journal").read_bytes()
    connection.execute("ROLLBACK")
    connection.close()
    assert b"a medias" in main
    house.database.write_bytes(main)
    Path(f"{house.database}-journal").write_bytes(journal)
    house.start()
    check_kept(house, original)
    assert rows_of(house.database, "SELECT count(*) FROM estado_log WHERE parametros LIKE '%a medias%'") == [(0,)]
    house.stop()


@pytest.mark.timeout(150)
@pytest.mark.slow
def test_killed_in_the_middle_it_resumes(own_parts, tmp_path):
    """Killed at one write after another of the migration: each time the next start goes on, and nothing is lost."""
    strace = require("strace")
    original = tmp_path / "grande.db"
    make_original(original, 20_000)
    broker = own_parts.mosquitto()
    for syscall, nths in (
        ("pwrite64", (3, 25, 120, 320)),
        ("fdatasync", (1, 2, 4)),
        ("rename,renameat,renameat2,unlink,unlinkat", (1, 3)),
    ):
        house = own_parts.backend(broker, start=False, MQTT_CLIENT_ID=f"migra-{syscall[:5]}")
        house.instance.mkdir(parents=True)
        house.database.write_bytes(original.read_bytes())
        for nth in nths:
            inject = f"inject={syscall}:signal=SIGKILL:when={nth}"
            process = house.launch(strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={syscall}", "-e", inject)
            wait_until(lambda p=process, h=house: not p.alive or ready(h), 25, f"killed at {syscall} {nth}", every=0.05)
            process.kill()
            house._process = None
            kill_left_over(house)
        house.start()
        check_kept(house, original)
        assert backups(house)
        for backup in backups(house):
            if rows_of(backup, "SELECT count(*) FROM sqlite_master")[0][0]:
                assert rows_of(backup, LOG_KEYS) == rows_of(original, LOG_KEYS), "a half backup"
        house.stop()


def kill_left_over(house) -> None:
    """strace killed by us leaves its tracee running: end what still has our folder's port."""
    wanted = f"IOT_INSTANCE_PATH={house.instance}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), 9)
            except OSError:
                continue
    wait_until(lambda: not ready(house), 5)


def test_attempts_that_fail_do_not_fill_the_disk_with_backups(tmp_path):
    """Each attempt begins with a backup; the first one and the newest stay."""
    path = tmp_path / "iot.db"
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    for attempt in range(6):
        path.unlink(missing_ok=True)
        make_original(path, logs=5)
        migrate(path, moment + timedelta(minutes=attempt))
    kept = sorted(file.name for file in (tmp_path / "respaldos").iterdir())
    assert [name[-10:-3] for name in kept] == ["120000Z", "120400Z", "120500Z"]
