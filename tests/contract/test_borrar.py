"""Deleting, letting go and ignoring, as clients, streams, devices and the broker see it."""

from __future__ import annotations

import json
import threading

from tests.support.http import problem
from tests.support.mqtt import nothing_retained, own_topic, retained
from tests.support.procesos import wait_until


def configuration(serial):
    return f"dispositivos/{serial}/configuracion"


def wanted(backend, http, serial, device):
    """A device of whose wish the broker holds a copy."""
    assert (
        http.post("/dispositivos/reclamar", {"serial_number": serial, "configuracion": {"modo": "manual"}}).status
        == 200
    )
    wait_until(lambda: "modo" in retained(backend.mqtt_port, configuration(serial)), 5, "the wish retained")
    return device["id"]


def left_to_clear(backend):
    return backend.query("SELECT serial_number FROM borrado")


def test_a_deleted_device_is_gone_everywhere(backend, http, mqtt, detectar, serial):
    device_id = wanted(backend, http, serial, detectar(serial, estado="activo"))
    http.post("/grupos", {"nombre": f"g {serial}", "dispositivos": [device_id]})
    with (
        backend.sse() as everybody,
        backend.sse(f"?serial={serial}") as mine,
        backend.sse("?reclamado=false") as unclaimed,
        backend.sse("?serial=OTRO") as another,
    ):
        for stream in (everybody, mine, unclaimed, another):
            stream.hello()
        answer = http.request("DELETE", f"/dispositivos/{device_id}")
        assert answer.status == 200
        group = http.get("/grupos").json[-1]
        assert answer.json == {
            "mensaje": "Dispositivo borrado",
            "id": device_id,
            "grupos": [{"id": group["id"], "nombre": f"g {serial}"}],
            "escenas": [],
            "reglas": [],
        }
        assert group["dispositivos"] == []
        for stream in (everybody, mine):
            leave = stream.until(lambda e: e.event == "leave")
            assert leave.json == {"id": device_id, "serial_number": serial}
            assert leave.id
        for stream in (unclaimed, another):
            assert stream.maybe(0.3) is None
    for path in ("", "/logs", "/ordenes", "/porque", "/reclamacion"):
        problem(http.get(f"/dispositivos/{device_id}{path}"), 404)
    problem(http.request("DELETE", f"/dispositivos/{device_id}"), 404)
    wait_until(lambda: nothing_retained(backend.mqtt_port, configuration(serial)), 5, "nothing retained")
    wait_until(lambda: not left_to_clear(backend), 5, "noted as cleared")
    wait_until(
        lambda: not backend.query("SELECT 1 FROM estado_log WHERE dispositivo_id = ?", device_id), 5, "no history"
    )
    line = http.get("/auditoria?accion=dispositivo_borrado&quien=red%20de%20confianza").json["data"][0]
    assert (line["objeto"], line["desde"], line["detalle"]["id"]) == (serial, "127.0.0.1", device_id)
    mqtt.publish(own_topic(serial), {"estado": "inactivo"})
    assert backend.wait_device(serial)["id"] > device_id


def test_resumed_readers_are_told_who_left(backend, http, detectar):
    device = detectar()
    with backend.sse() as stream:
        stream.hello()
        http.put(f"/dispositivos/{device['id']}", {"nombre": "visto"})
        last = stream.update().id
    http.request("DELETE", f"/dispositivos/{device['id']}")
    with backend.sse(headers={"Last-Event-ID": last}) as stream:
        stream.hello()
        assert stream.until(lambda e: e.event == "leave").json["id"] == device["id"]


def test_a_deletion_while_the_broker_is_away_reaches_it_later_even_after_a_restart(own_parts):
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    with_client = own_parts.client(backend)
    with_client.publish("dispositivos/estado", {"serial_number": "LEJOS1", "estado": "activo"})
    device_id = wanted(backend, backend.http, "LEJOS1", backend.wait_device("LEJOS1"))
    broker.pause()
    try:
        assert backend.http.request("DELETE", f"/dispositivos/{device_id}").status == 200
        assert left_to_clear(backend) == [("LEJOS1",)]
        backend.kill()
    finally:
        broker.resume()
    backend.start()
    wait_until(lambda: not left_to_clear(backend), 10, "cleared")
    assert nothing_retained(backend.mqtt_port, configuration("LEJOS1"))


def test_a_held_answer_ends_when_its_device_goes(backend, http, detectar):
    """``?esperar=`` on an order that can never be proven any more."""
    device = detectar(estado="inactivo")
    answers = []
    path = f"/dispositivos/{device['id']}"
    waiter = threading.Thread(target=lambda: answers.append(http.put(f"{path}?esperar=20", {"encendido": True})))
    waiter.start()
    wait_until(lambda: backend.metric("iot_esperas") == 1, 5, "the request waits")
    assert http.request("DELETE", path).status == 200
    waiter.join(5)
    assert not waiter.is_alive()
    assert answers[0].status == 200
    assert answers[0].json["id"] == device["id"]


