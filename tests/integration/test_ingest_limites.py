"""The ingest's bounds, its order and its end: rogues, floods, poison, many producers, stopping."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing

from app import dispositivos, rechazos
from app import ingest as ingest_module
from app.domain.peticiones import Cambios, Reclamo
from app.ingest import Delivery
from tests.support.linea import line, message, values
from tests.support.mqtt import SHARED
from tests.support.nucleo import FakeClock
from tests.support.procesos import wait_until


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
