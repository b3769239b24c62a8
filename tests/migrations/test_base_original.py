"""A database that the original program made, migrated at start: every row kept, backup first, whatever happens."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.migrations import migrate
from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import require, wait_until

ORIGINAL = """
CREATE TABLE dispositivo (
	id INTEGER NOT NULL,
	serial_number VARCHAR(100) NOT NULL,
	nombre VARCHAR(80) NOT NULL,
	tipo VARCHAR(50) NOT NULL,
	modelo VARCHAR(100),
	descripcion VARCHAR(255),
	estado VARCHAR(20),
	parametros JSON,
	configuracion JSON,
	reclamado BOOLEAN,
	PRIMARY KEY (id),
	UNIQUE (serial_number)
);
CREATE TABLE estado_log (
	id INTEGER NOT NULL,
	dispositivo_id INTEGER NOT NULL,
	estado VARCHAR(20),
	parametros JSON,
	timestamp DATETIME,
	PRIMARY KEY (id),
	FOREIGN KEY(dispositivo_id) REFERENCES dispositivo (id)
);
"""
WEIRD = [
    None,
    "null",
    "{}",
    '{"temperatura": NaN, "h": 1}',
    '{"x": Infinity, "y": -Infinity}',
    '{"sal\\u00f3n": "\\u00f1and\\u00fa \\ud83d\\ude00"}',
    '{"roto": "\\ud800"}',
    "[1, 2, 3]",
    '"texto"',
    "5",
    "true",
    "",
    "{no es json",
    '{"n": 123456789012345678901234567890}',
    '{"a": {"b": {"c": [1, 2, {"d": null}]}}}',
    '{"a": 1, "a": 2}',
    '{"nul": "a\\u0000b"}',
    b'{"bytes": 1}',
    b"\xff\xfe",
    7,
    2.5,
    '{"modo": "HORARIO", "encendido": "on", "horarios": {"lunes": [["07:00", "on"]]}}',
]
STAMPS = [
    "2025-06-01 12:00:00.123456",
    "2025-06-01 12:00:00",
    "2025-06-01 12:00:00.000000",
    None,
    "2024-02-29 23:59:59.999999",
]
LOGS = 6_000


def make_original(path: Path, logs: int = LOGS) -> None:
    """Forty ordinary devices, the weird ones, and several thousand rows of history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    connection = sqlite3.connect(path)
    connection.executescript(ORIGINAL)
    devices = [
        (n, f"TMP0{n:08d}", f"Sensor {n}", "sensor", "ST-1000", "en la sala", chance.choice(["activo", "inactivo"]),
         json.dumps({"temperatura": 20 + n / 10}), json.dumps({"intervalo_envio": 10, "encendido": True}), n % 2)
        for n in range(1, 41)
    ]  # fmt: skip
    devices += [
        (100 + n, f"RARO{n:04d}", "", "x" * 50, None, None, None, value, WEIRD[-1 - n], None)
        for n, value in enumerate(WEIRD)
    ]
    devices.append(
        (5_000_000_000, "Serie rara/+#ñ 1", "n" * 200, "t" * 90, "m" * 300, "d" * 900, "raro", "{}", "{}", 1)
    )
    connection.executemany("INSERT INTO dispositivo VALUES (?,?,?,?,?,?,?,?,?,?)", devices)
    start = datetime(2025, 1, 1)  # noqa: DTZ001 - the original wrote naive UTC
    rows = []
    for n in range(1, logs + 1):
        stamp = str(start + timedelta(seconds=37 * n)) if n % 50 else STAMPS[n % len(STAMPS)]
        value = json.dumps({"temperatura": n / 7}) if n % 11 else WEIRD[n % len(WEIRD)]
        rows.append((n * 3, devices[n % len(devices)][0], None if n % 13 == 0 else "activo", value, stamp))
    connection.executemany("INSERT INTO estado_log VALUES (?,?,?,?,?)", rows)
    connection.commit()
    connection.close()


