"""The hub's readers that come back or lag behind: what they missed, once, or a reset."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import sse as sse_module
from app.sse_frames import HELLO
from tests.support.eventos import Page, an_event
from tests.support.hub import ALL, FREE, Reader, make_hub, running, settle


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
