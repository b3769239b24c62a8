"""A stream ends with what let its reader in; tickets; pages of other origins. Real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.domain.identidad import Alcance, Ambito, Rol
from tests.support.credenciales import Cuenta, an_account, basic
from tests.support.edge import Edge, running
from tests.support.http import Http, problem
from tests.support.nucleo import FakeClock
from tests.support.procesos import wait_until
from tests.support.sse import Sse

WITHIN_S = 1.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def edge(tmp_path, clock) -> Iterator[Edge]:
    with running(None, tmp_path, clock=clock, trusted_networks=(), cors_origins=("https://panel.casa.lan",)) as edge:
        yield edge


@pytest.fixture
def ana(edge) -> Cuenta:
    return an_account(edge.services.db, "ana", Rol.MIEMBRO)


def seconds_to_end(stream: Sse) -> float:
    began = time.monotonic()
    while not stream.ended:
        stream.maybe(0.02)
        assert time.monotonic() - began < 5, "still open"
    return time.monotonic() - began


def change_something(edge: Edge, ana: Cuenta) -> None:
    Http(edge.port).post("/dispositivos", {"serial_number": f"S{time.monotonic_ns()}"}, headers=ana.bearer())


@pytest.mark.parametrize(
    ("shown", "revoke"),
    [
        (Cuenta.bearer, Cuenta.revoke_token),
        (Cuenta.basic, Cuenta.revoke_token),
        (Cuenta.session, Cuenta.end_session),
        (Cuenta.bearer, lambda ana: ana.change(activo=False)),
        (Cuenta.session, lambda ana: ana.change(rol=Rol.INVITADO)),
        (Cuenta.session, lambda ana: ana.change(alcance=Alcance())),
    ],
    ids=["bearer", "basic", "sesión", "cuenta cerrada", "rol", "alcance"],
)
def test_what_is_revoked_closes_its_streams(edge, ana, shown, revoke):
    other = an_account(edge.services.db, "eva", Rol.MIEMBRO).bearer()
    mine = shown(ana)
    with Sse(edge.port, headers=mine) as stream, Sse(edge.port, headers=other) as others:
        stream.hello()
        others.hello()
        began = time.monotonic()
        revoke(ana)
        assert seconds_to_end(stream) + (time.monotonic() - began) < WITHIN_S
        assert others.maybe(0.1) is None
        assert not others.ended
    assert edge.services.hub.stats()["lectores"] <= 1


def test_one_token_does_not_end_anothers_streams(edge, ana):
    kept = ana.bearer()
    with Sse(edge.port, headers=kept) as stream, Sse(edge.port, headers=ana.bearer()) as revoked:
        stream.hello()
        revoked.hello()
        ana.revoke_token()
        assert seconds_to_end(revoked) < WITHIN_S
        change_something(edge, ana)
        assert stream.update().event == "message"


def test_a_reader_that_does_not_read_is_closed_too(edge, ana):
    headers = ana.bearer()
    big = {"serial_number": "GRANDE", "parametros": {f"p{n}": "x" * 2000 for n in range(20)}}
    assert Http(edge.port).post("/dispositivos", big, headers=headers).status == 201
    with Sse(edge.port, headers=headers, rcvbuf=4096):
        for n in range(30):
            assert Http(edge.port).put("/dispositivos/1", {"nombre": f"n{n}"}, headers=headers).status == 200
        (sub,) = edge.services.hub._open
        assert sub.cursor < edge.services.hub.last, "it is in the middle of being sent something"
        began = time.monotonic()
        ana.revoke_token()
        wait_until(lambda: edge.services.hub.stats()["lectores"] == 0, WITHIN_S, "closed")
        assert time.monotonic() - began < WITHIN_S


def test_a_stream_ends_when_its_token_does(edge, ana, clock):
    headers = ana.bearer(expira_en=clock.now() + timedelta(minutes=5))
    with Sse(edge.port, headers=headers) as stream:
        stream.hello()
        clock.jump(299)
        assert stream.maybe(1.2) is None
        assert not stream.ended
        clock.jump(1)
        assert seconds_to_end(stream) < WITHIN_S + 0.2  # looked at once a second
    assert Http(edge.port).get("/dispositivos", headers=headers).status == 401


def test_a_revocation_while_the_stream_opens_is_not_missed(edge, ana):
    """Many openings against a revocation at any moment of them: whoever got in is out at the end."""
    for _ in range(15):
        headers, streams = ana.bearer(), []

        def read(headers=headers, streams=streams):
            for _ in range(3):
                streams.append(Sse(edge.port, headers=headers))

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        ana.revoke_token()
        for thread in threads:
            thread.join(10)
        assert len(streams) == 6
        for stream in streams:
            if stream.status == 200:
                assert seconds_to_end(stream) < WITHIN_S
            else:
                assert stream.status == 401
            stream.close()
    wait_until(lambda: edge.services.hub.stats()["lectores"] == 0, WITHIN_S, "all closed")


def test_who_comes_back_with_other_rights_reads_everything_again(edge, ana):
    headers = ana.bearer()
    with Sse(edge.port, headers=headers) as stream:
        stream.hello()
        change_something(edge, ana)
        last = stream.update().id
        ana.change(alcance=Alcance())
        seconds_to_end(stream)
    with Sse(edge.port, headers=headers | {"Last-Event-ID": last}) as stream:
        assert stream.hello().next().event == "reset"


# --- tickets ----------------------------------------------------------------------------------------------------------
def ticket(edge: Edge, headers: dict[str, str]) -> str:
    answer = Http(edge.port).post("/entradas", headers=headers)
    assert answer.status == 201, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["flujo"] == f"/stream/dispositivos?entrada={answer.json['entrada']}"
    return str(answer.json["entrada"])


def test_a_ticket_opens_one_stream_within_its_time(edge, ana, clock):
    text = ticket(edge, ana.bearer(Ambito.LEER))
    with Sse(edge.port, f"?entrada={text}&snapshot=1") as stream:
        stream.hello()
        change_something(edge, ana)
        assert stream.update().event == "message"
        answer = Http(edge.port).get(f"/stream/dispositivos?entrada={text}")
        assert problem(answer, 401)["codigo"] == "credencial_invalida"
    late = ticket(edge, ana.bearer())
    clock.advance(30)
    problem(Http(edge.port).get(f"/stream/dispositivos?entrada={late}"), 401)


def test_a_ticket_is_for_the_stream_only(edge, ana):
    text = ticket(edge, ana.bearer())
    for path in ("/dispositivos", "/casa", "/entradas"):
        assert Http(edge.port).get(f"{path}?entrada={text}").status == 401
    with Sse(edge.port, f"?entrada={text}") as stream:
        stream.hello()


def test_a_ticket_is_worth_what_it_was_given_for(edge, ana):
    """Revoked before its use it opens nothing; the stream that it opened ends with the token that asked for it."""
    headers = ana.bearer()
    unused, used = ticket(edge, headers), ticket(edge, headers)
    with Sse(edge.port, f"?entrada={used}") as stream:
        stream.hello()
        ana.revoke_token()
        assert seconds_to_end(stream) < WITHIN_S
    problem(Http(edge.port).get(f"/stream/dispositivos?entrada={unused}"), 401)


def test_tickets_are_bounded(edge, ana):
    headers, eva = ana.bearer(), an_account(edge.services.db, "eva", Rol.INVITADO).bearer()
    first, hers = ticket(edge, headers), ticket(edge, eva)
    for _ in range(20):
        last = ticket(edge, headers)
    assert Http(edge.port).get(f"/stream/dispositivos?entrada={first}").status == 401, "its own oldest made room"
    for text in (last, hers):
        with Sse(edge.port, f"?entrada={text}") as stream:
            stream.hello()


def test_a_wrong_ticket_never_falls_back_to_the_network(tmp_path):
    with running(None, tmp_path) as trusted:
        problem(Http(trusted.port).get("/stream/dispositivos?entrada=inventada"), 401)


# --- other origins ----------------------------------------------------------------------------------------------------
PANEL = {"Origin": "https://panel.casa.lan", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


def test_a_named_origin_is_answered_with_its_token_only(edge, ana, tmp_path):
    http = Http(edge.port)
    answer = http.get("/dispositivos", headers=PANEL | ana.bearer())
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PANEL["Origin"]
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    refused = http.get("/dispositivos", headers=PANEL | ana.session())
    assert refused.status == 401, "its browser's cookie is not its own"
    assert refused.headers["Access-Control-Allow-Origin"] == PANEL["Origin"], "so that it can read why"
    folder = tmp_path / "otra"
    folder.mkdir()
    with running(None, folder, cors_origins=(PANEL["Origin"],)) as trusted:
        assert Http(trusted.port).get("/dispositivos", headers=PANEL).status == 401, "nor is its browser's network"
        assert Http(trusted.port).get("/dispositivos").status == 200


def test_its_stream_is_opened_with_a_ticket(edge, ana):
    text = ticket(edge, PANEL | ana.bearer())
    with Sse(edge.port, f"?entrada={text}", headers=PANEL) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == PANEL["Origin"]
        stream.hello()


def test_a_preflight_is_answered_without_credentials(edge):
    asked = PANEL | {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Private-Network": "true"}
    answer = Http(edge.port).request("OPTIONS", "/dispositivos/1", headers=asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PANEL["Origin"]
    assert {"Authorization", "Content-Type", "If-Match"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(
    "origin", ["https://otra.casa.lan", "http://panel.casa.lan", "https://panel.casa.lan:8443", "null", "*"]
)
def test_any_other_origin_is_refused(edge, ana, origin):
    for method in ("GET", "OPTIONS"):
        headers = PANEL | ana.bearer() | {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        answer = Http(edge.port).request(method, "/dispositivos", headers=headers)
        problem(answer, 403)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_foreign_names_are_refused_before_anything_else(edge, ana):
    problem(Http(edge.port).get("/dispositivos", headers=ana.bearer() | {"Host": "evil.example"}), 421)
    problem(Http(edge.port).get("/salud/viva", headers={"Host": "evil.example"}), 421)


def test_what_is_told_to_anybody_says_nothing_of_the_house(edge, ana):
    http = Http(edge.port)
    edge.parts["mqtt"] = {"conectado": False, "fallo": "no contesta broker.secreto:1883"}
    assert "secreto" not in http.get("/salud/lista").text
    assert "secreto" in http.get("/salud/lista", headers=ana.bearer()).text
    assert http.get("/salud/viva").json == {"viva": True}
    document: Any = json.loads(http.get("/openapi.json").text)
    assert set(document["components"]["securitySchemes"]) == {"sesion", "token", "basica", "entrada"}
    assert document["paths"]["/salud/viva"]["get"]["security"] == []
    assert {"token": []} in document["paths"]["/dispositivos"]["get"]["security"]


def test_a_token_shown_by_its_owners_name_only(edge, ana):
    secret = ana.secret()
    assert Http(edge.port).get("/dispositivos", headers=basic("ana", secret)).status == 200
    assert Http(edge.port).get("/dispositivos", headers=basic("eva", secret)).status == 401
