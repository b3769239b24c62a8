"""The hub on gevent's real loop: order, filters, resuming, snapshots, lagging readers, bounds, wake-ups."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import dispositivos
from app import sse as sse_module
from app.clock import Clock
from app.domain.errors import TooManyStreams
from app.domain.filtro import FiltroStream
from app.domain.peticiones import Reclamo
from app.sse import HELLO, PING, Hub
from tests.support.eventos import Page, an_event, frames
from tests.support.nucleo import FakeClock, House

ALL = FiltroStream()
FREE = FiltroStream(reclamado=False)


def make_hub(**kw) -> Hub:
    values = {
        "epoch": "ep", "last": 0, "history": 100, "ping_s": 60.0, "max_streams": 50, "max_per_address": 50,
        "clock": Clock(),
    }  # fmt: skip
    return Hub(**(values | kw))


class Reader:
    """A greenlet that reads a stream as the server does, into a Page."""

    def __init__(self, hub, filtro=ALL, *, page=None, house=None, pause=0.0):
        self.page = page or Page()
        self.sub = hub.open(filtro, address="a", last_event_id=self.page.last_id)
        self.chunks: list[bytes] = []
        self.ended = False
        snapshot = None
        if house is not None:  # in the order of the route: opened first, read then
            with house.db.reader() as conn:
                snapshot = dispositivos.snapshot(conn, filtro)
        self._stream = self.sub.stream(snapshot)
        self._pause = pause
        self._greenlet = gevent.spawn(self._run)

    def _run(self):
        try:
            for chunk in self._stream:
                self.chunks.append(chunk)
                self.page.take(chunk)
                gevent.sleep(self._pause)
            self.ended = True
        finally:
            self._stream.close()

    def stop(self):
        self._greenlet.kill()

    def join(self):
        self._greenlet.join(5)
        assert self.ended


@contextmanager
def running(hub) -> Iterator[Hub]:
    """The hub on this thread's loop; at the end every stream and the ping timer are over."""
    hub.start()
    try:
        yield hub
    finally:
        hub.close()
        settle(lambda: not hub.stats()["lectores"])
        gevent.sleep(0)


