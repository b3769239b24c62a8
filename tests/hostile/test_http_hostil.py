"""Every line of the HTTP list: the stated answer, problem+json, and the server serves on."""

from __future__ import annotations

import gzip
import json
import socket
from urllib.parse import quote

import pytest

from tests.support.http import problem, raw

JSON = "application/json"
DEEP = b'{"configuracion":{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}}"


def nested(depth: int) -> bytes:
    return b'{"configuracion":' + b'{"a":' * (depth - 1) + b"1" + b"}" * (depth - 1) + b"}"


BODIES = {
    "truncated": (b'{"nombre": "x"', 400),
    "trailing-garbage": (b'{"nombre": "x"} y', 400),
    "single-quotes": (b"{'nombre': 'x'}", 400),
    "empty": (b"", 400),
    "spaces": (b"   \r\n", 400),
    "array": (b"[1,2]", 422),
    "string": (b'"texto"', 422),
    "null": (b"null", 422),
    "number": (b"5", 422),
    "true": (b"true", 422),
    "nan": (b'{"configuracion":{"a":NaN}}', 400),
    "infinity": (b'{"configuracion":{"a":-Infinity}}', 400),
    "1e999": (b'{"configuracion":{"a":1e999}}', 422),
    "brackets": (DEEP, 400),
    "brackets-open": (b"[" * 30_000, 400),
    "braces-open": (b'{"a":' * 10_000, 400),
    "not-utf8": (b'{"nombre":"\xff\xfe"}', 400),
    "latin1": ('{"nombre":"salón"}'.encode("latin-1"), 400),
    "overlong-utf8": (b'{"nombre":"\xc0\xaf"}', 400),
    "lone-surrogate": (rb'{"nombre":"\ud800"}', 422),
    "lone-surrogate-nested": (rb'{"configuracion":{"a":["\udfff"]}}', 422),
    "lone-surrogate-key": (rb'{"configuracion":{"\ud800":1}}', 422),
    "nul": (rb'{"nombre":"a\u0000b"}', 422),
    "nul-key": (rb'{"configuracion":{"a\u0000":1}}', 422),
    "duplicate-keys": (b'{"nombre":"a","nombre":"b"}', 400),
    "duplicate-keys-nested": (b'{"configuracion":{"encendido":true,"encendido":false}}', 400),
    "5000-digits": (b'{"configuracion":{"a":' + b"9" * 5000 + b"}}", 400),
    "beyond-2^53": (b'{"configuracion":{"a":9007199254740993}}', 422),
    "2^63": (b'{"configuracion":{"a":9223372036854775808}}', 422),
    "too-big": (b'{"descripcion":"' + b"x" * 70_000 + b'"}', 413),
    "too-deep": (nested(10), 422),
    "too-many-keys": (json.dumps({"configuracion": {f"k{n}": n for n in range(300)}}).encode(), 422),
    "long-string": (json.dumps({"configuracion": {"a": "x" * 4097}}).encode(), 422),
    "modo-turbo": (b'{"configuracion":{"modo":"turbo"}}', 422),
    "modo-number": (b'{"configuracion":{"modo":5}}', 422),
    "quizas": (b'{"encendido":"quizas"}', 422),
    "hour": (b'{"configuracion":{"horarios":[{"inicio":"25:99","fin":"10:00"}]}}', 422),
    "configuracion-list": (b'{"configuracion":[]}', 422),
}


@pytest.fixture(scope="module")
def settings():
    return {"HTTP_HEADER_TIMEOUT_S": 2}


@pytest.fixture(scope="module")
def victim(backend):
    """A device of the module's that hostile requests aim at."""
    answer = backend.http.post("/dispositivos", {"serial_number": "VICTIMA1", "nombre": "víctima", "tipo": "sensor"})
    assert answer.status == 201, answer.body
    return answer.json["id"]


@pytest.fixture(autouse=True)
def alive(backend, victim):
    """After each attack the server answers, and the victim is as it was."""
    before = backend.http.get(f"/dispositivos/{victim}").body
    yield
    assert backend.http.get(f"/dispositivos/{victim}").body == before
    assert backend.process.alive


