"""An account that sees a part of the house: nothing of the rest, in any list, answer or stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app import avisos, dispositivos
from app.domain.identidad import Alcance, Rol
from app.domain.permisos import PERMISOS
from tests.support.credenciales import Cuenta, Headers, an_account
from tests.support.edge import running
from tests.support.http import Http
from tests.support.sse import Sse

SECRET = "SECRETO"
"""In every name, serial and value of what is out of scope."""


@dataclass
class Casa:
    port: int
    http: Http
    db: Any
    member: Cuenta
    mine: Headers
    ids: dict[str, int]

    def get(self, path: str) -> Any:
        return self.http.get(path, headers=self.mine)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.http.request(method, path, body, headers=self.mine)


@pytest.fixture
def casa(tmp_path) -> Iterator[Casa]:
    with running(None, tmp_path) as edge:
        assert edge.services is not None
        http, db = Http(edge.port), edge.services.db
        ids = furnish(http)
        with db.unit_of_work() as uow:
            for name, texto in (("dentro", "va"), ("fuera", SECRET)):
                about = dispositivos.obtener(uow.conn, ids[name])
                avisos.avisar(uow, tipo="prueba", clave=name, texto=texto, dispositivo=about)
            avisos.avisar(uow, tipo="prueba", clave="casa", texto=SECRET)
        member = an_account(db, "mia", Rol.MIEMBRO, Alcance(frozenset({ids["sala"]})))
        yield Casa(edge.port, http, db, member, member.bearer(), ids)


def furnish(http: Http) -> dict[str, int]:
    """Two rooms with a device each, one more device in none, and groups, scenes and rules over them."""
    made: dict[str, int] = {}

    def make(key: str, path: str, body: dict[str, Any]) -> None:
        answer = http.post(path, body)
        assert answer.status == 201, answer.body
        made[key] = answer.json["id"]

    make("sala", "/habitaciones", {"nombre": "Sala"})
    make("alcoba", "/habitaciones", {"nombre": SECRET})
    for key, serial, room in (("dentro", "LGT0DENTRO", "sala"), ("fuera", f"LGT0{SECRET}", "alcoba")):
        make(key, "/dispositivos", {"serial_number": serial, "nombre": serial, "configuracion": {"encendido": False}})
        assert http.put(f"/dispositivos/{made[key]}", {"habitacion_id": made[room]}).status == 200
    make("suelto", "/dispositivos", {"serial_number": f"{SECRET}2", "nombre": SECRET})
    inside, outside = made["dentro"], made["fuera"]
    make("grupo", "/grupos", {"nombre": "Luces", "dispositivos": [inside, outside]})
    make("grupo ajeno", "/grupos", {"nombre": f"{SECRET} g", "dispositivos": [outside]})
    on = {"configuracion": {"encendido": True}}
    both = [{"dispositivo_id": i, **on} for i in (inside, outside)]
    make("escena", "/escenas", {"nombre": "Tarde", "acciones": both})
    make("escena ajena", "/escenas", {"nombre": f"{SECRET} e", "acciones": both[1:]})
    condition = {"dispositivo_id": inside, "estado": "activo"}
    notice = [{"tipo": "aviso", "texto": "va"}]
    make("regla", "/reglas", {"nombre": "Mía", "activa": False, "condicion": condition, "acciones": notice})
    for n, actions in enumerate(
        ([{"tipo": "orden", "dispositivo_id": outside, **on}], [{"tipo": "escena", "escena_id": made["escena"]}])
    ):
        make(f"regla {n}", "/reglas", {"nombre": f"{SECRET} {n}", "activa": False, "condicion": condition,
                                       "acciones": actions})  # fmt: skip
    return made


def test_nothing_that_can_be_read_tells_of_the_rest(casa):
    """Every GET of the table, with every id."""
    for method, path in PERMISOS:
        if method != "GET" or path in ("/stream/dispositivos", "/static/{id}"):
            continue
        for number in range(1, 6) if "{id}" in path or path == "/historial" else (1,):
            query = {"/historial": f"?dispositivos={number}", "/qr.svg": "?texto=x"}.get(path, "")
            answer = casa.get(path.replace("{id}", str(number)) + query)
            assert SECRET not in answer.text, (path, number)
            assert answer.status in (200, 302, 403, 404), (path, number, answer.body)


def test_lists_have_the_accounts_part(casa):
    inside = casa.ids["dentro"]
    assert [d["id"] for d in casa.get("/dispositivos").json] == [inside]
    assert [d["id"] for d in casa.get("/dispositivos/no-reclamados").json] == [inside]
    assert casa.get(f"/dispositivos?grupo={casa.ids['grupo ajeno']}").json == []
    assert [(h["id"], h["dispositivos"]) for h in casa.get("/habitaciones").json] == [(casa.ids["sala"], [inside])]
    assert [(g["id"], g["dispositivos"]) for g in casa.get("/grupos").json] == [(casa.ids["grupo"], [inside])]
    scenes = casa.get("/escenas").json
    assert [(e["id"], [a["dispositivo_id"] for a in e["acciones"]]) for e in scenes] == [(casa.ids["escena"], [inside])]
    assert [r["id"] for r in casa.get("/reglas").json] == [casa.ids["regla"]]
    notices = casa.get("/avisos").json
    assert (notices["total"], notices["nuevos"], notices["data"][0]["dispositivo_id"]) == (1, 1, inside)


@pytest.mark.parametrize(
    ("collection", "key"),
    [("habitaciones", "alcoba"), ("grupos", "grupo ajeno"), ("escenas", "escena ajena"), ("reglas", "regla 0"),
     ("reglas", "regla 1")],
)  # fmt: skip
def test_what_is_not_in_it_is_as_good_as_none(casa, collection, key):
    there, never = casa.get(f"/{collection}/{casa.ids[key]}"), casa.get(f"/{collection}/999")
    assert there.status == never.status == 404
    assert there.body == never.body


def test_notices_of_the_rest_can_be_neither_read_nor_marked(casa):
    everything = casa.http.get("/avisos").json["data"]
    for notice in everything:
        mine = notice["dispositivo_id"] == casa.ids["dentro"]
        for verb in ("visto", "resuelto"):
            assert casa.ask("POST", f"/avisos/{notice['id']}/{verb}").status == (200 if mine else 404)
    assert casa.ask("POST", "/avisos/vistos").json == {"vistos": 0}
    assert [n["estado"] for n in casa.http.get("/avisos").json["data"]].count("nuevo") == 2


def test_bulk_orders_are_refused_device_by_device(casa):
    inside, outside = casa.ids["dentro"], casa.ids["fuera"]
    body = {"dispositivos": [inside, outside, 999], "cambios": {"encendido": True}}
    results = casa.ask("POST", "/ordenes", body).json["resultados"]
    assert [r["resultado"] for r in results] == ["creada", "error", "error"]
    assert results[1] | {"dispositivo_id": 999} == results[2]
    assert casa.http.get(f"/dispositivos/{outside}").json["estado"] != "activo"
    for key, path in (("grupo_id", "grupo"), ("habitacion_id", "sala")):
        results = casa.ask("POST", "/ordenes", {key: casa.ids[path], "cambios": {"encendido": False}}).json
        assert [r["dispositivo_id"] for r in results["resultados"]] == [inside]
    for key, path in (("grupo_id", "grupo ajeno"), ("habitacion_id", "alcoba")):
        assert casa.ask("POST", "/ordenes", {key: casa.ids[path], "cambios": {"encendido": False}}).status == 422


def test_a_scene_is_applied_as_far_as_it_is_seen(casa):
    results = casa.ask("POST", f"/escenas/{casa.ids['escena']}/aplicar").json["resultados"]
    assert [r["dispositivo_id"] for r in results] == [casa.ids["dentro"]]
    assert casa.http.get(f"/dispositivos/{casa.ids['fuera']}").json["estado"] != "activo"
    assert casa.ask("POST", f"/escenas/{casa.ids['escena ajena']}/aplicar").status == 404


def test_a_room_is_changed_by_who_arranges_the_house(casa):
    path, there = f"/dispositivos/{casa.ids['dentro']}", casa.ids["sala"]
    assert casa.ask("PUT", path, {"habitacion_id": there, "nombre": "Lámpara"}).status == 200, "as it was read"
    for body in ({"habitacion_id": casa.ids["alcoba"]}, {"habitacion_id": None}):
        assert casa.ask("PUT", path, body).status == 403
        assert casa.ask("POST", "/ordenes", {"dispositivos": [casa.ids["dentro"]], "cambios": body}).status == 403
    whole = an_account(casa.db, "toda", Rol.MIEMBRO)
    assert casa.http.put(path, {"habitacion_id": None}, headers=whole.bearer()).status == 200


def test_a_cause_names_nothing_of_the_rest(casa):
    scene, inside = casa.ids["escena"], casa.ids["dentro"]
    assert casa.http.post(f"/escenas/{scene}/aplicar").status == 200
    order = casa.get(f"/dispositivos/{inside}/ordenes").json["data"][0]
    assert order["causa"] == {"tipo": "escena", "quien": "red de confianza"}
    log = casa.get(f"/dispositivos/{inside}/logs").json["data"]
    assert log[0]["causa"] == {"tipo": "escena", "quien": "red de confianza"}
    why = casa.get(f"/dispositivos/{inside}/porque").json
    assert "lo pidió una escena, que aplicó alguien de la red de confianza" in why["frase"]
    assert "127.0.0.1" not in str(why)
    assert "127.0.0.1" in casa.http.get(f"/dispositivos/{inside}/porque").text


def test_a_room_that_is_gone_is_in_nobodys_scope(casa):
    """Its number may be another room's tomorrow."""
    assert casa.http.request("DELETE", f"/habitaciones/{casa.ids['sala']}").status == 204
    assert casa.get("/dispositivos").json == []
    last = casa.http.post("/habitaciones", {"nombre": "Otra"}).json["id"]
    outside = casa.ids["fuera"]
    casa.http.put(f"/dispositivos/{outside}", {"habitacion_id": last})
    assert casa.get(f"/dispositivos/{outside}").status == 404


