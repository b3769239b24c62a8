"""Rooms, groups, scenes, rules, bulk orders, notices, schedules and the house against the same hostile requests."""

from __future__ import annotations

import json
import threading
from urllib.parse import quote

import pytest

from tests.hostile.test_http_hostil import BODIES, head
from tests.support.http import problem, raw
from tests.support.mqtt import own_topic
from tests.support.sse import Sse

BAD_IDS = ("0", "-1", "abc", str(2**63), str(2**70), "٣", "1.0", "1e3", " 1", "%00", "..%2f1", "01")
LEAF = {"estado": "activo", "dispositivo_id": 1}


@pytest.fixture(scope="module")
def house(backend, parts):
    """One of everything; the paths of the module's device, room, group, scene, rule and notice."""
    http, client = backend.http, parts.client(backend)
    for serial in ("CONTROL1", "CONTROL2"):
        client.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo"})
        device = backend.wait_device(serial)["id"]
        http.put(f"/dispositivos/{device}", {"configuracion": {"modo": "horario", "horarios": [WINDOW]}})
    rule = {"nombre": "r", "activa": False, "condicion": {"dispositivo_id": device, "estado": "activo"}}
    made = {
        "habitaciones": {"nombre": "h"},
        "grupos": {"nombre": "g", "dispositivos": [device]},
        "escenas": {"nombre": "e", "acciones": [{"dispositivo_id": device, "configuracion": {"encendido": True}}]},
        "reglas": {**rule, "acciones": [{"tipo": "aviso", "texto": "x"}]},
    }
    paths = {name: http.post(f"/{name}", body).headers["Location"] for name, body in made.items()}
    return {**paths, "dispositivo": f"/dispositivos/{device - 1}", "otro": device, "cuerpos": made}


WINDOW = {"inicio": "07:00", "fin": "08:00"}
DOORS = [
    ("POST", "/habitaciones"),
    ("PUT", "{habitaciones}"),
    ("POST", "/grupos"),
    ("PUT", "{grupos}"),
    ("POST", "/escenas"),
    ("PUT", "{escenas}"),
    ("POST", "/reglas"),
    ("PUT", "{reglas}"),
    ("POST", "/ordenes"),
    ("PUT", "/casa"),
    ("POST", "{dispositivo}/horario/anular"),
]
"""Every new door that reads a body."""
BODILESS = [
    ("POST", "{escenas}/aplicar"),
    ("POST", "/avisos/vistos"),
    ("POST", "/avisos/1/visto"),
    ("POST", "/avisos/1/resuelto"),
    ("POST", "{dispositivo}/horario/saltar"),
    ("DELETE", "{dispositivo}/horario/saltar"),
    ("DELETE", "{dispositivo}/horario/anular"),
    ("DELETE", "{habitaciones}"),
    ("DELETE", "{grupos}"),
    ("DELETE", "{escenas}"),
    ("DELETE", "{reglas}"),
]
"""Every new door that writes without one."""
READS = ("/habitaciones", "/grupos", "/escenas", "/reglas", "/casa")


@pytest.fixture(autouse=True)
def unchanged(backend, house):
    """After each attack the server lives, and all that the house holds is as it was."""

    def everything() -> list[bytes]:
        return [backend.http.get(path).body for path in (*READS, house["dispositivo"])]

    before = everything()
    yield
    assert everything() == before
    assert backend.process.alive


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_bad_bodies(http, house, method, path):
    for name, (body, status) in BODIES.items():
        answer = http.request(method, path.format(**house), raw=body)
        assert answer.status == status, (name, answer.status, answer.body)
        problem(answer, status)


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_bodies_of_another_type(http, house, method, path):
    url = path.format(**house)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "basura", ""):
        problem(http.request(method, url, raw=b'{"nombre":"n"}', headers={"Content-Type": content_type}), 415)
    problem(http.request(method, url, raw=b'{"nombre":"n"}', headers={"Content-Encoding": "gzip"}), 415)


