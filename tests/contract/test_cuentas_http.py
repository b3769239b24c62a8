"""Accounts, sessions and tokens over real HTTP, as a browser, curl and a script use them."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest

from app.clock import iso_z
from app.contrasenas import Contrasenas
from app.sesiones import MAX_SESIONES
from app.tokens import MAX_TOKENS
from tests.support.edge import running
from tests.support.http import Http, problem
from tests.support.nucleo import BEGINNING, FakeClock

CLAVE, OTRA = "tres palabras sueltas", "otras tres bien distintas"
TRUSTING, STRICT = {}, {"trusted_networks": ()}


class Casa:
    """An edge that trusts no network, and what people do with it."""

    def __init__(self, edge, clock):
        self.edge, self.clock, self.http = edge, clock, Http(edge.port)
        self.services = edge.services

    def code(self):
        code = self.services.entrada.new_setup_code()
        assert code is not None
        return code

    def instalar(self, nombre="ana", clave=CLAVE):
        answer = self.http.post("/instalacion", {"codigo": self.code(), "usuario": nombre, "clave": clave})
        assert answer.status == 201, answer.body
        return cookie(answer)

    def entrar(self, nombre="ana", clave=CLAVE):
        return self.http.post("/sesion", {"usuario": nombre, "clave": clave})

    def usuario(self, sesion, nombre, rol="miembro"):
        answer = self.http.post("/usuarios", {"nombre": nombre, "clave": CLAVE, "rol": rol}, headers=sesion)
        assert answer.status == 201, answer.body
        return answer.json["id"]

    def token(self, sesion, **fields):
        answer = self.http.post("/tokens", {"nombre": "prueba", "ambito": "todo", **fields}, headers=sesion)
        assert answer.status == 201, answer.body
        return answer.json

    def audit(self):
        with self.services.db.reader() as conn:
            return conn.exec_driver_sql("SELECT quien, accion, objeto, resultado FROM auditoria ORDER BY id").fetchall()


def cookie(answer):
    """The header with which a browser sends back the session that it was given."""
    value = re.match(r"iot_sesion=([^;]+);", answer.headers["Set-Cookie"])[1]
    return {"Cookie": f"iot_sesion={value}"}


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def basic(nombre, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{nombre}:{secret}".encode()).decode()}


@pytest.fixture
def casa(tmp_path):
    clock = FakeClock()
    with running(None, tmp_path, clock=clock, control="de-esta-vez", **STRICT) as edge:
        yield Casa(edge, clock)


# --- the first account ------------------------------------------------------------------------------------------------
def test_the_first_account_is_made_once_with_the_code_that_the_start_shows(casa):
    """Typed in small letters and without hyphens it is the same code; used once it is none any more."""
    code = casa.code()
    assert casa.http.get("/sesion").json["instalacion_pendiente"]
    sent = {"codigo": code.lower().replace("-", " "), "usuario": "Ana", "clave": CLAVE}
    made = casa.http.post("/instalacion", sent)
    assert made.status == 201
    assert made.json["usuario"]["nombre"] == "ana"
    assert made.json["usuario"]["rol"] == "administrador"
    me = casa.http.get("/sesion", headers=cookie(made)).json
    assert (me["quien"], me["permiso"], me["instalacion_pendiente"]) == ("ana", "administrar", False)
    problem(casa.http.post("/instalacion", {**sent, "usuario": "eva"}), 409)
    assert casa.services.entrada.new_setup_code() is None


def test_a_setup_code_ends_after_a_quarter_of_an_hour_and_wrong_ones_are_limited(casa):
    code = casa.code()
    sent = {"usuario": "ana", "clave": CLAVE}
    for _ in range(5):
        problem(casa.http.post("/instalacion", {**sent, "codigo": "ABCDE-ABCDE-ABCDE-ABCDE"}), 401)
    waits = casa.http.post("/instalacion", {**sent, "codigo": code})
    problem(waits, 429)
    casa.clock.advance(int(waits.headers["Retry-After"]))
    problem(casa.http.post("/instalacion", {**sent, "codigo": code, "clave": "corta"}), 422)  # the code stays good
    casa.clock.advance(900)
    assert not casa.http.get("/sesion").json["instalacion_pendiente"]
    problem(casa.http.post("/instalacion", {**sent, "codigo": code}), 401)


# --- sessions ---------------------------------------------------------------------------------------------------------
def test_a_session_from_its_beginning_to_its_end(casa):
    casa.instalar()
    entered = casa.entrar("ANA")
    assert entered.status == 201
    attributes = set(entered.headers["Set-Cookie"].split("; ")[1:])
    assert attributes == {"Path=/", f"Max-Age={90 * 86400}", "HttpOnly", "SameSite=Lax"}
    mine = cookie(entered)
    assert casa.http.get("/dispositivos", headers=mine).status == 200
    assert casa.http.get("/cuenta", headers=mine).json["nombre"] == "ana"
    left = casa.http.request("DELETE", "/sesion", headers=mine)
    assert (left.status, left.headers["Set-Cookie"].split(";")[0]) == (204, "iot_sesion=")
    problem(casa.http.get("/dispositivos", headers=mine), 401)


def test_no_secret_is_stored(casa):
    mine = casa.instalar()
    secret = casa.token(mine)["token"]
    stored = (casa.services.db.path.read_bytes(), casa.services.db.path.with_name("iot.db-wal").read_bytes())
    for shown in (mine["Cookie"].partition("=")[2], secret, CLAVE):
        assert not any(shown.encode() in data for data in stored)
    assert any(b"$argon2id$v=19$m=19456,t=2,p=1$" in data for data in stored)


def test_a_session_ends_thirty_days_after_its_last_use_and_ninety_after_its_beginning(casa):
    mine = casa.instalar()
    idle = cookie(casa.entrar())
    for _ in range(3):
        casa.clock.advance(29 * 86400)
        assert casa.http.get("/cuenta", headers=mine).status == 200
    problem(casa.http.get("/cuenta", headers=idle), 401)
    casa.clock.advance(4 * 86400)
    problem(casa.http.get("/cuenta", headers=mine), 401)


def test_when_a_session_was_used_survives_the_memory(casa):
    """It is written at most once a minute, so that a restart does not end a session that is used."""
    mine = casa.instalar()
    for _ in range(3):
        casa.clock.advance(20 * 86400)
        commits = casa.services.db.commits
        for _ in range(5):
            assert casa.http.get("/cuenta", headers=mine).status == 200
        assert casa.services.db.commits == commits + 1
        casa.services.autenticador._known.clear()
    assert casa.http.get("/sesiones", headers=mine).json[0]["usada_en"] == iso_z(BEGINNING + timedelta(days=60))


def test_one_sees_and_ends_ones_own_sessions_and_an_administrator_anyones(casa):
    ana = casa.instalar()
    casa.usuario(ana, "luis")
    luis, luis2 = cookie(casa.entrar("luis")), cookie(casa.entrar("luis"))
    found = casa.http.get("/sesiones", headers=luis).json
    assert [s["usuario"] for s in found] == ["luis", "luis"]
    ana_id = casa.http.get("/sesiones", headers=ana).json[0]["id"]
    problem(casa.http.request("DELETE", f"/sesiones/{ana_id}", headers=luis), 404)
    problem(casa.http.get("/sesiones?usuario=ana", headers=luis), 403)
    assert casa.http.request("DELETE", f"/sesiones/{found[0]['id']}", headers=luis).status == 204
    problem(casa.http.get("/cuenta", headers=luis2), 401)
    rest = casa.http.get("/sesiones?usuario=luis", headers=ana).json
    assert casa.http.request("DELETE", f"/sesiones/{rest[0]['id']}", headers=ana).status == 204
    problem(casa.http.get("/cuenta", headers=luis), 401)


def test_the_fifty_first_session_ends_the_one_unused_for_longest(casa):
    first = casa.instalar()
    second = cookie(casa.entrar())
    for _ in range(MAX_SESIONES - 1):
        casa.clock.advance(1)
        assert casa.entrar().status == 201
    problem(casa.http.get("/cuenta", headers=first), 401)
    assert casa.http.get("/cuenta", headers=second).status == 200
    assert len(casa.http.get("/sesiones", headers=second).json) == MAX_SESIONES


def test_changing_ones_password_ends_the_other_sessions(casa):
    mine = casa.instalar()
    other = cookie(casa.entrar())
    token = casa.token(mine)["token"]
    problem(casa.http.put("/cuenta/clave", {"actual": OTRA, "nueva": OTRA}, headers=mine), 401)
    problem(casa.http.put("/cuenta/clave", {"actual": CLAVE, "nueva": "12345678"}, headers=mine), 422)
    assert casa.http.put("/cuenta/clave", {"actual": CLAVE, "nueva": OTRA}, headers=mine).status == 204
    assert casa.http.get("/cuenta", headers=mine).status == 200
    assert casa.http.get("/cuenta", headers=bearer(token)).status == 200
    problem(casa.http.get("/cuenta", headers=other), 401)
    problem(casa.entrar(), 401)
    assert casa.entrar(clave=OTRA).status == 201


# --- tokens -----------------------------------------------------------------------------------------------------------
def test_a_token_as_bearer_and_as_basic_until_it_is_revoked(casa):
    mine = casa.instalar()
    made = casa.token(mine, nombre="movil", ambito="leer")
    secret = made["token"]
    assert re.fullmatch(r"iot_[\w-]{43}", secret)
    assert secret.startswith(made["inicio"])
    for headers in (bearer(secret), basic("ana", secret), basic("ANA", secret)):
        me = casa.http.get("/sesion", headers=headers).json
        assert (me["quien"], me["permiso"]) == ("ana (token movil)", "ver")
    problem(casa.http.get("/dispositivos", headers=basic("luis", secret)), 401)
    refused = problem(casa.http.get("/dispositivos", headers=basic("ana", CLAVE)), 401)
    assert "token" in refused["detail"]
    assert "token" not in casa.http.get("/tokens", headers=mine).json[0]
    problem(casa.http.post("/tokens", {"nombre": "más", "ambito": "todo"}, headers=bearer(secret)), 403)
    problem(casa.http.request("DELETE", f"/tokens/{made['id']}", headers=bearer(secret)), 403)
    assert casa.http.request("DELETE", f"/tokens/{made['id']}", headers=mine).status == 204
    for headers in (bearer(secret), basic("ana", secret)):
        problem(casa.http.get("/dispositivos", headers=headers), 401)


def test_a_token_ends_when_it_says(casa):
    mine = casa.instalar()
    end = iso_z(BEGINNING + timedelta(hours=1))
    token = casa.token(mine, expira_en=end)["token"]
    assert casa.http.get("/cuenta", headers=bearer(token)).status == 200
    casa.clock.advance(3600)
    problem(casa.http.get("/cuenta", headers=bearer(token)), 401)
    problem(casa.http.post("/tokens", {"nombre": "x", "ambito": "leer", "expira_en": end}, headers=mine), 422)


def test_an_account_has_fifty_tokens(casa):
    mine = casa.instalar()
    for _ in range(MAX_TOKENS):
        casa.token(mine)
    problem(casa.http.post("/tokens", {"nombre": "x", "ambito": "leer"}, headers=mine), 409)


def test_a_remembered_credential_costs_no_query(casa):
    token = casa.token(casa.instalar())["token"]
    assert casa.http.get("/salud/viva", headers=bearer(token)).status == 200
    with casa.services.db._reader_engine.connect() as conn:  # the pool's only connection in use is the one it gives
        driver, seen = conn.connection.driver_connection, []
        driver.set_trace_callback(seen.append)
    for _ in range(5):
        assert casa.http.get("/salud/viva", headers=bearer(token)).status == 200
    driver.set_trace_callback(None)
    assert seen == []


# --- accounts ---------------------------------------------------------------------------------------------------------
def test_an_administrator_keeps_the_accounts(casa):
    ana = casa.instalar()
    luis = casa.usuario(ana, "luis", "invitado")
    hers = cookie(casa.entrar("luis"))
    changed = casa.http.put(f"/usuarios/{luis}", {"rol": "miembro", "alcance": {"habitaciones": [3]}}, headers=ana)
    assert changed.json["alcance"] == {"habitaciones": [3], "dispositivos": []}
    assert casa.http.get("/sesion", headers=hers).json["permiso"] == "gestionar"  # at once, without signing in again
    assert casa.http.put(f"/usuarios/{luis}", {"alcance": None}, headers=ana).json["alcance"] is None
    assert casa.http.put(f"/usuarios/{luis}/clave", {"nueva": OTRA}, headers=ana).status == 204
    problem(casa.http.get("/cuenta", headers=hers), 401)
    hers = cookie(casa.entrar("luis", OTRA))
    token = casa.token(hers)["token"]
    assert casa.http.put(f"/usuarios/{luis}", {"activo": False}, headers=ana).json["activo"] is False
    for headers in (hers, bearer(token)):
        problem(casa.http.get("/cuenta", headers=headers), 401)
    problem(casa.entrar("luis", OTRA), 401)
    assert casa.http.put(f"/usuarios/{luis}", {"activo": True}, headers=ana).status == 200
    assert casa.http.get("/cuenta", headers=bearer(token)).status == 200
    assert casa.http.request("DELETE", f"/usuarios/{luis}", headers=ana).status == 204
    problem(casa.http.get("/cuenta", headers=bearer(token)), 401)
    assert [u["nombre"] for u in casa.http.get("/usuarios", headers=ana).json] == ["ana"]


def test_the_last_active_administrator_stays(casa):
    ana = casa.instalar()
    eva = casa.usuario(ana, "eva", "administrador")
    casa.http.put(f"/usuarios/{eva}", {"activo": False}, headers=ana)
    for change in ({"rol": "miembro"}, {"activo": False}):
        assert problem(casa.http.put("/usuarios/1", change, headers=ana), 409)["codigo"] == "ultimo_administrador"
    problem(casa.http.request("DELETE", "/usuarios/1", headers=ana), 409)
    casa.http.put(f"/usuarios/{eva}", {"activo": True}, headers=ana)
    assert casa.http.put("/usuarios/1", {"rol": "miembro"}, headers=ana).status == 200


@pytest.mark.parametrize(
    ("change", "campo"),
    [
        ({"nombre": "con espacios"}, "nombre"),
        ({"nombre": "dos:puntos"}, "nombre"),
        ({"nombre": "consola"}, "nombre"),
        ({"clave": "corta"}, "clave"),
        ({"clave": "contraseña1"}, "clave"),
        ({"clave": "PASSWORD123"}, "clave"),
        ({"clave": "maribel-2024!"}, "clave"),
        ({"clave": "abababababab"}, "clave"),
        ({"rol": "jefe"}, "rol"),
        ({"rol": "administrador", "alcance": {"habitaciones": [1]}}, "alcance"),
    ],
    ids=str,
)
def test_what_an_account_may_not_be(casa, change, campo):
    ana = casa.instalar()
    sent = {"nombre": "maribel", "clave": CLAVE, "rol": "miembro", **change}
    found = problem(casa.http.post("/usuarios", sent, headers=ana), 422)
    assert found["errores"][0]["campo"] == campo
    assert str(change.get("clave", "·")) not in str(found)
    assert casa.http.post("/usuarios", {**sent, "nombre": "José.Ñ-1", "clave": "ñandú 🐦 volador", "rol": "miembro",
                                        "alcance": None}, headers=ana).status == 201  # fmt: skip
    problem(casa.http.post("/usuarios", {**sent, "nombre": "JOSÉ.ñ-1", "clave": CLAVE, "rol": "miembro",
                                         "alcance": None}, headers=ana), 409)  # fmt: skip


def test_every_change_is_in_the_audit(casa):
    ana = casa.instalar()
    luis = casa.usuario(ana, "luis")
    token = casa.token(ana, usuario="luis")
    casa.entrar("luis\u202e\n", "mal, muy mal")
    casa.http.request("DELETE", f"/tokens/{token['id']}", headers=ana)
    casa.http.put(f"/usuarios/{luis}/clave", {"nueva": OTRA}, headers=ana)
    casa.http.put(f"/usuarios/{luis}", {"rol": "invitado"}, headers=ana)
    casa.http.request("DELETE", f"/usuarios/{luis}", headers=ana)
    assert [tuple(row) for row in casa.audit()] == [
        ("ana", "usuario_creado", "ana", "hecho"),
        ("ana", "sesion_abierta", "sesion:1", "hecho"),
        ("ana", "usuario_creado", "luis", "hecho"),
        ("ana", "token_creado", "token:1", "hecho"),
        ("nadie", "entrada", "luis\\u202e", "fallido"),
        ("ana", "token_revocado", "token:1", "hecho"),
        ("ana", "clave_cambiada", "luis", "hecho"),
        ("ana", "usuario_cambiado", "luis", "hecho"),
        ("ana", "usuario_borrado", "luis", "hecho"),
    ]


# --- who has no account -----------------------------------------------------------------------------------------------
def test_the_command_lines_credential(casa):
    me = casa.http.get("/sesion", headers=bearer("de-esta-vez")).json
    assert (me["quien"], me["permiso"], me["usuario"]) == ("consola", "administrar", None)
    problem(casa.http.get("/cuenta", headers=bearer("de-esta-vez")), 409)
    problem(casa.http.get("/sesion", headers={**bearer("de-esta-vez"), "X-Forwarded-For": "1.2.3.4"}), 401)
    problem(casa.http.get("/sesion", headers=bearer("de-otra-vez")), 401)


def test_a_trusted_network_needs_no_credential_but_a_wrong_one_is_refused(tmp_path):
    with running(None, tmp_path) as edge:
        http = Http(edge.port)
        assert http.get("/sesion").json["quien"] == "red de confianza"
        assert http.get("/tokens").json == []
        assert http.post("/usuarios", {"nombre": "ana", "clave": CLAVE, "rol": "miembro"}).status == 201
        problem(http.post("/tokens", {"nombre": "x", "ambito": "leer"}), 409)
        token = http.post("/tokens", {"nombre": "x", "ambito": "leer", "usuario": "ana"}).json["token"]
        assert http.get("/sesion", headers=bearer(token)).json["quien"] == "ana (token x)"
        assert http.get("/dispositivos", headers={**bearer(token), "X-Forwarded-For": "1.2.3.4"}).status == 200
        problem(http.get("/dispositivos", headers={"X-Forwarded-For": "1.2.3.4"}), 403)
        problem(http.get("/dispositivos", headers=bearer(token + "x")), 401)
        problem(http.get("/dispositivos", headers={"Cookie": "iot_sesion=vieja"}), 401)
        assert (
            http.post("/sesion", {"usuario": "ana", "clave": CLAVE}, headers={"Cookie": "iot_sesion=vieja"}).status
            == 201
        )


def test_a_cross_site_page_can_neither_sign_in_nor_use_the_cookie(casa):
    mine = casa.instalar()
    for page in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(casa.http.post("/sesion", {"usuario": "ana", "clave": CLAVE}, headers=page), 403)
        problem(casa.http.put("/usuarios/1", {"rol": "miembro"}, headers=mine | page), 403)


def test_an_old_hash_is_made_anew_when_its_owner_signs_in(casa):
    from argon2 import PasswordHasher

    casa.instalar()
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(CLAVE)
    with casa.services.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("UPDATE usuario SET clave = ?", (weak,))
    assert casa.entrar().status == 201
    with casa.services.db.reader() as conn:
        stored = conn.exec_driver_sql("SELECT clave FROM usuario").scalar_one()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert Contrasenas().check(stored, CLAVE) == (True, None)


# --- guessing ---------------------------------------------------------------------------------------------------------
def test_a_thousand_guesses_neither_enter_nor_lock_the_owner_out(tmp_path):
    """One every second from one address, the right password among them when it may not be tried; the owner enters from
    another address at every moment, and from the same one when he has waited."""
    clock = FakeClock()
    with running(None, tmp_path, clock=clock, trusted_proxies=("127.0.0.1",), trusted_networks=()) as edge:
        casa = Casa(edge, clock)
        casa.instalar()

        def try_from(address, clave):
            sent = {"usuario": "ana", "clave": clave}
            return casa.http.post("/sesion", sent, headers={"X-Forwarded-For": address})

        seen = []
        for n in range(1000):
            seen.append(try_from("10.0.0.66", CLAVE if n == 7 else f"palabra número {n}").status)
            clock.advance(1)
            if n % 100 == 50:
                assert try_from("10.0.0.7", CLAVE).status == 201
        assert sorted(set(seen)) == [401, 429]
        assert seen.count(401) == 10
        last = try_from("10.0.0.66", CLAVE)
        problem(last, 429)
        clock.advance(int(last.headers["Retry-After"]))
        assert try_from("10.0.0.66", CLAVE).status == 201
