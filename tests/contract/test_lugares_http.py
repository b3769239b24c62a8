"""Rooms and groups: what is in them, what is asked of all in them (docs/control-escenas.md)."""

from __future__ import annotations

import pytest

from tests.support.mqtt import own_topic


@pytest.fixture
def lamps(detectar):
    return [detectar(estado="activo") for _ in range(3)]


@pytest.fixture
def room(http, serial):
    return http.post("/habitaciones", {"nombre": f"sala {serial}"}).json


def move(http, device, room_id):
    answer = http.put(f"/dispositivos/{device['id']}", {"habitacion_id": room_id})
    assert answer.status == 200, answer.text
    return answer.json


def test_a_room_from_its_making_to_its_end(http, lamps, room):
    assert room["dispositivos"] == []
    path = f"/habitaciones/{room['id']}"
    for device in lamps[:2]:
        assert move(http, device, room["id"])["habitacion_id"] == room["id"]
    ids = [d["id"] for d in lamps[:2]]
    assert http.get(path).json["dispositivos"] == ids
    assert http.get(path).json in http.get("/habitaciones").json
    assert [d["id"] for d in http.get(f"/dispositivos?habitacion={room['id']}").json] == ids
    move(http, lamps[0], None)
    assert http.get(path).json["dispositivos"] == ids[1:]
    assert http.put(path, {"nombre": f"{room['nombre']} 2"}).json["dispositivos"] == ids[1:]
    assert http.request("DELETE", path).status == 204
    assert http.get(f"/dispositivos/{ids[1]}").json["habitacion_id"] is None
    assert http.get(path).status == 404


def test_what_is_read_may_be_sent_back(http, lamps, room):
    """A client that sends the whole object back moves nothing, and is not told that the room was ignored."""
    move(http, lamps[0], room["id"])
    read = http.get(f"/dispositivos/{lamps[0]['id']}").json
    answer = http.put(f"/dispositivos/{lamps[0]['id']}", read).json
    assert answer["habitacion_id"] == room["id"]
    assert "habitacion_id" not in answer["ignorados"]
    http.put(f"/dispositivos/{lamps[0]['id']}", {"nombre": "otro"})
    assert http.get(f"/dispositivos/{lamps[0]['id']}").json["habitacion_id"] == room["id"]


def test_a_report_keeps_the_room(backend, http, detectar, room, serial, mqtt):
    device = detectar(serial, estado="activo")
    move(http, device, room["id"])
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo"})
    assert backend.wait_device(serial, estado="inactivo")["habitacion_id"] == room["id"]


def test_moving_is_no_order(http, lamps, room):
    before = http.get(f"/dispositivos/{lamps[0]['id']}/ordenes").json["total"]
    move(http, lamps[0], room["id"])
    assert http.get(f"/dispositivos/{lamps[0]['id']}/ordenes").json["total"] == before


@pytest.mark.parametrize("wrong", [999999, 0, "1", True, 1.5])
def test_a_room_that_does_not_exist(http, lamps, wrong):
    answer = http.put(f"/dispositivos/{lamps[0]['id']}", {"habitacion_id": wrong, "nombre": "no"})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, "habitacion_id")
    assert http.get(f"/dispositivos/{lamps[0]['id']}").json["nombre"] != "no"


def test_the_end_of_a_room_is_told_live(backend, http, lamps, room):
    move(http, lamps[0], room["id"])
    with backend.sse(f"?serial={lamps[0]['serial_number']}").hello() as reader:
        http.request("DELETE", f"/habitaciones/{room['id']}")
        assert reader.update().json["habitacion_id"] is None


def test_a_group_from_its_making_to_its_end(http, lamps, serial):
    ids = [lamps[2]["id"], lamps[0]["id"]]
    made = http.post("/grupos", {"nombre": serial, "dispositivos": ids})
    assert made.status == 201
    path = made.headers["Location"]
    assert http.get(path).json == made.json
    assert made.json["dispositivos"] == ids
    assert [d["id"] for d in http.get(f"/dispositivos?grupo={made.json['id']}").json] == sorted(ids)
    assert http.put(path, {"nombre": serial, "dispositivos": []}).json["dispositivos"] == []
    assert http.get(f"/dispositivos?grupo={made.json['id']}").json == []
    assert http.post("/grupos", {"nombre": serial.lower(), "dispositivos": []}).status == 409
    assert http.request("DELETE", path).status == 204
    assert http.request("DELETE", path).status == 404


@pytest.mark.parametrize(
    ("body", "campo"),
    [
        ({"dispositivos": [999999]}, "dispositivos[0]"),
        ({"dispositivos": ["1"]}, "dispositivos[0]"),
        ({"dispositivos": list(range(1, 202))}, "dispositivos"),
        ({"dispositivos": [], "otra": 1}, "otra"),
        ({}, "dispositivos"),
    ],
)
def test_groups_that_make_no_sense(http, serial, body, campo):
    answer = http.post("/grupos", {"nombre": serial, **body})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, campo)


def test_a_device_twice_in_a_group(http, lamps, serial):
    answer = http.post("/grupos", {"nombre": serial, "dispositivos": [lamps[0]["id"]] * 2})
    assert answer.json["errores"] == [{"campo": "dispositivos[1]", "mensaje": "está repetido"}]


def test_the_same_for_a_room_and_for_a_group(http, lamps, room, serial):
    for device in lamps[:2]:
        move(http, device, room["id"])
    told = http.post("/ordenes", {"habitacion_id": room["id"], "cambios": {"encendido": False}}).json
    assert [(r["dispositivo_id"], r["resultado"]) for r in told["resultados"]] == [
        (d["id"], "creada") for d in lamps[:2]
    ]
    group = http.post("/grupos", {"nombre": serial, "dispositivos": [lamps[2]["id"]]}).json
    told = http.post("/ordenes", {"grupo_id": group["id"], "cambios": {"encendido": False}}).json
    assert [r["dispositivo_id"] for r in told["resultados"]] == [lamps[2]["id"]]


def test_an_empty_room_is_asked_nothing(http, room):
    answer = http.post("/ordenes", {"habitacion_id": room["id"], "cambios": {"encendido": False}})
    assert (answer.status, answer.json) == (200, {"resultados": [], "errores": 0})


@pytest.mark.parametrize(
    ("whom", "campo"),
    [
        ({"habitacion_id": 999999}, "habitacion_id"),
        ({"grupo_id": 999999}, "grupo_id"),
        ({"grupo_id": 1, "habitacion_id": 1}, ""),
        ({}, ""),
        ({"dispositivos": None}, ""),
    ],
)
def test_orders_to_nobody_in_particular(http, whom, campo):
    answer = http.post("/ordenes", {**whom, "cambios": {"encendido": False}})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, campo)


def test_rooms_are_bounded_and_their_names_are_theirs(http, room):
    assert http.post("/habitaciones", {"nombre": room["nombre"].upper()}).status == 409
    assert http.post("/habitaciones", {"nombre": " "}).status == 422
    assert http.post("/habitaciones", {"nombre": "x", "dispositivos": []}).status == 422
    assert http.put(f"/habitaciones/{room['id']}", {"nombre": room["nombre"].upper()}).status == 200
