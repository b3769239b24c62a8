"""Schedules over HTTP: preview, skipping, overriding, the remarks that come with an edit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.http import problem
from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until


def around_now(hours: int = 3) -> list[dict[str, str]]:
    """A window of UTC from an hour ago on."""
    now = datetime.now(UTC)
    return [{"inicio": f"{now - timedelta(hours=1):%H:%M}", "fin": f"{now + timedelta(hours=hours):%H:%M}"}]


@pytest.fixture
def modern(backend, mqtt, http, serials) -> Callable[..., dict[str, Any]]:
    """A device of a topic of its own that follows a schedule, in UTC."""

    def make(horarios: Any, **more: Any) -> dict[str, Any]:
        serial = serials()
        mqtt.publish(own_topic(serial), {"estado": "inactivo"})
        device = backend.wait_device(serial)
        configuracion = {"modo": "horario", "zona": "UTC", "horarios": horarios, **more}
        answer = http.put(f"/dispositivos/{device['id']}", {"configuracion": configuracion})
        assert answer.status == 200, answer.body
        return answer.json

    return make


def schedule(device: dict[str, Any], path: str) -> str:
    return f"/dispositivos/{device['id']}/horario/{path}"


# --- preview ----------------------------------------------------------------------------------------------------------
def test_preview_lists_every_transition_with_its_layer(http, modern):
    """Two a day over a DST night, local and UTC, with the layer and slot that cause them."""
    device = modern([{"inicio": "07:00", "fin": "09:00"}], zona="Europe/Madrid")
    found = http.get(schedule(device, "previa") + "?desde=2027-03-27&hasta=2027-03-28").json
    assert list(found) == ["zona", "desde", "hasta", "gobierna", "ahora", "transiciones", "truncado", "avisos"]
    assert (found["zona"], found["gobierna"], found["truncado"]) == ("Europe/Madrid", "backend", False)
    assert (found["desde"], found["hasta"]) == ("2027-03-26T23:00:00.000000Z", "2027-03-28T22:00:00.000000Z")
    assert [(t["instante"], t["local"], t["encendido"], t["capa"]) for t in found["transiciones"]] == [
        ("2027-03-27T06:00:00.000000Z", "2027-03-27T07:00:00+01:00", True, "semana"),
        ("2027-03-27T08:00:00.000000Z", "2027-03-27T09:00:00+01:00", False, "semana"),
        ("2027-03-28T05:00:00.000000Z", "2027-03-28T07:00:00+02:00", True, "semana"),
        ("2027-03-28T07:00:00.000000Z", "2027-03-28T09:00:00+02:00", False, "semana"),
    ]


def test_preview_is_of_the_coming_week_by_default(http, modern):
    found = http.get(schedule(modern(around_now()), "previa")).json
    desde, hasta = datetime.fromisoformat(found["desde"]), datetime.fromisoformat(found["hasta"])
    assert hasta - desde == timedelta(days=7)
    assert abs(desde - datetime.now(UTC)) < timedelta(seconds=10)
    assert found["ahora"]["encendido"] is True
    assert len(found["transiciones"]) == 14


def test_preview_of_a_legacy_device_says_who_rules(http, detectar):
    """It evaluates its schedule itself; of one without a schedule there is nothing to come."""
    device = detectar()
    found = http.get(schedule(device, "previa")).json
    assert (found["gobierna"], found["ahora"], found["transiciones"]) == ("dispositivo", None, [])


def test_preview_takes_instants_with_an_offset_and_plain_plus_signs(http, modern):
    device = modern(around_now())
    path = schedule(device, "previa")
    one = http.get(f"{path}?desde=2027-01-01T00:00:00%2B01:00&hasta=2027-01-02T00:00:00Z").json
    assert one["desde"] == "2026-12-31T23:00:00.000000Z"
    assert http.get(f"{path}?desde=2027-01-01T00:00:00+01:00&hasta=2027-01-02T00:00:00Z").json == one


@pytest.mark.parametrize(
    ("query", "campo"),
    [
        ("desde=ayer", "desde"),
        ("desde=2027-13-01", "desde"),
        ("desde=0001-01-01", "desde"),
        ("hasta=9999-12-31", "hasta"),
        ("desde=20270101", "desde"),
        ("desde=2027-01-02&hasta=2027-01-01", "hasta"),
        ("desde=2027-01-01&hasta=2028-06-01", "hasta"),
        ("desde=2027-01-01T25:00", "desde"),
        ("desde=%00", "desde"),
    ],
)
def test_preview_refuses_what_is_no_time(http, detectar, query, campo):
    body = problem(http.get(schedule(detectar(), f"previa?{query}")), 422)
    assert body["errores"][0]["campo"] == campo


def test_preview_is_bounded(http, modern):
    """1,000 transitions at most, and it says that there are more."""
    busy = [{"inicio": f"{h:02}:00", "fin": f"{h:02}:30"} for h in range(24)]
    found = http.get(schedule(modern(busy), "previa?desde=2027-01-01&hasta=2027-12-31")).json
    assert (len(found["transiciones"]), found["truncado"]) == (1000, True)


def test_unknown_devices_are_404(http):
    for method, path in (("GET", "previa"), ("POST", "saltar"), ("DELETE", "saltar"), ("DELETE", "anular")):
        problem(http.request(method, f"/dispositivos/999999/horario/{path}"), 404)


# --- skip -------------------------------------------------------------------------------------------------------------
def test_skip_names_the_occurrence_and_the_preview_leaves_it_out(http, modern):
    device = modern([{"inicio": "07:00", "fin": "09:00"}])
    before = http.get(schedule(device, "previa")).json["transiciones"]
    answer = http.post(schedule(device, "saltar"))
    assert answer.status == 200
    skipped = answer.json["saltada"]
    assert skipped["encendido"] is True
    assert "07:00" in answer.json["mensaje"]
    assert answer.etag == http.get(f"/dispositivos/{device['id']}").etag
    after = http.get(schedule(device, "previa")).json["transiciones"]
    assert skipped["instante"] in {t["instante"] for t in before}
    assert skipped["instante"] not in {t["instante"] for t in after if t["encendido"]}
    assert http.request("DELETE", schedule(device, "saltar")).json["saltar"] == []
    assert http.get(schedule(device, "previa")).json["transiciones"] == before


def test_skipping_again_skips_the_one_after_and_ends(http, modern):
    """Each time the next one that is not skipped yet; 64 at most, then it says so and changes nothing."""
    device = modern([{"inicio": "07:00", "fin": "09:00"}, {"inicio": "19:00", "fin": "21:00"}])
    starts = [t["instante"] for t in http.get(schedule(device, "previa")).json["transiciones"] if t["encendido"]]
    skipped = [http.post(schedule(device, "saltar")).json["saltada"]["instante"] for _ in range(64)]
    assert skipped == sorted(set(skipped))
    assert skipped[: len(starts)] == starts
    before = http.get(f"/dispositivos/{device['id']}").json
    problem(http.post(schedule(device, "saltar")), 409)
    assert http.get(f"/dispositivos/{device['id']}").json == before
    assert not any(t["encendido"] for t in http.get(schedule(device, "previa")).json["transiciones"])


def test_skipping_is_for_driven_devices(http, detectar, modern):
    """A legacy device would not hear of it; in manual mode there is nothing to skip."""
    body = problem(http.post(schedule(detectar(), "saltar")), 409)
    assert body["codigo"] == "horario_no_aplicable"
    device = modern(around_now())
    http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual"}})
    problem(http.post(schedule(device, "saltar")), 409)


def test_nothing_to_skip(http, modern):
    problem(http.post(schedule(modern([]), "saltar")), 409)


def test_forgetting_nothing_changes_nothing(http, detectar):
    device = detectar()
    assert http.request("DELETE", schedule(device, "saltar")).status == 200
    assert http.get(f"/dispositivos/{device['id']}").json["version"] == device["version"]


# --- override ---------------------------------------------------------------------------------------------------------
def test_override_and_back(backend, http, modern):
    """Off inside its window, for an hour; cancelled, the scheduler switches it on again."""
    device = modern(around_now())
    backend.wait_device(device["serial_number"], estado="activo")
    answer = http.post(schedule(device, "anular"), {"encendido": False, "durante_s": 3600})
    assert answer.status == 200
    assert answer.json["anulacion"]["encendido"] is False
    assert backend.wait_device(device["serial_number"], estado="inactivo")
    assert http.get(schedule(device, "previa")).json["ahora"]["capa"] == "anulacion"
    assert http.request("DELETE", schedule(device, "anular")).json["anulacion"] is None
    backend.wait_device(device["serial_number"], estado="activo")


def test_a_put_is_an_override_too(backend, http, modern):
    """The README's PUT on a device that follows a schedule is not undone by it; `durante_s` says for how long."""
    device = modern(around_now())
    path = f"/dispositivos/{device['id']}"
    backend.wait_device(device["serial_number"], estado="activo")
    body = http.put(path, {"encendido": False, "durante_s": 1}).json
    assert body["estado"] == "inactivo"
    assert body["configuracion"]["anulacion"]["encendido"] is False
    backend.wait_device(device["serial_number"], estado="activo")  # by itself, a second later


