"""From deliveries to the database file: acknowledged only after the commit, in order, each stored exactly once."""

from __future__ import annotations

import itertools
import sqlite3
import time
from contextlib import closing

import pytest

from tests.support.linea import line, message, values
from tests.support.procesos import wait_until


# --- ack after commit -------------------------------------------------------------------------------------------------
def test_every_ack_comes_after_its_commit_and_in_order(tmp_path):
    with line(tmp_path) as it:
        for n in range(2000):
            it.offer(message(n, f"S{n % 7}"))
        wait_until(lambda: len(it.acked) == 2000, 10)
        assert it.acked == list(range(1, 2001))
        assert values(it) == list(range(2000))
        for call, durable in zip(itertools.accumulate(map(len, it.ack_calls)), it.durable_at_ack, strict=True):
            assert durable >= call, "acknowledged before it was on disk"
        assert it.stats("lotes") < 200, "natural batches, not one commit a message"


def test_qos_0_is_stored_and_has_nothing_to_acknowledge(tmp_path):
    with line(tmp_path) as it:
        for n in range(10):
            it.offer(message(n), qos=0)
        it.offer(message(10))
        wait_until(lambda: it.stored() == 11)
        wait_until(lambda: it.acked == [1])


def test_a_commit_that_fails_is_not_acknowledged(tmp_path):
    """Another process holds the database: nothing is acked, reading goes on; then all is stored once, in order."""
    with line(tmp_path) as it:
        it.offer(message(0))
        wait_until(lambda: it.acked == [1])
        with closing(sqlite3.connect(it.house.db.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for n in range(1, 50):
                it.offer(message(n))
            wait_until(lambda: it.stats("reintentos") >= 1, 5)
            assert "ocupada" in it.stats("fallo")
            assert it.acked == [1]
            assert it.stored() == 1, "reading goes on"
            other.execute("ROLLBACK")
        wait_until(lambda: len(it.acked) == 50, 10)
        assert values(it) == list(range(50))
        assert it.stats("fallo") is None


def test_a_full_disk_pauses_and_resumes_by_itself(tmp_path):

    with line(tmp_path) as it:
        it.offer(message(0))
        wait_until(lambda: it.acked == [1])
        with it.house.db.unit_of_work() as uow:
            pages = uow.file.execute("PRAGMA page_count").fetchone()[0]
            uow.file.execute(f"PRAGMA max_page_count={pages}")  # until the writer connects afresh
        for n in range(1, 200):
            it.offer({"serial_number": "A", "parametros": {"n": n, "x": "y" * 2000}})
        wait_until(lambda: len(it.acked) == 200, 10)
        assert it.stats("reintentos") >= 1
        assert values(it) == list(range(200))


def poisoned(house):
    """The database refuses, for good, any log row with this word: a fault that only the commit brings to light."""
    with closing(sqlite3.connect(house.db.path, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER veneno BEFORE INSERT ON estado_log WHEN NEW.parametros LIKE '%veneno%' "
            "BEGIN SELECT RAISE(ABORT, 'veneno'); END"
        )


@pytest.mark.parametrize("where", [[0], [13], [99], [7, 8], [0, 50, 99], list(range(0, 100, 10))])
def test_what_can_never_be_stored_is_found_and_the_others_are_stored_once(tmp_path, where):
    with line(tmp_path, start=False) as it:
        poisoned(it.house)
        for n in range(100):
            it.offer({"serial_number": f"S{n % 5}", "parametros": {"n": n} | ({"v": "veneno"} if n in where else {})})
        it.offer(b"no es JSON")
        it.ingest.start()
        wait_until(lambda: len(it.acked) == 101, 10)
        assert values(it) == [n for n in range(100) if n not in where]
        assert it.acked == list(range(1, 102))
        kept = it.house.rows("SELECT motivo FROM mensaje_rechazado ORDER BY id")
        assert sorted(kept) == sorted([("no_almacenable",)] * len(where) + [("no_json",)])
        assert it.house.scalar("SELECT valor FROM casa WHERE clave = 'rechazados'") == len(where) + 1
        assert it.stats("rechazados") == len(where) + 1
        assert it.stats("guardados") == 100 - len(where)
        assert [e.secuencia for e in it.house.events] == list(range(1, 101 - len(where)))
        assert it.house.scalar("SELECT sum(mensajes) FROM entrega") == 101, "also the next run knows them"
        for mid in (1, 14, 100):  # also of the poisoned ones, a redelivery is known
            body = {"serial_number": f"S{(mid - 1) % 5}", "parametros": {"n": mid - 1}}
            if mid - 1 in where:
                body["parametros"]["v"] = "veneno"
            it.offer(body, mid=mid, dup=True)
        wait_until(lambda: it.stats("duplicados") == 3)
        assert it.stored() == 100 - len(where)


def test_a_batch_that_cannot_be_handled_at_all_does_not_make_its_redelivery_a_duplicate(tmp_path):
    """Even the list of rejections can't be written: nothing was stored, nothing is acked. When the broker sends it
    again (after a reconnect, DUP set) it must not be taken for one that was stored."""
    with line(tmp_path) as it:
        with closing(sqlite3.connect(it.house.db.path, isolation_level=None)) as other:
            other.execute(
                "CREATE TRIGGER roto BEFORE INSERT ON mensaje_rechazado BEGIN SELECT RAISE(ABORT, 'roto'); END"
            )
            other.execute(
                "CREATE TRIGGER veneno BEFORE INSERT ON estado_log WHEN NEW.parametros LIKE '%veneno%' "
                "BEGIN SELECT RAISE(ABORT, 'veneno'); END"
            )
        bad = it.offer({"serial_number": "A", "parametros": {"n": 0, "v": "veneno"}})
        wait_until(lambda: it.stats("recibidos") == 1 and it.stats("en_cola") == 0)
        good = it.offer(message(1))
        wait_until(lambda: it.acked == [good])
        with closing(sqlite3.connect(it.house.db.path, isolation_level=None)) as other:
            other.execute("DROP TRIGGER roto")
            other.execute("DROP TRIGGER veneno")
        it.offer({"serial_number": "A", "parametros": {"n": 0, "v": "veneno"}}, mid=bad, dup=True, epoch=2)
        wait_until(lambda: bad in it.acked)
        assert sorted(values(it)) == [0, 1]


def test_a_listener_that_fails_does_not_stop_the_ingest(tmp_path):
    with line(tmp_path) as it:
        it.house.bus.subscribe(lambda events: 1 / 0)
        for n in range(20):
            it.offer(message(n))
        wait_until(lambda: len(it.acked) == 20)
        assert values(it) == list(range(20))


# --- duplicates -------------------------------------------------------------------------------------------------------
def test_a_redelivery_is_acknowledged_and_not_stored_again(tmp_path):
    with line(tmp_path) as it:
        mid = it.offer(message(1))
        wait_until(lambda: it.acked == [mid])
        it.offer(message(1), mid=mid, dup=True, epoch=2)
        wait_until(lambda: it.acked == [mid, mid])
        assert it.stored() == 1
        it.offer(message(1), mid=mid)  # without DUP: the lamp says the same thing once more
        wait_until(lambda: it.stored() == 2)


def test_killed_between_commit_and_ack_the_redelivery_is_known_by_the_next_run(tmp_path):
    with line(tmp_path) as it:
        it.ingest._ack = lambda deliveries: None  # the acks never get out
        for n in range(30):
            it.offer(message(n))
        wait_until(lambda: it.stored() == 30)
    with line(tmp_path) as it:
        for n in range(30):
            it.offer(message(n), dup=True)
        it.offer(message(30), dup=True)  # this one had not arrived before
        wait_until(lambda: len(it.acked) == 31)
        assert it.stats("duplicados") == 30
        assert values(it) == list(range(31))


def test_after_a_lost_session_packet_ids_mean_something_else(tmp_path):
    with line(tmp_path) as it:
        it.offer(message(1), mid=1)
        wait_until(lambda: it.stored() == 1)
        it.ingest.session_lost()
        it.offer(message(1), mid=1, dup=True)
        wait_until(lambda: it.stored() == 2)
    with line(tmp_path) as it:
        it.ingest.session_lost()
        wait_until(lambda: it.stats("lotes") == 1)
    with line(tmp_path) as it:
        it.offer(message(1), mid=1, dup=True)
        wait_until(lambda: it.stored() == 3)


# --- retained reports -------------------------------------------------------------------------------------------------
def test_a_retained_report_introduces_a_device_and_tells_nothing_new_of_a_known_one(tmp_path):
    with line(tmp_path) as it:
        it.offer({"serial_number": "A", "estado": "activo"}, retain=True)
        wait_until(lambda: it.stored() == 1)
        for _ in range(3):  # each reconnect subscribes again and gets it again
            it.offer({"serial_number": "A", "estado": "activo"}, retain=True)
        wait_until(lambda: len(it.acked) == 4)
        assert it.stored() == 1
        assert it.house.device("A").version == 1
        assert it.stats("retenidos") == 3
        it.offer({"serial_number": "A", "estado": "inactivo"})
        wait_until(lambda: it.house.device("A").estado == "inactivo")


def test_retained_reports_are_counted_once_however_often_the_commit_is_tried(tmp_path):
    with line(tmp_path) as it:
        it.offer(message(1))
        wait_until(lambda: it.stored() == 1)
        poisoned(it.house)
        with it.house.db.unit_of_work():  # the ingest waits for its turn: what follows is one batch
            it.offer(message(9, "otro"))
            time.sleep(0.05)
            it.offer(message(1), retain=True)
            it.offer({"serial_number": "B", "parametros": {"v": "veneno"}})
            it.offer({"serial_number": "C", "parametros": {"n": 5}})
        wait_until(lambda: len(it.acked) == 5)
        assert it.stats("retenidos") == 1
        assert it.stats("guardados") == 3