# --- live -------------------------------------------------------------------------------------------------------------
def test_a_stream_has_the_accounts_part(casa):
    inside, outside = casa.ids["dentro"], casa.ids["fuera"]
    with Sse(casa.port, "?snapshot=1", headers=casa.mine) as stream:
        stream.hello()
        assert stream.update().json["id"] == inside
        casa.http.put(f"/dispositivos/{outside}", {"encendido": True})  # an order and an update
        casa.http.put("/casa", {"nombre": SECRET})
        casa.http.put(f"/reglas/{casa.ids['regla 0']}", casa_rule(casa))
        casa.http.put(f"/dispositivos/{inside}", {"encendido": True})
        casa.http.put(f"/dispositivos/{inside}", {"nombre": "fin"})
        frames = [stream.next()]
        while frames[-1].event != "message" or frames[-1].json["nombre"] != "fin":
            frames.append(stream.next())
        assert {e.event for e in frames} == {"message", "orden"}
        assert {e.json["id" if e.event == "message" else "dispositivo_id"] for e in frames} == {inside}
        told = [e.json["causa"] for e in frames if e.event == "orden"]
        assert told[-1] == {"tipo": "http", "quien": "red de confianza"}


def casa_rule(casa: Casa) -> dict[str, Any]:
    found = casa.http.get(f"/reglas/{casa.ids['regla 0']}").json
    return {k: found[k] for k in ("nombre", "activa", "condicion", "acciones")}


