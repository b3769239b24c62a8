"""The HTTP server on a real port, spoken to in bytes: good requests, and what their answers look like."""

from __future__ import annotations

import json
import socket
import time

from tests.support.edge import read_until_silent
from tests.support.servidor import get, refused, split


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
