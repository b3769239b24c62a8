"""The HTTP server on a real port, spoken to in bytes: what is refused, what is kept, what it costs."""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.edge import Edge, read_until_silent, running


class Ticking:
    """An event stream that says something every 50 ms, and tells whether it was closed."""

    open_now = 0

    def __init__(self, size: int = 20) -> None:
        Ticking.open_now += 1
        self._frame = b"data: " + b"x" * size + b"\n\n"
        self._closed = False

    def __iter__(self) -> Ticking:
        return self

    def __next__(self) -> bytes:
        import gevent

        gevent.sleep(0.05)
        return self._frame

    def close(self) -> None:
        Ticking.open_now -= not self._closed
        self._closed = True


gate = threading.Event()


def echo(environ: dict[str, Any], start_response: Any) -> Any:
    """Says what it was asked; some paths behave in a special way."""
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return Ticking(int(environ["QUERY_STRING"] or 20))
    if path == "/wait":
        gate.wait(10)
    if path == "/boom":
        raise RuntimeError("on purpose")
    if path == "/nothing":
        start_response("204 No Content", [])
        return []
    if path == "/big":
        body = b"x" * 5_000_000
    else:
        sent = environ["wsgi.input"].read()
        seen = {k: v for k, v in environ.items() if isinstance(v, str)}
        body = json.dumps({**seen, "body": sent.decode("latin-1"), "thread": threading.current_thread().name}).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with running(
        echo, None, http_header_timeout_s=1.0, http_threads=2, http_queue_max=3, sse_send_timeout_s=1.0
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def lives(edge: Edge) -> Iterator[None]:
    """After each attack an ordinary request is answered, and its answer is nobody else's."""
    yield
    assert b" 200 OK" in edge.raw(get("/despues", "Connection: close"))


def get(path: str = "/", *headers: str, start: str | None = None) -> bytes:
    return "\r\n".join([start or f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode("latin-1")


def split(answer: bytes) -> tuple[int, Any, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return int(line.split()[1]), BytesParser().parsebytes(fields), body


def refused(edge: Edge, data: bytes, status: int) -> dict[str, Any]:
    """The one answer to ``data`` is a problem with this status, and the connection is closed."""
    with edge.connect() as sock:
        sock.settimeout(5)
        sock.sendall(data)
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    found, headers, body = split(answer)
    assert found == status, answer
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Connection"] == "close"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert answer.count(b"\r\n\r\n") == 1
    problem: dict[str, Any] = json.loads(body)
    assert problem["status"] == status
    assert {"type", "title", "detail", "error", "codigo"} <= set(problem)
    return problem


# --- requests that can't be read --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nnada\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n1",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n1",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * 3000 + b"\r\nx\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 50 + b"\r\n",
    ],
    ids=lambda data: repr(data[:70]),
)
def test_malformed_is_400_and_close(edge, data):
    assert len(refused(edge, data, 400)["error"]) > 10


def test_bounds_of_the_head(edge):
    refused(edge, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)
    refused(edge, b"GET /" + b"a" * 100_000, 414)
    refused(edge, get("/", "X: " + "a" * 40_000), 431)
    refused(edge, get("/", *["X: y"] * 150), 431)
    refused(edge, get("/", *["X: y"] * 50_000), 431)
    assert split(edge.raw(get("/" + "a" * 8000, "Connection: close")))[0] == 200


def test_bounds_of_the_body(edge):
    """Answered before the body is read; a client that is still sending gets the answer all the same."""
    refused(edge, get(start="PUT / HTTP/1.1")[:-2] + b"Content-Length: 65537\r\n\r\n", 413)
    refused(edge, get(start="PUT / HTTP/1.1")[:-2] + b"Content-Length: 999999999999999\r\n\r\n" + b"x" * 200_000, 413)
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    refused(edge, get(start="PUT / HTTP/1.1")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3, 413)
    exact = get(start="PUT / HTTP/1.1")[:-2] + b"Content-Length: 65536\r\nConnection: close\r\n\r\n" + b"x" * 65536
    assert split(edge.raw(exact))[0] == 200


def test_unknown_expectation_is_417(edge):
    refused(edge, get("/", "Expect: milagros"), 417)


def test_connect_is_405_with_allow(edge):
    refused(edge, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 405)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    data=st.binary(min_size=1, max_size=200), tail=st.sampled_from([b"", b"\r\n\r\n", b" HTTP/1.1\r\nHost: x\r\n\r\n"])
)
def test_any_bytes_get_a_4xx_or_a_close(edge, data, tail):
    with edge.connect() as sock:
        sock.sendall(data + tail)
        sock.shutdown(socket.SHUT_WR)
        answer = read_until_silent(sock)
    assert set(re.findall(rb"HTTP/1\.1 ([0-9])", answer)) <= {b"2", b"4"}, answer


# --- time -------------------------------------------------------------------------------------------------------------
def test_a_dripping_head_is_cut_off_by_one_deadline_for_all_of_it(edge):
    with edge.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        began = time.monotonic()
        sock.settimeout(0.1)
        answer = b""
        while not answer:
            assert time.monotonic() - began < 3
            sock.sendall(b"a")
            try:
                answer = sock.recv(4096)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert 0.8 < time.monotonic() - began < 2


def test_dripping_empty_lines_are_no_way_around_it(edge):
    with edge.connect() as sock:
        began = time.monotonic()
        try:
            while time.monotonic() - began < 4:
                sock.sendall(b"\r\n")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - began < 3


def test_a_body_that_never_comes_is_408(edge):
    refused(edge, get(start="PUT / HTTP/1.1")[:-2] + b"Content-Length: 10\r\n\r\n123", 408)


def test_a_silent_connection_is_closed_without_a_word(edge):
    with edge.connect() as sock:
        sock.settimeout(5)
        assert sock.recv(100) == b""


# --- requests that are good -------------------------------------------------------------------------------------------
def test_an_answer_is_one_segment_and_the_connection_is_kept(edge):
    """Headers and body in one send: a second packet would wait for the delayed ACK of the first."""
    with edge.connect() as sock:
        for _ in range(3):
            sock.sendall(get("/uno?a=%C3%B1", "X-Algo: 1", "x-algo: 2", "X_Guion: no"))
            status, headers, body = split(sock.recv(65536))
            assert status == 200
            assert len(body) == int(headers["Content-Length"])
            assert headers["Date"].endswith("GMT")
            seen = json.loads(body)
            assert (seen["PATH_INFO"], seen["QUERY_STRING"], seen["HTTP_X_ALGO"]) == ("/uno", "a=%C3%B1", "1,2")
            assert "HTTP_X_GUION" not in seen
            assert seen["iot.peer"] == seen["REMOTE_ADDR"] == "127.0.0.1"
            assert seen["thread"].startswith("http-")


def test_keep_alive_costs_no_delayed_ack(edge):
    with edge.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        took = []
        for _ in range(50):
            began = time.perf_counter()
            sock.sendall(get())
            sock.recv(65536)
            took.append(time.perf_counter() - began)
        assert sorted(took)[25] < 0.01


def test_pipelined_requests_are_answered_in_order(edge):
    answer = edge.raw(get("/1") + get("/2") + get("/3", "Connection: close"))
    assert [answer.index(b'"PATH_INFO": "/%d"' % n) for n in (1, 2, 3)] == sorted(
        answer.index(b'"PATH_INFO": "/%d"' % n) for n in (1, 2, 3)
    )


def test_chunked_bodies_with_extensions_and_trailers(edge):
    head = get("/", "Transfer-Encoding: chunked", "Connection: close", start="PUT / HTTP/1.1")
    _, _, body = split(edge.raw(head + b"3;a=b\r\nuno\r\n4 \r\n dos\r\n0\r\nX: y\r\n\r\n"))
    seen = json.loads(body)
    assert (seen["body"], seen["CONTENT_LENGTH"]) == ("uno dos", "7")
    assert "HTTP_TRANSFER_ENCODING" not in seen


def test_expect_continue(edge):
    with edge.connect() as sock:
        sock.sendall(get("/", "Content-Length: 3", "Expect: 100-continue", "Connection: close", start="PUT / HTTP/1.1"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"uno")
        assert json.loads(split(read_until_silent(sock))[2])["body"] == "uno"


def test_expect_continue_of_too_much_is_refused_at_once(edge):
    refused(edge, get("/", "Content-Length: 99999", "Expect: 100-continue", start="PUT / HTTP/1.1"), 413)


def test_http_1_0_closes_unless_asked(edge):
    with edge.connect() as sock:
        sock.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert split(sock.recv(65536))[1]["Connection"] == "keep-alive"
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        sock.settimeout(3)
        assert split(sock.recv(65536))[1]["Connection"] == "close"
        assert sock.recv(10) == b""


def test_head_204_and_options_have_no_body(edge):
    for data in (get(start="HEAD / HTTP/1.1"), get("/nothing")):
        answer = edge.raw(data[:-2] + b"Connection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\n")
    assert split(edge.raw(get(start="OPTIONS * HTTP/1.1")[:-2] + b"Connection: close\r\n\r\n"))[0] == 200


def test_absolute_form_rules_over_host(edge):
    _, _, body = split(edge.raw(get("/", "Connection: close", start="GET http://otro:81/x?y HTTP/1.1")))
    seen = json.loads(body)
    assert (seen["HTTP_HOST"], seen["PATH_INFO"], seen["QUERY_STRING"]) == ("otro:81", "/x", "y")


def test_lower_case_methods_are_not_their_namesakes(edge):
    _, _, body = split(edge.raw(get("/", "Connection: close", start="get / HTTP/1.1")))
    assert json.loads(body)["REQUEST_METHOD"] == "X-get"


def test_a_failing_app_is_a_500_problem(edge, caplog):
    status, headers, body = split(edge.raw(get("/boom", "Connection: close")))
    assert (status, headers["Content-Type"]) == (500, "application/problem+json")
    assert b"on purpose" not in body
    assert "on purpose" in caplog.text


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


def until(condition: Any, seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