def rows_of(path: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


LOG_KEYS = "SELECT id, dispositivo_id, estado FROM estado_log WHERE id <= 1000000 ORDER BY id"
DEVICE_KEYS = (
    "SELECT id, serial_number, nombre, tipo FROM dispositivo WHERE serial_number NOT LIKE 'NUEVO%' ORDER BY id"
)
PLAIN = "SELECT id, modelo, descripcion, estado, reclamado FROM dispositivo WHERE id <= 40 ORDER BY id"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "iot.db"
    make_original(path)
    return path


@pytest.fixture
def house(own_parts, original):
    """A backend that is not running yet, with the original's database in its folder."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.instance.mkdir(parents=True)
    backend.database.write_bytes(original.read_bytes())
    return backend


def check_kept(backend, original) -> None:
    """Every row of the original is there, with its identity."""
    assert rows_of(backend.database, LOG_KEYS) == rows_of(original, LOG_KEYS)
    assert rows_of(backend.database, DEVICE_KEYS) == rows_of(original, DEVICE_KEYS)
    assert rows_of(backend.database, PLAIN) == rows_of(original, PLAIN)
    assert rows_of(backend.database, "PRAGMA integrity_check") == [("ok",)]
    assert rows_of(backend.database, "PRAGMA foreign_key_check") == []


def backups(backend) -> list[Path]:
    """Files in the instance that hold the original's tables as they were."""
    found = []
    for path in backend.instance.rglob("*"):
        if path.is_file() and path != backend.database and path.read_bytes()[:15] == b"SQLite format 3":
            try:
                columns = [r[1] for r in rows_of(path, "PRAGMA table_info(dispositivo)")]
            except sqlite3.DatabaseError:
                continue
            if columns and "version" not in columns:
                found.append(path)
    return found


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


def ready(house) -> bool:
    try:
        return house.http.get("/salud/lista").status == 200
    except OSError:
        return False


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


def test_a_newer_database_is_refused(house, own_parts):
    """Made by a later version: exit code not 0, a clear sentence, the file untouched."""
    house.start()
    house.stop()
    connection = sqlite3.connect(house.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = house.database.read_bytes()
    process = house.launch()
    assert process.wait(15) != 0
    log = process.log()
    assert "Traceback" not in log
    assert "9999" in log
    assert "nuev" in log.lower() or "posterior" in log.lower()
    assert house.database.read_bytes() == before
    house._process = None


def test_an_empty_file_where_a_house_was_is_refused(house):
    """0 bytes with the installed marker: looks like a new house to SQLite, must not to us."""
    house.start()
    house.stop()
    for suffix in ("-wal", "-shm"):
        Path(f"{house.database}{suffix}").unlink(missing_ok=True)
    house.database.write_bytes(b"")
    process = house.launch()
    assert process.wait(15) != 0
    log = process.log()
    assert "Traceback" not in log
    assert "iot.db" in log
    assert house.database.read_bytes() == b""
    house._process = None


def test_a_missing_file_where_a_house_was_is_not_a_new_house_in_silence(house):
    """The file is gone but the marker is there: refused."""
    house.start()
    house.stop()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{house.database}{suffix}").unlink(missing_ok=True)
    process = house.launch()
    assert process.wait(15) != 0
    log = process.log()
    assert "Traceback" not in log
    assert "iot.db" in log
    assert not house.database.exists()
    house._process = None


def test_a_database_that_the_original_still_uses_waits_or_is_refused(house, original):
    """Somebody holds the database: a sentence, exit code not 0, nothing changed; afterwards the migration works."""
    connection = sqlite3.connect(house.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    process = house.launch()
    assert process.wait(30) != 0
    log = process.log()
    assert "Traceback" not in log, log
    assert "iot.db" in log
    house._process = None
    connection.execute("ROLLBACK")
    connection.close()
    house.start()
    check_kept(house, original)
    house.stop()


def test_a_new_start_after_all_is_not_spoilt_by_the_old_log(house):
    """Database and marker deleted, its -wal forgotten: the new house is empty and sound."""
    house.start()
    house.stop()
    connection = sqlite3.connect(house.database)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("UPDATE dispositivo SET nombre = 'de la casa anterior'")
    connection.commit()
    wal = Path(f"{house.database}-wal").read_bytes()
    connection.close()
    for path in house.instance.glob("iot.db*"):
        path.unlink()
    Path(f"{house.database}-wal").write_bytes(wal)
    house.start()
    assert house.http.get("/dispositivos").json == []
    assert rows_of(house.database, "PRAGMA integrity_check") == [("ok",)]
    house.stop()


@pytest.mark.parametrize("damage", ["header", "middle", "truncated"])
def test_a_damaged_database_is_never_overwritten(house, damage):
    """Refused or moved aside with a loud word; its bytes are still somewhere."""
    house.start()
    house.stop()
    data = bytearray(house.database.read_bytes())
    if damage == "header":
        data[:100] = b"\0" * 100
    elif damage == "middle":
        data[4096 * 2 : 4096 * 20] = b"\xa5" * (4096 * 18)
    else:
        data = data[: len(data) // 2]
    for suffix in ("-wal", "-shm"):
        Path(f"{house.database}{suffix}").unlink(missing_ok=True)
    house.database.write_bytes(bytes(data))
    process = house.launch()
    wait_until(lambda: not process.alive or ready(house), 20)
    log = process.log()
    assert "Traceback" not in log, log
    assert "iot.db" in log
    assert any(p.read_bytes() == bytes(data) for p in house.instance.rglob("*") if p.is_file()), (
        "the damaged bytes are gone"
    )
    process.kill()
    house._process = None


def test_a_foreign_sqlite_file_is_refused(own_parts):
    """Some other program's database: not ours to fill with tables."""
    house = own_parts.backend(own_parts.mosquitto(), start=False)
    house.instance.mkdir(parents=True)
    connection = sqlite3.connect(house.database)
    connection.execute("CREATE TABLE recetas (id INTEGER, texto TEXT)")
    connection.execute("CREATE TABLE dispositivo (otra TEXT)")
    connection.commit()
    connection.close()
    process = house.launch()
    assert process.wait(15) != 0
    assert "Traceback" not in process.log()
    assert rows_of(house.database, "SELECT count(*) FROM recetas") == [(0,)]
    house._process = None


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
