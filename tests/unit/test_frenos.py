"""Brakes on callers: what may pass, in virtual time; and that they stay small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import frenos
from app.domain.errors import DemasiadasPeticiones
from app.frenos import INTENTOS, VENTANA_S, Freno, Tanteos
from tests.support.nucleo import FakeClock

STEPS = st.lists(st.tuples(st.floats(0, 2000), st.booleans()), max_size=80)


@given(st.floats(1, 1000), st.lists(st.floats(0, 120), max_size=200))
def test_never_more_than_a_minutes_worth_above_the_rate(rate, pauses):
    brake, now, passed = Freno(rate), 0.0, 0
    for pause in pauses:
        now += pause
        passed += brake.take("a", now) == 0.0
        assert passed <= rate + now * rate / 60 + 1e-6


@given(st.floats(1, 1000))
def test_who_waits_as_long_as_told_passes(rate):
    brake, now = Freno(rate), 0.0
    for _ in range(50):
        wait = brake.take("a", now)
        if wait:
            now += wait + 1e-6
            assert brake.take("a", now) == 0.0


def test_one_caller_never_slows_another_and_zero_is_no_limit():
    brake = Freno(1)
    assert [brake.take("a", 0.0) for _ in range(3)] == [0.0, 60.0, 60.0]
    assert brake.take("b", 0.0) == 0.0
    with pytest.raises(DemasiadasPeticiones):
        brake.pasar("a", 1.0)
    free = Freno(0)
    assert not any(free.take("a", 0.0) for _ in range(1000))


def test_callers_are_forgotten_the_quietest_first(monkeypatch):
    monkeypatch.setattr(frenos, "MAX_LLAMANTES", 10)
    clock = FakeClock()
    brake, tries = Freno(1), Tanteos(clock)
    for n in range(100):
        brake.take(n, 0.0)
        tries.fallar(n)
    assert len(brake._buckets) == len(tries._fallos) == 10
    assert brake.take(99, 0.0) > 0


def guess(tries, clock, key="k"):
    """Whether a wrong try was looked at."""
    try:
        tries.comenzar(key)
    except DemasiadasPeticiones:
        return False
    tries.fallar(key)
    return True


@given(STEPS)
def test_at_most_five_wrong_tries_in_any_quarter_of_an_hour_after_a_block(steps):
    """In any window of VENTANA_S at most twice five (the end of one window and the beginning of the next)."""
    clock = FakeClock()
    tries, looked_at = Tanteos(clock), []
    for pause, _ in steps:
        clock.advance(pause)
        if guess(tries, clock):
            looked_at.append(clock.monotonic())
    for at in looked_at:
        assert sum(at <= t < at + VENTANA_S for t in looked_at) < 2 * INTENTOS


def test_the_wait_grows_to_a_day_and_is_never_for_ever():
    clock = FakeClock()
    tries, waits = Tanteos(clock), []
    for _ in range(12):
        while guess(tries, clock):
            pass
        with pytest.raises(DemasiadasPeticiones) as refused:
            tries.comenzar("k")
        waits.append(refused.value.segundos)
        clock.advance(refused.value.segundos)
    assert waits[:4] == [900.0, 1800.0, 3600.0, 7200.0]
    assert waits[-1] == 86_400.0
    tries.comenzar("k")
    clock.advance(3 * 86_400)
    assert [guess(tries, clock) for _ in range(6)] == [True] * 5 + [False]


def test_a_day_of_guessing_is_worth_nothing():
    """A guess a second for a day: few are looked at, of the 2^64 that there are."""
    clock = FakeClock()
    tries = Tanteos(clock)
    assert sum(guess(tries, clock) for _ in range(86_400) if clock.advance(1) is None) <= 5 * 8


def test_a_right_try_forgets_and_another_caller_is_not_touched():
    tries = Tanteos(FakeClock())
    for _ in range(INTENTOS):
        tries.fallar(("A", "uno"))
    with pytest.raises(DemasiadasPeticiones):
        tries.de(("A", "uno")).comenzar()
    tries.comenzar(("A", "dos"))
    tries.comenzar(("B", "uno"))
    tries.de(("A", "uno")).acertar()
    tries.comenzar(("A", "uno"))
