"""Bounds on JSON from strangers, and the spellings of on and off."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.valores import (
    MAX_ABS_NUMBER,
    MAX_DEPTH,
    MAX_KEYS,
    MAX_STRING_BYTES,
    Cotas,
    ValorInvalido,
    check_json,
    is_serial,
    parse_encendido,
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_ABS_NUMBER, MAX_ABS_NUMBER)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
)


def nested(depth, *, leaf=1, as_list=False):
    value = leaf
    for _ in range(depth):
        value = [value] if as_list else {"a": value}
    return value


def count(value):
    """Keys and elements in all, counted another way than the code does."""
    if isinstance(value, dict):
        return len(value) + sum(map(count, value.values()))
    return len(value) + sum(map(count, value)) if isinstance(value, list) else 0


def depth(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth, children), default=0)


keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
trees = st.recursive(
    leaves, lambda kids: st.lists(kids, max_size=30) | st.dictionaries(keys, kids, max_size=30), max_leaves=400
)


@given(trees)
def test_a_tree_is_refused_exactly_when_it_is_too_deep_or_too_wide(tree):
    within = depth(tree) <= MAX_DEPTH and count(tree) <= MAX_KEYS
    try:
        check_json(tree)
    except ValorInvalido:
        assert not within
    else:
        assert within


@given(trees, st.integers(1, 12), st.integers(0, 400))
def test_other_bounds_are_kept_as_exactly(tree, niveles, claves):
    within = depth(tree) <= niveles and count(tree) <= claves
    try:
        check_json(tree, Cotas(niveles, claves))
    except ValorInvalido:
        assert not within
    else:
        assert within


@pytest.mark.parametrize("as_list", [False, True])
def test_the_depth_bound_is_exact(as_list):
    check_json(nested(MAX_DEPTH, as_list=as_list))
    with pytest.raises(ValorInvalido, match="niveles"):
        check_json(nested(MAX_DEPTH + 1, as_list=as_list))


def test_the_key_bound_counts_all_levels_together():
    check_json({"a": {str(i): 0 for i in range(MAX_KEYS - 1)}})
    for tree in (
        {"a": {str(i): 0 for i in range(MAX_KEYS)}},
        {"a": [0] * MAX_KEYS},
        {str(i): {"x": 0} for i in range(MAX_KEYS // 2 + 1)},
        [[] for _ in range(MAX_KEYS + 1)],
    ):
        with pytest.raises(ValorInvalido, match="claves"):
            check_json(tree)


@pytest.mark.parametrize("number", [MAX_ABS_NUMBER, -MAX_ABS_NUMBER, float(MAX_ABS_NUMBER), 0, -0.0, 5e-324, True])
def test_numbers_within(number):
    check_json({"n": number})


@pytest.mark.parametrize(
    "number", [MAX_ABS_NUMBER + 1, -MAX_ABS_NUMBER - 1, 2**63, 10**400, 1e16, math.inf, -math.inf, math.nan]
)
def test_numbers_beyond(number):
    with pytest.raises(ValorInvalido) as caught:
        check_json({"a": [{"n": number}]})
    assert caught.value.ruta == "a[0].n"


def test_text_is_measured_in_utf8_bytes():
    check_json("x" * MAX_STRING_BYTES)
    check_json("ñ" * (MAX_STRING_BYTES // 2))
    for text in ("x" * (MAX_STRING_BYTES + 1), "ñ" * (MAX_STRING_BYTES // 2 + 1), "🏠" * (MAX_STRING_BYTES // 4 + 1)):
        with pytest.raises(ValorInvalido, match="bytes"):
            check_json([text])
        with pytest.raises(ValorInvalido, match="bytes"):
            check_json({text: 1})


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "ñ\x00", "\ud800", "a\udfffb"])
def test_nul_and_lone_surrogates_are_refused_in_values_and_keys(text):
    for tree in ([text], {text: 1}, {"a": {text: []}}):
        with pytest.raises(ValorInvalido) as caught:
            check_json(tree)
        caught.value.ruta.encode()  # what is said about it can be sent
        str(caught.value).encode()


@pytest.mark.parametrize("value", [b"x", (1,), {1, 2}, object()])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(ValorInvalido):
        check_json({"a": value})


@given(trees.map(lambda t: json.loads(json.dumps(t))))
def test_the_check_changes_nothing(tree):
    before = json.dumps(tree)
    with suppress(ValorInvalido):
        check_json(tree)
    assert json.dumps(tree) == before


@given(st.text())
def test_a_serial_is_safe_in_a_topic_and_in_a_path(text):
    if is_serial(text):
        assert 1 <= len(text) <= 100
        assert text.isascii()
        assert not set(text) & set("/+#?%& \n\r\t\x00\"'\\")
        assert text not in (".", "..")


@pytest.mark.parametrize("text", ["TMP0603IF1WD", "a", "A.b_c:d-e", "x" * 100, "...", "0"])
def test_good_serials(text):
    assert is_serial(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "x" * 101, "a b", "a/b", "a+", "#", "ñ", "a\n", "１２", None, 5, True, ["a"], b"a"]
)
def test_bad_serials(text):
    assert not is_serial(text)


ON = ["activo", "on", "true", "1", "ACTIVO", " On ", True, 1, 1.0]
OFF = ["inactivo", "off", "false", "0", "Off", "INACTIVO\n", False, 0, 0.0, -0.0]


@pytest.mark.parametrize(("value", "meant"), [(v, True) for v in ON] + [(v, False) for v in OFF])
def test_spellings_of_on_and_off(value, meant):
    assert parse_encendido(value) is meant


@pytest.mark.parametrize("value", ["", "quizas", "sí", "2", 2, -1, 0.5, math.nan, None, [], {}, [True], "desconocido"])
def test_what_is_neither(value):
    assert parse_encendido(value) is None
