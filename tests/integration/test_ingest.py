"""From deliveries to the database file: acknowledged only after the commit, in order, each stored exactly once."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from app import dispositivos, rechazos
from app import ingest as ingest_module
from app.clock import Clock
from app.domain.peticiones import Cambios, Reclamo
from app.ingest import Delivery, Ingest, IngestLimits
from tests.support.nucleo import FakeClock, House
from tests.support.procesos import wait_until

SHARED = "dispositivos/estado"


class Line:
    """An ingest on a database file, with what it acknowledged."""

    def __init__(self, house, **limits):
        values = {
            "batch_max": 500, "queue_max": 20_000, "device_rate": 0.0, "max_unclaimed": 1000,
            "rejected_max": 100, "grace_s": 10.0,
        }  # fmt: skip
        self.house = house
        self.acked: list[int] = []
        self.ack_calls: list[list[int]] = []
        self.durable_at_ack: list[int] = []
        self.ingest = Ingest(house.db, IngestLimits(**(values | limits)), house.clock, self._ack)
        self.mids = itertools.count(1)

    def _ack(self, deliveries):
        with closing(sqlite3.connect(self.house.db.path)) as other:  # another connection sees only what is committed
            self.durable_at_ack.append(other.execute("SELECT count(*) FROM estado_log").fetchone()[0])
        self.ack_calls.append([d.mid for d in deliveries])
        self.acked += [d.mid for d in deliveries]

    def offer(self, body, *, mid=None, qos=1, dup=False, retain=False, topic=SHARED, epoch=1):
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        mid = mid or (next(self.mids) if qos else 0)
        self.ingest.offer(Delivery(topic, payload, mid, qos, dup, retain, epoch))
        return mid

    def stats(self, name):
        return self.ingest.stats()[name]

    def stored(self):
        return self.house.scalar("SELECT count(*) FROM estado_log")


@contextmanager
def line(folder, clock=None, *, start=True, **limits) -> Iterator[Line]:
    with House(folder, clock or Clock()) as house:
        made = Line(house, **limits)
        if start:
            made.ingest.start()
        try:
            yield made
        finally:
            if made.ingest._thread.ident is not None:
                made.ingest.stop()
                assert not made.ingest.alive()


def values(line):
    """What was stored, in order: the n of each message's parameters."""
    return [json.loads(row[0])["n"] for row in line.house.rows("SELECT parametros FROM estado_log ORDER BY id")]


def message(n, serial="A"):
    return {"serial_number": serial, "parametros": {"n": n}}


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
    from app.db import raw

    with line(tmp_path) as it:
        it.offer(message(0))
        wait_until(lambda: it.acked == [1])
        with it.house.db.unit_of_work() as uow:
            pages = raw(uow.conn).execute("PRAGMA page_count").fetchone()[0]
            raw(uow.conn).execute(f"PRAGMA max_page_count={pages}")  # until the writer connects afresh
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


# --- bounds -----------------------------------------------------------------------------------------------------------
def test_the_rogue_is_held_back_counted_and_acknowledged_the_others_are_not_touched(tmp_path):
    clock = FakeClock()
    with line(tmp_path, clock, device_rate=2.0) as it:
        for n in range(500):
            it.offer(message(n, "loco"))
            if n % 50 == 0:
                it.offer(message(n, "quieto"))
        wait_until(lambda: len(it.acked) == 510)
        assert it.acked == list(range(1, 511))
        assert it.stats("limitados") == 480
        assert it.stats("mas_limitados") == {"loco": 480}
        assert it.stored() == 30
        clock.advance(5)
        for n in range(20):
            it.offer(message(n, "loco"))
        wait_until(lambda: len(it.acked) == 530)
        assert it.stored() == 40


def test_unknown_serials_beyond_the_bound_are_rejected_known_ones_go_on(tmp_path):
    with line(tmp_path, max_unclaimed=10) as it:
        for n in range(50):
            it.offer(message(n, f"S{n}"))
        wait_until(lambda: len(it.acked) == 50)
        assert it.house.scalar("SELECT count(*) FROM dispositivo") == 10
        assert it.stats("rechazados") == 40
        assert it.house.rows("SELECT DISTINCT motivo FROM mensaje_rechazado") == [("demasiados_sin_reclamar",)]
        it.offer(message(100, "S3"))
        wait_until(lambda: it.stored() == 11)
        with it.house.db.unit_of_work() as uow:
            dispositivos.reclamar(uow, Reclamo("S0"))
        it.offer(message(101, "otro"))
        it.offer(message(102, "uno más"))
        it.offer(message(102, "unomas"))
        wait_until(lambda: len(it.acked) == 54)
        assert it.house.scalar("SELECT count(*) FROM dispositivo") == 11, "a claim makes room for one"


def test_a_rejected_new_device_takes_both_its_messages_with_it(tmp_path):
    with line(tmp_path, start=False, max_unclaimed=1) as it:
        for serial in ("A", "B", "A", "B"):
            it.offer(message(1, serial))
        it.ingest.start()
        wait_until(lambda: len(it.acked) == 4)
        assert (it.stored(), it.stats("guardados"), it.stats("rechazados")) == (2, 2, 2)


