"""The token bucket of each device: rate, burst, and a bound on what is remembered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.limitador import BURST_S, MAX_BUCKETS, MAX_OFFENDERS, Limitador


def test_a_burst_of_ten_seconds_then_the_rate():
    limiter = Limitador(20.0)
    assert sum(limiter.allow("A", 0.0) for _ in range(1000)) == 20 * BURST_S
    assert sum(limiter.allow("A", 1 + i / 1000) for i in range(1000)) in (39, 40)  # one second's refill at each end


def test_zero_is_no_limit():
    limiter = Limitador(0.0)
    assert all(limiter.allow("A", 0.0) for _ in range(10_000))
    assert limiter.stats() == {"mas_limitados": {}}


def test_a_slow_rate_still_lets_one_through():
    limiter = Limitador(0.01)
    assert limiter.allow("A", 0.0)
    assert not limiter.allow("A", 99.0)
    assert limiter.allow("A", 100.5)


def test_one_device_does_not_spend_anothers_tokens():
    limiter = Limitador(1.0)
    for _ in range(1000):
        limiter.allow("loco", 0.0)
    assert limiter.allow("quieto", 0.0)


def test_a_long_silence_fills_the_bucket_and_no_more():
    limiter = Limitador(2.0)
    for _ in range(100):
        limiter.allow("A", 0.0)
    assert sum(limiter.allow("A", 1e9) for _ in range(100)) == 20


@given(
    st.floats(0.1, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=120),
)
def test_never_more_than_burst_plus_rate_in_any_window(rate, gaps):
    limiter = Limitador(rate)
    now, passed = 0.0, []
    for gap in gaps:
        now += gap
        if limiter.allow("A", now):
            passed.append(now)
    burst = max(1.0, rate * BURST_S)
    for i, start in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= burst + (passed[j] - start) * rate + 1e-6


def test_what_is_remembered_is_bounded():
    limiter = Limitador(0.05)
    limiter.allow("primero", 0.0)
    for i in range(MAX_BUCKETS + 500):
        limiter.allow(f"S{i}", 1.0)
    assert len(limiter._buckets) == MAX_BUCKETS
    assert limiter.allow("primero", 1.0), "the one quiet for longest was forgotten"
    for i in range(3 * MAX_OFFENDERS):
        limiter.allow(f"S{MAX_BUCKETS + i}", 1.0)
    assert len(limiter._offenders) <= MAX_OFFENDERS


def test_the_worst_offenders_are_named():
    limiter = Limitador(0.1)
    for _ in range(50):
        limiter.allow("loco", 0.0)
    for serial in ("a", "b"):
        limiter.allow(serial, 0.0)
        limiter.allow(serial, 0.0)
    assert limiter.stats() == {"mas_limitados": {"loco": 49, "a": 1, "b": 1}}
