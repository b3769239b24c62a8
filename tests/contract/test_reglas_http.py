"""Rules over HTTP and through a real broker (docs/control-reglas.md)."""

from __future__ import annotations

import pytest

from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until

AVISO = {"tipo": "aviso", "texto": "¡ya!"}


@pytest.fixture
def sensor(detectar):
    return detectar(estado="activo", parametros={"x": 1})


@pytest.fixture
def lamp(detectar):
    return detectar(estado="inactivo", parametros={"n": 1})


def rule(serial, condicion, *acciones, **more):
    return {"nombre": serial, "condicion": condicion, "acciones": list(acciones) or [AVISO], **more}


def above(device, valor=10, **more):
    return {"dispositivo_id": device["id"], "parametro": "x", "operador": ">", "valor": valor, **more}


def test_a_rule_from_its_making_to_its_end(http, sensor, serial):
    sent = rule(serial, above(sensor, histeresis=2, durante_s=600))
    made = http.post("/reglas", sent)
    assert made.status == 201
    path = made.headers["Location"]
    assert list(made.json) == [
        "id", "nombre", "activa", "condicion", "acciones", "cumplida", "disparos", "disparada_en", "creado_en",
    ]  # fmt: skip
    assert {key: made.json[key] for key in (*sent, "activa")} == sent | {"activa": True}
    assert http.get(path).json == made.json
    assert made.json in http.get("/reglas").json
    assert http.put(path, {**sent, "activa": False}).json["activa"] is False
    assert http.post("/reglas", rule(serial.lower(), above(sensor))).status == 409
    assert http.request("DELETE", path).status == 204
    assert http.get(path).status == 404


def test_a_report_switches_a_lamp_and_leaves_a_notice(backend, http, mqtt, sensor, lamp, serial):
    """Through the broker, in both directions, and told live."""
    order = {"tipo": "orden", "dispositivo_id": lamp["id"], "configuracion": {"encendido": True}}
    made = http.post("/reglas", rule(serial, above(sensor), AVISO, order)).json
    with backend.sse().hello() as reader:
        mqtt.publish(own_topic(sensor["serial_number"]), {"parametros": {"x": 50}})
        told = reader.until(lambda e: e.event == "regla" and "disparada" in e.data).json
    assert (told["id"], told["cambio"], told["detalle"]) == (made["id"], "disparada", "No definido: x > 10")
    assert [r["tipo"] for r in told["resultados"]] == ["aviso", "orden"]
    after = http.get(f"/reglas/{made['id']}").json
    assert (after["disparos"], after["cumplida"], after["disparada_en"]) == (1, True, told["en"])
    wanted = http.get(f"/dispositivos/{lamp['id']}").json
    assert wanted["configuracion"]["encendido"] is True
    why = http.get(f"/dispositivos/{lamp['id']}/porque").json
    assert f"se cumplió la regla «{serial}» (No definido: x > 10)" in why["frase"]
    assert http.get(f"/avisos?dispositivo={sensor['id']}").json["data"][0]["texto"] == "¡ya!"


def test_rules_survive_a_kill(backend, http, mqtt, sensor, serial):
    made = http.post("/reglas", rule(serial, above(sensor, durante_s=2))).json
    mqtt.publish(own_topic(sensor["serial_number"]), {"parametros": {"x": 50}})
    wait_until(lambda: http.device(sensor["serial_number"])["parametros"] == {"x": 50})
    backend.kill()
    backend.start()
    wait_until(lambda: http.get(f"/reglas/{made['id']}").json["disparos"] == 1)


def test_a_scene_that_a_rule_applies_stays(http, sensor, lamp, serial):
    acciones = [{"dispositivo_id": lamp["id"], "configuracion": {"encendido": True}}]
    scene = http.post("/escenas", {"nombre": serial, "acciones": acciones}).json
    made = http.post("/reglas", rule(serial, above(sensor), {"tipo": "escena", "escena_id": scene["id"]})).json
    refused = http.request("DELETE", f"/escenas/{scene['id']}")
    assert (refused.status, refused.json["error"]) == (409, f"La regla «{serial}» usa esa escena")
    http.request("DELETE", f"/reglas/{made['id']}")
    assert http.request("DELETE", f"/escenas/{scene['id']}").status == 204