@pytest.mark.parametrize("name", BODIES)
def test_bad_bodies_of_put(http, victim, name):
    body, status = BODIES[name]
    problem(http.put(f"/dispositivos/{victim}", raw=body), status)


@pytest.mark.parametrize("name", [name for name in BODIES if name != "quizas"])
@pytest.mark.parametrize("path", ["/dispositivos", "/dispositivos/reclamar"])
def test_bad_bodies_of_post(http, path, name):
    """The same through the other doors; a valid serial number rides along where the body is an object."""
    body, status = BODIES[name]
    if body.startswith(b'{"'):
        body = b'{"serial_number":"VICTIMA1",' + body[1:]
    if status == 422 and not body.startswith(b"{"):
        problem(http.post(path, raw=body), 422)
        return
    problem(http.post(path, raw=body), status)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=latin-1", 415),
        ("basura", 415),
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("application/json;charset=UTF-8", 200),
    ],
)
def test_content_types(http, victim, content_type, status):
    sent = http.get(f"/dispositivos/{victim}").json["nombre"]
    other = http.post(
        "/dispositivos", {"serial_number": f"CT{abs(hash(content_type))}", "nombre": sent, "tipo": "t"}
    ).json["id"]
    answer = http.put(f"/dispositivos/{other}", raw=b'{"nombre":"n"}', headers={"Content-Type": content_type})
    if status == 200:
        assert answer.status == 200, answer.body
    else:
        problem(answer, status)


def test_missing_content_type_is_415(backend, victim):
    start = f"PUT /dispositivos/{victim} HTTP/1.1"
    request = head(backend, "Content-Length: 14", "Connection: close", start=start) + b'{"nombre":"n"}'
    problem(raw(backend.port, request), 415)


def test_utf16_body(http, victim):
    body = '{"nombre":"n"}'.encode("utf-16")
    problem(
        http.put(f"/dispositivos/{victim}", raw=body, headers={"Content-Type": "application/json; charset=utf-16"}), 415
    )
    assert http.put(f"/dispositivos/{victim}", raw=body).status in (400, 415)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_compressed_bodies_are_415(http, victim, encoding):
    body = gzip.compress(b'{"nombre":"n"}' + b" " * 10_000_000) if encoding == "gzip" else b'{"nombre":"n"}'
    problem(http.put(f"/dispositivos/{victim}", raw=body, headers={"Content-Encoding": encoding}), 415)


@pytest.mark.parametrize(
    "bad", ["0", "-1", "abc", str(2**70), "٣", "1.0", "1e3", "0x1", " 1", "1;drop", "%00", "..%2f1"]
)
def test_ids_that_are_none_are_404(http, bad):
    path = f"/dispositivos/{quote(bad, safe='%')}"
    problem(http.get(path), 404)
    problem(http.put(path, {"nombre": "n"}), 404)
    problem(http.get(path + "/logs"), 404)


@pytest.mark.parametrize("name", ["page", "per_page"])
@pytest.mark.parametrize("bad", ["0", "-1", "abc", "1_0", "", "1.5", "٣", "99999999999999999999999", " 1", "+1"])
def test_pages_that_are_none_are_422(http, victim, name, bad):
    problem(http.get(f"/dispositivos/{victim}/logs?{name}={quote(bad)}"), 422)


def test_per_page_beyond_200_is_422(http, victim):
    problem(http.get(f"/dispositivos/{victim}/logs?per_page=201"), 422)


def test_reclamado_quizas_is_422(http):
    problem(http.get("/dispositivos?reclamado=quizas"), 422)
    problem(http.get("/stream/dispositivos?reclamado=quizas"), 422)


def test_estado_filter_of_nonsense_is_422(http):
    problem(http.get("/dispositivos?estado=roto"), 422)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "a b", "localhost.evil"])
