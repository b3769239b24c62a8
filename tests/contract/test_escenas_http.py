"""Scenes and bulk orders: each device its own answer (OpenAPI, README)."""

from __future__ import annotations

import pytest

from tests.support.mqtt import own_topic


@pytest.fixture
def lamps(detectar):
    return [detectar(estado="activo") for _ in range(3)]


def scene(lamps, nombre, **configuracion):
    wanted = configuracion or {"encendido": False}
    return {"nombre": nombre, "acciones": [{"dispositivo_id": d["id"], "configuracion": wanted} for d in lamps]}


def test_a_scene_from_its_making_to_its_end(http, lamps, serial):
    made = http.post("/escenas", scene(lamps, serial))
    assert made.status == 201
    path = made.headers["Location"]
    assert http.get(path).json == made.json
    assert made.json in http.get("/escenas").json
    done = http.post(f"{path}/aplicar").json
    assert done["errores"] == 0
    assert [(r["dispositivo_id"], r["resultado"]) for r in done["resultados"]] == [(d["id"], "creada") for d in lamps]
    for result in done["resultados"]:
        device = http.get(f"/dispositivos/{result['dispositivo_id']}")
        assert device.json["estado"] == "inactivo"
        order = http.get(f"/dispositivos/{result['dispositivo_id']}/ordenes").json["data"][0]
        assert order["id"] == result["orden"]
        assert (order["causa"]["tipo"], order["causa"]["nombre"], order["causa"]["desde"]) == (
            "escena",
            serial,
            "127.0.0.1",
        )
    assert f"la escena «{serial}»" in http.get(f"/dispositivos/{lamps[0]['id']}/porque").json["frase"]
    assert http.get(path).json["aplicada_en"] is not None
    changed = http.put(path, scene(lamps[:1], f"{serial}-b", encendido=True))
    assert (changed.status, len(changed.json["acciones"])) == (200, 1)
    assert http.request("DELETE", path).status == 204
    assert http.get(path).status == 404
    assert http.post(f"{path}/aplicar").status == 404


def test_names_are_unique_in_any_case(http, lamps, serial):
    http.post("/escenas", scene(lamps, serial))
    answer = http.post("/escenas", scene(lamps, serial.lower()))
    assert (answer.status, answer.json["codigo"]) == (409, "nombre_repetido")


@pytest.mark.parametrize(
    ("change", "campo"),
    [
        ({"nombre": ""}, "nombre"),
        ({"nombre": " "}, "nombre"),
        ({"nombre": "x" * 81}, "nombre"),
        ({"acciones": []}, "acciones"),
        (
            {"acciones": [{"dispositivo_id": 999999, "configuracion": {"encendido": True}}]},
            "acciones[0].dispositivo_id",
        ),
        ({"acciones": [{"dispositivo_id": "1", "configuracion": {}}]}, "acciones[0].dispositivo_id"),
        ({"acciones": [{"dispositivo_id": 1}]}, "acciones[0].configuracion"),
        ({"acciones": [{"dispositivo_id": 1, "configuracion": {"modo": "x"}}]}, "acciones[0].configuracion.modo"),
        ({"acciones": [{"dispositivo_id": 1, "configuracion": {"zona": "x"}}]}, "acciones[0].configuracion.zona"),
        ({"otra": 1}, "otra"),
    ],
)
def test_scenes_that_make_no_sense(http, lamps, serial, change, campo):
    before = http.get("/escenas").json
    answer = http.post("/escenas", {**scene(lamps, serial), **change})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, campo)
    assert http.get("/escenas").json == before


def test_a_device_twice_in_a_scene(http, lamps, serial):
    answer = http.post("/escenas", scene([lamps[0], lamps[0]], serial))
    assert answer.json["errores"] == [{"campo": "acciones[1].dispositivo_id", "mensaje": "está repetido"}]


def test_the_fault_of_one_does_not_stop_the_others(http, lamps):
    """One that does not exist and one whose configuration would grow too large: both say so, the third is done."""
    full, *_ = lamps
    near = {f"k{n}": "x" * 1000 for n in range(62)}
    assert http.put(f"/dispositivos/{full['id']}", {"configuracion": near}).status == 200
    orders = http.get(f"/dispositivos/{full['id']}/ordenes").json["total"]
    ids = [full["id"], 999999, lamps[1]["id"]]
    answer = http.post("/ordenes", {"dispositivos": ids, "cambios": {"configuracion": {"nota": "y" * 4000}}})
    assert answer.status == 200
    told = answer.json
    assert [(r["dispositivo_id"], r["resultado"]) for r in told["resultados"]] == [
        (ids[0], "error"),
        (ids[1], "error"),
        (ids[2], "creada"),
    ]
    assert told["errores"] == 2
    assert told["resultados"][1]["error"] == "No existe ese dispositivo"
    assert "configuracion" in told["resultados"][0]["error"]
    assert http.get(f"/dispositivos/{full['id']}/ordenes").json["total"] == orders
    assert http.get(f"/dispositivos/{ids[2]}").json["configuracion"]["nota"] == "y" * 4000


