"""PUT, claim, POST: answers, merges, what is ignored, what is refused."""

from __future__ import annotations

import pytest

from tests.support.http import problem
from tests.support.mqtt import retained
from tests.support.procesos import wait_until


# --- PUT --------------------------------------------------------------------------------------------------------------
def test_put_answers_the_whole_device_and_the_message(http, detectar):
    """Old clients read mensaje,id,estado,configuracion; newer ones the whole object."""
    device = detectar(estado="inactivo", parametros={"t": 1})
    answer = http.put(f"/dispositivos/{device['id']}", {"nombre": "Ático", "configuracion": {"intervalo_envio": 7}})
    assert answer.status == 200
    body = answer.json
    assert body["mensaje"] == "Dispositivo actualizado"
    now = http.get(f"/dispositivos/{device['id']}")
    assert {k: body[k] for k in now.json} == now.json
    assert [k for k in body if k in now.json] == list(now.json)
    assert answer.etag == now.etag
    assert "ignorados" not in body or body["ignorados"] == []
    assert now.json["nombre"] == "Ático"
    assert now.json["configuracion"]["intervalo_envio"] == 7
    assert now.json["parametros"] == {"t": 1}


def test_put_merges_configuracion_shallowly(http, detectar):
    device = detectar(configuracion={"a": {"x": 1}, "b": 2})
    body = http.put(f"/dispositivos/{device['id']}", {"configuracion": {"a": {"y": 2}, "c": None}}).json
    assert body["configuracion"]["a"] == {"y": 2}
    assert body["configuracion"]["b"] == 2
    assert body["configuracion"]["c"] is None


def test_put_works_on_unclaimed_and_keeps_them_unclaimed(http, detectar):
    device = detectar()
    assert http.put(f"/dispositivos/{device['id']}", {"nombre": "n"}).json["reclamado"] is False


def test_read_only_fields_sent_back_are_ignored_and_named(http, detectar):
    """A client that sends the whole object back with one change is served."""
    device = detectar(parametros={"t": 1})
    sent = {**device, "nombre": "vuelta", "parametros": {"t": 99}, "reclamado": True, "desconocida": 1}
    body = http.put(f"/dispositivos/{device['id']}", sent).json
    assert {"parametros", "reclamado", "version", "creado_en"} <= set(body["ignorados"])
    now = http.get(f"/dispositivos/{device['id']}").json
    assert (now["nombre"], now["parametros"], now["reclamado"]) == ("vuelta", {"t": 1}, False)


@pytest.mark.parametrize("field", ["id", "serial_number"])
def test_another_identity_is_422(http, detectar, field):
    device = detectar()
    other = device["id"] + 1 if field == "id" else "OTRO1234"
    problem(http.put(f"/dispositivos/{device['id']}", {field: other, "nombre": "no"}), 422)
    assert http.get(f"/dispositivos/{device['id']}").json["nombre"] == "No definido"
    assert http.put(f"/dispositivos/{device['id']}", {field: device[field]}).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"nombre": 5},
        {"nombre": "x" * 81},
        {"nombre": ""},
        {"tipo": "x" * 51},
        {"modelo": "x" * 101},
        {"descripcion": "x" * 256},
        {"configuracion": []},
        {"configuracion": "texto"},
        {"configuracion": {"modo": "turbo"}},
        {"configuracion": {"encendido": "quizas"}},
        {"encendido": "quizas"},
        {"encendido": 2},
        {"estado": "roto"},
        {"configuracion": {"horarios": [{"inicio": "25:99", "fin": "10:00"}]}},
        {"configuracion": {"horarios": {"lunes": [["25:99", "on"]]}}},
        {"configuracion": {"intervalo_envio": -1}},
        {"configuracion": {"intervalo_envio": "rápido"}},
    ],
    ids=str,
)
def test_put_of_nonsense_is_422_and_changes_nothing(http, detectar, body):
    device = detectar(estado="inactivo")
    path = f"/dispositivos/{device['id']}"
    before = http.get(path).body
    found = problem(http.put(path, body), 422)
    assert len(found["detail"]) > 10
    assert http.get(path).body == before


