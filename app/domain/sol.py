"""Sunrise and sunset of a place on a local date.

Source: the equations of NOAA's Solar Calculator (gml.noaa.gov/grad/solcalc/calcdetails.html), which are those of Jean
Meeus, «Astronomical Algorithms», 2nd ed., chapters 22, 25 and 28, low accuracy. The sun rises and sets when its centre
is 0.833 degrees below the horizon (34' of refraction and 16' of radius). Better than two minutes between 72° south and
72° north; nearer to the poles the air's refraction alone varies by more.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from math import acos, asin, cos, degrees, radians, sin, tan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_J2000 = 946_728_000  # 2000-01-01 12:00 UTC, in seconds of 1970
_CENTURY = 36_525 * DAY
_ALTITUDE = sin(radians(-0.833))
_SECONDS_PER_DEGREE = 240


@lru_cache(maxsize=4096)
def amanecer_atardecer(
    dia: int, latitud: float, longitud: float, *, zona: ZoneInfo
) -> tuple[int, int] | tuple[None, None]:
    """Sunrise and sunset in whole UTC minutes, as seconds of 1970; a pair of None in polar day or night.

    ``dia`` is the proleptic ordinal of a local date: the sunrise before and the sunset after the solar noon that falls
    on that date in ``zona``. Degrees, north and east positive, within ±90 and ±180.
    """
    mean_noon = _mean_noon(dia, longitud, zona)
    noon = mean_noon - _sun(mean_noon)[1]
    found: list[int] = []
    for side in (-1, 1):
        moment = noon
        for _ in range(3):
            declination, equation = _sun(moment)
            half_day = _half_day(radians(latitud), declination)
            if half_day is None:
                return None, None
            moment = mean_noon - equation + side * half_day
        found.append(int(moment + 30) // 60 * 60)
    return found[0], found[1]


def _mean_noon(dia: int, longitud: float, zona: ZoneInfo) -> float:
    """The mean sun's transit whose local date is ``dia``."""
    moment = (dia - _EPOCH_ORDINAL) * DAY + DAY / 2 - longitud * _SECONDS_PER_DEGREE
    found = datetime.fromtimestamp(moment, zona).toordinal()
    return moment + (dia - found) * DAY


def _half_day(latitude: float, declination: float) -> float | None:
    """Seconds from noon to sunset; None when the sun does not cross the horizon."""
    cosine = (_ALTITUDE - sin(latitude) * sin(declination)) / (cos(latitude) * cos(declination))
    return degrees(acos(cosine)) * _SECONDS_PER_DEGREE if -1 <= cosine <= 1 else None


def _sun(moment: float) -> tuple[float, float]:
    """The sun's declination in radians and the equation of time in seconds (Meeus ch. 25 and 28)."""
    t = (moment - _J2000) / _CENTURY
    mean_longitude = radians((280.46646 + t * (36_000.76983 + t * 0.0003032)) % 360)
    anomaly = radians((357.52911 + t * (35_999.05029 - t * 0.0001537)) % 360)
    eccentricity = 0.016708634 - t * (0.000042037 + t * 0.0000001267)
    centre = (
        sin(anomaly) * (1.914602 - t * (0.004817 + t * 0.000014))
        + sin(2 * anomaly) * (0.019993 - t * 0.000101)
        + sin(3 * anomaly) * 0.000289
    )
    node = radians(125.04 - 1934.136 * t)
    apparent = mean_longitude + radians(centre - 0.00569 - 0.00478 * sin(node))
    obliquity = radians(23.439291 - t * 0.0130042 + 0.00256 * cos(node))
    declination = asin(sin(obliquity) * sin(apparent))
    y = tan(obliquity / 2) ** 2
    equation = (
        y * sin(2 * mean_longitude)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(2 * mean_longitude)
        - 0.5 * y * y * sin(4 * mean_longitude)
        - 1.25 * eccentricity * eccentricity * sin(2 * anomaly)
    )
    return declination, degrees(equation) * _SECONDS_PER_DEGREE
