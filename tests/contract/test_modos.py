"""The mode rules as one table, through both doors; the invariant after every write."""

from __future__ import annotations

import itertools

import pytest

ON, OFF = "activo", "inactivo"


def same(device) -> bool:
    return (device["estado"] == ON) == (device["configuracion"].get("encendido") is True)


def expected(mode, encendido, estado, before):
    """The rule itself: WIRE §3, `Mode rules`."""
    wished = None if encendido is None else (ON if encendido else OFF)
    if mode == "manual":
        return wished or estado or before
    return estado or wished or before


CASES = [
    pytest.param(mode, place, encendido, estado, before, id=f"{mode}-{place}-{encendido}-{estado}-was-{before}")
    for mode, place, encendido, estado, before in itertools.product(
        ("manual", "horario", None), ("nested", "top"), (True, False, None), (ON, OFF, None), (ON, OFF)
    )
    if (encendido is not None or estado is not None) and not (encendido is None and place == "top")
]


@pytest.mark.parametrize(("mode", "place", "encendido", "estado", "before"), CASES)
def test_put_follows_the_mode(http, shared_device, mode, place, encendido, estado, before):
    """Which of encendido and estado rules, for each mode, spelling place and previous state."""
    path = f"/dispositivos/{shared_device(before, mode)}"
    body: dict = {}
    if encendido is not None:
        (body.setdefault("configuracion", {}) if place == "nested" else body)["encendido"] = encendido
    if estado is not None:
        body["estado"] = estado
    answer = http.put(path, body)
    assert answer.status == 200, answer.body
    assert answer.json["estado"] == expected(mode, encendido, estado, before)
    assert same(answer.json)
    assert http.get(path).json["estado"] == answer.json["estado"]


@pytest.fixture
def shared_device(http, detectar, request):
    """A device in a mode and state; one per mode, brought there by PUT."""
    made = request.config.stash.setdefault(_MADE, {})

    def bring(estado, mode):
        key = (http.port, mode)
        if key not in made:
            made[key] = detectar(estado=estado)["id"]
        body = {"estado": estado, "encendido": estado == ON}
        if mode:
            body["configuracion"] = {"modo": mode}
        answer = http.put(f"/dispositivos/{made[key]}", body)
        assert (answer.status, answer.json["estado"]) == (200, estado)
        return made[key]

    return bring


_MADE: pytest.StashKey[dict] = pytest.StashKey()


@pytest.mark.parametrize("mode", ["manual", "horario"])
def test_mode_sent_in_the_same_put_already_rules(http, detectar, mode):
    """The incoming modo is merged first, then decides."""
    device = detectar(estado=OFF)
    other = "horario" if mode == "manual" else "manual"
    path = f"/dispositivos/{device['id']}"
    http.put(path, {"configuracion": {"modo": other}})
    body = http.put(path, {"configuracion": {"modo": mode.upper(), "encendido": True}, "estado": OFF}).json
    assert body["estado"] == (ON if mode == "manual" else OFF)
    assert same(body)


@pytest.mark.parametrize(
    ("spelling", "estado"),
    [(word, ON) for word in (True, "activo", "on", "ON", "true", "1", 1)]
    + [(word, OFF) for word in (False, "inactivo", "off", "False", "0", 0)],
)
def test_accepted_spellings(http, detectar, spelling, estado):
    device = detectar(estado=OFF if estado == ON else ON)
    path = f"/dispositivos/{device['id']}"
    body = http.put(path, {"configuracion": {"modo": "manual", "encendido": spelling}}).json
    assert (body["estado"], body["configuracion"]["encendido"]) == (estado, estado == ON)
    if isinstance(spelling, str):
        http.put(path, {"encendido": estado != ON})
        body = http.put(path, {"configuracion": {"modo": "horario"}, "estado": spelling}).json
        assert body["estado"] == estado
        assert same(body)


def test_nested_wins_nothing_is_lost_when_both_places_agree(http, detectar):
    device = detectar(estado=OFF)
    body = http.put(f"/dispositivos/{device['id']}", {"encendido": True, "configuracion": {"encendido": True}}).json
    assert body["estado"] == ON
    assert "encendido" not in body.get("ignorados", [])


def test_legacy_schedule_flip(http, detectar):
    """What a legacy device sends when its own schedule flips."""
    device = detectar(estado=OFF, configuracion={"modo": "horario", "horarios": {"diario": [["07:00", "on"]]}})
    body = http.put(
        f"/dispositivos/{device['id']}",
        {
            "configuracion": {"modo": "horario", "horarios": {"diario": [["07:00", "on"]]}},
            "encendido": True,
            "estado": "activo",
        },
    ).json
    assert body["estado"] == ON
    assert same(body)


# --- MQTT -------------------------------------------------------------------------------------------------------------
MQTT_CASES = [
    ({"estado": ON}, ON),
    ({"estado": OFF}, OFF),
    ({"configuracion": {"encendido": True}}, ON),
    ({"configuracion": {"encendido": False}}, OFF),
    ({"estado": OFF, "configuracion": {"encendido": True, "modo": "horario"}}, OFF),
    ({"estado": ON, "configuracion": {"encendido": False, "modo": "horario"}}, ON),
    ({"estado": OFF, "configuracion": {"encendido": True, "modo": "manual"}}, ON),
    ({"estado": ON, "configuracion": {"encendido": False, "modo": "manual"}}, OFF),
    ({"estado": OFF, "configuracion": {"encendido": True}}, OFF),
    ({"estado": ON, "configuracion": {"modo": "manual"}}, ON),
    ({"estado": ON, "configuracion": {"color": "azul"}}, ON),
    ({"estado": "on"}, ON),
]


@pytest.mark.parametrize(("report", "estado"), MQTT_CASES, ids=str)
def test_reports_keep_the_invariant(backend, mqtt, serial, report, estado):
    """The same rules over MQTT; after each report estado and encendido agree."""
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"paso": 1}, **report})
    device = backend.wait_device(serial, parametros={"paso": 1})
    assert device["estado"] == estado
    assert same(device)


def test_first_report_without_estado_is_unknown(backend, mqtt, serial):
    mqtt.publish("dispositivos/estado", {"serial_number": serial})
    device = backend.wait_device(serial)
    assert device["estado"] == "desconocido"
    assert device["configuracion"].get("encendido") is not True
