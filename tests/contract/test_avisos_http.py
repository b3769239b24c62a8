"""The inbox of notices: GET /avisos, seen, resolved (README)."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def settings():
    return {"COMMAND_GRACE_S": 0}


@pytest.fixture
def notice(http, detectar, mqtt):
    """A switch that the device refuses is one notice."""
    device = detectar(estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    mqtt.publish("dispositivos/estado", {"serial_number": device["serial_number"], "estado": "inactivo"})
    from tests.support.procesos import wait_until

    wait_until(lambda: http.get(f"/avisos?dispositivo={device['id']}").json["total"], 5, "the notice")
    return http.get(f"/avisos?dispositivo={device['id']}").json["data"][0]


def test_a_refused_switch_is_in_the_inbox_until_seen_and_resolved(http, notice):
    assert (notice["tipo"], notice["estado"], notice["gravedad"]) == ("orden_rechazada", "nuevo", "advertencia")
    path = f"/avisos/{notice['id']}"
    assert http.get(path).json == notice
    assert http.post(f"{path}/visto").json["estado"] == "visto"
    assert http.post(f"{path}/resuelto").json["estado"] == "resuelto"
    assert http.get("/avisos?estado=nuevo").json["nuevos"] == 0


def test_each_step_is_told_live(backend, http, notice):
    """As a named event, to who looks at that device and to who looks at all, and to nobody else."""
    path = f"/avisos/{notice['id']}"
    with (
        backend.sse().hello() as everything,
        backend.sse(f"?serial={notice['serial_number']}").hello() as one,
        backend.sse("?serial=OTRO").hello() as other,
    ):
        seen, over = http.post(f"{path}/visto").json, http.post(f"{path}/resuelto").json
        for reader in (everything, one):
            told = [reader.until(lambda e: e.event == "aviso").json for _ in range(2)]
            assert told == [seen, over]
        http.post("/dispositivos", {"serial_number": "OTRO", "nombre": "n", "tipo": "t"})
        assert other.next().json["serial_number"] == "OTRO"


def test_all_seen_at_once(http, notice):
    assert http.post("/avisos/vistos").json["vistos"] >= 1
    assert http.get(f"/avisos/{notice['id']}").json["estado"] == "visto"


@pytest.mark.parametrize("query", ["?estado=raro", "?dispositivo=x", "?page=0"])
def test_queries_that_make_no_sense(http, query):
    assert http.get(f"/avisos{query}").status == 422


def test_a_notice_that_is_not_there(http):
    assert http.get("/avisos/999999").status == 404
