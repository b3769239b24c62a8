"""A thousand guesses at a password, over HTTP, with real hashing: none enters, and the owner does meanwhile."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.edge import Edge, running

CLAVE = "tres palabras sueltas"
GUESSES = 1000
HERE, THERE = "127.0.0.66", "127.0.0.7"
"""Addresses of one machine that are two callers to the server."""


@pytest.fixture
def edge(tmp_path) -> Iterator[Edge]:
    with running(None, tmp_path, trusted_networks=("127.0.0.1/32",)) as found:
        made = ask(found, "POST", "/usuarios", {"nombre": "ana", "clave": CLAVE, "rol": "administrador"}, "127.0.0.1")
        assert made[0] == 201
        yield found


def ask(edge: Edge, method: str, path: str, body: Any, source: str) -> tuple[int, dict[str, Any], str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=30, source_address=(source, 0))
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}"), answer.headers.get("Retry-After")
    finally:
        connection.close()


def sign_in(edge: Edge, clave: str, source: str) -> tuple[int, dict[str, Any], str | None]:
    return ask(edge, "POST", "/sesion", {"usuario": "ana", "clave": clave}, source)


def test_guesses_neither_enter_nor_lock_the_owner_out(edge):
    seen: Counter[tuple[int, str]] = Counter()
    for n in range(GUESSES):
        status, answer, wait = sign_in(edge, f"una clave cualquiera {n}", HERE)
        seen[status, answer["codigo"]] += 1
        assert (status == 429) == (wait is not None)
        if n % 250 == 100:
            assert sign_in(edge, CLAVE, THERE)[0] == 201, "the owner, from where nobody guesses"
    assert set(seen) == {(401, "entrada_rechazada"), (429, "demasiados_intentos")}
    assert 5 <= seen[401, "entrada_rechazada"] <= 20, "so many were looked at; the others cost no hash"
    assert sign_in(edge, CLAVE, HERE)[0] == 429, "the right one neither, from where somebody guesses: not now"


def test_a_name_that_nobody_has_is_told_the_same(edge):
    """Neither answer nor time say whether there is such an account (the time: test_contrasenas)."""
    known, unknown = (
        ask(edge, "POST", "/sesion", {"usuario": name, "clave": "equivocada del todo"}, source)
        for name, source in (("ana", HERE), ("nadie-asi", THERE))
    )
    assert known == unknown
    assert known[0] == 401
