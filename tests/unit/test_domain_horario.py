"""Schedules as levels: clock-change nights, midnight, layers, skips and overrides, one case each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.horario import (
    Casa,
    Plan,
    compilar,
    estado_deseado,
    limpiar,
    poner_anulacion,
    revisar,
    saltar_siguiente,
    validar,
)
from app.domain.horario_zona import UTC_ZONE

MADRID = Casa("Europe/Madrid", 40.4168, -3.7038, (date(2026, 12, 25),))
NIGHT = [{"dias": ["lunes"], "inicio": "22:00", "fin": "06:00"}]
MORNING = {"diario": [["07:00", "on"], ["23:00", "off"]]}


def plan(casa: Casa = MADRID, **configuracion: Any) -> Plan:
    found = compilar(configuracion, casa)
    assert found is not None
    return found


def local(text: str, zona: str = "Europe/Madrid", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zona), fold=fold).astimezone(UTC)


def changes(casa: Casa, day: str, days: int = 1, **configuracion: Any) -> list[str]:
    """Changes of some local dates: local time with its offset, and the state."""
    start = local(day, casa.zona)
    end = local((datetime.fromisoformat(day) + timedelta(days=days)).isoformat(), casa.zona)
    found = plan(casa, **configuracion).transiciones(start, end)
    return [f"{t.local.isoformat()[11:16]}{t.local.isoformat()[19:]} {'on' if t.encendido else 'off'}" for t in found]


# One window over the times that vanish or come twice. Source: the IANA database; the policy: horario_zona.py.
CLOCK_NIGHTS = [
    # Spring in Madrid: 02:00 becomes 03:00.
    ("Europe/Madrid", "2026-03-29", "02:30", "04:00", ["03:00+02:00 on", "04:00+02:00 off"]),
    ("Europe/Madrid", "2026-03-29", "01:00", "02:30", ["01:00+01:00 on", "03:00+02:00 off"]),
    ("Europe/Madrid", "2026-03-29", "02:10", "02:50", []),
    # Autumn: 03:00 becomes 02:00 again.
    ("Europe/Madrid", "2026-10-25", "02:30", "04:00", ["02:30+02:00 on", "04:00+01:00 off"]),
    ("Europe/Madrid", "2026-10-25", "02:10", "02:50", ["02:10+02:00 on", "02:50+02:00 off"]),
    ("Europe/Madrid", "2026-10-25", "01:00", "03:00", ["01:00+02:00 on", "03:00+01:00 off"]),
    # Santiago has no 00:30 on the first Sunday of September, and 23:30 twice on the first Saturday of April.
    ("America/Santiago", "2026-09-06", "00:30", "02:00", ["01:00-03:00 on", "02:00-03:00 off"]),
    ("America/Santiago", "2026-09-06", "00:10", "00:40", []),
    ("America/Santiago", "2026-04-04", "23:30", "23:59", ["23:30-03:00 on", "23:59-03:00 off"]),
    ("America/Santiago", "2026-04-04", "22:00", "23:30", ["22:00-03:00 on", "23:30-03:00 off"]),
    # Caracas changed its offset by half an hour: back in 2007 (03:00 becomes 02:30), forward in 2016 (02:30, 03:00).
    ("America/Caracas", "2016-05-01", "02:40", "04:00", ["03:00-04:00 on", "04:00-04:00 off"]),
    ("America/Caracas", "2007-12-09", "02:40", "04:00", ["02:40-04:00 on", "04:00-04:30 off"]),
    # Lord Howe moves by half an hour: 02:00 becomes 02:30, and in April 01:30 again.
    ("Australia/Lord_Howe", "2026-10-04", "02:10", "03:00", ["02:30+11:00 on", "03:00+11:00 off"]),
    ("Australia/Lord_Howe", "2026-10-04", "02:00", "02:20", []),
    ("Australia/Lord_Howe", "2026-04-05", "01:40", "02:30", ["01:40+11:00 on", "02:30+10:30 off"]),
    # A year far beyond the tables, by the rule of the zone.
    ("Europe/Madrid", "2099-03-29", "02:30", "04:00", ["03:00+02:00 on", "04:00+02:00 off"]),
    # Newfoundland went back at 00:01, so that a date began twice: once is enough.
    ("America/St_Johns", "2006-10-29", "00:00", "00:30", ["00:00-02:30 on", "00:30-03:30 off"]),
]


@pytest.mark.parametrize(("zona", "day", "start", "end", "expected"), CLOCK_NIGHTS)
def test_windows_on_clock_change_nights(zona: str, day: str, start: str, end: str, expected: list[str]) -> None:
    """What does not exist moves to the end of the gap; what comes twice counts the first time."""
    assert changes(Casa(zona), day, horarios=[{"inicio": start, "fin": end}]) == expected


@pytest.mark.parametrize(
    ("zona", "day", "at", "expected"),
    [
        ("Europe/Madrid", "2026-03-29", "02:30", "03:00+02:00 on"),
        ("Europe/Madrid", "2026-10-25", "02:30", "02:30+02:00 on"),
        ("America/Santiago", "2026-09-06", "00:15", "01:00-03:00 on"),
        ("America/Santiago", "2026-04-04", "23:15", "23:15-03:00 on"),
        ("America/Caracas", "2016-05-01", "02:45", "03:00-04:00 on"),
        ("America/Caracas", "2007-12-09", "02:45", "02:45-04:00 on"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "02:30+11:00 on"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "01:45+11:00 on"),
    ],
)
def test_events_on_clock_change_nights(zona: str, day: str, at: str, expected: str) -> None:
    """Each event once, and the device is on until the next one."""
    horarios = {"diario": [[at, "on"], ["12:00", "off"]]}
    found = changes(Casa(zona), day, horarios=horarios)
    assert len(found) == 2
    assert [change for change in found if change.endswith("on")] == [expected]


def test_a_date_that_the_zone_left_out_has_no_windows_of_its_own() -> None:
    """Samoa had no 30 December 2011; a window over its night ends on the 31st."""
    week = [{"dias": ["viernes"], "inicio": "08:00", "fin": "09:00"}]
    assert changes(Casa("Pacific/Apia"), "2011-12-29", 3, horarios=week) == []
    night = [{"dias": ["viernes"], "inicio": "22:00", "fin": "06:00"}]
    assert changes(Casa("Pacific/Apia"), "2011-12-29", 3, horarios=night) == ["00:00+14:00 on", "06:00+14:00 off"]


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    """Monday's night reaches into Tuesday; Monday's early hours are not its."""
    found = plan(horarios=NIGHT).transiciones(local("2026-11-23"), local("2026-11-30"))
    assert [(t.local.isoformat()[:16], t.encendido) for t in found] == [
        ("2026-11-23T22:00", True),
        ("2026-11-24T06:00", False),
    ]
    assert {t.detalle for t in found} == {"lunes 22:00–06:00"}


def test_events_hold_across_days_and_the_weekend() -> None:
    """On since Friday night, all through a weekend without events."""
    horarios = {"viernes": [["20:00", "on"]], "lunes": [["08:00", "off"]]}
    assert estado_deseado({"horarios": horarios}, local("2026-11-29T12:00"), MADRID) is True
    assert estado_deseado({"horarios": horarios}, local("2026-11-30T08:00"), MADRID) is False
    following = plan(horarios=horarios).siguiente(local("2026-11-28"))
    assert following is not None
    assert following.local.isoformat() == "2026-11-30T08:00:00+01:00"
    assert (following.capa, following.detalle) == ("semana", "lunes 08:00 apagado")


def test_of_two_events_at_one_minute_the_later_written_wins() -> None:
    horarios = {"lunes": [["08:00", "off"], ["08:00", "on"]], "diario": [["23:00", "off"]]}
    assert estado_deseado({"horarios": horarios}, local("2026-11-30T08:00"), MADRID) is True


def test_the_leap_day_is_a_day() -> None:
    """29 February 2028 is a Tuesday; a yearly layer of that date has no day in 2027."""
    tuesday = [{"dias": ["martes"], "inicio": "10:00", "fin": "11:00"}]
    assert changes(MADRID, "2028-02-29", horarios=tuesday) == ["10:00+01:00 on", "11:00+01:00 off"]
    leap = [{"desde": "2024-02-29", "cada_ano": True, "encendido": True}]
    assert changes(MADRID, "2028-02-28", 3, excepciones=leap) == ["00:00+01:00 on", "00:00+01:00 off"]
    assert changes(MADRID, "2027-02-27", 3, excepciones=leap) == []


def test_a_layer_replaces_its_days_and_last_evening_runs_out() -> None:
    """Off on Tuesday 24th, but Monday's window still runs until 06:00; the last layer listed wins."""
    off = {"nombre": "Viaje", "desde": "2026-11-24", "hasta": "2026-11-30", "encendido": False}
    first = plan(horarios=NIGHT, excepciones=[off])
    assert estado_deseado({"horarios": NIGHT, "excepciones": [off]}, local("2026-11-24T03:00"), MADRID) is True
    nivel = first.nivel(local("2026-11-24T12:00"))
    assert nivel is not None
    assert (nivel.encendido, nivel.detalle) == (False, "lunes 22:00–06:00")
    nivel = first.nivel(local("2026-11-30T22:30"))
    assert nivel is not None
    assert (nivel.capa, nivel.detalle) == ("excepcion", "excepción Viaje: todo el día apagado")
    on = {"desde": "2026-11-26", "encendido": "on"}
    assert changes(MADRID, "2026-11-26", excepciones=[off, on]) == ["00:00+01:00 on"]
    assert changes(MADRID, "2026-11-26", excepciones=[on, off]) == []


