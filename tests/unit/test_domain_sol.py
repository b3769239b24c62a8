"""Sunrise and sunset against another program's ephemeris, and against the sun's altitude by other formulas."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import asin, atan2, cos, degrees, radians, sin
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.sol import amanecer_atardecer

# PyEphem 4.2.1 (libastro, VSOP87): centre of the sun at -0:50 without air, made once with the calls in the comment:
# Observer(pressure=0, horizon='-0:50', date=<mean noon>).previous_rising/next_setting(Sun(), use_center=True)
EPHEMERIS = [
    (40.4168, -3.7038, "Europe/Madrid", "1970-03-20", "1970-03-20T06:19:10", "1970-03-20T18:26:21"),
    (40.4168, -3.7038, "Europe/Madrid", "2026-01-31", "2026-01-31T07:25:11", "2026-01-31T17:31:42"),
    (40.4168, -3.7038, "Europe/Madrid", "2026-06-21", "2026-06-21T04:44:45", "2026-06-21T19:48:30"),
    (40.4168, -3.7038, "Europe/Madrid", "2026-10-25", "2026-10-25T06:36:32", "2026-10-25T17:20:41"),
    (40.4168, -3.7038, "Europe/Madrid", "2099-09-09", "2099-09-09T05:50:07", "2099-09-09T18:33:22"),
    (-33.45, -70.6667, "America/Santiago", "1999-06-21", "1999-06-21T11:46:23", "1999-06-21T21:42:22"),
    (-33.45, -70.6667, "America/Santiago", "2026-12-21", "2026-12-21T09:29:34", "2026-12-21T23:52:05"),
    (-31.55, 159.08, "Australia/Lord_Howe", "2026-01-31", "2026-01-30T18:48:09", "2026-01-31T08:25:26"),
    (-31.55, 159.08, "Australia/Lord_Howe", "2026-06-21", "2026-06-20T20:22:42", "2026-06-21T06:28:05"),
    (-0.18, -78.47, "America/Guayaquil", "2026-10-25", "2026-10-25T10:54:24", "2026-10-25T23:01:27"),
    (10.5, -66.9167, "America/Caracas", "2026-06-21", "2026-06-21T10:07:20", "2026-06-21T22:51:42"),
    (10.5, -66.9167, "America/Caracas", "2026-12-21", "2026-12-21T10:40:26", "2026-12-21T22:11:12"),
    (64.1466, -21.9426, "Atlantic/Reykjavik", "2026-06-21", "2026-06-21T02:55:12", "2026-06-22T00:03:57"),
    (64.1466, -21.9426, "Atlantic/Reykjavik", "2026-12-21", "2026-12-21T11:22:21", "2026-12-21T15:29:21"),
    (-36.85, 174.76, "Pacific/Auckland", "2026-12-21", "2026-12-20T16:58:00", "2026-12-21T07:39:34"),
]
PLACES = [row[:3] for row in EPHEMERIS[::3]]


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("lat", "lon", "zona", "day", "rise", "set_"), EPHEMERIS)
def test_agrees_with_an_ephemeris(lat: float, lon: float, zona: str, day: str, rise: str, set_: str) -> None:
    """Within a minute (half of it is rounding), on the local date asked for."""
    found = amanecer_atardecer(date.fromisoformat(day).toordinal(), lat, lon, zona=ZoneInfo(zona))
    assert found[0] is not None
    assert abs(found[0] - seconds(rise)) <= 60
    assert abs(found[1] - seconds(set_)) <= 60
    assert found[0] % 60 == found[1] % 60 == 0


def altitude(moment: float, lat: float, lon: float) -> float:
    """The sun's altitude in degrees by the Astronomical Almanac's low precision formulas and sidereal time."""
    n = moment / 86_400 - 10_957.5
    g = radians((357.528 + 0.9856003 * n) % 360)
    ecliptic = radians((280.460 + 0.9856474 * n) % 360 + 1.915 * sin(g) + 0.020 * sin(2 * g))
    tilt = radians(23.439 - 0.0000004 * n)
    right_ascension = atan2(cos(tilt) * sin(ecliptic), cos(ecliptic))
    declination = asin(sin(tilt) * sin(ecliptic))
    sidereal = radians((280.46062 + 360.98564737 * n + lon) % 360)
    hour = sidereal - right_ascension
    return degrees(asin(sin(radians(lat)) * sin(declination) + cos(radians(lat)) * cos(declination) * cos(hour)))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(date(1970, 1, 1).toordinal(), date(2100, 12, 31).toordinal()),
    st.floats(-60, 60),
    st.floats(-180, 180),
)
def test_the_sun_is_at_the_horizon_then(dia: int, lat: float, lon: float) -> None:
    """Two minutes before sunrise it is below -0.833 degrees and two after above; the other way round at sunset."""
    rise, set_ = amanecer_atardecer(dia, lat, lon, zona=ZoneInfo("UTC"))
    assert rise is not None
    assert set_ is not None
    assert altitude(rise - 120, lat, lon) < -0.833 < altitude(rise + 120, lat, lon)
    assert altitude(set_ + 120, lat, lon) < -0.833 < altitude(set_ - 120, lat, lon)


@settings(max_examples=200, deadline=None)
@given(st.integers(date(1970, 1, 1).toordinal(), date(2100, 1, 1).toordinal()), st.sampled_from(PLACES))
def test_the_date_is_the_local_one(dia: int, place: tuple[float, float, str]) -> None:
    """The middle of the sun's day is on the date asked for, and the sun rises on it everywhere here."""
    lat, lon, zona = place
    rise, set_ = amanecer_atardecer(dia, lat, lon, zona=ZoneInfo(zona))
    assert rise is not None
    assert set_ is not None
    assert datetime.fromtimestamp(rise, ZoneInfo(zona)).toordinal() == dia
    assert datetime.fromtimestamp((rise + set_) / 2, ZoneInfo(zona)).toordinal() == dia
    assert rise < set_


@pytest.mark.parametrize(("day", "lat"), [("2026-12-21", 69.65), ("2026-06-21", 69.65), ("2026-06-21", -90.0)])
def test_polar_day_and_night_have_no_sunrise(day: str, lat: float) -> None:
    """Tromsø in December and June, the pole."""
    found = amanecer_atardecer(date.fromisoformat(day).toordinal(), lat, 18.95, zona=ZoneInfo("Europe/Oslo"))
    assert found == (None, None)


@pytest.mark.parametrize("lon", [-180.0, 179.99, 0.0])
@pytest.mark.parametrize("zona", ["Pacific/Apia", "Pacific/Kiritimati", "UTC", "America/Adak"])
def test_zones_far_from_the_meridian_keep_one_sunrise_a_day(zona: str, lon: float) -> None:
    """Consecutive dates have sunrises a day apart, also where house and zone do not fit each other."""
    first = date(2026, 3, 1).toordinal()
    rises = [amanecer_atardecer(first + k, 10.0, lon, zona=ZoneInfo(zona))[0] for k in range(10)]
    gaps = {round((b - a) / 600) for a, b in pairwise(rises) if a and b}
    assert gaps == {round(timedelta(days=1).total_seconds() / 600)}