def variants(good: object) -> list[object]:
    """A good body with one value, anywhere in it, made another kind of thing."""
    wrong = (None, True, 7, 1.5, -1, 2**70, "", "x" * 3000, [], {}, [[]], {"a": {"b": []}}, "2026-13-45T99:00", ["x"])
    found: list[object] = [w for w in wrong if type(w) is not type(good)]
    if isinstance(good, dict):
        for key, value in good.items():
            found += [{**good, key: other} for other in variants(value)]
            found.append({k: v for k, v in good.items() if k != key})
        found.append({**good, "desconocida": 1})
    if isinstance(good, list):
        for n, value in enumerate(good):
            found += [[*good[:n], other, *good[n + 1 :]] for other in variants(value)]
        found.append(good * 300)
    return found


def good_bodies(device: int) -> dict[str, tuple[str, dict[str, object]]]:
    """A body with every kind of part that a door may take; most name something that is not there."""
    leaf = {"dispositivo_id": device, "parametro": "t", "operador": ">", "valor": 3, "histeresis": 1, "durante_s": 2}
    tree = {"todas": [{"no": leaf}, {"alguna": [{"horario": [{**WINDOW, "dias": ["lunes"]}], "durante_s": 1}]}]}
    ask = {"dispositivo_id": device, "configuracion": {"encendido": True, "modo": "manual", "horarios": [WINDOW]}}
    acts = [{"tipo": "aviso", "texto": "x", "gravedad": "grave", "se_resuelve": True}, {"tipo": "orden", **ask}]
    nobody = {"tipo": "escena", "escena_id": 999_999}
    return {
        "/habitaciones": ("POST", {"nombre": "h"}),
        "/grupos": ("POST", {"nombre": "otro", "dispositivos": [device, 999_999]}),
        "/escenas": ("POST", {"nombre": "otra", "acciones": [ask, {**ask, "dispositivo_id": 999_999}]}),
        "/reglas": ("POST", {"nombre": "otra", "activa": True, "condicion": tree, "acciones": [*acts, nobody]}),
        "/ordenes": ("POST", {"grupo_id": 999_999, "cambios": {"configuracion": {"encendido": True}, "estado": "on"}}),
        "/casa": ("PUT", {"nombre": "c", "zona": "UTC", "latitud": 1, "longitud": 999, "festivos": ["2026-12-25"]}),
        f"/dispositivos/{device}/horario/anular": ("POST", {"encendido": True, "durante_s": 10}),
    }


@pytest.mark.parametrize("door", range(7))
def test_each_value_of_another_kind(http, house, door):
    """Whatever is put wherever: what makes sense is done, the rest is refused as documented and in words."""
    path, (method, good) = list(good_bodies(house["otro"]).items())[door]
    for body in [good, *variants(good)]:
        answer = http.request(method, path, raw=json.dumps(body).encode())
        if answer.status < 300:
            undo(http, path, answer)
            continue
        assert answer.status in (400, 409, 413, 422), (body, answer.status, answer.body)
        told = problem(answer, answer.status)
        assert all(e["mensaje"] != "no es válido" for e in told.get("errores", [])), (body, told)


def undo(http, path: str, answer) -> None:
    if answer.status == 201:
        assert http.request("DELETE", answer.headers["Location"]).status == 204
    elif path == "/casa":
        assert http.put(path, dict.fromkeys(("nombre", "zona", "latitud", "longitud", "festivos"))).status == 200


@pytest.mark.parametrize("bad", BAD_IDS)
def test_ids_that_are_none(http, house, bad):
    shown = quote(bad, safe="%")
    for name in ("habitaciones", "grupos", "escenas", "reglas"):
        problem(http.get(f"/{name}/{shown}"), 404)
        problem(http.put(f"/{name}/{shown}", house["cuerpos"][name]), 404)
        problem(http.request("DELETE", f"/{name}/{shown}"), 404)
    problem(http.get(f"/avisos/{shown}"), 404)
    for path in (f"/avisos/{shown}/visto", f"/avisos/{shown}/resuelto", f"/escenas/{shown}/aplicar"):
        problem(http.post(path), 404)
    for method, path in (
        ("GET", "ordenes"),
        ("GET", "porque"),
        ("GET", "horario/previa"),
        ("POST", "horario/saltar"),
        ("DELETE", "horario/saltar"),
        ("DELETE", "horario/anular"),
    ):
        problem(http.request(method, f"/dispositivos/{shown}/{path}"), 404)
    problem(http.post(f"/dispositivos/{shown}/horario/anular", {"encendido": True}), 404)