@pytest.mark.parametrize(
    ("condicion", "campo"),
    [
        ({"dispositivo_id": 999999, "estado": "activo"}, "condicion.dispositivo_id"),
        ({"alguna": [{"dispositivo_id": 999999, "estado": "activo"}]}, "condicion.alguna[0].dispositivo_id"),
        ({}, "condicion"),
        ({"estado": "activo"}, "condicion"),
        ({"dispositivo_id": 1, "estado": "encendido"}, "condicion.estado"),
        ({"dispositivo_id": 1, "estado": "activo", "parametro": "x"}, "condicion"),
        ({"dispositivo_id": 1, "parametro": "x", "operador": ">"}, "condicion"),
        ({"dispositivo_id": 1, "parametro": "x", "operador": ">", "valor": "5"}, "condicion"),
        ({"dispositivo_id": 1, "parametro": "x", "operador": ">", "valor": True}, "condicion"),
        ({"dispositivo_id": 1, "parametro": "x", "operador": "==", "valor": 5, "histeresis": 1}, "condicion"),
        ({"dispositivo_id": 1, "parametro": "x", "operador": "=>", "valor": 5}, "condicion.operador"),
        ({"dispositivo_id": 1, "estado": "activo", "durante_s": -1}, "condicion.durante_s"),
        ({"dispositivo_id": 1, "estado": "activo", "otra": 1}, "condicion.otra"),
        ({"horario": [{"inicio": "25:00", "fin": "1:00"}]}, "condicion.horario[0].inicio"),
        ({"horario": []}, "condicion.horario"),
        ({"todas": []}, "condicion.todas"),
        ({"no": {"no": {"no": {"no": {"no": {"dispositivo_id": 1, "estado": "activo"}}}}}}, "condicion"),
        ({"todas": [{"dispositivo_id": 1, "estado": "activo"}] * 17}, "condicion"),
        ("activo", "condicion"),
        (None, "condicion"),
    ],
)
def test_conditions_that_make_no_sense(http, serial, condicion, campo):
    before = http.get("/reglas").json
    answer = http.post("/reglas", rule(serial, condicion))
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, campo), answer.text
    assert answer.json["errores"][0]["mensaje"] != "no es válido"
    assert http.get("/reglas").json == before


@pytest.mark.parametrize(
    ("accion", "campo"),
    [
        ({"tipo": "otra"}, "acciones[0]"),
        ({"texto": "hola"}, "acciones[0]"),
        ({"tipo": "aviso"}, "acciones[0].texto"),
        ({"tipo": "aviso", "texto": "x", "gravedad": "mucha"}, "acciones[0].gravedad"),
        ({"tipo": "orden", "dispositivo_id": 999999, "configuracion": {}}, "acciones[0].dispositivo_id"),
        ({"tipo": "orden", "dispositivo_id": 1}, "acciones[0].configuracion"),
        ({"tipo": "orden", "dispositivo_id": 1, "configuracion": {"modo": "x"}}, "acciones[0].configuracion.modo"),
        ({"tipo": "orden", "dispositivo_id": 1, "configuracion": {"zona": "x"}}, "acciones[0].configuracion.zona"),
        ({"tipo": "escena", "escena_id": 999999}, "acciones[0].escena_id"),
        ({"tipo": "escena", "escena_id": 1, "texto": "x"}, "acciones[0].texto"),
    ],
)  # fmt: skip
def test_actions_that_make_no_sense(http, sensor, serial, accion, campo):
    answer = http.post("/reglas", rule(serial, above(sensor), accion))
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, campo), answer.text


def test_a_rule_as_large_as_is_said(http, sensor, lamp, serial):
    """Sixteen things to look at, four levels deep, windows with their days; sixteen actions, each with some keys."""
    window = {"inicio": "22:00", "fin": "07:00", "dias": ["lunes", "martes", "miércoles", "jueves", "viernes"]}
    leaf = {
        "dispositivo_id": sensor["id"],
        "parametro": "t",
        "operador": ">",
        "valor": 3,
        "histeresis": 1,
        "durante_s": 2,
    }
    deep = {"todas": [{"alguna": [{"no": {"horario": [window] * 4, "durante_s": 5}}, *[leaf] * 14]}, leaf]}
    wanted = {"encendido": True, "brillo": 5, "horarios": [window]}
    ask = {"tipo": "orden", "dispositivo_id": lamp["id"], "configuracion": wanted}
    made = http.post("/reglas", {"nombre": serial, "activa": False, "condicion": deep, "acciones": [ask] * 16})
    assert made.status == 201, made.body
    assert made.json["condicion"] == deep
    assert http.request("DELETE", made.headers["Location"]).status == 204
