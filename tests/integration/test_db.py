"""The database file: one writer, readers that never wait, and the unit of work around both."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import insert, select

from app import db as db_module
from app.db import MAX_IN, bulk_insert, insert_one, select_in, sqlite_path
from app.domain.errors import StorageBusy, StorageFull
from app.domain.events import DeviceUpdated
from app.models import casa, dispositivo, estado_log, row_of
from tests.support.nucleo import House, a_device

HOLDER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
for word in sys.argv[2:]:
    conn.execute(word)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as house:
        yield house


@contextmanager
def locked_by_another_process(path, *statements):
    """Another process holds the database until the block ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *(statements or ("BEGIN IMMEDIATE",))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "held\n"
    try:
        yield
    finally:
        child.communicate("")


def an_event(uow, device_id=1):
    return DeviceUpdated(uow.next_secuencia(), a_device(device_id), None, False)


# --- the unit of work -------------------------------------------------------------------------------------------------
def test_events_are_published_after_the_commit_and_in_order(house):
    seen = []

    def look(events):
        with house.db.reader() as conn:
            stored = conn.execute(select(casa.c.valor).where(casa.c.clave == "secuencia")).scalar_one()
        seen.append((stored, [e.secuencia for e in events]))

    house.bus.subscribe(look)
    for count in (1, 3, 2):
        with house.db.unit_of_work() as uow:
            uow.events += [an_event(uow) for _ in range(count)]
            assert not seen or seen[-1][0] < uow.secuencia, "nothing is published before the end"
    assert seen == [(1, [1]), (4, [2, 3, 4]), (6, [5, 6])]


def test_a_unit_without_events_publishes_nothing(house):
    called = []
    house.bus.subscribe(called.append)
    with house.db.unit_of_work():
        pass
    assert called == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_rollback_publishes_nothing_and_gives_the_numbers_again(house, error):
    with pytest.raises(error):
        with house.db.unit_of_work() as uow:
            uow.events.append(an_event(uow))
            insert_one(uow, dispositivo, row_of(a_device())[1:])
            raise error
    assert house.events == []
    assert house.scalar("SELECT count(*) FROM dispositivo") == 0
    with house.db.unit_of_work() as uow:
        assert uow.next_secuencia() == 1
        uow.events.append(DeviceUpdated(1, a_device(), None, False))
    assert [e.secuencia for e in house.events] == [1]


def test_a_statement_that_fails_rolls_all_back(house):
    with pytest.raises(sqlite3.IntegrityError):
        with house.db.unit_of_work() as uow:
            insert_one(uow, dispositivo, row_of(a_device())[1:])
            insert_one(uow, dispositivo, row_of(a_device())[1:])
    assert house.scalar("SELECT count(*) FROM dispositivo") == 0


def test_a_listener_that_fails_breaks_neither_the_writer_nor_the_other_listeners(house, caplog):
    def broken(events):
        raise ZeroDivisionError

    later = []
    stop = house.bus.subscribe(broken)
    house.bus.subscribe(later.append)
    for _ in range(2):
        with house.db.unit_of_work() as uow:
            uow.events.append(an_event(uow))
    assert [len(batch) for batch in later] == [1, 1]
    assert house.bus.failures == 2
    assert "ZeroDivisionError" in caplog.text
    stop()
    with house.db.unit_of_work() as uow:
        uow.events.append(an_event(uow))
    assert house.bus.failures == 2


def test_writers_take_turns_and_number_without_gaps(house):
    def write():
        for _ in range(30):
            with house.db.unit_of_work() as uow:
                uow.events += [an_event(uow), an_event(uow)]

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.secuencia for e in house.events] == list(range(1, 241)), "published in commit order"
    assert house.scalar("SELECT valor FROM casa WHERE clave = 'secuencia'") == 240


def test_numbers_go_on_after_a_restart(tmp_path):
    for expected in (1, 2, 3):
        with House(tmp_path) as house:
            with house.db.unit_of_work() as uow:
                assert uow.next_secuencia() == expected


# --- readers and locks ------------------------------------------------------------------------------------------------
def test_a_reader_neither_waits_for_a_writer_nor_sees_what_is_not_committed(house):
    with house.db.unit_of_work() as uow:
        insert_one(uow, dispositivo, row_of(a_device())[1:])
        began = time.monotonic()
        assert house.scalar("SELECT count(*) FROM dispositivo") == 0
        assert time.monotonic() - began < 0.3
    assert house.scalar("SELECT count(*) FROM dispositivo") == 1