def test_asking_what_the_schedule_says_is_no_override(backend, http, modern):
    device = modern(around_now())
    backend.wait_device(device["serial_number"], estado="activo")
    answer = http.post(schedule(device, "anular"), {"encendido": True})
    assert answer.json["anulacion"] is None


@pytest.mark.parametrize(
    ("body", "campo"),
    [
        ({}, "encendido"),
        ({"encendido": "quizas"}, "encendido"),
        ({"encendido": True, "durante_s": 0}, "durante_s"),
        ({"encendido": True, "durante_s": 604_801}, "durante_s"),
        ({"encendido": True, "durante_s": "60"}, "durante_s"),
        ({"encendido": True, "hasta": "mañana"}, "hasta"),
        ({"encendido": True, "hasta": "2030-01-01T00:00:00"}, "hasta"),
        ({"encendido": True, "hasta": "2020-01-01T00:00:00Z"}, "hasta"),
        ({"encendido": True, "hasta": "2099-01-01T00:00:00Z"}, "hasta"),
        ({"encendido": True, "hasta": "2099-01-01T00:00:00Z", "durante_s": 5}, "durante_s"),
        ({"encendido": True, "cuando": "luego"}, "cuando"),
    ],
)
def test_override_refuses(http, modern, body, campo):
    problem_body = problem(http.post(schedule(modern(around_now()), "anular"), body), 422)
    assert problem_body["errores"][0]["campo"] == campo