def test_unknown_mode_is_told_the_allowed_ones(http, detectar):
    text = http.put(f"/dispositivos/{detectar()['id']}", {"configuracion": {"modo": "turbo"}}).text
    assert "manual" in text
    assert "horario" in text


def test_both_shapes_of_horarios_are_kept_as_sent(http, detectar):
    device = detectar()
    for horarios in (
        [{"dias": ["lunes", "miércoles"], "inicio": "07:00", "fin": "23:30"}, {"start": "22:00", "end": "06:00"}],
        {"lunes": [["07:00", "on"], ["23:00", "off"]], "diario": [["12:00", "off"]]},
    ):
        body = http.put(f"/dispositivos/{device['id']}", {"configuracion": {"horarios": horarios}}).json
        assert body["configuracion"]["horarios"] == horarios


def test_put_log_row_only_when_estado_or_parametros_changed_event_always(backend, http, detectar):
    device = detectar(estado="inactivo")
    path = f"/dispositivos/{device['id']}"
    with backend.sse(f"?serial={device['serial_number']}") as stream:
        stream.hello()
        http.put(path, {"nombre": "solo el nombre"})
        assert stream.update().json["nombre"] == "solo el nombre"
        assert backend.logs(device["id"])["total"] == 1
        http.put(path, {"encendido": True})
        assert stream.update().json["estado"] == "activo"
        logs = backend.logs(device["id"])
        assert logs["total"] == 2
        assert logs["data"][0]["estado"] == "activo"
        http.put(path, {"nombre": "solo el nombre"})
        assert stream.update().json["nombre"] == "solo el nombre"


# --- claim ------------------------------------------------------------------------------------------------------------
def test_claim_bytes(http, detectar):
    device = detectar()
    answer = http.post("/dispositivos/reclamar", {"serial_number": device["serial_number"]})
    assert answer.status == 200
    assert answer.text.strip() == f'{{"mensaje":"Dispositivo reclamado correctamente","id":{device["id"]}}}'
    assert http.get(f"/dispositivos/{device['id']}").json["reclamado"] is True


def test_claim_overwrites_fields_and_merges_configuracion(backend, http, detectar):
    device = detectar(estado="activo", parametros={"t": 1}, configuracion={"intervalo_envio": 5, "color": "azul"})
    with backend.sse(f"?serial={device['serial_number']}") as stream:
        stream.hello()
        http.post(
            "/dispositivos/reclamar",
            {
                "serial_number": device["serial_number"],
                "nombre": "Sensor Sala",
                "tipo": "sensor",
                "configuracion": {"intervalo_envio": 10, "modo": "manual"},
            },
        )
        event = stream.update().json
    now = http.get(f"/dispositivos/{device['id']}").json
    assert (now["nombre"], now["tipo"], now["modelo"], now["descripcion"]) == (
        "Sensor Sala",
        "sensor",
        "desconocido",
        "",
    )
    assert (now["estado"], now["parametros"], now["reclamado"]) == ("activo", {"t": 1}, True)
    assert now["configuracion"] == {"intervalo_envio": 10, "color": "azul", "modo": "manual", "encendido": True}
    assert (event["reclamado"], event["nombre"]) == (True, "Sensor Sala")


def test_claim_accepts_serial_as_qr_codes_name_it(http, detectar):
    device = detectar()
    assert http.post("/dispositivos/reclamar", {"serial": device["serial_number"]}).json["id"] == device["id"]


def test_claim_errors(http, detectar):
    device = detectar()
    problem(http.post("/dispositivos/reclamar", {}), 400, "Debe proporcionar serial_number")
    problem(http.post("/dispositivos/reclamar", {"nombre": "x"}), 400, "Debe proporcionar serial_number")
    problem(
        http.post("/dispositivos/reclamar", {"serial_number": "NUNCA0000001"}),
        404,
        "Dispositivo no encontrado. Asegúrese de que haya sido detectado por MQTT",
    )
    body = {"serial_number": device["serial_number"], "nombre": "mío"}
    assert http.post("/dispositivos/reclamar", body).status == 200
    problem(
        http.post("/dispositivos/reclamar", body | {"nombre": "no, mío"}),
        409,
        "El dispositivo ya fue reclamado previamente",
    )
    assert http.get(f"/dispositivos/{device['id']}").json["nombre"] == "mío"