def test_a_year_end_layer_repeats_over_the_new_year() -> None:
    """20 December to 6 January, every year, with windows of its own."""
    lights = {
        "nombre": "Navidad", "desde": "2020-12-20", "hasta": "2021-01-06", "cada_ano": True,
        "horarios": [{"inicio": "18:00", "fin": "23:00"}],
    }  # fmt: skip
    found = plan(excepciones=[lights]).transiciones(local("2026-12-01"), local("2027-02-01"))
    assert len(found) == 2 * 18
    assert found[0].local.isoformat()[:16] == "2026-12-20T18:00"
    assert found[-1].local.isoformat()[:16] == "2027-01-06T23:00"
    assert found[0].detalle == "excepción Navidad: 18:00–23:00"


def test_holidays_are_sundays_when_asked_and_exceptions_win_over_them() -> None:
    """25 December 2026 is a Friday and a holiday of this house."""
    week = [
        {"dias": ["viernes"], "inicio": "07:00", "fin": "08:00"},
        {"dias": ["domingo"], "inicio": "10:00", "fin": "11:00"},
    ]
    assert changes(MADRID, "2026-12-25", horarios=week) == ["07:00+01:00 on", "08:00+01:00 off"]
    assert changes(MADRID, "2026-12-25", horarios=week, festivos="domingo") == ["10:00+01:00 on", "11:00+01:00 off"]
    assert changes(MADRID, "2026-12-25", horarios=week, festivos={"encendido": False}) == []
    never = [{"desde": "2026-12-25", "horarios": []}]
    assert changes(MADRID, "2026-12-25", horarios=week, festivos="domingo", excepciones=never) == []