def test_a_reader_sees_one_snapshot(house):
    with house.db.reader() as conn:
        count = conn.exec_driver_sql("SELECT count(*) FROM dispositivo").scalar_one()
        with house.db.unit_of_work() as uow:
            insert_one(uow, dispositivo, row_of(a_device())[1:])
        assert conn.exec_driver_sql("SELECT count(*) FROM dispositivo").scalar_one() == count == 0
    assert house.scalar("SELECT count(*) FROM dispositivo") == 1


def test_a_reader_cannot_write(house):
    with pytest.raises(StorageFull):
        with house.db.reader() as conn:
            conn.execute(insert(casa).values(clave="x", valor=1))
    assert house.scalar("SELECT count(*) FROM casa WHERE clave = 'x'") == 0


def test_a_reader_that_fails_gives_its_connection_back(house):
    for _ in range(3 * db_module.READERS):
        with pytest.raises(ZeroDivisionError):
            with house.db.reader():
                raise ZeroDivisionError
    assert house.scalar("SELECT 1") == 1


def test_too_many_readers_at_once_are_told_to_come_back(house):
    with pytest.raises(StorageBusy):
        nested(house, db_module.READERS + 1)
    assert house.scalar("SELECT 1") == 1


def nested(house, depth):
    if depth:
        with house.db.reader():
            nested(house, depth - 1)


@pytest.mark.parametrize(
    ("how", "connected"),
    [
        (("BEGIN IMMEDIATE",), True),
        (("BEGIN EXCLUSIVE",), True),
        (("BEGIN EXCLUSIVE",), False),
        (("PRAGMA locking_mode=EXCLUSIVE", "BEGIN IMMEDIATE"), False),  # nobody can have it to itself while we read it
    ],
    ids=["immediate", "exclusive", "before our first unit", "exclusive mode before our first unit"],
)
def test_a_lock_of_another_process_is_said_within_two_seconds(house, how, connected):
    if connected:
        with house.db.unit_of_work():
            pass
    with locked_by_another_process(house.db.path, *how):
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(StorageBusy):
                with house.db.unit_of_work():
                    pytest.fail("the block must not run")
            assert time.monotonic() - began < 2
        if "locking_mode" not in how[0]:
            assert house.scalar("SELECT count(*) FROM dispositivo") == 0, "reading goes on"
    with house.db.unit_of_work() as uow:
        uow.events.append(an_event(uow))
    assert [e.secuencia for e in house.events] == [1]


def test_a_slow_unit_makes_the_next_writer_give_up_in_time(house):
    inside, done = threading.Event(), threading.Event()

    def slow():
        with house.db.unit_of_work():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=slow)
    thread.start()
    inside.wait(5)
    began = time.monotonic()
    with pytest.raises(StorageBusy):
        with house.db.unit_of_work():
            pass
    assert time.monotonic() - began < 2
    done.set()
    thread.join()


def test_a_full_file_is_said_and_mends_by_itself(house):
    with house.db.unit_of_work() as uow:
        device_id = insert_one(uow, dispositivo, row_of(a_device(1, "LLENO"))[1:])
    """SQLITE_FULL from the real engine: the file may not grow. The unit is undone, the next one starts afresh."""
    with house.db.unit_of_work() as uow:
        pages = uow.file.execute("PRAGMA page_count").fetchone()[0]
        uow.file.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageFull):
        with house.db.unit_of_work() as uow:
            uow.events.append(an_event(uow))
            bulk_insert(uow, estado_log, [(device_id, "activo", "x" * 4000, "t", None)] * 100)
    assert house.events == []
    assert house.scalar("SELECT count(*) FROM estado_log") == 0
    house_writes(house)  # on a fresh connection, which has no such bound


def house_writes(house):
    with house.db.unit_of_work() as uow:
        device_id = insert_one(uow, dispositivo, row_of(a_device())[1:])
        bulk_insert(uow, estado_log, [(device_id, "activo", "x" * 4000, "t", None)] * 100)
    assert house.scalar("SELECT count(*) FROM estado_log") == 100


def test_the_promised_pragmas_are_in_force(house):
    with house.db.unit_of_work() as uow:
        ask = lambda name: uow.file.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731
        assert (ask("journal_mode"), ask("synchronous"), ask("foreign_keys")) == ("wal", 2, 1)
    with house.db.reader() as conn:
        assert conn.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one() == 0, "only the writer checkpoints"