def test_claim_body_that_is_no_json(http):
    problem(http.post("/dispositivos/reclamar", raw=b""), 400, "Datos JSON inválidos o faltantes")
    problem(http.post("/dispositivos/reclamar", raw=b'{"serial'), 400, "Datos JSON inválidos o faltantes")


def test_claim_of_nonsense_is_422_and_leaves_it_unclaimed(http, detectar):
    device = detectar()
    for extra in ({"nombre": 7}, {"configuracion": {"modo": "turbo"}}, {"configuracion": [1]}):
        problem(http.post("/dispositivos/reclamar", {"serial_number": device["serial_number"], **extra}), 422)
    assert http.get(f"/dispositivos/{device['id']}").json["reclamado"] is False


def test_a_race_of_claims_has_one_winner(http, detectar):
    """Ten people claim one device at the same instant: one 200, nine 409."""
    from concurrent.futures import ThreadPoolExecutor

    device = detectar()
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda n: http.post(
                    "/dispositivos/reclamar", {"serial_number": device["serial_number"], "nombre": f"p{n}"}
                ),
                range(10),
            )
        )
    assert sorted(a.status for a in answers) == [200] + [409] * 9


# --- POST -------------------------------------------------------------------------------------------------------------
def test_post_bytes(http, serial):
    answer = http.post("/dispositivos", {"serial_number": serial, "nombre": "Nuevo", "tipo": "sensor"})
    assert answer.status == 201
    new_id = answer.json["id"]
    assert answer.text.strip() == f'{{"mensaje":"Dispositivo agregado","id":{new_id}}}'
    device = http.get(f"/dispositivos/{new_id}").json
    assert (device["nombre"], device["tipo"], device["modelo"], device["serial_number"]) == (
        "Nuevo",
        "sensor",
        "desconocido",
        serial,
    )


def test_post_errors(http, serial):
    body = {"serial_number": serial, "nombre": "Nuevo", "tipo": "sensor"}
    assert http.post("/dispositivos", body).status == 201
    problem(http.post("/dispositivos", body), 409)
    problem(http.post("/dispositivos", {"nombre": "sin serie", "tipo": "t"}), 400, "Debe proporcionar serial_number")
    problem(http.post("/dispositivos", raw=b"no es json"), 400, "Datos JSON inválidos o faltantes")
    problem(http.post("/dispositivos", {"serial_number": "../x", "nombre": "n", "tipo": "t"}), 422)


def test_posted_device_then_reports(backend, http, mqtt, serial):
    """A device added by hand keeps its row when it first reports."""
    new_id = http.post("/dispositivos", {"serial_number": serial, "nombre": "Nuevo", "tipo": "sensor"}).json["id"]
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "estado": "activo", "parametros": {"t": 3}})
    device = backend.wait_device(serial, parametros={"t": 3})
    assert (device["id"], device["nombre"], device["estado"]) == (new_id, "Nuevo", "activo")
    assert device["visto_en"]


# --- the README's own lines -------------------------------------------------------------------------------------------
def test_readme_claim_and_switch(backend, http, detectar):
    """The README's claim of TMP0603IF1WD and its PUT, bodies verbatim."""
    device = detectar("TMP0603IF1WD", estado="activo", parametros={"temperatura": 22.3})
    claim = {
        "serial_number": "TMP0603IF1WD",
        "nombre": "Sensor Sala",
        "tipo": "sensor",
        "modelo": "ST-1000",
        "descripcion": "Sensor de temperatura en la sala",
        "configuracion": {"intervalo_envio": 10},
    }
    assert http.post("/dispositivos/reclamar", claim).json == {
        "mensaje": "Dispositivo reclamado correctamente",
        "id": device["id"],
    }
    off = http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": False}})
    assert (off.status, off.json["estado"], off.json["configuracion"]["encendido"]) == (200, "inactivo", False)
    on = http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": True}})
    assert (on.status, on.json["estado"], on.json["configuracion"]["encendido"]) == (200, "activo", True)
    assert http.get(f"/dispositivos/{device['id']}").json["estado"] == "activo"
    sent = wait_until(lambda: retained(backend.mqtt_port, "dispositivos/TMP0603IF1WD/configuracion"), 5)
    assert sent["modo"] == "manual"