def test_after_a_layer_without_events_the_week_goes_on_as_if_it_had_never_been_away() -> None:
    """A day on by exception, then what 23:00 off of that hidden evening left; a layer's own events hold on instead."""
    on = [{"desde": "2026-11-25", "encendido": True}]
    assert changes(MADRID, "2026-11-25", 2, horarios=MORNING, excepciones=on) == [
        "00:00+01:00 on", "00:00+01:00 off", "07:00+01:00 on", "23:00+01:00 off",
    ]  # fmt: skip
    late = [{"desde": "2026-11-25", "horarios": {"diario": [["20:00", "on"]]}}]
    assert changes(MADRID, "2026-11-25", 2, horarios=MORNING, excepciones=late) == ["20:00+01:00 on", "23:00+01:00 off"]


def test_the_devices_zone_wins_over_the_houses() -> None:
    assert estado_deseado({"horarios": NIGHT, "zona": "America/Caracas"}, local("2026-11-23T22:30"), MADRID) is False
    assert plan(horarios=NIGHT, zona="Marte/Base").zona == "Europe/Madrid"
    assert plan(Casa("Nowhere"), horarios=NIGHT).zona == "UTC"


def test_utc_needs_no_time_zone_database() -> None:
    """A machine without one starts, and its schedules go by UTC."""
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert moment.astimezone(UTC_ZONE).isoformat() == "2026-07-01T12:00:00+00:00"
    assert datetime(2099, 1, 1, tzinfo=UTC_ZONE) == datetime(2099, 1, 1, tzinfo=UTC)


