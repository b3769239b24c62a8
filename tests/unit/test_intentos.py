"""How often a password may be tried, in virtual time."""

from __future__ import annotations

import pytest

from app.domain.errors import DemasiadosIntentos
from app.intentos import FIRST_WAIT_S, FREE_TRIES, FREE_TRIES_ADDRESS, LONGEST_WAIT_S, MAX_COUNTS, Intentos


def allowed(intentos, account, address, now):
    try:
        intentos.begin(account, address, now)
    except DemasiadosIntentos:
        return False
    return True


def test_five_tries_then_waits_that_double_up_to_a_quarter_of_an_hour():
    intentos, now, waits = Intentos(), 0.0, []
    assert all(allowed(intentos, "ana", "10.0.0.1", now) for _ in range(FREE_TRIES))
    for _ in range(8):
        with pytest.raises(DemasiadosIntentos) as refused:
            intentos.begin("ana", "10.0.0.1", now)
        waits.append(refused.value.segundos)
        assert not allowed(intentos, "ana", "10.0.0.1", now + waits[-1] - 1)
        now += waits[-1]
        assert allowed(intentos, "ana", "10.0.0.1", now)
    assert waits == [FIRST_WAIT_S, 60, 120, 240, 480, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_a_thousand_guesses_neither_enter_nor_lock_the_owner_out():
    """One a second from one address: a handful is checked at all, and the owner enters elsewhere at every moment."""
    intentos = Intentos()
    checked = sum(allowed(intentos, "ana", "10.0.0.66", float(second)) for second in range(1000))
    assert checked == 10  # five, then after 30, 60, 120, 240 and 480 s
    for second in range(0, 1000, 50):
        assert allowed(intentos, "ana", "10.0.0.7", 1000.0 + second)
        intentos.succeeded("ana", "10.0.0.7", 1000.0 + second)


def test_guesses_from_a_thousand_addresses_leave_the_owners_one_try():
    """An account that is guessed at from elsewhere gives a new address one try before it waits, never none."""
    intentos = Intentos()
    for n in range(1000):
        address = f"10.1.{n // 250}.{n % 250}"
        assert allowed(intentos, "ana", address, 0.0)
        assert (2 * n < FREE_TRIES) == allowed(intentos, "ana", address, 0.0)
    assert allowed(intentos, "ana", "10.0.0.7", 1.0)
    assert not allowed(intentos, "ana", "10.0.0.7", 2.0)
    assert allowed(intentos, "ana", "10.0.0.7", 1.0 + FIRST_WAIT_S)


def test_one_address_cannot_go_through_the_accounts():
    intentos = Intentos()
    tried = [allowed(intentos, f"usuario{n}", "10.0.0.66", 0.0) for n in range(100)]
    assert sum(tried) == FREE_TRIES_ADDRESS
    assert intentos.remembered() == 2 * FREE_TRIES_ADDRESS + 1  # what is refused leaves nothing behind


def test_being_right_clears_ones_own_count_only():
    intentos = Intentos()
    for _ in range(FREE_TRIES):
        assert allowed(intentos, "ana", "10.0.0.66", 0.0)
    for _ in range(50):  # somebody who has an account of his own
        if allowed(intentos, "malo", "10.0.0.66", 0.0):
            intentos.succeeded("malo", "10.0.0.66", 0.0)
    assert not allowed(intentos, "ana", "10.0.0.66", 0.0)
    for _ in range(3 * FREE_TRIES_ADDRESS):
        assert allowed(intentos, "malo", "10.0.0.66", 0.0)
        intentos.succeeded("malo", "10.0.0.66", 0.0)


def test_a_prefix_of_ipv6_is_one_address():
    intentos = Intentos()
    tried = [allowed(intentos, "ana", f"2001:db8:1:2::{n:x}", 0.0) for n in range(1, 50)]
    assert sum(tried) == FREE_TRIES
    assert allowed(intentos, "ana", "2001:db8:1:3::1", 0.0)


def test_an_hour_of_calm_forgets_and_memory_is_bounded():
    intentos = Intentos()
    for _ in range(FREE_TRIES):
        intentos.begin("ana", "10.0.0.1", 0.0)
    assert all(allowed(intentos, "ana", "10.0.0.1", 3601.0) for _ in range(FREE_TRIES))
    for n in range(MAX_COUNTS):
        intentos.begin("luis", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 4000.0)
    assert intentos.remembered() <= MAX_COUNTS