@pytest.mark.parametrize(
    "body",
    [
        {"dispositivos": [], "cambios": {"encendido": True}},
        {"dispositivos": list(range(1, 202)), "cambios": {"encendido": True}},
        {"dispositivos": [1], "cambios": {"encendido": "quizá"}},
        {"dispositivos": [1]},
        {"dispositivos": "1", "cambios": {"encendido": True}},
    ],
)
def test_bulk_orders_that_make_no_sense(http, body):
    assert http.post("/ordenes", body).status == 422


@pytest.mark.parametrize(
    ("cambios", "campo"),
    [
        ({"encendido": "quizá"}, "cambios.encendido"),
        ({"configuracion": {"zona": "Nunca/Jamás"}}, "cambios.configuracion.zona"),
        ({"encendido": True, "serial_number": "OTRO"}, "cambios.serial_number"),
        ({"encendido": True, "id": 7}, "cambios.id"),
        ({"encendido": True, "durante_s": 0}, "cambios.durante_s"),
        ({"encendido": True, "durante_s": 5, "hasta": "2030-01-01T00:00:00Z"}, "cambios.durante_s"),
    ],
)
def test_the_change_of_a_bulk_order_says_where_it_is_wrong(http, lamps, cambios, campo):
    answer = http.post("/ordenes", {"dispositivos": [lamps[0]["id"]], "cambios": cambios})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, campo)


def test_what_was_sent_in_vain_is_named(http, lamps):
    """As a PUT does: a slip of the pen must not look like a device that had nothing to do."""
    body = {"dispositivos": [lamps[0]["id"]], "cambios": {"encendidoo": True, "reclamado": True, "nombre": "n"}}
    assert http.post("/ordenes", body).json["ignorados"] == ["encendidoo", "reclamado"]


def test_unclaimed_ones_twice_named_ones_and_as_many_as_there_may_be(http, lamps):
    """Two hundred in one request, each answered once; those that nobody claimed are asked as by a PUT."""
    ids = [d["id"] for d in lamps[:2]]
    http.post("/dispositivos/reclamar", {"serial_number": lamps[0]["serial_number"]})
    gone = list(range(10_000_000, 10_000_000 + 198))
    told = http.post("/ordenes", {"dispositivos": [*ids, *gone], "cambios": {"configuracion": {"marca": 1}}}).json
    assert [r["dispositivo_id"] for r in told["resultados"]] == [*ids, *gone]
    assert [r["resultado"] for r in told["resultados"][:2]] == ["creada", "creada"]
    assert told["errores"] == 198
    twice = http.post("/ordenes", {"dispositivos": ids * 100, "cambios": {"configuracion": {"marca": 2}}}).json
    assert [r["dispositivo_id"] for r in twice["resultados"]] == ids


def test_as_many_as_is_said(http, detectar, serial, lamps):
    """A scene of two hundred, each with some keys; and what is too much for one device is too much in a scene."""
    ids = [detectar(estado="inactivo")["id"] for _ in range(200)]
    wanted = {"encendido": True, "brillo": 5, "color": "rojo", "modo": "manual"}
    acciones = [{"dispositivo_id": i, "configuracion": wanted} for i in ids]
    made = http.post("/escenas", {"nombre": serial, "acciones": acciones})
    assert made.status == 201, made.body
    told = http.post(f"{made.headers['Location']}/aplicar").json
    assert (len(told["resultados"]), told["errores"]) == (200, 0)
    assert http.request("DELETE", made.headers["Location"]).status == 204
    for much in ({f"k{n}": n for n in range(300)}, {"a": [[[[[[[[1]]]]]]]]}):
        acciones = [{"dispositivo_id": ids[0], "configuracion": much}]
        answer = http.post("/escenas", {"nombre": serial, "acciones": acciones})
        assert (answer.status, answer.json["errores"][0]["campo"][:25]) == (422, "acciones[0].configuracion")
        answer = http.post("/ordenes", {"dispositivos": ids[:1], "cambios": {"configuracion": much}})
        assert (answer.status, answer.json["errores"][0]["campo"][:21]) == (422, "cambios.configuracion")


def test_one_that_cannot_be_overridden_does_not_stop_the_others(http, lamps, mqtt, backend, serial):
    """For an hour: only devices whose schedule the backend keeps can; the others say why."""
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo"})
    driven = backend.wait_device(serial)["id"]
    http.put(
        f"/dispositivos/{driven}", {"configuracion": {"modo": "horario", "horarios": {"diario": [["00:00", "off"]]}}}
    )
    ids = [lamps[0]["id"], driven, lamps[1]["id"]]
    told = http.post("/ordenes", {"dispositivos": ids, "cambios": {"encendido": True, "durante_s": 3600}}).json
    assert [r["resultado"] for r in told["resultados"]] == ["error", "creada", "error"]
    assert all("durante_s" in r["error"] for r in told["resultados"] if r["error"])
    assert http.get(f"/dispositivos/{driven}").json["configuracion"]["anulacion"]["encendido"] is True


def test_what_is_so_already_needs_no_order(http, lamps):
    told = http.post("/ordenes", {"dispositivos": [lamps[0]["id"]] * 2, "cambios": {"nombre": "otro"}}).json
    assert [(r["resultado"], r["orden"]) for r in told["resultados"]] == [("sin_cambio", None)]
