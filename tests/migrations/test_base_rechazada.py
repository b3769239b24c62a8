"""Databases that must not be touched, refused in a clear sentence: newer, empty, gone, in use, damaged, foreign."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.original import check_kept, rows_of


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
    """Refused with a loud word; its bytes stay."""
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
    assert process.wait(15) != 0, "it started all the same"
    log = process.log()
    assert "Traceback" not in log, log
    assert "iot.db" in log
    assert any(p.read_bytes() == bytes(data) for p in house.instance.rglob("*") if p.is_file()), (
        "the damaged bytes are gone"
    )
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