def test_sun_windows_follow_the_sun_and_never_run_into_the_next_day_by_the_season() -> None:
    """Sunset to 01:00 and to sunrise cross midnight; 19:00 to sunset is empty in winter."""
    assert changes(MADRID, "2026-12-21", horarios=[{"inicio": "atardecer", "fin": "01:00"}])[0] == "01:00+01:00 off"
    assert changes(MADRID, "2026-06-21", horarios=[{"inicio": "amanecer-0:15", "fin": "sunrise+30"}]) == [
        "06:30+02:00 on", "07:15+02:00 off",
    ]  # fmt: skip
    evening = [{"inicio": "19:00", "fin": "atardecer"}]
    assert changes(MADRID, "2026-12-21", horarios=evening) == []
    assert changes(MADRID, "2026-06-21", horarios=evening) == ["19:00+02:00 on", "21:49+02:00 off"]
    assert changes(MADRID, "2026-06-21", horarios={"diario": [["Atardecer + 0:30", "on"], ["amanecer", "off"]]}) == [
        "06:45+02:00 off", "22:19+02:00 on",
    ]  # fmt: skip


def test_without_coordinates_a_sun_slot_never_acts() -> None:
    """A schedule of nothing else says nothing; beside it the others go on."""
    sun = {"inicio": "atardecer", "fin": "amanecer"}
    assert compilar({"horarios": [sun]}, Casa("Europe/Madrid")) is None
    assert changes(Casa("Europe/Madrid"), "2026-11-23", horarios=[sun, *NIGHT]) == ["22:00+01:00 on"]


def test_skip_the_next_window_and_the_next_event() -> None:
    """The window does not happen; the event is as if it were not there."""
    now = local("2026-11-23T12:00")
    skipped = saltar_siguiente({"horarios": NIGHT}, now, MADRID)
    assert skipped is not None
    configuracion, what = skipped
    assert configuracion["saltar"] == ["2026-11-23T21:00:00Z"]
    assert (what.local.isoformat()[:16], what.detalle) == ("2026-11-23T22:00", "lunes 22:00–06:00")
    nivel = plan(**configuracion).nivel(local("2026-11-23T23:00"))
    assert nivel is not None
    assert (nivel.encendido, nivel.capa, nivel.detalle) == (False, "saltar", "se salta lunes 22:00–06:00")
    again = saltar_siguiente(configuracion, now, MADRID)
    assert again is not None
    assert again[0]["saltar"] == ["2026-11-23T21:00:00Z", "2026-11-30T21:00:00Z"]
    configuracion, what = saltar_siguiente({"horarios": MORNING}, now, MADRID) or ({}, what)
    assert what.encendido is False
    nivel = plan(**configuracion).nivel(local("2026-11-24T01:00"))
    assert nivel is not None
    assert (nivel.encendido, nivel.capa) == (True, "saltar")
    assert saltar_siguiente({"horarios": []}, now, MADRID) is None
    full = {"horarios": NIGHT, "saltar": [f"2026-12-{d:02}T00:{m:02}:00Z" for d in range(1, 9) for m in range(8)]}
    assert saltar_siguiente(full, now, MADRID) is None


def test_an_override_lasts_until_the_next_transition_or_as_told() -> None:
    """Stored as instants; on its end the schedule rules again; without a next transition it has no end."""
    now = local("2026-11-23T12:00")
    until_night = poner_anulacion({"horarios": NIGHT, "x": 1}, True, hasta=None, ahora=now, casa=MADRID)
    assert until_night["anulacion"] == {
        "encendido": True, "desde": "2026-11-23T11:00:00Z", "hasta": "2026-11-23T21:00:00Z",
    }  # fmt: skip
    assert until_night["x"] == 1
    nivel = plan(**until_night).nivel(now)
    assert nivel is not None
    assert (nivel.capa, nivel.detalle) == ("anulacion", "manual hasta 2026-11-23 22:00")
    hour = poner_anulacion(
        until_night, False, hasta=local("2026-11-24T00:00"), ahora=local("2026-11-23T23:00"), casa=MADRID
    )
    assert changes(MADRID, "2026-11-23", 2, **hour) == [
        "22:00+01:00 on", "23:00+01:00 off", "00:00+01:00 on", "06:00+01:00 off",
    ]  # fmt: skip
    forever = poner_anulacion({}, True, hasta=None, ahora=now, casa=MADRID)
    assert forever["anulacion"]["hasta"] is None
    assert estado_deseado(forever, local("2099-01-01"), MADRID) is True
    assert estado_deseado(forever, local("2026-11-23T11:59"), MADRID) is None


