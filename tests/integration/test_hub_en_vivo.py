"""The hub on gevent's real loop, live: order, filters, pings, snapshots, wake-ups."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

import gevent
import pytest

from app import dispositivos
from app.clock import Clock
from app.domain.filtro import FiltroStream
from app.domain.peticiones import Reclamo
from app.sse_frames import HELLO, PING
from tests.support.eventos import Page, an_event, frames
from tests.support.hub import ALL, FREE, Reader, make_hub, running, settle
from tests.support.nucleo import FakeClock, House


@pytest.fixture
def hub():
    with running(make_hub()) as hub:
        yield hub


# --- live -------------------------------------------------------------------------------------------------------------
def test_hello_first_then_every_update_in_order(hub):
    reader = Reader(hub)
    settle(lambda: reader.chunks)
    assert reader.chunks == [HELLO]
    for n in range(1, 31):
        hub.publish([an_event(n, n % 3, version=n)])
        if n % 7 == 0:
            gevent.sleep(0)
    settle(lambda: len(reader.page.updates) == 30)
    assert reader.page.updates == list(range(1, 31))
    assert reader.page.last_id == "ep-30"


def test_what_was_before_the_stream_is_not_told(hub):
    hub.publish([an_event(1, 1)])
    reader = Reader(hub)
    hub.publish([an_event(2, 1)])
    settle(lambda: reader.page.updates)
    assert reader.page.updates == [2]


def test_filters_and_leave(hub):
    free, mine, one = (
        Reader(hub, FREE),
        Reader(hub, FiltroStream(reclamado=True)),
        Reader(hub, FiltroStream("SER00002")),
    )
    hub.publish([an_event(1, 1, antes=None), an_event(2, 2, antes=None)])
    hub.publish([an_event(3, 1, reclamado=True, antes=False)])
    hub.publish([an_event(4, 1, reclamado=True, antes=True), an_event(5, 2)])
    settle(
        lambda: hub.stats()["ultimo_evento"] == 5 and free.page.updates[-1:] == [5] and mine.page.updates[-1:] == [4]
    )
    told = lambda reader: [(e, d.get("id")) for c in reader.chunks[1:] for _, e, d in frames(c)]  # noqa: E731
    assert told(free) == [("message", 1), ("message", 2), ("leave", 1), ("message", 2)], "one leave, not one an event"
    assert told(mine) == [("message", 1), ("message", 1)]
    settle(lambda: len(told(one)) == 2)
    assert told(one) == [("message", 2), ("message", 2)]


def test_pings_come_on_a_timer_whatever_the_filter_hides():
    with running(make_hub(ping_s=0.08)) as hub:
        reader = Reader(hub, FiltroStream("NADIE"))
        stop = time.monotonic() + 0.6
        n = 0
        while time.monotonic() < stop:
            n += 1
            hub.publish([an_event(n, 1)])
            gevent.sleep(0.01)
        pings = reader.chunks.count(PING)
        assert 4 <= pings <= 9
        assert set(reader.chunks) == {HELLO, PING}


def test_an_idle_stream_is_pinged_again_and_again():
    with running(make_hub(ping_s=0.05)) as hub:
        reader = Reader(hub)
        settle(lambda: reader.chunks.count(PING) >= 5)


def test_a_reader_that_stops_disturbs_nobody(hub):
    stays, goes = Reader(hub), Reader(hub)
    gevent.sleep(0.01)
    goes.stop()
    hub.publish([an_event(1, 1)])
    settle(lambda: stays.page.updates == [1])
    assert hub.stats()["lectores"] == 1


def test_numbers_that_somebody_else_used_do_not_break_the_hub(hub):
    """Another program wrote to the database: its events are unknown here, ours go on."""
    reader = Reader(hub)
    hub.publish([an_event(1, 1)])
    settle(lambda: reader.page.updates == [1])
    hub.publish([an_event(10, 1), an_event(11, 2)])
    settle(lambda: reader.page.updates[-1] == 11)
    late = Reader(hub, page=Page(last_id="ep-5"))
    settle(lambda: late.page.resets == 1)


# --- snapshot ---------------------------------------------------------------------------------------------------------
def test_the_snapshot_is_the_state_and_only_its_last_frame_names_a_place(tmp_path):
    with House(tmp_path) as house, running(make_hub()) as hub:
        house.bus.subscribe(hub.publish)
        house.report(*({"serial_number": s} for s in "ABC"))
        sub = hub.open(ALL, address="a", last_event_id=None)
        house.report({"serial_number": "D"}, {"serial_number": "A", "estado": "activo"})
        with house.db.reader() as conn:
            snapshot = dispositivos.snapshot(conn, ALL)
        stream = sub.stream(snapshot)
        found = frames(next(stream))
        assert [(i, e, d.get("serial_number")) for i, e, d in found] == [
            (None, "hello", None), (None, "message", "A"), (None, "message", "B"), (None, "message", "C"),
            ("ep-5", "message", "D"),
        ]  # fmt: skip
        house.report({"serial_number": "B", "estado": "activo"})
        assert [i for i, _, _ in frames(next(stream))] == ["ep-6"], "what the snapshot holds is not told again"
        stream.close()


def test_an_empty_snapshot_is_only_a_hello(tmp_path):
    with House(tmp_path) as house:
        hub = make_hub()
        sub = hub.open(ALL, address="a", last_event_id=None)
        with house.db.reader() as conn:
            stream = sub.stream(dispositivos.snapshot(conn, ALL))
        assert next(stream) == HELLO
        stream.close()


def test_snapshot_and_live_events_are_one_story_while_a_writer_runs(tmp_path):
    """Readers join at any moment of a busy house: after the snapshot each device's versions go up by one, none missing,
    none twice, and at rest the page is the database."""
    with House(tmp_path, Clock()) as house, running(make_hub(history=100_000)) as hub:
        house.bus.subscribe(hub.publish)
        stop = threading.Event()

        def write():
            rng = random.Random(5)
            while not stop.is_set():
                house.report(*({"serial_number": f"S{rng.randrange(12)}", "parametros": {"t": 1}} for _ in range(4)))
                if rng.random() < 0.1:
                    with suppress(Exception), house.db.unit_of_work() as uow:
                        dispositivos.reclamar(uow, Reclamo(f"S{rng.randrange(12)}"))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            checks = []
            for filtro in (ALL, FREE) * 12:
                gevent.sleep(random.random() / 50)
                checks.append((Reader(hub, filtro, house=house), filtro))
        finally:
            stop.set()
            writer.join()
        for reader, filtro in checks:
            settle(lambda r=reader: r.sub.cursor >= hub.last)
            with house.db.reader() as conn:
                truth = {d.id: d.version for d in dispositivos.snapshot(conn, filtro)[1]}
            settle(lambda r=reader, t=truth: {i: d["version"] for i, d in r.page.devices.items()} == t)
            follow_versions(reader, strict=filtro is ALL)


def follow_versions(reader, *, strict):
    seen = {}
    for chunk in reader.chunks:
        for _, event, device in frames(chunk):
            if event == "message":
                before = seen.get(device["id"])
                assert before is None or device["version"] == before + 1 or (not strict and device["version"] > before)
                seen[device["id"]] = device["version"]


# --- wake-ups ---------------------------------------------------------------------------------------------------------
def test_no_wake_up_is_missed_under_a_hammering_writer():
    """A writer thread publishes single events with pauses of every length; after each burst every reader, fast or slow,
    must catch up although nothing more happens. Pings are far away, so that only a wake-up can do it."""
    with running(make_hub(history=200_000, ping_s=600)) as hub:
        readers = [Reader(hub, pause=p) for p in (0, 0, 0, 0.0003, 0.001)]
        go, burst_done, over = threading.Event(), threading.Event(), threading.Event()
        n = 0

        def write():
            nonlocal n
            rng = random.Random(1)
            while True:
                go.wait()
                go.clear()
                if over.is_set():
                    return
                for _ in range(rng.choice([1, 1, 2, 50])):
                    n += 1
                    hub.publish([an_event(n, n % 5)])
                    if rng.random() < 0.3:
                        time.sleep(rng.random() / 3000)
                burst_done.set()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            stop = time.monotonic() + 3
            while time.monotonic() < stop:
                go.set()
                settle(burst_done.is_set)
                burst_done.clear()
                settle(lambda: all(r.page.updates[-1:] == [n] for r in readers), 2)
        finally:
            over.set()
            go.set()
            writer.join()
        assert n > 200
        for reader in readers:
            assert reader.page.updates == list(range(1, n + 1))


def test_readers_share_the_loop_while_a_writer_never_rests():
    """A reader for whom there is always more does not keep the others from theirs, nor the writer from writing."""
    with running(make_hub(history=5_000, ping_s=600)) as hub:
        readers = [Reader(hub) for _ in range(20)]
        over = threading.Event()
        written = 0

        def write():
            nonlocal written
            while not over.is_set():
                hub.publish([an_event(written + i, i % 50) for i in range(1, 21)])
                written += 20
                time.sleep(0.0005)

        writer = threading.Thread(target=write)
        writer.start()
        gevent.sleep(1.0)
        counts = [len(r.chunks) for r in readers]
        over.set()
        writer.join()
        assert min(counts) > 5
        assert min(counts) > max(counts) / 4
        settle(lambda: all(r.page.last_id == f"ep-{written}" for r in readers))


def test_a_frozen_clock_does_not_stop_events():
    """Pings need the clock, updates do not."""
    with running(make_hub(clock=FakeClock())) as hub:
        reader = Reader(hub)
        gevent.sleep(0.01)
        hub.publish([an_event(1, 1)])
        settle(lambda: reader.page.updates == [1])