def test_closing_leaves_one_file_and_the_log_stays_small(tmp_path):
    with House(tmp_path) as house:
        row = row_of(a_device())[1:]
        with house.db.unit_of_work() as uow:
            device_id = insert_one(uow, dispositivo, row)
        for _ in range(60):
            with house.db.unit_of_work() as uow:
                row = (device_id, "activo", '{"t":20.5,"h":50}', "2026-11-23 14:00:00.0", None)
                bulk_insert(uow, estado_log, [row] * 500)
            assert house.db.size() < 16 << 20
            house.scalar("SELECT count(*) FROM casa")
        grown = house.db.size()
    assert [f.name for f in tmp_path.iterdir()] == ["iot.db"]
    assert (tmp_path / "iot.db").stat().st_size < 100 * 30_000, "a log row costs less than 100 bytes"
    assert grown < (tmp_path / "iot.db").stat().st_size + 3 * db_module.CHECKPOINT_PAGES * 4096
    with closing(sqlite3.connect(tmp_path / "iot.db")) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


# --- many rows --------------------------------------------------------------------------------------------------------
SIZES = [0, 1, 2, 33, 1000]


@pytest.mark.parametrize("size", SIZES)
def test_bulk_insert_writes_each_row_once_and_in_order(house, size):
    with house.db.unit_of_work() as uow:
        insert_one(uow, dispositivo, row_of(a_device())[1:])
    with house.db.unit_of_work() as uow:
        bulk_insert(uow, estado_log, [(1, f"e{i}", "{}", "t", None) for i in range(size)])
    assert house.rows("SELECT id, estado FROM estado_log ORDER BY id") == [(i + 1, f"e{i}") for i in range(size)]


@pytest.mark.parametrize("size", SIZES)
def test_an_upsert_overwrites_by_id_and_touches_nothing_else(house, size):
    devices = [a_device(i) for i in range(1, size + 3)]
    with house.db.unit_of_work() as uow:
        bulk_insert(uow, dispositivo, [row_of(d) for d in devices], upsert=True)
        bulk_insert(
            uow,
            dispositivo,
            [row_of(a_device(i, nombre="nuevo", version=2)) for i in range(1, size + 1)],
            upsert=True,
        )
    rows = house.rows("SELECT nombre, version, count(*) FROM dispositivo GROUP BY 1, 2 ORDER BY 2")
    assert rows == [row for row in [("No definido", 1, 2), ("nuevo", 2, size)] if row[2]]


@pytest.mark.parametrize("size", [0, 1, MAX_IN - 1, MAX_IN, MAX_IN + 1, 2 * MAX_IN + 1])
def test_select_in_finds_all_that_exist(house, size):
    with house.db.unit_of_work() as uow:
        bulk_insert(uow, dispositivo, [row_of(a_device(i)) for i in range(1, size + 1)], upsert=True)
        wanted = [a_device(i).serial_number for i in range(1, size + 1)] + ["nadie"]
        found = list(select_in(uow.conn, dispositivo, "serial_number", wanted))
    assert sorted(row[0] for row in found) == list(range(1, size + 1))


def test_text_that_looks_like_sql_is_only_text(house):
    nasty = "'; DROP TABLE dispositivo; --"
    with house.db.unit_of_work() as uow:
        bulk_insert(uow, dispositivo, [row_of(a_device(1, nasty, nombre=nasty))], upsert=True)
        assert len(list(select_in(uow.conn, dispositivo, "serial_number", [nasty, "?", "%"]))) == 1


# --- where and what ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("url", ["postgresql://x/y", "sqlite://", "sqlite:///:memory:", "mysql://a"])
def test_only_a_sqlite_file_will_do(tmp_path, url):
    with pytest.raises((ValueError, Exception), match=r"sqlite:///archivo\.db|driver|dialect"):
        sqlite_path(url, tmp_path)


def test_an_absolute_path_stays_and_a_relative_one_starts_at_the_folder(tmp_path):
    assert sqlite_path("sqlite:///iot.db", tmp_path) == tmp_path / "iot.db"
    assert sqlite_path(f"sqlite:///{tmp_path}/a/b.db", tmp_path / "otra") == tmp_path / "a" / "b.db"


def test_odd_characters_in_the_path(tmp_path):
    folder = tmp_path / "casa de María #1 100% ¿?"
    folder.mkdir()
    with House(folder) as house:
        house_writes(house)
    assert [f.name for f in folder.iterdir()] == ["iot.db"]
