# ruff: noqa: DTZ001  a device's clock is the local one, without a zone
"""The simulated device's clockwork against a brute-force model of the week."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.schedule import is_on

MONDAY = datetime(2026, 11, 23)
DAYS = ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"]
ENGLISH = ["Monday", "tuesday", "WEDNESDAY", "thursday", "friday", "saturday", "sunday"]
WEEK = 7 * 1440

moments = st.integers(0, WEEK - 1)
minutes = st.integers(0, 1439)
day_sets = st.sets(st.integers(0, 6), min_size=1)
windows = st.lists(st.tuples(day_sets, minutes, minutes), min_size=1, max_size=5)
events = st.dictionaries(
    st.integers(0, 6), st.lists(st.tuples(minutes, st.booleans()), min_size=1, max_size=4), min_size=1
)


def at(moment: int) -> datetime:
    return MONDAY + timedelta(minutes=moment)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def named(days: set[int], names: list[str]) -> list[str]:
    return [names[day] for day in sorted(days)]


@given(windows, moments, st.sampled_from([DAYS, ENGLISH]))
def test_windows_agree_with_the_week_spelled_out(
    drawn: list[tuple[set[int], int, int]], moment: int, names: list[str]
) -> None:
    """On exactly inside [start, end), counted from each day on which the window starts, over midnight too."""
    horarios = [{"dias": named(days, names), "inicio": clock(start), "fin": clock(end)} for days, start, end in drawn]
    expected = any(
        (moment - (day * 1440 + start)) % WEEK < (end - start if start < end else end - start + 1440)
        for days, start, end in drawn
        for day in days
    )
    assert is_on(horarios, at(moment)) is expected


@given(events, moments)
def test_events_hold_until_the_next_one_around_the_week(drawn: dict[int, list[tuple[int, bool]]], moment: int) -> None:
    """The newest event at or before now rules, however many days back; of two at one minute the later written."""
    horarios = {
        DAYS[day]: [[clock(minute), "on" if on else "off"] for minute, on in list_] for day, list_ in drawn.items()
    }
    flat = [(day * 1440 + minute, on) for day, list_ in drawn.items() for minute, on in list_]
    age = min((moment - when) % WEEK for when, _ in flat)
    expected = [on for when, on in flat if (moment - when) % WEEK == age][-1]
    assert is_on(horarios, at(moment)) is expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["lunes", "07:00", "on"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["dias", "inicio", "fin", "lunes", "diario", "x"]), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    moments,
)
def test_nonsense_is_never_an_exception(horarios: Any, moment: int) -> None:
    """A device with an unreadable schedule has no opinion, or that of the readable part."""
    assert is_on(horarios, at(moment)) in (True, False, None)


@pytest.mark.parametrize("everyday", [["todos"], ["all"], "todos", None])
def test_every_day(everyday: Any) -> None:
    """``todos``, ``all``, and no ``dias`` at all are every day."""
    window = {"inicio": "07:00", "fin": "08:00"} | ({} if everyday is None else {"dias": everyday})
    assert [is_on([window], at(day * 1440 + 450)) for day in range(7)] == [True] * 7
    assert is_on([window], at(400)) is False


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    """Sunday 22:00 to 06:00 covers Monday's early hours, not Sunday's."""
    window = [{"dias": ["domingo"], "start": "22:00", "end": "06:00"}]
    assert is_on(window, datetime(2026, 11, 22, 23, 0)) is True
    assert is_on(window, datetime(2026, 11, 23, 5, 59, 59)) is True
    assert is_on(window, datetime(2026, 11, 23, 6, 0)) is False
    assert is_on(window, datetime(2026, 11, 22, 5, 0)) is False


def test_daily_events_and_a_day_of_its_own() -> None:
    """``diario`` counts on every day, beside the day's own events."""
    horarios = {"diario": [["07:00", "on"], ["23:00", "off"]], "lunes": [["12:00", "off"]]}
    assert is_on(horarios, datetime(2026, 11, 23, 12, 0)) is False
    assert is_on(horarios, datetime(2026, 11, 24, 12, 0)) is True
    assert is_on(horarios, datetime(2026, 11, 24, 3, 0)) is False


@pytest.mark.parametrize("empty", [None, [], {}, "22:00", [{"inicio": "25:99", "fin": "07:00"}], {"lunes": []}])
def test_no_schedule_has_no_opinion(empty: Any) -> None:
    """Then the device stays as it is."""
    assert is_on(empty, MONDAY) is None