def settle(condition, timeout=5.0):
    """Let the loop run until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not settle"
        gevent.sleep(0.002)


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


# --- bounds and the end -----------------------------------------------------------------------------------------------
def test_limits_for_each_address_and_in_all():
    hub = make_hub(max_streams=5, max_per_address=2)
    subs = [hub.open(ALL, address="a", last_event_id=None) for _ in range(2)]
    with pytest.raises(TooManyStreams):
        hub.open(ALL, address="a", last_event_id=None)
    subs += [hub.open(ALL, address=x, last_event_id=None) for x in ("b", "b", "c")]
    with pytest.raises(TooManyStreams):
        hub.open(ALL, address="d", last_event_id=None)
    assert hub.stats()["rechazadas"] == 2
    for sub in subs:
        sub.close()
    assert (hub.stats()["lectores"], hub.stats()["direcciones"]) == (0, 0)


@pytest.mark.parametrize("how", ["never streamed", "never started", "started", "closed twice", "both closed"])
def test_the_place_is_given_back(how):
    hub = make_hub(max_per_address=1)
    for _ in range(3):
        sub = hub.open(ALL, address="a", last_event_id=None)
        stream = None if how == "never streamed" else sub.stream(None)
        if how in ("started", "closed twice"):
            assert next(stream) == HELLO
        if stream is not None:
            stream.close()
        if how == "closed twice":
            stream.close()
        if how in ("never streamed", "both closed"):
            sub.close()
            sub.close()
        assert hub.stats()["lectores"] == 0
    assert hub.stats()["direcciones"] == 0


def test_places_are_counted_right_under_many_threads():
    hub = make_hub(max_streams=30, max_per_address=12)
    over = []

    def client(seed):
        rng = random.Random(seed)
        for _ in range(400):
            with suppress(TooManyStreams):
                sub = hub.open(ALL, address=rng.choice("abc"), last_event_id=rng.choice([None, "ep-0", "x"]))
                if hub.stats()["lectores"] > 30:
                    over.append(1)
                sub.close()

    threads = [threading.Thread(target=client, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not over
    assert (hub.stats()["lectores"], hub.stats()["direcciones"]) == (0, 0)


def test_closing_tells_each_reader_to_come_back_after_a_moment_of_its_own():
    with running(make_hub()) as hub:
        readers = [Reader(hub) for _ in range(30)]
        gevent.sleep(0.01)
        hub.close()
        for reader in readers:
            reader.join()
        last = [reader.chunks[-1] for reader in readers]
        waits = {int(chunk.removeprefix(b"retry: ")) for chunk in last}
        assert all(500 <= wait <= 3000 for wait in waits)
        assert len(waits) > 10
        with pytest.raises(TooManyStreams):
            hub.open(ALL, address="a", last_event_id=None)


def test_the_history_is_bounded_by_count_and_by_bytes(monkeypatch):
    hub = make_hub(history=10)
    for n in range(1, 101):
        hub.publish([an_event(n, 1)])
    assert hub.stats()["historial_eventos"] == 10
    monkeypatch.setattr(sse_module, "HISTORY_BYTES", 100_000)
    hub = make_hub(history=1000)
    for n in range(1, 101):
        hub.publish([an_event(n, n, parametros_json='{"x":"%s"}' % ("y" * 9_000))])
        assert hub.stats()["historial_bytes"] <= 100_000
    assert 5 <= hub.stats()["historial_eventos"] <= 11
    hub.publish([an_event(101, 1, parametros_json='{"x":"%s"}' % ("y" * 200_000))])
    assert hub.stats()["historial_bytes"] == 0
    hub.publish([an_event(102, 1)])
    assert hub.stats()["historial_eventos"] == 1


def test_a_history_of_nothing_still_streams():
    with running(make_hub(history=0)) as hub:
        reader = Reader(hub)
        gevent.sleep(0.01)
        for n in range(1, 6):
            hub.publish([an_event(n, 1)])
            gevent.sleep(0.005)
        settle(lambda: reader.page.updates[-1:] == [5])


def test_numbers_that_somebody_else_used_do_not_break_the_hub(hub):
    """Another program wrote to the database: its events are unknown here, ours go on."""
    reader = Reader(hub)
    hub.publish([an_event(1, 1)])
    settle(lambda: reader.page.updates == [1])
    hub.publish([an_event(10, 1), an_event(11, 2)])
    settle(lambda: reader.page.updates[-1] == 11)
    late = Reader(hub, page=Page(last_id="ep-5"))
    settle(lambda: late.page.resets == 1)


# --- resuming ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "last_id",
    ["garbage", "ep-", "-5", "ep-x", "ep--1", "ep-5x", "EP-50", "otra-50", "ep-50 ", "ep-٥", "ep-1" + "0" * 30,
     "ep-0x10",     "ep-51", "ep-29", "ep-0", "", "-", "ep", "é-50", "ep-1e1"],
)  # fmt: skip
def test_an_id_that_cannot_be_resumed_is_answered_with_one_reset(last_id):
    with running(make_hub(history=20)) as hub:
        for n in range(1, 51):
            hub.publish([an_event(n, 1)])
        reader = Reader(hub, page=Page(last_id=last_id))
        settle(lambda: reader.chunks)
        assert reader.chunks == [HELLO + b"id: ep-50\nevent: reset\ndata: {}\n\n"]
        hub.publish([an_event(51, 1)])
        settle(lambda: reader.page.updates == [51])
        assert hub.stats()["resets"] == 1


@pytest.mark.parametrize("seen", [30, 31, 40, 49, 50])
def test_resuming_within_the_history_misses_nothing(seen):
    with running(make_hub(history=20)) as hub:
        for n in range(1, 51):
            hub.publish([an_event(n, 1)])
        reader = Reader(hub, page=Page(last_id=f"ep-{seen}"))
        settle(lambda: reader.sub.cursor == 50)
        hub.publish([an_event(51, 1)])
        settle(lambda: reader.page.updates[-1:] == [51])
        assert reader.page.updates == list(range(seen + 1, 52))
        assert reader.page.resets == 0


def test_resuming_far_behind_gives_every_event_as_long_as_the_history_has_them(monkeypatch):
    """A reader that lags is coalesced; one that comes back is given all it missed (WIRE §4)."""
    monkeypatch.setattr(sse_module, "LAG_EVENTS", 10)
    monkeypatch.setattr(sse_module, "CHUNK_BYTES", 2_000)
    with running(make_hub(history=1000)) as hub:
        for n in range(1, 301):
            hub.publish([an_event(n, n % 2)])
        reader = Reader(hub, page=Page(last_id="ep-3"))
        settle(lambda: reader.page.updates[-1:] == [300])
        assert reader.page.updates == list(range(4, 301))
        hub.publish([an_event(301, 1)])
        settle(lambda: reader.page.updates[-1:] == [301])


def test_what_leaves_the_history_before_a_resuming_reader_took_it_is_a_reset(monkeypatch):
    monkeypatch.setattr(sse_module, "CHUNK_BYTES", 500)
    with running(make_hub(history=50)) as hub:
        for n in range(1, 51):
            hub.publish([an_event(n, n)])
        page = Page(last_id="ep-10")
        sub = hub.open(ALL, address="a", last_event_id=page.last_id)
        stream = sub.stream(None)
        for _ in range(4):
            page.take(next(stream))
        for n in range(51, 151):
            hub.publish([an_event(n, n)])
        while page.last_id != "ep-150":
            page.take(next(stream))
        stream.close()
        assert page.resets == 1
        assert all(b == a + 1 for a, b in pairwise(n for n in page.updates if n < 101))


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 25), min_size=1, max_size=8),
    batches=st.lists(st.integers(1, 6), min_size=5, max_size=25),
    partial=st.randoms(use_true_random=False),
)
def test_over_any_disconnections_every_event_arrives_exactly_once(cuts, batches, partial):
    """The connection ends after any number of frames of a chunk; the reader comes back with its last id."""
    hub = make_hub(history=10_000)
    page, n = Page(), 0
    batches, cuts = iter(batches), iter([*cuts, None])
    for cut in cuts:
        sub = hub.open(ALL, address="a", last_event_id=page.last_id or "ep-0")
        stream = sub.stream(None)
        page.take(next(stream))
        taken = 0
        while True:
            for size in [next(batches, 0)]:
                if size:
                    hub.publish([an_event(n + i, i) for i in range(1, size + 1)])
                    n += size
            if hub.last <= sub.cursor:
                break
            blocks = next(stream).split(b"\n\n")[:-1]
            arrived = len(blocks) if cut is None else partial.randint(0, len(blocks))
            for block in blocks[:arrived]:
                page.take(block + b"\n\n")
            taken += arrived
            if cut is not None and (arrived < len(blocks) or taken >= cut):
                break
        stream.close()
    assert page.updates == list(range(1, n + 1))
    assert page.resets == 0


# --- lagging readers --------------------------------------------------------------------------------------------------
@pytest.fixture
def tight(monkeypatch):
    """Lag and chunk bounds that a small test reaches."""
    monkeypatch.setattr(sse_module, "LAG_EVENTS", 20)
    monkeypatch.setattr(sse_module, "CHUNK_BYTES", 1_500)


def test_a_lagging_reader_gets_each_devices_latest_state_once_in_order(tight):
    hub = make_hub(history=10)
    sub = hub.open(ALL, address="a", last_event_id=None)
    stream = sub.stream(None)
    page = Page()
    page.take(next(stream))
    for n in range(1, 501):
        hub.publish([an_event(n, n % 8, version=n)])
    while sub.cursor < hub.last:
        page.take(next(stream))
    stream.close()
    assert page.updates == list(range(493, 501))
    assert {d["version"] for d in page.devices.values()} == set(range(493, 501))
    assert hub.stats()["agrupadas"] >= 492


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_the_lag_a_page_ends_up_with_the_truth(data):
    """Devices appear, report, are claimed; a reader of the unclaimed takes chunks when it likes, is cut off in
    the middle of one, comes back. Caught up it shows exactly the unclaimed ones that changed, as they are."""
    real = sse_module.LAG_EVENTS, sse_module.CHUNK_BYTES
    sse_module.LAG_EVENTS, sse_module.CHUNK_BYTES = 6, 900
    try:
        hub = make_hub(history=data.draw(st.sampled_from([0, 5, 1000])))
        truth, n, page = {}, 0, Page()
        sub = hub.open(FREE, address="a", last_event_id=None)
        stream = sub.stream(None)
        page.take(next(stream))
        steps = data.draw(st.lists(st.sampled_from(["report", "claim", "read", "cut"]), max_size=60))
        for step in [*steps, "read all"]:
            if step in ("report", "claim"):
                device = data.draw(st.integers(1, 9))
                n += 1
                antes = truth[device][0] if device in truth else None
                truth[device] = (bool(antes) or (step == "claim" and antes is not None), n)
                hub.publish([an_event(n, device, antes=antes, reclamado=truth[device][0], version=n)])
            elif step == "cut":
                blocks = sub._next().split(b"\n\n")[:-1] if hub.last > sub.cursor else []
                for block in blocks[: data.draw(st.integers(0, len(blocks)))]:
                    page.take(block + b"\n\n")
                stream.close()
                sub = hub.open(FREE, address="a", last_event_id=page.last_id or "ep-0")
                stream = sub.stream(None)
                page.take(next(stream))
            else:
                for _ in range(1000 if step == "read all" else data.draw(st.integers(1, 3))):
                    if hub.last > sub.cursor:
                        page.take(sub._next())  # what the stream yields, without waiting for more
        stream.close()
        free = {d: v for d, (claimed, v) in truth.items() if not claimed}
        shown = {d: value["version"] for d, value in page.devices.items()}
        assert shown.items() <= free.items(), "nothing stale, nothing that left"
        if page.resets == 0:
            assert shown == free
    finally:
        sse_module.LAG_EVENTS, sse_module.CHUNK_BYTES = real


def test_a_device_that_left_early_and_spoke_late_is_told_to_a_reader_that_is_cut_in_between(tight):
    hub = make_hub(history=1000)
    sub = hub.open(FREE, address="a", last_event_id=None)
    stream = sub.stream(None)
    page = Page()
    page.take(next(stream))
    hub.publish([an_event(1, 99, antes=None)])
    page.take(next(stream))
    hub.publish([an_event(2, 99, antes=False, reclamado=True)])
    for n in range(3, 60):
        hub.publish([an_event(n, n, antes=None)])
    hub.publish([an_event(60, 99, antes=True, reclamado=True)])
    page.take(next(stream))  # one chunk: it ends before event 60
    assert sub.cursor < 60
    stream.close()
    sub = hub.open(FREE, address="a", last_event_id=page.last_id)
    stream = sub.stream(None)
    page.take(next(stream))
    while sub.cursor < 59:
        page.take(next(stream))
    stream.close()
    assert 99 not in page.devices


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