@pytest.mark.parametrize("bad", ["0", "-1", "abc", "1_0", "1.5", "٣", "9" * 30, " 1", "%00"])
def test_numbers_in_queries_that_are_none(http, house, bad):
    shown = quote(bad, safe="%")
    for query in (
        f"/dispositivos?habitacion={shown}",
        f"/dispositivos?grupo={shown}",
        f"/avisos?dispositivo={shown}",
        f"/avisos?page={shown}",
        f"{house['dispositivo']}/ordenes?per_page={shown}",
        f"{house['dispositivo']}/horario/previa?desde={shown}",
    ):
        problem(http.get(query), 422)


def test_words_in_queries_that_are_none(http, house):
    for query in (
        "/dispositivos?deriva=quizas",
        "/dispositivos?conectividad=roto",
        "/avisos?estado=roto",
        f"{house['dispositivo']}/ordenes?estado=roto",
        f"{house['dispositivo']}/horario/previa?desde=1926-01-01&hasta=2026-01-01",
        f"{house['dispositivo']}/horario/previa?desde=1990-01-01&hasta=2090-01-01",
        f"{house['dispositivo']}/horario/previa?desde=2026-01-02&hasta=2026-01-01",
    ):
        problem(http.get(query), 422)


@pytest.mark.parametrize(("method", "path"), DOORS + BODILESS)
def test_writes_from_other_sites(http, house, method, path):
    """Those without a body too: a form of another site could send them."""
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(http.request(method, path.format(**house), headers=headers), 403)


@pytest.mark.parametrize("path", [*READS, "{reglas}", "/avisos", "/ordenes", "{dispositivo}/horario/saltar"])
def test_methods_that_are_not_offered(backend, house, path):
    for method in ("PATCH", "TRACE", "CONNECT", "FOO"):
        start = f"{method} {path.format(**house)} HTTP/1.1"
        answer = raw(backend.port, head(backend, "Connection: close", "Content-Length: 0", start=start))
        problem(answer, 405)
        assert answer.headers["Allow"]


def nested(depth: int) -> dict[str, object]:
    """A condition within conditions."""
    found: dict[str, object] = LEAF
    for _ in range(depth):
        found = {"no": found}
    return found


@pytest.mark.parametrize(
    "condicion",
    [
        nested(4),
        nested(6),
        {"todas": [LEAF] * 17},
        {"todas": [{"alguna": [LEAF] * 9}] * 2},
        {"no": [LEAF]},
        {"todas": LEAF},
        {"todas": [None]},
        {"todas": ["x"]},
        {"no": None},
        {},
    ],
    ids=lambda c: json.dumps(c)[:40],
)
def test_conditions_without_end(http, house, condicion):
    body = {**house["cuerpos"]["reglas"], "nombre": "honda", "condicion": condicion}
    problem(http.post("/reglas", body), 422)


@pytest.mark.parametrize("name", ["habitaciones", "grupos", "escenas", "reglas"])
def test_twenty_make_the_same_at_once(http, house, serial, name):
    """One wins, the others are told that the name is taken."""
    body, answers = {**house["cuerpos"][name], "nombre": serial}, []
    threads = [threading.Thread(target=lambda: answers.append(http.post(f"/{name}", body))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [201] + [409] * 19
    made = next(a for a in answers if a.status == 201)
    assert http.request("DELETE", made.headers["Location"]).status == 204


def test_names_of_anything(http, house, serial):
    """Markup, right-to-left marks, emoji, quotes: kept as sent, and told so on the stream."""
    for n, name in enumerate(("<script>alert(1)</script>", "'; DROP TABLE regla; --", "💡🏠", "\u202egnp.exe", '"\\/')):
        with Sse(http.port).hello() as reader:
            made = http.post("/reglas", {**house["cuerpos"]["reglas"], "nombre": f"{serial} {n} {name}"})
            assert made.json["nombre"] == f"{serial} {n} {name}"
            told = reader.until(lambda frame: frame.event == "regla")
            assert told.json["nombre"] == made.json["nombre"]
        http.request("DELETE", made.headers["Location"])
