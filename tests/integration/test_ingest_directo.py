"""A few messages that find nothing before them are stored by the thread that read them; the rest is the committer's."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing

from app.ingest import DIRECT_MAX, Delivery
from tests.support.linea import line, message, values
from tests.support.mqtt import SHARED
from tests.support.procesos import wait_until


def deliveries(first, count=1, **more):
    bodies = [json.dumps(message(n) | more).encode() for n in range(first, first + count)]
    return [Delivery(SHARED, body, n, 1, False, False, 1) for n, body in enumerate(bodies, first)]


def test_a_message_that_finds_nothing_before_it_is_stored_and_acknowledged_at_once(tmp_path):
    """Before the call returns, and in the calling thread: the committer's does not even run."""
    with line(tmp_path, start=False) as it:
        for n in range(1, 4):
            it.ingest.take_in(deliveries(n))
            assert (it.acked[-1], it.durable_at_ack[-1]) == (n, n)
        assert it.stats("lotes_directos") == 3


def test_many_at_once_are_the_committers(tmp_path):
    """A thread that stored hundreds would not read meanwhile."""
    with line(tmp_path, start=False) as it:
        it.ingest.take_in(deliveries(1, DIRECT_MAX + 1))
        assert (it.stored(), it.stats("en_cola")) == (0, DIRECT_MAX + 1)
        it.ingest.start()
        wait_until(lambda: it.stored() == DIRECT_MAX + 1)


def test_what_waits_goes_first(tmp_path):
    with line(tmp_path, start=False) as it:
        it.ingest.take_in(deliveries(1, DIRECT_MAX + 1))
        it.ingest.take_in(deliveries(DIRECT_MAX + 2))
        assert it.stored() == 0
        it.ingest.start()
        wait_until(lambda: it.stored() == DIRECT_MAX + 2)
        assert values(it) == list(range(1, DIRECT_MAX + 3))


def test_a_locked_database_is_the_committers_to_wait_for(tmp_path):
    """The reading thread comes back after one try; order is kept, and nothing is acknowledged before it is stored."""
    with line(tmp_path) as it:
        it.ingest.take_in(deliveries(1))
        with closing(sqlite3.connect(it.house.db.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for n in (2, 3, 4):
                it.ingest.take_in(deliveries(n))
            assert it.acked == [1]
            other.execute("ROLLBACK")
        wait_until(lambda: it.acked == [1, 2, 3, 4])
        assert values(it) == [1, 2, 3, 4]
        wait_until(lambda: not it.ingest.stuck())
        it.ingest.take_in(deliveries(5))
        wait_until(lambda: it.acked[-1] == 5)


def test_a_message_that_can_not_be_stored_is_found_and_rejected(tmp_path):
    with line(tmp_path) as it:
        with it.house.db.unit_of_work() as uow:
            uow.conn.exec_driver_sql(
                "CREATE TRIGGER veneno BEFORE INSERT ON estado_log WHEN NEW.parametros LIKE '%veneno%' "
                "BEGIN SELECT RAISE(ABORT, 'veneno'); END"
            )
        bad = deliveries(2, parametros={"v": "veneno"})
        it.ingest.take_in([*deliveries(1), *bad, *deliveries(3)])
        wait_until(lambda: sorted(it.acked) == [1, 2, 3])
        assert values(it) == [1, 3]
        assert it.stats("rechazados") == 1


def test_reads_large_and_small_in_any_order_keep_the_order_of_their_messages(tmp_path):
    """The two ways take turns thousands of times; the committer is left behind and caught up with again and again."""
    with line(tmp_path) as it:
        sizes, sent = [1, 1, 40, 1, 3, DIRECT_MAX, DIRECT_MAX + 1, 2] * 40, 1
        for turn, size in enumerate(sizes):
            it.ingest.take_in(deliveries(sent, size))
            sent += size
            if turn % 5 == 0:
                wait_until(lambda sent=sent: len(it.acked) == sent - 1)
        wait_until(lambda: len(it.acked) == sent - 1)
        assert values(it) == it.acked == list(range(1, sent))
        assert 0 < it.stats("lotes_directos") < it.stats("lotes")


def test_a_word_of_the_broker_before_a_message_is_heeded_before_it(tmp_path):
    """Packet ids start again with a new session: what looks like a redelivery in it is a message."""
    with line(tmp_path) as it:
        it.ingest.take_in(deliveries(1))
        it.ingest.session_lost()
        it.ingest.take_in([d._replace(dup=True) for d in deliveries(1)])
        wait_until(lambda: it.stored() == 2)


def test_it_ends_while_the_reading_thread_still_brings_something(tmp_path):
    with line(tmp_path) as it:
        over = threading.Event()

        def read():
            n = 1
            while not over.is_set():
                it.ingest.take_in(deliveries(n))
                n += 1

        reading = threading.Thread(target=read)
        reading.start()
        wait_until(lambda: it.stored() > 5)
        it.ingest.stop()
        over.set()
        reading.join()
        assert it.acked == values(it)


def test_who_cares_for_the_card_has_them_wait_for_each_other(tmp_path):
    """INGEST_LINGER_MS: messages that come one by one are one commit; none is acknowledged before it."""
    with line(tmp_path, linger_s=0.4) as it:
        for n in range(1, 6):
            it.ingest.take_in(deliveries(n))
        assert it.acked == []
        wait_until(lambda: it.acked == [1, 2, 3, 4, 5])
        assert (it.stats("lotes"), it.stats("lotes_directos"), values(it)) == (1, 0, [1, 2, 3, 4, 5])


def test_an_end_does_not_wait_for_company(tmp_path):
    with line(tmp_path, linger_s=60.0) as it:
        it.ingest.take_in(deliveries(1))
        it.ingest.stop()
        assert it.acked == [1]


def test_a_full_batch_does_not_wait_either(tmp_path):
    with line(tmp_path, linger_s=60.0, batch_max=3) as it:
        it.ingest.take_in(deliveries(1, 3))
        wait_until(lambda: it.acked == [1, 2, 3])


def test_only_changes_become_rows_when_that_is_asked_for(tmp_path):
    """HISTORY_DEADBAND: each is acknowledged and heard live, the device shows the newest value; what says nothing new
    is no row, and is counted."""
    with line(tmp_path, bandas={"n": 1.0}) as it:
        for mid, n in enumerate((10.0, 10.5, 10.9, 12.0), 1):
            it.ingest.take_in(deliveries(mid, parametros={"n": n}))
        wait_until(lambda: it.acked == [1, 2, 3, 4])
        assert values(it) == [10.0, 10.9, 12.0]
        assert it.stats("sin_cambio") == 2
        assert json.loads(it.house.scalar("SELECT parametros FROM dispositivo")) == {"n": 12.0}


def test_a_commit_that_fails_loses_no_change(tmp_path):
    with line(tmp_path, bandas={"n": 1.0}) as it:
        it.ingest.take_in(deliveries(1, parametros={"n": 1}))
        with closing(sqlite3.connect(it.house.db.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            it.ingest.take_in(deliveries(2, parametros={"n": 5}))
            other.execute("ROLLBACK")
        wait_until(lambda: it.acked == [1, 2])
        assert values(it) == [1, 5]
