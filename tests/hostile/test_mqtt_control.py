"""Answers to orders, last wills and reported schedules that make no sense: nothing is proven, nobody dies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until

WINDOW = {"inicio": "00:00", "fin": "23:59"}


@pytest.fixture
def lamp(backend, mqtt, http, serial) -> dict[str, Any]:
    """A device with an open order to be on."""
    mqtt.publish(own_topic(serial), {"estado": "inactivo", "parametros": {"n": 0}})
    device = backend.wait_device(serial)
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    wait_until(lambda: order(http, device)["estado"] == "enviada", 5, "the broker has it")
    return device


def order(http, device) -> dict[str, Any]:
    return http.get(f"/dispositivos/{device['id']}/ordenes").json["data"][0]


@pytest.mark.parametrize(
    "answer",
    [
        {"version": value}
        for value in (None, "1", "", True, 1.0, -1, 0, 1e15, [], {}, [1])
    ]
    + [
        {"rechazo": value}
        for value in (None, "no", True, 7, [], {}, {"version": "1"}, {"version": True}, {"version": 0}, {"motivo": "x"},
                      {"version": -1, "motivo": "x"}, {"version": 1.5, "motivo": 5})
    ],
    ids=lambda a: json.dumps(a)[:40],
)  # fmt: skip
def test_answers_that_prove_nothing(backend, http, mqtt, lamp, answer):
    mqtt.publish(own_topic(lamp["serial_number"]), {"parametros": {"n": 1}, **answer})
    backend.wait_device(lamp["serial_number"], parametros={"n": 1})
    assert order(http, lamp)["estado"] == "enviada"


def test_a_refusal_of_any_words(backend, http, mqtt, lamp):
    """Kept in bounds, control characters and all, as JSON."""
    reason = "sin \u0007agua 💧 <script>" * 100
    refusal = {"version": 2**40, "motivo": reason}
    mqtt.publish(own_topic(lamp["serial_number"]), {"parametros": {"n": 1}, "rechazo": refusal})
    wait_until(lambda: order(http, lamp)["estado"] == "rechazada", 5, "it is refused")
    assert order(http, lamp)["motivo"] == reason[:80]
    assert f"{lamp['serial_number']})" in http.get(f"/avisos?dispositivo={lamp['id']}").json["data"][0]["texto"]


def test_a_device_speaks_for_no_other(backend, http, mqtt, lamp, serials):
    """On its own topic with the other's serial, on a topic of nobody, and on the shared one with a version."""
    other = serials()
    for topic, body in (
        (own_topic(other), {"serial_number": lamp["serial_number"], "estado": "activo"}),
        (f"dispositivos/{lamp['serial_number']}/estado/x", {"estado": "activo"}),
        ("dispositivos//estado", {"estado": "activo"}),
        ("dispositivos/estado", {"serial_number": lamp["serial_number"], "version": 99, "parametros": {"n": 2}}),
        ("dispositivos/estado", {"serial_number": lamp["serial_number"], "rechazo": {"version": 99}}),
    ):
        mqtt.publish(topic, body)
    backend.wait_device(lamp["serial_number"], parametros={"n": 2})
    assert order(http, lamp)["estado"] == "enviada"


def test_wills_that_make_no_sense(backend, http, mqtt, lamp):
    """Of nobody, of everybody, empty, huge, in other words: nobody is lost by them."""
    serial = lamp["serial_number"]
    for who in (serial, "NADIE", "x" * 200, "..", "ñ", "a b"):
        for payload in (b"", b"online", b"\xff\xfe", b"offlin", b"o" * 100_000, b'{"estado":"offline"}', b"\x00"):
            mqtt.publish(f"dispositivos/{who}/disponible", payload)
    mqtt.publish("dispositivos/NADIE/disponible", b"offline")
    mqtt.publish("dispositivos//disponible", b"offline")
    mqtt.publish(own_topic(serial), {"parametros": {"n": 9}})
    backend.wait_device(serial, parametros={"n": 9})
    assert http.get(f"/dispositivos/{lamp['id']}").json["conectividad"]["estado"] == "en_linea"
    mqtt.publish(f"dispositivos/{serial}/disponible", b" OFFLINE\n")
    backend_says = lambda: http.get(f"/dispositivos/{lamp['id']}").json["conectividad"]["motivo"]  # noqa: E731
    wait_until(lambda: backend_says() == "testamento", 5, "the one that makes sense counts")


NONSENSE = [
    {"modo": "horario", "horarios": "mañana"},
    {"modo": "horario", "horarios": [[[]]] * 80},
    {"modo": "horario", "horarios": {"lunes": {"a": 1}, "": [["25:99", "on"]], "diario": [[None, None]]}},
    {"modo": "horario", "horarios": [WINDOW] * 80},
    {"modo": "horario", "horarios": [WINDOW], "zona": "../../etc/passwd"},
    {"modo": "horario", "horarios": [WINDOW], "zona": ["UTC"], "excepciones": {"a": 1}, "festivos": 7, "saltar": "x"},
    {"modo": "horario", "horarios": [WINDOW], "anulacion": {"encendido": "x", "desde": 1e15, "hasta": -1}},
    {"modo": "horario", "horarios": [WINDOW], "anulacion": {"encendido": True, "desde": "9999-12-31T23:59:59Z"}},
    {"modo": ["horario"], "horarios": [WINDOW]},
    {"modo": "horario", "horarios": [WINDOW], "intervalo_envio": "nunca"},
    {"modo": "horario", "horarios": {"diario": [[f"amanecer+{n}", "on"] for n in range(80)]}},
]


@pytest.mark.parametrize("configuracion", NONSENSE, ids=lambda c: json.dumps(c)[:60])
def test_schedules_that_a_device_makes_up(backend, http, mqtt, serial, serials, configuracion):
    """Kept as they are, since it says so; the preview answers, and the schedules of others go on."""
    mqtt.publish(own_topic(serial), {"estado": "inactivo", "configuracion": configuracion})
    rogue = backend.wait_device(serial)
    answer = http.get(f"/dispositivos/{rogue['id']}/horario/previa")
    assert answer.status == 200
    for method, path, body in (
        ("POST", "saltar", None),
        ("POST", "anular", {"encendido": True}),
        ("DELETE", "anular", None),
    ):
        assert http.request(method, f"/dispositivos/{rogue['id']}/horario/{path}", body).status in (200, 409, 422)
    good = serials()
    mqtt.publish(own_topic(good), {"estado": "inactivo"})
    device = backend.wait_device(good)
    wanted = {"modo": "horario", "zona": "UTC", "horarios": [{"inicio": "00:00", "fin": "00:00"}]}
    http.put(f"/dispositivos/{device['id']}", {"configuracion": wanted})
    backend.wait_device(good, 10, estado="activo")
    assert http.get("/salud").json["horarios"]["fallo"] is None
