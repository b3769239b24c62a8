"""Hostile requests at the doors where devices come and go: the stated answer, nothing changed, the server serves on."""

from __future__ import annotations

import pytest

from tests.support.edge import running
from tests.support.http import Http, problem

VICTIM = "VICTIMA1"
BAD = {
    "truncated": (b'{"patron": "x"', 400),
    "empty": (b"", 400),
    "array": (b"[]", 422),
    "nan": (b'{"patron":NaN}', 400),
    "brackets": (b"[" * 30_000, 400),
    "duplicate": (b'{"patron":"AAA","patron":"BBB"}', 400),
    "not-utf8": (b'{"patron":"\xff"}', 400),
    "too-large": (b'{"patron":"' + b"A" * 70_000 + b'"}', 413),
}
SERIALS = [
    "",
    "../x",
    "+",
    "#",
    "A/B",
    "x" * 101,
    "ñ",
    "A\u0000",
    "\ud800",
    ".",
    "..",
    " ",
    "'; DROP TABLE dispositivo; --",
    5,
    None,
    [],
    {},
]


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with running(None, tmp_path_factory.mktemp("casa")) as found:
        yield found


@pytest.fixture
def http(edge):
    return Http(edge.port)


@pytest.fixture(scope="module")
def victim(edge):
    answer = Http(edge.port).post("/dispositivos", {"serial_number": VICTIM, "nombre": "víctima"})
    assert answer.status == 201
    assert Http(edge.port).post("/dispositivos/reclamar", {"serial_number": VICTIM}).status == 200
    return answer.json["id"]


@pytest.fixture(autouse=True)
def unharmed(http, victim):
    """After each attack the victim is as it was, and nothing is ignored."""
    before = http.get("/dispositivos").body
    yield
    assert http.get("/dispositivos").body == before
    assert http.get("/ignorados").json == []


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("path", ["/ignorados", "/dispositivos/{}/transferir"])
def test_bad_bodies(http, victim, path, name):
    body, status = BAD[name]
    problem(http.post(path.format(victim), raw=body), status)


@pytest.mark.parametrize("patron", SERIALS, ids=repr)
@pytest.mark.parametrize("prefijo", [True, False])
def test_patterns_that_are_none(http, patron, prefijo):
    raw = None if patron != "\ud800" else b'{"patron":"\\ud800"}'
    body = None if raw else {"patron": patron, "prefijo": prefijo}
    problem(http.post("/ignorados", body, raw=raw), 422)


@pytest.mark.parametrize(
    "body",
    [
        {"patron": "VI", "prefijo": True},
        {"patron": "VIC", "prefijo": "true"},
        {"patron": "VIC", "prefijo": 1},
        {"patron": "VIC", "otra": 1},
        {"prefijo": True},
    ],
)
def test_beginnings_that_would_silence_too_much(http, body):
    problem(http.post("/ignorados", body), 422)


@pytest.mark.parametrize("usuario", ["", "x" * 81, "nadie", "\x00", "' OR '1'='1", 5, None, ["ana"], True])
def test_nobody_to_transfer_to(http, victim, usuario):
    problem(http.post(f"/dispositivos/{victim}/transferir", {"usuario": usuario}), 422)


@pytest.mark.parametrize(
    "bad", ["0", "-1", "abc", "%D9%A1", "9" * 20, "1.0", "1e1", "99999999999999999999", "9223372036854775807", "77"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/dispositivos/{}"),
        ("POST", "/dispositivos/{}/liberar"),
        ("GET", "/dispositivos/{}/reclamacion"),
        ("DELETE", "/ignorados/{}"),
    ],
)
def test_ids_of_nothing(http, method, path, bad):
    problem(http.request(method, path.format(bad)), 404)


@pytest.mark.parametrize(
    "codigo", ["", "1234", "A" * 16, "ñ" * 20, "x" * 300, 5, True, ["a"], "\x00" * 16, "1234-5678-1234-567"]
)
def test_codes_that_are_none(http, codigo):
    problem(http.post("/dispositivos", {"serial_number": "NUEVO1", "codigo": codigo}), 422)


@pytest.mark.parametrize("codigo", [5, True, ["a"], {}, "x" * 300])
def test_claims_with_a_code_that_is_no_text(http, codigo):
    problem(http.post("/dispositivos/reclamar", {"serial_number": VICTIM, "codigo": codigo}), 422)


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=abc",
        "per_page=201",
        "page=1_0",
        "desde=ayer",
        "hasta=2026-13-45",
        "desde=9999-12-31",
        "quien=" + "x" * 201,
        "accion=%00",
    ],
)
def test_questions_to_the_audit_that_are_none(http, query):
    problem(http.get(f"/auditoria?{query}"), 422)


@pytest.mark.parametrize(
    "query", ["page=999999999999999&per_page=200", "quien=%27%20OR%201%3D1", "quien=%25", "accion=_%25", "quien="]
)
def test_strange_questions_to_the_audit(http, query):
    answer = http.get(f"/auditoria?{query}")
    assert answer.status == 200
    assert answer.json["data"] == [] or query == "quien="


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/dispositivos"),
        ("PUT", "/ignorados"),
        ("DELETE", "/auditoria"),
        ("POST", "/auditoria"),
        ("PATCH", "/dispositivos/1"),
        ("GET", "/dispositivos/1/liberar"),
    ],
)
def test_methods_that_are_not_offered(http, method, path):
    problem(http.request(method, path), 405)


def test_a_page_of_another_site_deletes_nothing(http, victim):
    for headers in ({"Origin": "http://mala.example"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(http.request("DELETE", f"/dispositivos/{victim}", headers=headers), 403)
        problem(http.post(f"/dispositivos/{victim}/liberar", headers=headers), 403)


def test_too_many_claims_of_one_caller(tmp_path):
    """Beyond its minute's worth 429 with the time to wait, whatever the body; reading goes on."""
    with running(None, tmp_path, claims_per_min=10.0) as edge:
        http = Http(edge.port)
        statuses = [http.post("/dispositivos/reclamar", {"serial_number": f"N{n}"}).status for n in range(12)]
        assert statuses == [404] * 10 + [429] * 2
        refused = http.post("/dispositivos", {"serial_number": "NUEVO"})
        problem(refused, 429, "Demasiadas peticiones seguidas; espere un poco")
        assert 1 <= int(refused.headers["Retry-After"]) <= 6
        assert http.get("/dispositivos").status == 200
