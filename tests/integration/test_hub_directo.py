"""Events that the committing thread itself sends to readers that wait: the same bytes, in order, once."""

from __future__ import annotations

import random
import socket
import threading
import time

import gevent
import pytest

from tests.support.edge import running as edge_running
from tests.support.eventos import Page, an_event
from tests.support.hub import ALL, Reader, make_hub, running, settle
from tests.support.sse import Sse

BIG = '{"t":"%s"}' % ("x" * 3000)


class Half:
    """A socket that takes ``room`` bytes, and then none; keeps what it took."""

    def __init__(self, room=1 << 30):
        self.room = room
        self.taken = b""
        self.calls = 0

    def send(self, data):
        self.calls += 1
        if not self.room:
            raise BlockingIOError
        piece = data[: self.room]
        self.room -= len(piece)
        self.taken += piece
        return len(piece)


class Unread(Page):
    """The reader's own chunks begin in the middle of a frame here."""

    def take(self, data):
        pass


def waiting(hub, half):
    """A reader that waits for events, offering ``half`` for them."""
    reader = Reader(hub, page=Unread())
    reader._stream.attach(half.send)
    settle(lambda: reader.sub in hub._parked)
    reader.chunks.clear()
    return reader


def numbers(data):
    """The event numbers in a stream's bytes; every frame must be whole."""
    assert data.endswith(b"\n\n")
    blocks = data.split(b"\n\n")[:-1]
    return [int(b.split(b"\n")[0].rpartition(b"-")[2]) for b in blocks if b.startswith(b"id: ")]


def test_a_reader_that_waits_has_the_event_before_publish_returns():
    with running(make_hub()) as hub:
        half = Half()
        reader = waiting(hub, half)
        hub.publish([an_event(1, 1)])
        hub.publish([an_event(2, 1), an_event(3, 2)])
        assert numbers(half.taken) == [1, 2, 3]
        gevent.sleep(0.02)
        assert reader.chunks == []
        assert reader.sub.cursor == 3


@pytest.mark.parametrize("room", [0, 1, 30])
def test_what_the_socket_has_no_room_for_goes_the_usual_way(room):
    with running(make_hub()) as hub:
        half = Half(room)
        reader = waiting(hub, half)
        for n in range(1, 5):  # the loop has not run yet: the later ones must wait behind the rest of the first
            hub.publish([an_event(n, 1)])
        settle(lambda: reader.sub.cursor == 4 and reader.sub in hub._parked)
        assert len(half.taken) == room
        assert numbers(half.taken + b"".join(reader.chunks)) == [1, 2, 3, 4]


def test_a_rest_is_sent_before_the_goodbye():
    hub = make_hub()
    with running(hub):
        half = Half(10)
        reader = waiting(hub, half)
        hub.publish([an_event(1, 1)])
        hub.close()
        reader.join()
    assert numbers(half.taken + b"".join(reader.chunks[:-1])) == [1]
    assert reader.chunks[-1].startswith(b"retry: ")


def test_many_readers_or_many_events_are_left_to_the_loop():
    with running(make_hub()) as hub:
        halves = [Half() for _ in range(33)]
        readers = [waiting(hub, half) for half in halves]
        hub.publish([an_event(1, 1)])
        assert sum(half.calls for half in halves) == 0
        settle(lambda: all(r.sub.cursor == 1 for r in readers))
        readers[0].stop()
        settle(lambda: len(hub._parked) == 32)
        hub.publish([an_event(n, 1) for n in range(2, 40)])
        assert sum(half.calls for half in halves) == 0
        settle(lambda: all(r.sub.cursor == 39 for r in readers[1:]))


def test_writer_and_greenlet_never_both_send():
    """The reader is woken all the time (pings every millisecond) while another thread publishes."""
    with running(make_hub(ping_s=0.001, history=5000)) as hub:
        busy, both, sent = threading.Lock(), [], []
        rng = random.Random(1)

        def once(data):
            if not busy.acquire(blocking=False):
                both.append(data)
                return 0
            try:
                time.sleep(rng.choice((0, 0.0002)))
                cut = rng.choice((0, 7, len(data), len(data)))
                sent.append(data[:cut])
                return cut
            finally:
                busy.release()

        sub = hub.open(ALL, address="a", last_event_id=None)
        stream = sub.stream()
        stream.attach(once)

        def serve():
            for chunk in stream:
                while chunk:
                    chunk = chunk[once(chunk) :]

        greenlet = gevent.spawn(serve)
        settle(lambda: sub in hub._parked)
        writer = threading.Thread(target=lambda: [hub.publish([an_event(n, 1)]) for n in range(1, 1501)])
        writer.start()
        settle(lambda: sub.cursor == 1500 and sub in hub._parked, timeout=20)
        writer.join()
        greenlet.kill()
        stream.close()
        assert not both
        assert numbers(b"".join(sent)) == list(range(1, 1501))
        assert b"event: ping" in b"".join(sent)


def publish_all(hub, count, **fields):
    for n in range(1, count + 1):
        hub.publish([an_event(n, 1, **fields)])


def test_a_real_reader_whose_socket_fills_gets_every_event_once_in_order(tmp_path):
    """1 MB into small buffers, while the reader sleeps and wakes; the other one reads at once and waits for nobody."""
    with edge_running(None, tmp_path) as edge:
        hub = edge.services.hub
        with Sse(edge.port, rcvbuf=4096) as slow, Sse(edge.port) as quick:
            slow.next(), quick.next()
            settle_threads(lambda: len(hub._parked) == 2)
            writer = threading.Thread(target=publish_all, args=(hub, 400), kwargs={"parametros_json": BIG})
            writer.start()
            writer.join(5)
            assert not writer.is_alive()
            assert [quick.next().sequence for _ in range(400)] == list(range(1, 401))
            got = []
            for n in range(400):
                got.append(slow.next().sequence)
                if not n % 40:
                    time.sleep(0.01)
            assert got == list(range(1, 401))


def test_readers_that_come_and_go_never_get_bytes_of_another_connection(tmp_path):
    """Closed descriptors are used again at once; a send of the committer's must not hit the one that has it now."""
    with edge_running(None, tmp_path) as edge:
        stop = threading.Event()

        def write():
            n = 0
            while not stop.is_set():
                n += 1
                edge.services.hub.publish([an_event(n, 1)])
                time.sleep(0.0003)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(150):
                with Sse(edge.port) as stream:
                    assert stream.next().event == "hello"
                    got = [stream.next().sequence for _ in range(3)]
                    assert got == list(range(got[0], got[0] + 3))
                with socket.create_connection(("127.0.0.1", edge.port), 5) as plain:
                    plain.sendall(b"GET /salud/viva HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    answer = b"".join(iter(lambda: plain.recv(65536), b""))
                    assert answer.startswith(b"HTTP/1.1 ")
                    assert b"id: " not in answer
        finally:
            stop.set()
            writer.join(5)


def settle_threads(condition, timeout=5.0):
    """The same as ``settle``, for a loop that runs in a thread of its own."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not settle"
        time.sleep(0.002)
