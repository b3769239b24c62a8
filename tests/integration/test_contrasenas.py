"""Passwords for real: cost, order, priority and bound of their hashing."""

from __future__ import annotations

import os
import statistics
import threading
import time

import pytest

from app.contrasenas import HASHERS, NICE, REST, WAITING, Contrasenas, check_rules, common
from app.domain.errors import ContrasenasOcupadas, DatosInvalidos

CLAVE = "tres palabras sueltas"


def test_a_hash_is_argon2id_at_owasps_floor_and_never_the_same():
    made = Contrasenas()
    one, other = made.hash(CLAVE), made.hash(CLAVE)
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert made.check(one, CLAVE) == (True, None)
    assert made.check(one, CLAVE + " ") == made.check("no es un hash", CLAVE) == (False, None)


def test_composed_and_decomposed_letters_are_one_password():
    made = Contrasenas()
    assert made.check(made.hash("contrase\u00f1a m\u00eda"), "contrasen\u0303a mi\u0301a")[0]


def test_an_account_that_does_not_exist_costs_what_another_does():
    made = Contrasenas()
    stored = made.hash(CLAVE)

    def cost(known):
        began = time.process_time()
        assert not made.check(stored if known else None, "otra")[0]
        return time.process_time() - began

    made.check(None, "la primera hace el hash de nadie")
    spent = [(cost(True), cost(False)) for _ in range(7)]
    known, unknown = (statistics.median(column) for column in zip(*spent, strict=True))
    assert 0.5 < unknown / known < 2


def test_hashing_is_nicer_than_the_rest_and_the_rest_stays_as_it_was():
    seen = []

    def look():
        seen.append((threading.current_thread().name, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))

    before = os.getpriority(os.PRIO_PROCESS, 0)
    Contrasenas()._run(look)
    assert seen == [("argon2", min(19, before + NICE))]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_no_more_than_so_many_run_and_wait():
    made, go = Contrasenas(), threading.Event()
    running, most, lock = 0, 0, threading.Lock()

    def job():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(10)
        with lock:
            running -= 1

    threads = [threading.Thread(target=made._run, args=(job,)) for _ in range(HASHERS + WAITING)]
    for thread in threads:
        thread.start()
    while made._places._value or running < HASHERS:
        threading.Event().wait(0.001)
    with pytest.raises(ContrasenasOcupadas) as refused:
        made.hash(CLAVE)
    assert refused.value.segundos >= 1
    go.set()
    for thread in threads:
        thread.join(10)
    assert most == HASHERS
    assert made.hash(CLAVE)


def test_a_place_rests_after_a_hash_for_longer_than_it_took():
    made = Contrasenas(hashers=1)
    took = []

    def job():
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            pass
        took.append(time.monotonic())

    made._run(job)
    made._run(job)
    assert took[1] - took[0] >= 0.05 * (1 + REST)


@pytest.mark.parametrize(
    "clave", ["ñandú 🐦 volador", "x7#kQp2!", "a" * 20 + "bc", "Correct Horse Battery", "        ñ x y"]
)
def test_anything_else_goes(clave):
    check_rules(clave, "ana")


@pytest.mark.parametrize(
    "clave",
    ["1234567", "x" * 129, "12345678", "Contraseña1", "password2026!", "qwertyuiop", "aaaabbbb", "MARIBEL_99", ""],
)
def test_what_everybody_tries_does_not(clave):
    with pytest.raises(DatosInvalidos):
        check_rules(clave, "maribel")


def test_the_list_is_long_and_in_the_form_in_which_it_is_compared():
    assert len(common()) > 500
    assert all(word == word.casefold().strip() and len(word) >= 8 for word in common())