@pytest.mark.parametrize("path", ["/dispositivos", "/stream/dispositivos", "/salud", "/docs", "/no/existe", "/metrics"])
def test_foreign_host_is_421(backend, host, path):
    """DNS rebinding: the outermost layer refuses, streams included."""
    answer = raw(backend.port, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.status in ((421,) if host not in ("", "a b") else (400, 421))
    problem(answer, answer.status)


def test_hosts_of_this_machine_are_served(backend):
    for host in (f"127.0.0.1:{backend.port}", f"localhost:{backend.port}", "LOCALHOST", "127.0.0.1"):
        answer = raw(backend.port, f"GET /dispositivos HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.status == 200, host


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "1.2.3.4"}, {"Forwarded": "for=1.2.3.4"}, {"X-Forwarded-Host": "casa"}]
)
def test_forwarded_requests_are_not_local(http, headers):
    """We refuse to guess the client behind a proxy."""
    problem(http.get("/dispositivos", headers=headers), 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_cross_site_writes_are_refused(http, victim, headers):
    problem(http.put(f"/dispositivos/{victim}", {"nombre": "n"}, headers=headers), 403)


def test_answers_carry_the_security_headers(http):
    for path in ("/dispositivos", "/dispositivos/999999", "/docs"):
        headers = http.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src 'self'" in headers["Content-Security-Policy"], path
        assert headers["Referrer-Policy"], path
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("method", "rest"),
    [("DELETE", "/logs"), ("TRACE", ""), ("PATCH", ""), ("POST", ""), ("CONNECT", ""), ("FOO", "")],
)
def test_methods_not_offered_are_405(backend, victim, method, rest):
    start = f"{method} /dispositivos/{victim}{rest} HTTP/1.1"
    answer = raw(backend.port, head(backend, "Connection: close", "Content-Length: 0", start=start))
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("tag", ['"0"', '"999"', "basura", '"1', 'W/"1"', '""', "1"])
def test_stale_or_broken_if_match_is_412(http, serial, tag):
    new = http.post("/dispositivos", {"serial_number": serial, "nombre": "n", "tipo": "t"}).json["id"]
    http.put(f"/dispositivos/{new}", {"nombre": "m"})
    assert http.put(f"/dispositivos/{new}", {"nombre": "x"}, headers={"If-Match": tag}).status in (400, 412)
    assert http.get(f"/dispositivos/{new}").json["nombre"] == "m"


def test_several_if_match_tags(http, serial):
    new = http.post("/dispositivos", {"serial_number": serial, "nombre": "n", "tipo": "t"}).json["id"]
    tag = http.get(f"/dispositivos/{new}").etag
    assert http.put(f"/dispositivos/{new}", {"nombre": "x"}, headers={"If-Match": f'"998", {tag}'}).status == 200


@pytest.mark.parametrize("bad", ["../x", "a/b", "+", "#", "x" * 200, "con espacio", "ñ", "a\tb", ".", "..", "$SYS"])
def test_serials_that_would_be_topics_are_422(http, bad):
    problem(http.post("/dispositivos", {"serial_number": bad, "nombre": "n", "tipo": "t"}), 422)
    problem(http.post("/dispositivos/reclamar", {"serial_number": bad}), 422)


@pytest.mark.parametrize("bad", [5, True, ["x"], {"a": 1}])
def test_serials_of_another_type_are_422(http, bad):
    problem(http.post("/dispositivos/reclamar", {"serial_number": bad}), 422)


# --- bytes no library sends -------------------------------------------------------------------------------------------
def head(backend, *lines: str, start: str = "GET /dispositivos HTTP/1.1") -> bytes:
    return "\r\n".join([start, f"Host: 127.0.0.1:{backend.port}", *lines, "", ""]).encode("latin-1")


