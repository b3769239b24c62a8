"""Codes of possession: what is fit to be one, and how they are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.posesion import coincide, falta_a, huella_de, normalizar
from simulator.qr import new_code

CODES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=40).filter(lambda c: len(set(c)) >= 4)


@given(CODES, st.data())
def test_case_hyphens_and_spaces_do_not_matter(code, data):
    cut = data.draw(st.integers(0, len(code)))
    typed = data.draw(st.sampled_from([code.lower(), f"{code[:cut]}-{code[cut:]}", f" {code[:cut]} {code[cut:]}\n"]))
    assert falta_a(typed) is None
    assert coincide(typed, huella_de(code))


@given(st.one_of(st.none(), st.text(max_size=60)), CODES)
def test_anything_else_is_wrong_and_never_an_error(tried, code):
    assert coincide(tried, huella_de(code)) == (tried is not None and normalizar(tried) == code)


def test_a_missing_code_is_wrong_even_where_the_code_is_empty():
    assert not coincide(None, huella_de(""))


@pytest.mark.parametrize(
    "code",
    ["", "1234", "A" * 15, "0123-4567-89AB-CD", "A" * 16, "ABABABABABABABAB", "x" * 129, "contraseña-con-eñe-1",
     "\ud800" * 20, "0123456789ABCDE\x00", "0123456789ABCDEñ"],
)  # fmt: skip
def test_what_is_no_code(code):
    assert falta_a(code)


def test_codes_that_we_make_are_fit_and_differ():
    made = {new_code() for _ in range(200)}
    assert len(made) == 200
    assert all(falta_a(code) is None and len(normalizar(code)) * 5 >= 64 for code in made)
