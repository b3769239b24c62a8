"""The hub's bounds and its end: places for readers, the size of the history, closing."""

from __future__ import annotations

import random
import threading
from contextlib import suppress

import gevent
import pytest

from app import sse as sse_module
from app.domain.errors import TooManyStreams
from app.sse_frames import HELLO
from tests.support.eventos import an_event
from tests.support.hub import ALL, Reader, make_hub, running, settle


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