def test_transfer_encoding_with_content_length_is_400_and_close(backend, victim):
    """Request smuggling: refused, and the rest of the connection is not read as a request."""
    start = f"PUT /dispositivos/{victim} HTTP/1.1"
    smuggled = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    request = head(
        backend, "Content-Type: application/json", "Content-Length: 5", "Transfer-Encoding: chunked", start=start
    )
    with socket.create_connection(("127.0.0.1", backend.port), timeout=5) as s:
        s.sendall(request + smuggled)
        received = b""
        while data := s.recv(65536):
            received += data
    assert received.startswith(b"HTTP/1.1 400 "), received[:200]
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"GET /dispositivos HTTP/9.9\r\n\r\n",
        b"GET  /dispositivos  HTTP/1.1\r\n\r\n",
        b"\x00" * 100,
        b"HELO correo\r\n",
        b"GET /dispositivos HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /dispositivos HTTP/1.1\r\nContent-Length: -5\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /dispositivos HTTP/1.1\r\nContent-Length: muchos\r\nHost: 127.0.0.1\r\n\r\n",
        b"PUT /dispositivos/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        b"GET /dispositivos HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET http://evil.example/dispositivos HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /dispositivos HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /dispositivos HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        b"PUT /dispositivos/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"PUT /dispositivos/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
    ids=lambda b: repr(b[:40]),
)
def test_not_quite_http(backend, request_bytes):
    """A 4xx or a closed connection, never a 5xx, never an open one."""
    answer = raw(backend.port, request_bytes, half_close=True)
    assert answer is None or 400 <= answer.status < 500, (answer.status, answer.body)
    assert answer is None or b"<html" not in answer.body.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/..%2f..%2fetc/passwd",
        "/../../etc/passwd",
        "//evil.example/",
        "/docs/../../run.py",
        "/%ff%fe",
        "/static/../config.py",
    ],
)
def test_strange_paths_are_404(backend, path):
    answer = raw(backend.port, head(backend, "Connection: close", start=f"GET {path} HTTP/1.1"))
    assert 300 <= answer.status < 500
    assert b"root:" not in answer.body
    assert b"Config" not in answer.body


def test_body_shorter_than_announced_does_not_hang_others(backend, http, victim):
    start = f"PUT /dispositivos/{victim} HTTP/1.1"
    request = head(backend, "Content-Type: application/json", "Content-Length: 100", start=start) + b'{"nombre":'
    sockets = [socket.create_connection(("127.0.0.1", backend.port), timeout=8) for _ in range(30)]
    try:
        for s in sockets:
            s.sendall(request)
        assert http.get("/dispositivos").status == 200
        for s in sockets:
            data = s.recv(65536)
            assert data == b"" or data.startswith(b"HTTP/1.1 4"), data[:100]
    finally:
        for s in sockets:
            s.close()


def test_slow_loris_is_cut_off(backend, http):
    """A hundred connections that drip headers: others are served meanwhile, and they are closed in bounded time."""
    import time

    sockets = [socket.create_connection(("127.0.0.1", backend.port), timeout=10) for _ in range(100)]
    try:
        for s in sockets:
            s.sendall(b"GET /dispositivos HTTP/1.1\r\nX-A: ")
        began = time.monotonic()
        open_ones = set(sockets)
        while open_ones:
            assert time.monotonic() - began < 12, f"{len(open_ones)} still open"
            assert http.get("/dispositivos").status == 200
            for s in list(open_ones):
                s.settimeout(0.002)
                try:
                    s.sendall(b"a")
                    if s.recv(4096) == b"" or True:
                        open_ones.discard(s)
                except TimeoutError:
                    continue
                except OSError:
                    open_ones.discard(s)
    finally:
        for s in sockets:
            s.close()


def test_idle_connections_do_not_use_up_the_server(backend, http):
    sockets = [socket.create_connection(("127.0.0.1", backend.port), timeout=5) for _ in range(300)]
    try:
        assert http.get("/dispositivos").status == 200
    finally:
        for s in sockets:
            s.close()


def test_pipelined_requests_are_answered_in_order(backend, victim):
    one = head(backend, start=f"GET /dispositivos/{victim} HTTP/1.1")
    two = head(backend, "Connection: close", start="GET /dispositivos/999999 HTTP/1.1")
    with socket.create_connection(("127.0.0.1", backend.port), timeout=5) as s:
        s.sendall(one + two)
        received = b""
        while data := s.recv(65536):
            received += data
    assert received.index(b"HTTP/1.1 200 ") < received.index(b"HTTP/1.1 404 ")


def test_abandoned_requests_leave_nothing_behind(backend, http):
    """Requests whose client is gone before the answer."""
    for _ in range(100):
        s = socket.create_connection(("127.0.0.1", backend.port), timeout=5)
        s.sendall(head(backend))
        s.close()
    assert http.get("/dispositivos").status == 200