def test_a_device_comes_and_leaves_with_its_room(casa):
    inside, outside, sala, alcoba = (casa.ids[k] for k in ("dentro", "fuera", "sala", "alcoba"))
    with Sse(casa.port, headers=casa.mine) as stream, Sse(casa.port) as everything:
        stream.hello()
        everything.hello()
        casa.http.put(f"/dispositivos/{outside}", {"habitacion_id": sala})
        assert stream.update().json["id"] == outside
        casa.http.put(f"/dispositivos/{outside}", {"habitacion_id": alcoba})
        left = stream.update()
        assert (left.event, left.json["id"]) == ("leave", outside)
        casa.http.put(f"/dispositivos/{outside}", {"habitacion_id": None})
        casa.http.request("DELETE", f"/habitaciones/{alcoba}")
        casa.http.put(f"/dispositivos/{inside}", {"nombre": "fin"})
        assert stream.update().json["nombre"] == "fin"
        assert [everything.update().event for _ in range(4)] == ["message"] * 4


def test_a_serial_out_of_scope_is_silence(casa):
    with Sse(casa.port, f"?serial=LGT0{SECRET}&snapshot=1", headers=casa.mine) as stream:
        stream.hello()
        casa.http.put(f"/dispositivos/{casa.ids['fuera']}", {"encendido": True})
        assert stream.maybe(0.2) is None
