"""The HTTP server on a real port, spoken to in bytes: requests that can't be read, or never end, are refused."""

from __future__ import annotations

import re
import socket
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.edge import read_until_silent
from tests.support.servidor import get, refused, split


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