def test_the_queue_says_when_it_is_full(tmp_path):
    with line(tmp_path, start=False, queue_max=100) as it:
        for n in range(99):
            it.offer(message(n))
        assert not it.ingest.full()
        it.offer(message(99))
        assert it.ingest.full()
        it.ingest.start()
        wait_until(lambda: not it.ingest.full())
        wait_until(lambda: len(it.acked) == 100)


def test_a_batch_is_bounded(tmp_path):
    with line(tmp_path, start=False, batch_max=7) as it:
        for n in range(50):
            it.offer(message(n))
        it.ingest.start()
        wait_until(lambda: len(it.acked) == 50)
        assert max(map(len, it.ack_calls)) == 7
        assert values(it) == list(range(50))


def test_a_batch_of_known_devices_takes_a_bounded_number_of_statements(tmp_path):
    """500 messages of 50 devices, with duplicates and a rejection among them: pinned, so that it does not creep up."""
    with line(tmp_path) as it:
        for n in range(50):
            it.offer(message(n, f"S{n:02}"))
        wait_until(lambda: len(it.acked) == 50)
        with it.house.statements() as statements:
            batch = it.ingest._decide(
                [
                    Delivery(SHARED, json.dumps(message(n, f"S{n % 50:02}")).encode(), 100 + n, 1, False, False, 1)
                    for n in range(500)
                ]
            )
            it.ingest._store(batch, final=True)
        assert it.stored() == 550
        rows = [s for s in statements if s.startswith(("INSERT INTO estado_log", "INSERT INTO dispositivo"))]
        assert len(rows) == 500 + 50
        assert len(statements) - len(rows) <= 10, [s[:80] for s in statements]


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


# --- confirmations, poison and the end --------------------------------------------------------------------------------
def test_confirmations_are_written_in_the_order_of_the_queue(tmp_path):
    with line(tmp_path) as it:
        it.offer(message(1))
        wait_until(lambda: it.stored() == 1)
        with it.house.db.unit_of_work() as uow:
            device = dispositivos.actualizar(uow, 1, Cambios(encendido=True), if_match=None)
        it.ingest.confirm(device.id, device.deseada_version)
        wait_until(lambda: it.house.device("A").deseada_confirmada == device.deseada_version)
        assert it.acked == [1]


def test_poison_never_stops_the_loop(tmp_path):
    from tests.unit.test_domain_reporte import POISON

    with line(tmp_path) as it:
        for payload, _ in POISON.values():
            it.offer(payload)
        it.offer(b"{}", topic="otra/cosa")
        it.offer(b"{}", topic="(topic que no es UTF-8)")
        last = it.offer(message(1))
        wait_until(lambda: it.acked[-1:] == [last])
        assert it.acked == list(range(1, last + 1))
        assert it.stats("rechazados") == len(POISON) + 2
        assert it.house.scalar("SELECT count(*) FROM mensaje_rechazado") == len(POISON) + 2
        with it.house.db.reader() as conn:
            for row in rechazos.listar(conn, page=1, per_page=200).data:
                assert row.payload.isprintable()
                assert row.detalle


def test_stopping_stores_and_acknowledges_what_is_queued(tmp_path):
    with line(tmp_path) as it:
        for n in range(3000):
            it.offer(message(n, f"S{n % 9}"))
        it.ingest.stop()
        assert not it.ingest.alive()
        assert it.acked == list(range(1, 3001))
        assert it.stored() == 3000


def test_stopping_gives_up_in_time_when_nothing_can_be_stored(tmp_path):
    """SIGTERM promises an end within five seconds; what is not acknowledged stays with the broker."""
    with line(tmp_path) as it:
        with closing(sqlite3.connect(it.house.db.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            it.offer(message(1))
            wait_until(lambda: it.stats("reintentos") >= 1)
            began = time.monotonic()
            it.ingest.stop()
            assert time.monotonic() - began < 4.5
            assert not it.ingest.alive()
            assert it.acked == []
            other.execute("ROLLBACK")
    with line(tmp_path) as it:  # the broker sends it again
        it.offer(message(1), mid=1, dup=True)
        wait_until(lambda: it.acked == [1])
        assert it.stored() == 1


def test_many_producers_at_once(tmp_path):
    """Deliveries, confirmations and edits from several threads: nothing lost, numbers without gaps."""
    with line(tmp_path, batch_max=50) as it:
        it.offer(message(0, "P0"), mid=60_000)
        wait_until(lambda: it.stored() == 1)

        def edit():
            for i in range(40):
                with it.house.db.unit_of_work() as uow:
                    dispositivos.actualizar(uow, 1, Cambios(nombre=f"n{i}"), if_match=None)

        def produce(start):
            for n in range(start, start + 500):
                it.offer(message(n, f"P{n % 4}"), mid=n)

        threads = [threading.Thread(target=produce, args=(s,)) for s in (1, 1001, 2001)] + [
            threading.Thread(target=edit)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: len(it.acked) == 1501, 20)
        assert it.stored() == 1501
        assert [e.secuencia for e in it.house.events] == list(range(1, 1501 + 40 + 1))


def test_the_wait_between_tries_grows_and_is_bounded():
    assert ingest_module.BACKOFF_S[0] < 0.1
    assert ingest_module.BACKOFF_S[1] <= 5
