"""Measurements stay inside their rules and are the same again with the same seed."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from simulator.catalogue import KINDS
from simulator.device import Device, Spec
from simulator.parameters import ParameterRule, Walk

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def rules(draw: st.DrawFn) -> ParameterRule:
    tipo = draw(st.sampled_from(["float", "double", "int", "boolean"]))
    if tipo == "boolean":
        return ParameterRule("p", tipo, prob_flip=draw(st.floats(0, 1)))
    low, high = sorted((draw(numbers), draw(numbers)))
    if tipo == "int":
        low, high = int(low), max(int(low), int(high))
    return ParameterRule("p", tipo, min=low, max=high, variacion=draw(st.integers(0, 1000)))


@given(rules(), st.integers())
def test_values_keep_to_their_rule(rule: ParameterRule, seed: int) -> None:
    """Type, range and largest step, at every report."""
    walk = Walk((rule,), random.Random(seed))
    before = walk.values()["p"]
    for _ in range(30):
        walk.step()
        value = walk.values()["p"]
        assert type(value) is {"int": int, "boolean": bool}.get(rule.tipo, float)
        if rule.numeric:
            assert rule.min <= value <= rule.max
            assert abs(value - before) <= rule.variacion + (0.011 if rule.tipo != "int" else 0)
        before = value


@given(rules())
def test_a_stuck_value_is_out_of_range(rule: ParameterRule) -> None:
    """A healthy device never reports it."""
    assert not rule.numeric or rule.out_of_range() > rule.max


@given(st.text(max_size=10), st.sampled_from(KINDS))
def test_the_same_seed_gives_the_same_reports(seed: str, kind: object) -> None:
    """Byte for byte, device by device, whatever the other devices do."""
    spec = Spec(kind.prefix + "AAAAAAAA", kind, "moderno")
    runs = []
    for _ in range(2):
        device = Device(spec, seed)
        runs.append([device.next_reports(0.0) for _ in range(20)])
    assert runs[0] == runs[1]


def test_a_device_that_is_off_consumes_nothing() -> None:
    """Some parameters have a value of their own while the device is off; the others go on."""
    by_prefix = {kind.prefix: kind for kind in KINDS}
    off = {prefix: Walk(by_prefix[prefix].parametros, random.Random(1)).values(encendido=False) for prefix in by_prefix}
    assert off["PLG0"] == {"consumo_w": 0.0}
    assert off["FAN0"] == {"velocidad": 0}
    assert off["CAM0"] == {"stream_activo": False, "alertas_movimiento": False}
    assert off["TMP0"].keys() == {"temperatura", "humedad"}
