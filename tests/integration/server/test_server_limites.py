"""The HTTP server's bounds, its streams and its end: what is kept, what is given back, what it costs."""

from __future__ import annotations

import gc
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.edge import Edge, read_until_silent, running
from tests.support.servidor import Ticking, echo, gate, get, split, until


# --- bounds -----------------------------------------------------------------------------------------------------------
def test_too_many_waiting_requests_get_503_with_retry_after(edge):
    """Two run, three wait, the sixth is told to come back; the five are answered."""
    gate.clear()
    waiting = [edge.connect() for _ in range(5)]
    try:
        for sock in waiting:
            sock.sendall(get("/wait", "Connection: close"))
        until(lambda: edge.server.stats()["en_proceso"] == 5)
        status, headers, _ = split(edge.raw(get("/", "Connection: close")))
        assert (status, headers["Retry-After"]) == (503, "2")
        gate.set()
        assert all(split(read_until_silent(s))[0] == 200 for s in waiting)
    finally:
        gate.set()
        for sock in waiting:
            sock.close()
    until(lambda: edge.server.stats()["en_proceso"] == 0)


def test_a_reader_that_never_reads_is_dropped(edge):
    with edge.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(get("/big"))
        until(lambda: edge.server.stats()["bytes_por_enviar"] > 0)
        until(lambda: edge.server.stats()["bytes_por_enviar"] == 0, 4)
    until(lambda: edge.server.stats()["conexiones"] == 0)


def test_connections_beyond_the_bound_are_told_503():
    with running(echo, None, http_max_connections=3) as edge:
        held = [edge.connect() for _ in range(3)]
        for sock in held:
            sock.sendall(get())
            assert sock.recv(10) == b"HTTP/1.1 2"
        with edge.connect() as sock:
            assert split(read_until_silent(sock))[0] == 503
        held.pop().close()
        until(lambda: edge.server.stats()["conexiones"] == 2)
        assert split(edge.raw(get("/", "Connection: close")))[0] == 200
        for sock in held:
            sock.close()


def test_out_of_descriptors_backs_off_and_recovers(caplog):
    """No spinning; those who come are told 503; a kept connection is served meanwhile; afterwards all is well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running(echo, None) as edge, edge.connect() as kept:
        kept.sendall(get())
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        clients = [socket.socket() for _ in range(3)]
        used = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
        hog = []
        try:
            try:
                while True:
                    hog.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                pass
            clients[0].settimeout(5)
            clients[0].connect(("127.0.0.1", edge.port))
            assert split(clients[0].recv(65536))[0] == 503
            cpu = time.process_time()
            time.sleep(0.5)
            assert time.process_time() - cpu < 0.25
            kept.sendall(get())
            assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        finally:
            for fd in hog:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        until(lambda: split(edge.raw(get("/", "Connection: close")))[0] == 200)
        for sock in clients:
            sock.close()
    assert "Traceback" not in caplog.text


# --- streams ----------------------------------------------------------------------------------------------------------
def test_a_stream_flows_and_ends_with_its_reader(edge):
    """The place is given back at once when the reader leaves, not at the next failed send."""
    sock = edge.connect()
    sock.sendall(get("/stream"))
    head = sock.recv(4096)
    assert b"text/event-stream" in head
    assert b"Transfer-Encoding" not in head
    assert b"Content-Length" not in head
    for _ in range(3):
        assert b"data: x" in sock.recv(4096)
    assert Ticking.open_now == 1
    assert edge.server.stats()["streams"] == 1
    sock.close()
    until(lambda: Ticking.open_now == 0)
    until(lambda: edge.server.stats()["streams"] == 0)


def test_streams_hold_no_thread(edge):
    """Ten streams with two threads, and requests are answered."""
    socks = [edge.connect() for _ in range(10)]
    for sock in socks:
        sock.sendall(get("/stream"))
        sock.recv(4096)
    assert split(edge.raw(get("/", "Connection: close")))[0] == 200
    for sock in socks:
        sock.close()
    until(lambda: Ticking.open_now == 0)


def test_a_frozen_reader_is_cut_off(edge):
    with edge.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(get("/stream?50000"))
        until(lambda: Ticking.open_now == 1)
        until(lambda: Ticking.open_now == 0, 5)


def test_head_of_a_stream_closes_it(edge):
    answer = edge.raw(get(start="HEAD /stream HTTP/1.1"))
    assert answer.endswith(b"\r\n\r\n")
    until(lambda: Ticking.open_now == 0)


def test_chatty_stream_readers_are_not_listened_to(edge):
    with edge.connect() as sock:
        sock.sendall(get("/stream") + get("/otra"))
        sock.sendall(b"x" * 100)
        time.sleep(0.2)
        sock.setblocking(False)
        assert sock.recv(65536).count(b"HTTP/1.1") == 1
    until(lambda: Ticking.open_now == 0)


def test_memory_of_idle_streams():
    """A thousand streams in this process, both ends: the budget is 32 KB each, and this is a part of it."""
    import psutil

    process = psutil.Process()
    with running(quiet, None) as edge:
        warm = open_streams(edge, 50)
        before = process.memory_full_info().uss
        socks = open_streams(edge, 1000)
        gc.collect()
        each = (process.memory_full_info().uss - before) / 1000
        for sock in (*warm, *socks):
            sock.close()
    assert each < 20_000, each


def quiet(environ: dict[str, Any], start_response: Any) -> Any:
    import gevent

    start_response("200 OK", [("Content-Type", "text/event-stream")])

    def frames() -> Iterator[bytes]:
        yield b"event: hello\ndata: {}\n\n"
        gevent.get_hub().switch()

    return frames()


def open_streams(edge: Edge, count: int) -> list[socket.socket]:
    socks = [edge.connect() for _ in range(count)]
    for sock in socks:
        sock.sendall(get("/stream"))
    for sock in socks:
        assert sock.recv(4096)
    return socks


# --- the end ----------------------------------------------------------------------------------------------------------
def test_stop_lets_running_requests_end_and_closes_the_rest():
    gate.clear()
    with running(echo, None) as edge:
        idle, busy, stream = edge.connect(), edge.connect(), edge.connect()
        idle.sendall(get())
        idle.recv(65536)
        busy.sendall(get("/wait"))
        stream.sendall(get("/stream"))
        stream.recv(4096)
        until(lambda: edge.server.stats()["en_proceso"] == 1)
        threading.Timer(0.3, gate.set).start()
        began = time.monotonic()
        edge.server.stop()
        assert time.monotonic() - began < 3.5
        answer = read_until_silent(busy)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"Connection: close" in answer
        assert idle.recv(10) == b""
        read_until_silent(stream)
        with pytest.raises(OSError):
            edge.connect()
        for sock in (idle, busy, stream):
            sock.close()
    assert Ticking.open_now == 0
