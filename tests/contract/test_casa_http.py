"""The house over HTTP: what it is by default, what people decide, what is refused."""

from __future__ import annotations

import pytest

from tests.support.http import problem

DEFECTO = {"nombre": "", "zona": "America/Santiago", "latitud": -33.45, "longitud": -70.66, "festivos": []}


@pytest.fixture(scope="module")
def settings():
    return {"HOUSE_TIMEZONE": "America/Santiago", "HOUSE_LATITUDE": -33.45, "HOUSE_LONGITUDE": -70.66}


@pytest.fixture(autouse=True)
def as_new(http):
    yield
    assert http.put("/casa", dict.fromkeys(DEFECTO)).json == DEFECTO


def test_the_settings_are_the_default(http):
    assert http.get("/casa").json == DEFECTO


def test_what_is_sent_is_changed_and_null_goes_back(http):
    """Holidays come back sorted and once each."""
    sent = {"nombre": "Casa del lago", "zona": "Europe/Madrid", "festivos": ["2027-01-01", "2026-12-25", "2027-01-01"]}
    found = http.put("/casa", sent).json
    assert found == {**DEFECTO, **sent, "festivos": ["2026-12-25", "2027-01-01"]}
    assert http.get("/casa").json == found
    assert http.put("/casa", {"zona": None}).json["zona"] == "America/Santiago"


def test_it_survives_a_restart(backend, http):
    http.put("/casa", {"zona": "Australia/Lord_Howe", "latitud": -31.55, "longitud": 159.08})
    backend.restart()
    found = http.get("/casa").json
    assert (found["zona"], found["latitud"], found["longitud"]) == ("Australia/Lord_Howe", -31.55, 159.08)


@pytest.mark.parametrize(
    ("body", "campo"),
    [
        ({"zona": "Madrid"}, "zona"),
        ({"zona": "../etc/passwd"}, "zona"),
        ({"zona": 5}, "zona"),
        ({"latitud": 91, "longitud": 0}, "latitud"),
        ({"latitud": "40", "longitud": 0}, "latitud"),
        ({"latitud": 40}, "longitud"),
        ({"longitud": 181, "latitud": 0}, "longitud"),
        ({"festivos": "2026-12-25"}, "festivos"),
        ({"festivos": ["25/12/2026"]}, "festivos[0]"),
        ({"festivos": ["2026-02-30"]}, "festivos[0]"),
        ({"festivos": ["2026-12-25"] * 401}, "festivos"),
        ({"nombre": ""}, "nombre"),
        ({"direccion": "calle"}, "direccion"),
        ({}, ""),
    ],
)
def test_refused_naming_the_field(http, body, campo):
    """And nothing of it is kept."""
    found = problem(http.put("/casa", body), 422)
    assert found["errores"][0]["campo"] == campo
    assert http.get("/casa").json == DEFECTO


def test_streams_are_told(backend, http):
    """A named event, which old readers ignore; not on a stream that looks at one device."""
    with backend.sse() as stream, backend.sse("?serial=NADIE") as other:
        stream.hello()
        other.hello()
        http.put("/casa", {"zona": "Europe/Madrid"})
        assert stream.until(lambda e: e.event == "casa", 5).json["zona"] == "Europe/Madrid"
        assert other.maybe(0.3) is None


def test_other_methods_are_405(http):
    assert problem(http.request("DELETE", "/casa"), 405)


def test_four_hundred_holidays(http):
    days = [f"{2026 + n // 300}-{1 + n % 300 // 25:02}-{1 + n % 25:02}" for n in range(400)]
    assert http.put("/casa", {"festivos": days}).json["festivos"] == sorted(days)
    assert http.put("/casa", {"festivos": [*days, "2030-01-01"]}).status == 422
    assert http.put("/casa", {"festivos": None}).json["festivos"] == []
