"""Credentials of devices over HTTP: who may give and take them, and what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import dispositivos, secretos, tokens, usuarios
from app.db import raw
from app.domain.identidad import Ambito, Rol
from app.domain.peticiones import Alta
from tests.support.edge import Edge, running
from tests.support.http import Http, Respuesta

SERIAL = "TMP0603IF1WD"


@dataclass
class Casa:
    edge: Edge
    tokens: dict[str, str]

    def ask(self, who: str, method: str, path: str) -> Respuesta:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return Http(self.edge.port).request(method, path, headers=headers)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        assert self.edge.services is not None
        with self.edge.services.db.reader() as conn:
            return raw(conn).execute(sql).fetchall()


@pytest.fixture
def casa(tmp_path: Path) -> Iterator[Casa]:
    """A device that ana claimed; eva is another member, ivan only looks, root administrates."""
    with running(None, tmp_path, trusted_networks=()) as edge:
        assert edge.services is not None
        given = {}
        with edge.services.db.unit_of_work() as uow:
            device_id = dispositivos.agregar(uow, Alta(serial_number=SERIAL)).id
            for name, rol in (
                ("root", Rol.ADMINISTRADOR),
                ("ana", Rol.MIEMBRO),
                ("eva", Rol.MIEMBRO),
                ("ivan", Rol.INVITADO),
            ):
                who = usuarios.crear(uow, name, "no se usa", rol=rol)
                given[name] = secretos.new_token()
                tokens.crear(uow, who.id, given[name], nombre="x", ambito=Ambito.TODO, expira_en=None)
                if name == "ana":
                    claim = (device_id, who.id, "2026-11-26T00:00:00.000000Z")
                    uow.file.execute("INSERT INTO reclamacion VALUES (?, ?, ?)", claim)
        yield Casa(edge, given)


@pytest.mark.parametrize(("who", "status"), [("root", 201), ("ana", 201), ("eva", 403), ("ivan", 403), ("", 401)])
def test_who_may_give_one(casa: Casa, who: str, status: int) -> None:
    answer = casa.ask(who, "POST", "/dispositivos/1/credencial")
    assert answer.status == status, answer.text
    assert len(casa.rows("SELECT * FROM credencial")) == (status == 201)


@pytest.mark.parametrize(("who", "status"), [("root", 204), ("ana", 204), ("eva", 403), ("ivan", 403), ("", 401)])
def test_who_may_take_it_back(casa: Casa, who: str, status: int) -> None:
    casa.ask("root", "POST", "/dispositivos/1/credencial")
    answer = casa.ask(who, "DELETE", "/dispositivos/1/credencial")
    assert answer.status == status, answer.text
    assert len(casa.rows("SELECT * FROM credencial")) == (status != 204)


def test_it_is_shown_once_and_never_kept_by_anybody(casa: Casa) -> None:
    answer = casa.ask("ana", "POST", "/dispositivos/1/credencial")
    shown = answer.json
    assert shown["usuario"] == SERIAL
    assert len(shown["clave"]) >= 32
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown["clave"] not in casa.ask("root", "GET", "/credenciales").text
    assert shown["clave"] not in repr(casa.rows("SELECT * FROM auditoria"))
    assert casa.ask("ana", "POST", "/dispositivos/1/credencial").json["clave"] != shown["clave"]


@pytest.mark.parametrize(
    ("kind", "active"), [("mosquitto", True), ("configurado", False), ("encontrado", False), ("embebido", False)]
)
def test_it_says_whether_the_broker_knows_it(casa: Casa, kind: str, active: bool) -> None:
    casa.edge.parts["mqtt"] = {"conectado": True, "tipo": kind}
    shown = casa.ask("root", "POST", "/dispositivos/1/credencial").json
    assert shown["activa"] is active
    assert ("./iot dispositivo acl" in shown["detalle"]) == (kind in ("configurado", "encontrado"))


def test_the_list_is_for_administrators(casa: Casa) -> None:
    casa.ask("ana", "POST", "/dispositivos/1/credencial")
    assert [row["serial_number"] for row in casa.ask("root", "GET", "/credenciales").json] == [SERIAL]
    assert casa.ask("ana", "GET", "/credenciales").status == 403


def test_no_device_no_credential(casa: Casa) -> None:
    assert casa.ask("root", "POST", "/dispositivos/99/credencial").status == 404
    assert casa.ask("ana", "POST", "/dispositivos/99/credencial").status == 404
    assert casa.ask("root", "DELETE", "/dispositivos/1/credencial").status == 404


def test_each_change_says_who_made_it(casa: Casa) -> None:
    casa.ask("ana", "POST", "/dispositivos/1/credencial")
    casa.ask("root", "DELETE", "/dispositivos/1/credencial")
    found = casa.rows("SELECT quien, accion, objeto FROM auditoria WHERE accion LIKE 'credencial%' ORDER BY id")
    assert [(row[0].split()[0], *row[1:]) for row in found] == [  # type: ignore[attr-defined]
        ("ana", "credencial_creada", SERIAL),
        ("root", "credencial_revocada", SERIAL),
    ]