def test_put_refuses_a_time_for_what_is_no_override(http, detectar):
    """On a legacy device, or without asking for anything."""
    path = f"/dispositivos/{detectar()['id']}"
    assert problem(http.put(path, {"encendido": True, "durante_s": 60}), 422)["errores"][0]["campo"] == "durante_s"
    assert problem(http.put(path, {"encendido": True, "hasta": "x"}), 422)["errores"][0]["campo"] == "hasta"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "saltar", None),
        ("DELETE", "saltar", None),
        ("POST", "anular", {"encendido": True}),
        ("DELETE", "anular", None),
    ],
)
def test_a_stale_version_is_412(http, modern, method, path, body):
    device = modern(around_now())
    answer = http.request(method, schedule(device, path), body, headers={"If-Match": '"1"'})
    assert problem(answer, 412)["codigo"] == "version_obsoleta"


# --- edits ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("configuracion", "campo"),
    [
        ({"zona": "Madrid"}, "configuracion.zona"),
        ({"anulacion": 5}, "configuracion.anulacion"),
        ({"saltar": "todo"}, "configuracion.saltar"),
        ({"excepciones": [{"desde": "2026-02-30"}]}, "configuracion.excepciones[0].desde"),
        ({"horarios": [{"inicio": "amanecer+900", "fin": "09:00"}]}, "configuracion.horarios[0].inicio"),
        ({"horarios": [{"inicio": "25:99", "fin": "09:00"}]}, "configuracion.horarios[0].inicio"),
    ],
)
def test_schedule_keys_are_checked_at_every_door(http, detectar, serial, configuracion, campo):
    device = detectar()
    put = problem(http.put(f"/dispositivos/{device['id']}", {"configuracion": configuracion}), 422)
    assert put["errores"][0]["campo"] == campo
    claim = {"serial_number": device["serial_number"], "configuracion": configuracion}
    problem(http.post("/dispositivos/reclamar", claim), 422)
    problem(http.post("/dispositivos", {"serial_number": serial, "configuracion": configuracion}), 422)


