"""A rule's condition: its tree, what each leaf sees, and logic in which something may be unknown."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.conectividad import ESTADOS
from app.domain.regla import MAX_HOJAS, Hoja, Union, decidir, describir, hojas_de, leer, nivel
from app.domain.regla_hoja import MemoriaHoja, seguir
from app.schemas_reglas import Condicion


def leaf(**fields):
    return leer({"dispositivo_id": 1, **fields})


def sees(hoja, parametros=None, *, estado="activo", conectividad="en_linea", antes=False):
    return nivel(hoja, estado, conectividad, parametros or {}, antes=antes)


KNOWN = {True: seguir(MemoriaHoja(), True, 0.0), False: MemoriaHoja(), None: seguir(MemoriaHoja(), None, 0.0)}


def test_words_of_conditions_are_those_of_devices():
    words = Condicion.model_json_schema()["$defs"]["Condicion"]["properties"]["conectividad"]["anyOf"][0]["enum"]
    assert sorted(words) == sorted(ESTADOS)


@pytest.mark.parametrize(
    ("operador", "valor", "leido", "expected"),
    [
        (">", 5, 6, True), (">", 5, 5, False), (">=", 5, 5, True), ("<", 5, 4.5, True), ("<=", 5, 5.0, True),
        ("==", 5, 5.0, True), ("!=", 5, 5.0, False), ("==", "abierta", "abierta", True), ("!=", "abierta", "x", True),
        ("==", True, True, True), ("==", True, 1, None), ("==", 1, True, None), (">", 5, True, None),
        (">", 5, "6", None), (">", 5, None, None), ("==", "6", 6, None), (">", 5, [6], None), (">", 5, 10**400, True),
    ],
)  # fmt: skip
def test_a_parameter_that_is_of_another_kind_says_nothing(operador, valor, leido, expected):
    assert sees(leaf(parametro="x", operador=operador, valor=valor), {"x": leido}) is expected


def test_parameters_inside_others():
    hoja = leaf(parametro="bateria.nivel", operador="<", valor=20)
    assert sees(hoja, {"bateria": {"nivel": 10}}) is True
    assert sees(hoja, {"bateria.nivel": 30, "bateria": {"nivel": 10}}) is False
    for without in ({}, {"bateria": 10}, {"bateria": {}}, {"bateria": {"nivel": None}}):
        assert sees(hoja, without) is None


def test_of_a_lost_device_only_its_liveness_is_known():
    assert sees(leaf(estado="activo"), conectividad="fuera") is None
    assert sees(leaf(parametro="x", operador=">", valor=1), {"x": 2}, conectividad="fuera") is None
    assert sees(leaf(conectividad="fuera"), conectividad="fuera") is True
    assert sees(leaf(conectividad="fuera"), conectividad="dudoso") is False
    assert sees(leaf(estado="activo"), conectividad="dudoso") is True


def test_hysteresis_is_of_what_was_met():
    hoja = leaf(parametro="x", operador=">", valor=30, histeresis=2)
    assert [sees(hoja, {"x": 29}, antes=antes) for antes in (False, True)] == [False, True]


tree = st.recursive(
    st.just("hoja"),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["todas", "alguna"]), st.lists(inner, min_size=1, max_size=3)),
        st.tuples(st.just("no"), inner),
    ),
    max_leaves=6,
)


def build(shape):
    if shape == "hoja":
        return {"dispositivo_id": 1, "estado": "activo"}
    kind, parts = shape
    return {kind: build(parts) if kind == "no" else [build(p) for p in parts]}


def plainly(nodo, values):
    if isinstance(nodo, Hoja):
        return values[nodo.n]
    said = [plainly(p, values) for p in nodo.partes]
    return not said[0] if nodo.tipo == "no" else (all if nodo.tipo == "todas" else any)(said)


@given(tree, st.data())
def test_unknown_is_what_the_unknown_leaves_could_still_change(shape, data):
    """Never a word that some value of an unknown leaf would make wrong (sound, as Kleene's logic is)."""
    nodo = leer(build(shape))
    leaves = hojas_de(nodo)
    assert [h.n for h in leaves] == list(range(len(leaves)))
    known = data.draw(st.lists(st.sampled_from([True, False, None]), min_size=len(leaves), max_size=len(leaves)))
    said = decidir(nodo, [KNOWN[k] for k in known], 10.0)
    worlds = itertools.product(*[[k] if k is not None else [True, False] for k in known])
    possible = {plainly(nodo, world) for world in worlds}
    if None not in known:
        assert {said} == possible
    elif said is not None:
        assert possible == {said}


def test_in_words():
    condicion = {
        "todas": [
            {"dispositivo_id": 1, "parametro": "co2_ppm", "operador": ">", "valor": 600, "durante_s": 5},
            {"no": {"alguna": [{"dispositivo_id": 2, "estado": "activo"}, {"horario": [{}]}]}},
            {"dispositivo_id": 1, "parametro": "abierta", "operador": "==", "valor": True},
        ]
    }  # fmt: skip
    nodo = leer(condicion)
    assert isinstance(nodo, Union)
    assert describir(nodo, {1: "Aire"}) == (
        "Aire: co2_ppm > 600 durante 5 s y no (dispositivo 2: activo o en su horario) y Aire: abierta == sí"
    )
    assert len(hojas_de(nodo)) <= MAX_HOJAS