def test_an_override_survives_a_clock_that_starts_in_1970() -> None:
    """Before its beginning it is not in force, and nothing is thrown away."""
    configuracion = poner_anulacion({"horarios": NIGHT}, True, hasta=None, ahora=local("2026-11-23T12:00"), casa=MADRID)
    then = datetime(1970, 1, 1, tzinfo=UTC)
    assert estado_deseado(configuracion, then, MADRID) is False
    assert limpiar(configuracion, then) is configuracion


def test_cleaning_drops_what_is_over() -> None:
    now = local("2026-11-23T12:00")
    configuracion = {
        "horarios": NIGHT,
        "saltar": ["2026-08-01T00:00:00Z", "2026-11-20T00:00:00Z", "2026-12-01T00:00:00Z"],
        "anulacion": {"encendido": True, "desde": "2026-01-01T00:00:00Z", "hasta": "2026-01-02T00:00:00Z"},
    }
    assert limpiar(configuracion, now) == {"horarios": NIGHT, "saltar": configuracion["saltar"][1:]}
    assert "saltar" not in limpiar({"saltar": ["2026-01-01T00:00:00Z"]}, now)
    assert limpiar({"horarios": NIGHT}, now) == {"horarios": NIGHT}


def test_a_schedule_that_never_changes_has_no_next_transition() -> None:
    """Found without looking at every one of 400 days; what lies beyond 400 days is not looked for."""
    always = [{"inicio": "00:00", "fin": "00:00"}]
    now = local("2026-11-23")
    assert plan(horarios=always).siguiente(now) is None
    late = [{"desde": "2027-12-01", "encendido": False}]
    found = plan(horarios=always, excepciones=late).siguiente(now)
    assert found is not None
    assert found.local.isoformat()[:16] == "2027-12-01T00:00"
    assert plan(horarios=always, excepciones=[{"desde": "2028-03-01", "encendido": False}]).siguiente(now) is None


def test_the_preview_is_bounded_and_half_open() -> None:
    week = plan(horarios=MORNING)
    start, end = local("2026-11-23T07:00"), local("2026-11-24T07:00")
    assert [t.encendido for t in week.transiciones(start, end)] == [True, False]
    assert len(week.transiciones(start, local("2099-01-01"), 7)) == 7
    assert len(week.transiciones(start, local("2099-01-01"))) == 1000


@pytest.mark.parametrize("year", [1, 1900, 2199, 9999])
def test_far_years_are_never_an_exception(year: int) -> None:
    """Outside 1960 to 2199 the schedule says nothing."""
    moment = datetime(year, 12, 31, 23, 59, tzinfo=UTC) if year > 1 else datetime(1, 1, 1, tzinfo=UTC)
    week = plan(horarios=MORNING)
    assert week.transiciones(moment, moment) == []
    if year != 2199:
        assert week.nivel(moment) is None
        assert week.siguiente(moment) is None
    assert isinstance(revisar({"horarios": MORNING}, MADRID, moment), list)


words = st.sampled_from([
    "lunes", "diario", "domingo", "07:00", "24:00", "amanecer+30", "atardecer-99999", "on", "off", "2026-11-24",
    "0001-01-01", "9999-12-31", "2026-11-24T10:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
    "Europe/Madrid", "America", "../etc/passwd", "\ud800", "\x00", "",
])  # fmt: skip
keys = st.sampled_from([
    "dias", "inicio", "fin", "start", "end", "lunes", "diario", "x", "desde", "hasta", "nombre", "cada_ano", "horarios",
    "encendido",
])  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["modo", "horarios", "zona", "excepciones", "festivos", "saltar", "anulacion"]), json_values
    ),
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_nonsense_is_never_an_exception(configuracion: dict[str, Any], now: datetime) -> None:
    """Any JSON under any of the keys: at worst it does nothing, and every function answers."""
    found = compilar(configuracion, MADRID)
    if found is not None:
        found.nivel(now)
        found.siguiente(now)
        found.transiciones(now, now + timedelta(days=40), 20)
    revisar(configuracion, MADRID, now)
    validar(configuracion)
    limpiar(configuracion, now)
    saltar_siguiente(configuracion, now, MADRID)
    assert poner_anulacion(configuracion, True, hasta=None, ahora=now, casa=MADRID)["anulacion"]["encendido"] is True
