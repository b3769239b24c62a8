"""How a time is cut into stretches of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.cubos import cortar
from app.domain.niveles import CINCO, HORA

ZONES = ["Europe/Madrid", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe", "UTC", "Pacific/Apia"]
SPANS = st.one_of(st.integers(1, 86_400), st.integers(1, 86_400 * 800), st.integers(1, 86_400 * 365 * 40))


def second(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@given(st.sampled_from(ZONES), st.integers(86_400 * 365, 86_400 * 365 * 80), SPANS, st.integers(1, 400))
def test_the_stretches_cover_the_time_and_are_few_enough(zona, desde, span, cuantos):
    found = cortar(desde, desde + span, cuantos, ZoneInfo(zona))
    limits = found.limites
    assert limits[0] <= desde < limits[1]
    assert limits[-2] < desde + span <= limits[-1]
    assert all(a < b for a, b in pairwise(limits))
    assert len(limits) - 1 <= cuantos or found.paso == "P1Y"
    assert all(limit % CINCO == 0 for limit in limits)
    assert found.nivel != HORA or all(limit % HORA == 0 for limit in limits)


@pytest.mark.parametrize(
    ("desde", "hasta", "cuantos", "paso", "starts"),
    [
        ("2026-03-28T23:00", "2026-03-29T22:00", 300, "PT5M", ["00:00", "00:05", "00:10"]),
        ("2026-03-28T23:00", "2026-03-29T22:00", 8, "PT3H", ["00:00", "03:00", "06:00"]),  # a day of 23 hours
        ("2026-10-24T22:00", "2026-10-25T23:00", 8, "PT3H", ["00:00", "03:00", "06:00"]),  # a day of 25
        ("2026-10-24T22:00", "2026-10-25T23:00", 25, "PT1H", ["00:00", "01:00", "02:00", "02:00", "03:00"]),
        ("2026-10-01T00:00", "2026-11-01T00:00", 40, "P1D", ["00:00", "00:00"]),
    ],
)
def test_in_madrid(desde, hasta, cuantos, paso, starts):
    zona = ZoneInfo("Europe/Madrid")
    found = cortar(second(desde), second(hasta), cuantos, zona)
    assert found.paso == paso
    assert [f"{datetime.fromtimestamp(s, zona):%H:%M}" for s in found.limites[: len(starts)]] == starts


def test_weeks_months_and_years_begin_where_the_calendar_says():
    zona = ZoneInfo("America/Santiago")
    desde, hasta = second("2024-02-10T12:00"), second("2026-02-10T12:00")
    local = lambda paso, n: [  # noqa: E731
        datetime.fromtimestamp(s, zona) for s in cortar(desde, hasta, n, zona).limites if paso
    ]
    assert {d.weekday() for d in local("P7D", 110)} == {0}
    assert {d.day for d in local("P1M", 30)} == {1}
    assert {(d.day, d.month) for d in local("P1Y", 3)} == {(1, 1)}
    assert cortar(desde, hasta, 1, zona).paso == "P1Y"