def test_sun_times_are_kept_as_sent(http, detectar):
    device = detectar()
    horarios = [{"dias": ["todos"], "inicio": "atardecer-15", "fin": "23:00"}]
    body = http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "horario", "horarios": horarios}}).json
    assert body["configuracion"]["horarios"] == horarios
    assert "sin_coordenadas" in {a["codigo"] for a in body["avisos"]}  # the house does not know where it is
    eventos = {"diario": [["amanecer", "off"], ["atardecer+01:00", "on"]]}
    assert http.put(f"/dispositivos/{device['id']}", {"configuracion": {"horarios": eventos}}).status == 200


OVERLAP = [{"inicio": "07:00", "fin": "09:00"}, {"inicio": "08:00", "fin": "10:00"}]


def test_an_edit_of_the_schedule_answers_the_remarks(http, detectar, serial):
    """With PUT, claim and POST; only when the request touched the schedule, and there are any."""
    device = detectar()
    path, mode = f"/dispositivos/{device['id']}", {"modo": "horario", "horarios": OVERLAP}
    body = http.put(path, {"configuracion": mode}).json
    assert [a["codigo"] for a in body["avisos"]] == ["solapado"]
    assert set(body["avisos"][0]) == {"campo", "codigo", "mensaje"}
    assert "avisos" not in http.put(path, {"nombre": "Farol"}).json
    assert "avisos" not in http.put(path, {"configuracion": {"intervalo_envio": 5}}).json
    assert "avisos" not in http.put(path, {"configuracion": {"horarios": OVERLAP[:1]}}).json
    claim = http.post("/dispositivos/reclamar", {"serial_number": device["serial_number"], "configuracion": mode}).json
    assert list(claim) == ["mensaje", "id", "avisos"]
    assert "avisos" in http.post("/dispositivos", {"serial_number": serial, "configuracion": mode}).json


def test_the_schedule_acts_with_its_cause_in_the_log(backend, http, modern):
    """The row of the log says which slot it was."""
    device = modern(around_now())
    backend.wait_device(device["serial_number"], estado="activo")
    causas = [row["causa"] for row in backend.logs(device["id"])["data"]]
    assert {"tipo": "horario"}.items() <= causas[0].items()
    assert causas[0]["detalle"].startswith("semana: ")


def test_health_and_metrics_show_the_scheduler(backend, http, modern):
    device = modern(around_now())
    backend.wait_device(device["serial_number"], estado="activo")
    part = http.get("/salud").json["horarios"]
    assert part["estado"] == "bien"
    assert part["vivo"] is True
    assert part["guiados"] >= 1
    assert datetime.fromisoformat(part["proxima"]) > datetime.now(UTC) - timedelta(seconds=5)
    assert backend.metric("iot_horarios_dispositivos") == part["guiados"]
    wait_until(lambda: backend.metric("iot_horarios_pedidos_total") >= 1, 5, "the ask is counted")
