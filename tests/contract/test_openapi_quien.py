"""Random requests of all who may ask, or may not: documented answers, and nothing that the caller may not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from app import create_app
from app.domain.identidad import Alcance, Permiso, Rol
from app.domain.permisos import PERMISOS
from tests.contract.test_alcance import SECRET, furnish
from tests.contract.test_openapi_azar import CHECKS, ENDLESS, operations
from tests.support.credenciales import Headers, an_account
from tests.support.edge import running
from tests.support.http import Http

EXAMPLES = 5


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[tuple[dict[str, Headers], int]]:
    """What each caller shows, and the port of a furnished house that trusts no network."""
    with running(None, tmp_path_factory.mktemp("casa")) as trusting:
        services = trusting.services
        assert services is not None
        ids, db = furnish(Http(trusting.port)), services.db
        part = Alcance(frozenset({ids["sala"]}))
        callers = {
            "nadie": {},
            "invitado parcial": an_account(db, "ines", Rol.INVITADO, part).basic(),
            "miembro parcial": an_account(db, "mia", Rol.MIEMBRO, part).session(),
            "administrador": an_account(db, "ada", Rol.ADMINISTRADOR).bearer(),
        }
        closed = replace(services, settings=replace(services.settings, trusted_networks=()))
        with running(create_app(closed), None) as edge:
            yield callers, edge.port


def answers(operation, headers):
    """What random requests of an operation get, each held against the document."""
    found = []

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def each(case):
        sent = case.headers or {}
        case.headers = {k: v for k, v in sent.items() if k.lower() not in ("authorization", "cookie")}
        found.append(case.call_and_validate(checks=CHECKS, timeout=10, headers=headers))

    each()
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("who", ["nadie", "invitado parcial", "miembro parcial", "administrador"])
def test_random_requests_tell_nobody_more_than_they_may_know(house, who):
    callers, port = house
    document = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json").exclude(path=ENDLESS)
    statuses = set()
    for operation in operations(document):
        asked = operation.method.upper(), operation.path
        found = answers(operation, callers[who])
        statuses |= {each.status_code for each in found}
        if who == "nadie" and PERMISOS[asked].permiso != Permiso.NADIE:
            assert {each.status_code for each in found} <= {400, 401}, asked
        if "parcial" in who:
            assert not any(SECRET in each.text for each in found), asked
    assert 200 in statuses
