"""Preview, level and next change against a minute-by-minute reading of random schedules, mostly on clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from app.domain.horario import Casa, compilar, limpiar
from tests.support.horario_oraculo import NAMES, Oracle

PLACES = {
    "UTC": (51.48, 0.0),
    "Europe/Madrid": (40.42, -3.70),
    "America/Santiago": (-33.45, -70.67),
    "America/Caracas": (10.49, -66.88),
    "Australia/Lord_Howe": (-31.55, 159.08),
}
minutes = st.one_of(
    st.integers(0, 239), st.integers(1380, 1439), st.integers(0, 1439), st.sampled_from([0, 120, 150, 180])
)
clocks = minutes.map(lambda m: f"{m // 60:02}:{m % 60:02}")
suns = st.builds(
    "{}{}{:03}".format, st.sampled_from(["amanecer", "atardecer"]), st.sampled_from("+-"), st.integers(0, 240)
)
times = st.one_of(clocks, clocks, clocks, suns)
windows = st.lists(
    st.fixed_dictionaries(
        {"inicio": times, "fin": times},
        optional={"dias": st.one_of(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.just(["todos"]))},
    ),
    min_size=1,
    max_size=3,
)
events = st.dictionaries(
    st.sampled_from([*NAMES, "diario"]),
    st.lists(st.tuples(times, st.sampled_from(["on", "off"])).map(list), min_size=1, max_size=3),
    min_size=1,
    max_size=4,
)
programmes = st.one_of(windows, events)


@lru_cache(maxsize=1000)
def clock_changes(zona: str, year: int) -> list[date]:
    zone, found, before = ZoneInfo(zona), [], None
    for ordinal in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 2):
        day = date.fromordinal(ordinal)
        offset = datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()
        if before not in (None, offset):
            found.append(day - timedelta(days=1))
        before = offset
    return found


@st.composite
def first_days(draw: Any, zona: str) -> date:
    year = draw(st.one_of(st.integers(1970, 2099), st.integers(2005, 2030)))
    changes = clock_changes(zona, year)
    if changes and draw(st.integers(0, 3)):
        return draw(st.sampled_from(changes)) - timedelta(days=draw(st.integers(0, 2)))
    return date(year, 1, 1) + timedelta(days=draw(st.integers(0, 364)))


@st.composite
def layers(draw: Any, day: date) -> dict[str, Any]:
    """An exception of one to three dates around the three that are looked at."""
    first = day + timedelta(days=draw(st.integers(-3, 2)))
    last = first + timedelta(days=draw(st.integers(0, 2)))
    layer: dict[str, Any] = {"desde": first.isoformat(), "hasta": last.isoformat()}
    if draw(st.booleans()) and not any((d.month, d.day) == (2, 29) for d in (first, last)):
        layer["cada_ano"] = True
        shift = draw(st.sampled_from([0, 0, -4, 3]))
        layer["desde"], layer["hasta"] = (d.replace(year=d.year + shift).isoformat() for d in (first, last))
    return layer | draw(st.one_of(st.builds(dict, horarios=programmes), st.builds(dict, encendido=st.booleans())))


@st.composite
def cases(draw: Any, *, layered: bool) -> tuple[dict[str, Any], date, str, set[date]]:
    zona = draw(st.sampled_from(list(PLACES)))
    day = draw(first_days(zona))
    conf: dict[str, Any] = {"horarios": draw(programmes), "zona": zona}
    festivos: set[date] = set()
    if layered:
        conf["excepciones"] = draw(st.lists(layers(day), max_size=3))
        festivos = {day + timedelta(days=k) for k in draw(st.sets(st.integers(-2, 3), max_size=2))}
        if draw(st.booleans()):
            conf["festivos"] = draw(
                st.one_of(
                    st.just("domingo"),
                    st.builds(dict, horarios=programmes),
                    st.builds(dict, encendido=st.booleans()),
                )
            )
        conf |= draw(marks(Oracle(conf, day, zona=zona, lugar=PLACES[zona], festivos=festivos)))
    return conf, day, zona, festivos


@st.composite
def marks(draw: Any, oracle: Oracle) -> dict[str, Any]:
    """Skipped occurrences that exist, and an override somewhere in the three dates."""
    found: dict[str, Any] = {}
    near = [m for m in oracle.starts if oracle.begin - 2880 <= m < oracle.end]
    if near and draw(st.booleans()):
        found["saltar"] = [at(m).isoformat() for m in draw(st.lists(st.sampled_from(near), max_size=3, unique=True))]
    if draw(st.booleans()):
        start = draw(st.integers(oracle.begin - 600, oracle.end - 1))
        end = draw(st.one_of(st.none(), st.integers(start + 1, start + 3000)))
        found["anulacion"] = {
            "encendido": draw(st.booleans()),
            "desde": at(start).isoformat(),
            "hasta": None if end is None else at(end).isoformat(),
        }
    return found


def at(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def check(conf: dict[str, Any], day: date, zona: str, festivos: set[date]) -> None:
    oracle = Oracle(conf, day, zona=zona, lugar=PLACES[zona], festivos=festivos)
    expected = oracle.levels()
    if None in expected.values():
        reject()  # the newest event is older than the oracle's table
    lat, lon = PLACES[zona]
    plan = compilar(conf, Casa("UTC", lat, lon, tuple(festivos)))
    assert plan is not None
    for minute, on in expected.items():
        nivel = plan.nivel(at(minute))
        assert nivel is not None
        assert nivel.encendido is on, (at(minute).astimezone(ZoneInfo(zona)).isoformat(), nivel)
    changes = [m for m in range(oracle.begin, oracle.end) if expected[m] is not expected[m - 1]]
    preview = plan.transiciones(at(oracle.begin), at(oracle.end))
    assert [(t.instante, t.encendido) for t in preview] == [(at(m), expected[m]) for m in changes]
    for minute in {*range(oracle.begin, oracle.end, 239), *changes, *(m - 1 for m in changes)}:
        following = plan.siguiente(at(minute))
        coming = next((m for m in changes if m > minute), None)
        if coming is None:
            assert following is None or following.instante >= at(oracle.end)
        else:
            assert following is not None
            assert following.instante == at(coming)
    for t in preview:
        nivel = plan.nivel(t.instante)
        assert nivel is not None
        assert (nivel.encendido, nivel.capa, nivel.detalle) == (t.encendido, t.capa, t.detalle)
        assert t.local.astimezone(UTC) == t.instante  # PEP 495: never equal across zones in a repeated hour
        assert str(t.local.tzinfo) == zona


@settings(max_examples=25, deadline=None)
@given(cases(layered=False))
def test_plain_weeks_agree_with_every_minute(case: tuple[dict[str, Any], date, str, set[date]]) -> None:
    """Both shapes, clock and sun."""
    check(*case)


@settings(max_examples=25, deadline=None)
@given(cases(layered=True))
def test_layers_skips_and_overrides_agree_with_every_minute(case: tuple[dict[str, Any], date, str, set[date]]) -> None:
    """Exceptions, yearly ones, holidays, ``saltar`` and ``anulacion`` over both shapes."""
    check(*case)


@settings(max_examples=60, deadline=None)
@given(cases(layered=True), st.integers(0, 3 * 1440))
def test_cleaning_changes_nothing_from_then_on(case: tuple[dict[str, Any], date, str, set[date]], later: int) -> None:
    """``limpiar`` drops only what no longer shows."""
    conf, day, zona, festivos = case
    lat, lon = PLACES[zona]
    casa = Casa("UTC", lat, lon, tuple(festivos))
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=later)
    before, after = compilar(conf, casa), compilar(limpiar(conf, now), casa)
    assert before is not None
    assert after is not None
    for hours in range(0, 240, 7):
        moment = now + timedelta(hours=hours)
        old, new = before.nivel(moment), after.nivel(moment)
        assert (old and old.encendido) is (new and new.encendido)


@pytest.mark.parametrize("zona", PLACES)
def test_the_years_have_the_clock_changes_that_are_meant(zona: str) -> None:
    """The generator does find clock-change nights, so that the properties look at them."""
    assert len(clock_changes(zona, 2026)) == {"UTC": 0, "America/Caracas": 0}.get(zona, 2)