def test_a_released_device_is_unclaimed_for_streams_and_for_itself(backend, http, detectar, serial):
    device_id = wanted(backend, http, serial, detectar(serial, estado="activo"))
    with backend.sse("?reclamado=true") as claimed, backend.sse("?reclamado=false") as unclaimed:
        claimed.hello()
        unclaimed.hello()
        answer = http.post(f"/dispositivos/{device_id}/liberar")
        assert (answer.status, answer.json) == (200, {"mensaje": "Dispositivo liberado", "id": device_id})
        assert claimed.until(lambda e: e.event == "leave").json == {"id": device_id, "serial_number": serial}
        update = unclaimed.update().json
    assert (update["id"], update["reclamado"], update["configuracion"]) == (device_id, False, {"encendido": True})
    assert answer.etag == f'"{update["version"]}"'
    wait_until(lambda: "modo" not in retained(backend.mqtt_port, configuration(serial)), 5, "the wish is forgotten")
    problem(http.post(f"/dispositivos/{device_id}/liberar"), 409, "El dispositivo no está reclamado")
    assert http.get(f"/dispositivos/{device_id}/reclamacion").json == {
        "reclamado": False,
        "usuario": None,
        "reclamado_en": None,
        "con_codigo": False,
    }
    assert http.post("/dispositivos/reclamar", {"serial_number": serial}).status == 200


def test_ignored_devices_leave_and_stay_away(backend, http, mqtt, detectar, serials):
    prefix = f"IGN{serials()[3:7]}"
    device = detectar(f"{prefix}1")
    mine = detectar(f"{prefix}2")
    http.post("/dispositivos/reclamar", {"serial_number": f"{prefix}2"})
    with backend.sse() as stream:
        stream.hello()
        answer = http.post("/ignorados", {"patron": prefix, "prefijo": True})
        assert (answer.status, answer.json["quitados"]) == (201, 1)
        assert stream.until(lambda e: e.event == "leave").json["id"] == device["id"]
    problem(http.post("/ignorados", {"patron": prefix, "prefijo": True}), 409, "Eso ya se ignora")
    problem(http.post("/dispositivos", {"serial_number": f"{prefix}3"}), 409)
    before = backend.metric("iot_mensajes_total", destino="ignorados")
    mqtt.publish("dispositivos/estado", {"serial_number": f"{prefix}1"})
    mqtt.publish("dispositivos/estado", {"serial_number": f"{prefix}2", "estado": "activo"})
    backend.wait_device(f"{prefix}2", estado="activo")
    wait_until(lambda: backend.metric("iot_mensajes_total", destino="ignorados") == before + 1, 5, "one ignored")
    assert http.device(f"{prefix}1") is None
    assert http.device(f"{prefix}2")["id"] == mine["id"]
    listed = [i for i in http.get("/ignorados").json if i["patron"] == prefix]
    assert http.request("DELETE", f"/ignorados/{listed[0]['id']}").status == 204
    problem(http.request("DELETE", f"/ignorados/{listed[0]['id']}"), 404)
    detectar(f"{prefix}1")


def test_the_code_of_the_sticker(backend, http, serial):
    """The QR's own text claims it; without its code, with another, the same answer."""
    sticker = {"serial_number": serial, "nombre": "Puerta", "codigo": "JBSW-Y3DP-EHPK-3PXP"}
    assert http.post("/dispositivos", sticker).status == 201
    without, wrong = {**sticker}, {**sticker, "codigo": "JBSW-Y3DP-EHPK-3PXX"}
    del without["codigo"]
    bodies = {problem(http.post("/dispositivos/reclamar", b), 403)["codigo"] for b in (without, wrong)}
    assert bodies == {"codigo_incorrecto"}
    assert http.post("/dispositivos/reclamar", without).body == http.post("/dispositivos/reclamar", wrong).body
    assert http.get("/auditoria?accion=codigo_incorrecto").json["data"][0]["resultado"] == "fallido"
    assert http.post("/dispositivos/reclamar", sticker).json["mensaje"] == "Dispositivo reclamado correctamente"
    assert sticker["codigo"] not in json.dumps(http.get("/auditoria?per_page=200").json)
    assert sticker["codigo"] not in backend.log()


def test_guessing_is_braked(backend, http, serial):
    http.post("/dispositivos", {"serial_number": serial, "codigo": "JBSW-Y3DP-EHPK-3PXP"})
    for n in range(5):
        problem(http.post("/dispositivos/reclamar", {"serial_number": serial, "codigo": f"malo{n}"}), 403)
    refused = http.post("/dispositivos/reclamar", {"serial_number": serial, "codigo": "JBSWY3DPEHPK3PXP"})
    problem(refused, 429)
    assert 890 <= int(refused.headers["Retry-After"]) <= 900
