"""Every route × everybody who may call it, over the real application: made from the table itself.

The guard is asked, not the views: one more ``before_request`` answers for whoever was let through, so that nothing is
changed and each answer is the guard's.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response

from app import create_app, dispositivos
from app.domain.identidad import DE_AMBITO, DE_ROL, Alcance, Ambito, Permiso, Rol
from app.domain.permisos import NOMBRES, PERMISOS, Acceso
from app.domain.peticiones import Alta
from app.servicios import Copias
from tests.support.credenciales import Headers, an_account, basic
from tests.support.edge import EdgeSettings, make_services, running
from tests.support.nucleo import FakeClock

WITHIN, OUTSIDE, NONE = "1", "2", "99"
LET_IN = 299


@dataclass(frozen=True)
class Caller:
    """Somebody: what they send, and what they may do (None: nothing at all, a 401)."""

    name: str
    headers: Headers
    permiso: Permiso | None
    scoped: bool = False
    trusted: bool = False
    stale_cookie: bool = False

    def expected(self, acceso: Acceso, device_id: str) -> int:
        free = acceso.permiso == Permiso.NADIE
        if self.permiso is None:
            return LET_IN if free and self.stale_cookie else 401
        if self.permiso == Permiso.NADIE:
            return LET_IN if free else 401
        if self.permiso < acceso.permiso or (acceso.casa and self.scoped):
            return 403
        return 404 if self.scoped and acceso.dispositivo and device_id != WITHIN else LET_IN


@dataclass
class Casa:
    app: Flask
    ports: dict[bool, int]  # by whether this machine is trusted
    callers: list[Caller]

    def ask(self, caller: Caller, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[caller.trusted], timeout=10)
        try:
            connection.request(method, path, headers=caller.headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def casa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Casa]:
    clock = FakeClock()
    services = make_services(tmp_path_factory.mktemp("casa"), EdgeSettings(), {}, clock, None)
    closed = make_services(tmp_path_factory.mktemp("cerrada"), EdgeSettings(trusted_networks=()), {}, clock, None)
    with closed.db.unit_of_work() as uow:
        for serial in ("DENTRO", "FUERA"):
            dispositivos.agregar(uow, Alta(serial))
    apps = {True: create_app(services), False: create_app(closed)}
    for app in apps.values():
        app.before_request(lambda: Response(status=LET_IN))
    callers = list(made_callers(closed.db, clock))
    with running(apps[True], None) as open_edge, running(apps[False], None) as closed_edge:
        yield Casa(apps[False], {True: open_edge.port, False: closed_edge.port}, callers)
    services.db.close()
    closed.db.close()


def made_callers(db: Any, clock: FakeClock) -> Iterator[Caller]:
    yield Caller("red de confianza", {}, Permiso.ADMINISTRAR, trusted=True)
    yield Caller("nadie", {}, Permiso.NADIE)
    for rol in Rol:
        account = an_account(db, rol.value, rol)
        yield Caller(f"{rol.value}: sesión", account.session(), DE_ROL[rol])
        for ambito in Ambito:
            may = min(DE_ROL[rol], DE_AMBITO[ambito])
            yield Caller(f"{rol.value}: token {ambito.value}", account.bearer(ambito), may)
        yield Caller(f"{rol.value}: basic", account.basic(), DE_ROL[rol])
    for rol in (Rol.MIEMBRO, Rol.INVITADO):
        account = an_account(db, f"{rol.value}-parcial", rol, Alcance(dispositivos=frozenset({int(WITHIN)})))
        yield Caller(f"{rol.value} parcial: sesión", account.session(), DE_ROL[rol], scoped=True)
        yield Caller(f"{rol.value} parcial: token", account.bearer(), DE_ROL[rol], scoped=True)
    yield from wrong_callers(db, clock)


def wrong_callers(db: Any, clock: FakeClock) -> Iterator[Caller]:
    """Each also where the network would be trusted: what is wrong never falls back to that."""
    ana, eva = (an_account(db, name, Rol.ADMINISTRADOR) for name in ("ana", "eva"))
    wrong = {
        "token inventado": {"Authorization": "Bearer iot_inventado"},
        "basic con la clave": basic("ana", "una contraseña"),
        "basic con el token de otra": basic("eva", ana.secret()),
        "digest": {"Authorization": "Digest username=ana"},
    }
    wrong["token caducado"] = ana.bearer(expira_en=clock.now() + timedelta(hours=1))
    wrong["token revocado"] = ana.bearer()
    ana.revoke_token()
    wrong["token de una cuenta cerrada"] = eva.bearer()
    stale = eva.session()
    eva.change(activo=False)
    clock.advance(3601)
    for name, headers in wrong.items():
        for trusted in (False, True):
            yield Caller(f"{name} (red de confianza: {trusted})", headers, None, trusted=trusted)
    yield Caller("sesión cerrada", stale, None, stale_cookie=True)
    yield Caller("sesión cerrada, red de confianza", stale, None, trusted=True, stale_cookie=True)


def routed(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<(?:[^:<>]+:)?[^<>]+>", "{id}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_has_its_row_and_every_row_its_route(casa):
    assert set(PERMISOS) == routed(casa.app)


@pytest.mark.parametrize("route", PERMISOS, ids=" ".join)
def test_who_gets_through(casa, route):
    method, path = route
    acceso = PERMISOS[route]
    wrong = []
    for caller in casa.callers:
        for device_id in (WITHIN, OUTSIDE, NONE) if acceso.dispositivo and caller.scoped else (WITHIN,):
            status, headers, body = casa.ask(caller, method, path.replace("{id}", device_id))
            if status != caller.expected(acceso, device_id):
                wrong.append((caller.name, device_id, status, caller.expected(acceso, device_id), body))
            if status != LET_IN:
                assert headers.get_content_type() == "application/problem+json", (caller.name, headers.items())
            assert ("WWW-Authenticate" in headers) is (status == 401), caller.name
    assert not wrong


def test_a_device_out_of_scope_and_one_that_is_not_get_the_same_answer(casa):
    scoped = [c for c in casa.callers if c.scoped and c.permiso == Permiso.GESTIONAR]
    for (method, path), acceso in PERMISOS.items():
        if acceso.dispositivo and not acceso.casa:
            for caller in scoped:
                answers = {casa.ask(caller, method, path.replace("{id}", d))[2] for d in (OUTSIDE, NONE)}
                assert len(answers) == 1, (method, path)


@pytest.mark.parametrize("path", ["/no/existe", "/dispositivos/x", "/stream/"])
def test_a_path_that_is_not_there_tells_strangers_nothing(casa, path):
    by_name = {c.name: c for c in casa.callers}
    assert casa.ask(by_name["nadie"], "GET", path)[0] == 401
    assert casa.ask(by_name["invitado: sesión"], "GET", path)[0] in (404, LET_IN)
    assert casa.ask(by_name["nadie"], "PATCH", "/dispositivos")[0] == 401


def test_head_and_options_ask_what_get_asks(casa):
    by_name = {c.name: c for c in casa.callers}
    for method in ("HEAD", "OPTIONS"):
        assert casa.ask(by_name["nadie"], method, "/dispositivos")[0] == 401
        assert casa.ask(by_name["invitado: sesión"], method, "/dispositivos")[0] == LET_IN


def test_a_route_without_a_row_is_nobodys(tmp_path):
    services = make_services(tmp_path, EdgeSettings(), {})
    app = create_app(services)
    app.add_url_rule("/sin-fila", "sin_fila", lambda: "algo")
    answer = app.test_client().get("/sin-fila")
    assert answer.status_code == 403
    assert answer.get_json()["codigo"] == "sin_permiso"
    services.db.close()


def test_a_refusal_says_what_is_missing(casa):
    by_name = {c.name: c for c in casa.callers}
    told = casa.ask(by_name["invitado: sesión"], "PUT", "/dispositivos/1")[2].decode()
    assert "hace falta poder controlar" in told
    told = casa.ask(by_name["miembro parcial: sesión"], "POST", "/reglas")[2].decode()
    assert "su cuenta alcanza solo a una parte" in told
    told = casa.ask(by_name["nadie"], "GET", "/dispositivos")[2].decode()
    assert "TRUSTED_NETWORKS" in told
    assert set(NOMBRES) == set(Permiso)


def test_a_page_is_not_asked_for_basic(casa):
    for headers in ({"Sec-Fetch-Mode": "cors"}, {"X-Requested-With": "fetch"}):
        answer = casa.ask(Caller("página", headers, None), "GET", "/dispositivos")
        assert answer[1]["WWW-Authenticate"].startswith("Bearer ")
    assert casa.ask(Caller("curl", {}, None), "GET", "/dispositivos")[1]["WWW-Authenticate"].startswith("Basic ")


def test_an_old_cookie_is_taken_away(casa):
    stale = next(c for c in casa.callers if c.stale_cookie)
    headers = casa.ask(stale, "GET", "/dispositivos")[1]
    assert headers["Set-Cookie"].startswith("iot_sesion=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")


def test_the_houses_keys_are_not_downloaded_for_being_on_the_network(tmp_path):
    """A backup that is not sealed: with an account or from this machine; a trusted neighbour gets the list only."""
    services = make_services(tmp_path, EdgeSettings(trusted_networks=("127.0.0.0/8", "10.1.0.0/16")), {})
    (tmp_path / "casa-20260101T000000Z.tar.gz").write_bytes(b"abierto")
    (tmp_path / "casa-20260101T000000Z.tar.gz.cifrado").write_bytes(b"cerrado")
    client = create_app(replace(services, copias=Copias(folder=tmp_path))).test_client()
    admin = an_account(services.db, "ada", Rol.ADMINISTRADOR).bearer()

    def get(name, peer, headers=None):
        path = f"/respaldos/casa-20260101T000000Z.tar.gz{name}"
        return client.get(path, headers=headers or {}, environ_overrides={"iot.peer": peer, "REMOTE_ADDR": peer})

    assert client.get("/respaldos", environ_overrides={"iot.peer": "10.1.2.3"}).status_code == 200
    assert get("", "10.1.2.3").status_code == 403
    assert [get("", "10.1.2.3", admin).status_code, get("", "127.0.0.1").status_code] == [200, 200]
    assert get(".cifrado", "10.1.2.3").data == b"cerrado"
    services.db.close()
