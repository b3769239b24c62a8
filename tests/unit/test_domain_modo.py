"""The mode rules (WIRE §3), as a table and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.modo import mode_of, resolve, settle, take_encendido

T, F, N = True, False, None

# modo, encendido that came, estado that came -> on. Written from WIRE §3, not from the code.
TABLE = [
    ("manual", T, T, T), ("manual", T, F, T), ("manual", T, N, T),
    ("manual", F, T, F), ("manual", F, F, F), ("manual", F, N, F),
    ("manual", N, T, T), ("manual", N, F, F), ("manual", N, N, N),
    ("horario", T, T, T), ("horario", T, F, F), ("horario", T, N, T),
    ("horario", F, T, T), ("horario", F, F, F), ("horario", F, N, F),
    ("horario", N, T, T), ("horario", N, F, F), ("horario", N, N, N),
    (N, T, T, T), (N, T, F, F), (N, T, N, T),
    (N, F, T, T), (N, F, F, F), (N, F, N, F),
    (N, N, T, T), (N, N, F, F), (N, N, N, N),
]  # fmt: skip


@pytest.mark.parametrize(("modo", "encendido", "estado", "on"), TABLE)
def test_who_rules(modo, encendido, estado, on):
    configuracion = {} if modo is None else {"modo": modo}
    assert resolve(configuracion, encendido=encendido, estado=estado) is on


@pytest.mark.parametrize("written", ["manual", "MANUAL", " Manual ", "mAnUaL\n"])
def test_the_mode_is_read_whatever_its_case(written):
    assert mode_of({"modo": written}) == "manual"
    assert resolve({"modo": written}, encendido=True, estado=False) is True


@pytest.mark.parametrize("written", ["turbo", "", None, 1, ["manual"], {"manual": 1}, True])
def test_what_is_no_mode_reads_as_none(written):
    assert mode_of({"modo": written}) is None


configurations = st.fixed_dictionaries(
    {},
    optional={
        "modo": st.sampled_from(["manual", "HORARIO", "turbo", None, 3]),
        "encendido": st.sampled_from([True, False, "on", "quizas", None, 1]),
        "otro": st.integers(),
    },
)


@given(configurations, st.sampled_from(["activo", "inactivo", "desconocido"]), st.sampled_from([T, F, N]))
def test_settle_leaves_the_invariant_and_nothing_else_touched(configuracion, estado, on):
    before = dict(configuracion)
    after, estado_after = settle(configuracion, estado, on)
    assert configuracion == before, "the caller's dictionary is not the callee's to change"
    assert (estado_after == "activo") is (after.get("encendido") is True)
    if "encendido" in after:
        assert isinstance(after["encendido"], bool)
    assert {k: v for k, v in after.items() if k != "encendido"} == {k: v for k, v in before.items() if k != "encendido"}
    if on is None:
        assert estado_after == estado
    else:
        assert estado_after == ("activo" if on else "inactivo")
        assert after["encendido"] is on


@given(configurations, st.sampled_from(["activo", "inactivo", "desconocido"]), st.sampled_from([T, F, N]))
def test_settling_twice_changes_nothing_more(configuracion, estado, on):
    once = settle(configuracion, estado, on)
    assert settle(*once, None) == once


def test_a_wish_inside_the_configuration_is_found_in_any_spelling():
    assert take_encendido({"encendido": "OFF"}) is False
    assert take_encendido({"encendido": 1}) is True
    assert take_encendido({"encendido": "quizas"}) is None
    assert take_encendido({}) is None
