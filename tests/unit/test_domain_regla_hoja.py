"""A leaf of a rule: hysteresis and duration, against a slow oracle over random histories."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.regla_hoja import MemoriaHoja, cumple, seguir, supera


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from([True, False, None])), max_size=30), st.integers(0, 40))
def test_it_holds_for_the_known_time_that_it_was_true_in_a_row(history, durante):
    """Unknown time does not count and resets nothing; false starts again."""
    memoria, now, held, last = MemoriaHoja(), 0, 0, False
    certain = True
    for step, nivel in history:
        now += step
        held += step if last and certain else 0
        certain = nivel is not None
        if nivel is not None:
            held, last = (held if nivel else 0), nivel
        memoria = seguir(memoria, nivel, now)
        assert cumple(memoria, durante, now) is ((last and held >= durante) if certain else None)


def test_hysteresis_keeps_what_was_met_until_it_goes_back_far_enough():
    readings = [29, 31, 29, 28.5, 27.9, 29]
    seen, met = [], False
    for leido in readings:
        met = supera(">", leido, 30, histeresis=2, antes=met)
        seen.append(met)
    assert seen == [False, True, True, True, False, False]


def test_a_clock_set_back_makes_it_late_never_early():
    memoria = seguir(seguir(MemoriaHoja(), True, 1000.0), True, 10.0)
    assert cumple(memoria, 5, 12.0) is False
    assert cumple(memoria, 5, 15.0) is True
