"""What a device says: every poison is refused with a reason, every report has exactly the effect of WIRE §1."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.clock import iso_z
from app.domain.dispositivo import dump_object, load_object
from app.domain.orden import Deseo, dump_deseos
from app.domain.reporte import MAX_PAYLOAD_BYTES, Reporte, ReporteRechazado, effect, parse
from tests.support.nucleo import BEGINNING, a_device

SHARED = "dispositivos/estado"
OWN = "dispositivos/TMP0603IF1WD/estado"
GRACE = timedelta(seconds=10)


def body(**fields):
    return json.dumps({"serial_number": "TMP0603IF1WD", **fields}).encode()


POISON = {
    "empty": (b"", "no_json"),
    "not UTF-8": (b'{"serial_number":"\xff\xfe"}', "no_utf8"),
    "latin-1": ('{"serial_number":"A","parametros":{"ñ":1}}'.encode("latin-1"), "no_utf8"),
    "UTF-16": ('{"serial_number":"A"}'.encode("utf-16"), "no_utf8"),
    "overlong NUL": (b'{"serial_number":"A","x":"\xc0\x80"}', "no_utf8"),
    "encoded surrogate": (b'{"serial_number":"A","x":"\xed\xa0\x80"}', "no_utf8"),
    "not JSON": (b"hola", "no_json"),
    "truncated": (b'{"serial_number":"A"', "no_json"),
    "two values": (b'{"serial_number":"A"} {}', "no_json"),
    "trailing comma": (b'{"serial_number":"A",}', "no_json"),
    "single quotes": (b"{'serial_number':'A'}", "no_json"),
    "NaN": (b'{"serial_number":"A","parametros":{"t":NaN}}', "no_json"),
    "Infinity": (b'{"serial_number":"A","parametros":{"t":Infinity}}', "no_json"),
    "-Infinity": (b'{"serial_number":"A","parametros":{"t":-Infinity}}', "no_json"),
    "1e999": (b'{"serial_number":"A","parametros":{"t":1e999}}', "valor_invalido"),
    "30,000 brackets": (b"[" * 30_000, "no_json"),
    "30,000 closed brackets": (b"[" * 30_000 + b"]" * 30_000, "no_json"),
    "30,000 objects": (b'{"a":' * 12_000, "no_json"),
    "more than 64 KiB": (body(parametros={"x": "y" * MAX_PAYLOAD_BYTES}), "demasiado_grande"),
    "escaped surrogate": (b'{"serial_number":"A","parametros":{"x":"\\ud800"}}', "no_json"),
    "surrogate key": (b'{"serial_number":"A","parametros":{"\\udc00":1}}', "no_json"),
    "NUL": (b'{"serial_number":"A","parametros":{"x":"\\u0000"}}', "valor_invalido"),
    "NUL byte": (b'{"serial_number":"A\x00"}', "no_json"),
    "10k keys": (body(parametros={str(i): 0 for i in range(5_000)}), "valor_invalido"),
    "int > 2^63": (b'{"serial_number":"A","parametros":{"n":9223372036854775808}}', "valor_invalido"),
    "int > 2^53": (b'{"serial_number":"A","parametros":{"n":9007199254740993}}', "valor_invalido"),
    "5,000 digits": (b'{"serial_number":"A","parametros":{"n":' + b"9" * 5_000 + b"}}", None),
    "60,000 digits": (b'{"serial_number":"A","parametros":{"n":' + b"9" * 60_000 + b"}}", None),
    "deep": (body(parametros={"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}), "valor_invalido"),
    "long text": (body(parametros={"x": "y" * 4097}), "valor_invalido"),
    "long key": (body(parametros={"y" * 4097: 1}), "valor_invalido"),
    "array": (b"[]", "no_es_objeto"),
    "string": (b'"hola"', "no_es_objeto"),
    "number": (b"5", "no_es_objeto"),
    "null": (b"null", "no_es_objeto"),
    "no serial": (b"{}", "sin_serial"),
    "empty serial": (b'{"serial_number":""}', "sin_serial"),
    "null serial": (b'{"serial_number":null}', "sin_serial"),
    "number as serial": (b'{"serial_number":5}', "serial_invalido"),
    "true as serial": (b'{"serial_number":true}', "serial_invalido"),
    "list as serial": (b'{"serial_number":["A"]}', "serial_invalido"),
    "wildcard serial": (b'{"serial_number":"a/+/#"}', "serial_invalido"),
    "serial with space": (b'{"serial_number":"a b"}', "serial_invalido"),
    "serial with newline": (b'{"serial_number":"a\\n"}', "serial_invalido"),
    "101 characters": (json.dumps({"serial_number": "x" * 101}).encode(), "serial_invalido"),
    "dots": (b'{"serial_number":".."}', "serial_invalido"),
    "Arabic digits": ('{"serial_number":"٣"}'.encode(), "serial_invalido"),
    "parametros list": (body(parametros=[1]), "tipo_invalido"),
    "parametros text": (body(parametros="x"), "tipo_invalido"),
    "parametros number": (body(parametros=0), "tipo_invalido"),
    "configuracion list": (body(configuracion=[]), "tipo_invalido"),
    "configuracion false": (body(configuracion=False), "tipo_invalido"),
    "estado quizas": (body(estado="quizas"), "valor_invalido"),
    "estado list": (body(estado=["activo"]), "valor_invalido"),
    "estado object": (body(estado={}), "valor_invalido"),
    "estado 2": (body(estado=2), "valor_invalido"),
    "encendido quizas": (body(configuracion={"encendido": "quizas"}), "valor_invalido"),
    "encendido null": (body(configuracion={"encendido": None}), "valor_invalido"),
    "encendido list": (body(configuracion={"encendido": [True]}), "valor_invalido"),
}


@pytest.mark.parametrize(("payload", "motivo"), POISON.values(), ids=POISON.keys())
def test_poison_is_refused_with_its_reason(payload, motivo):
    with pytest.raises(ReporteRechazado) as caught:
        parse(SHARED, payload)
    assert motivo is None or caught.value.motivo == motivo
    assert caught.value.detalle
    caught.value.detalle.encode()  # it is stored and shown


@pytest.mark.parametrize(
    "topic", ["", "dispositivos", "dispositivos/x", "dispositivos//estado/y", "otros/x/estado",
              "dispositivos/x/estado/",
              "/dispositivos/x/estado", "dispositivos/x/disponible", "DISPOSITIVOS/estado"],
)  # fmt: skip
def test_other_topics_are_refused(topic):
    with pytest.raises(ReporteRechazado) as caught:
        parse(topic, body())
    assert caught.value.motivo == "topic"


@pytest.mark.parametrize(
    ("topic", "payload", "motivo"),
    [
        (OWN, body(serial_number="OTRO"), "serial_ajeno"),
        (OWN, body(serial_number="tmp0603if1wd"), "serial_ajeno"),
        ("dispositivos//estado", b"{}", "sin_serial"),
        ("dispositivos/ñ/estado", b"{}", "serial_invalido"),
        ("dispositivos/a b/estado", b"{}", "serial_invalido"),
        ("dispositivos/../estado", b"{}", "serial_invalido"),
        (f"dispositivos/{'x' * 101}/estado", b"{}", "serial_invalido"),
    ],
)
def test_serial_faults_on_an_own_topic(topic, payload, motivo):
    with pytest.raises(ReporteRechazado) as caught:
        parse(topic, payload)
    assert caught.value.motivo == motivo


def test_the_serial_is_optional_on_an_own_topic_only():
    assert parse(OWN, b'{"estado":"activo"}').serial_number == "TMP0603IF1WD"
    assert parse(OWN, body()).serial_number == "TMP0603IF1WD"


@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf{}")
def test_any_bytes_are_a_report_or_a_refusal(payload):
    try:
        reporte = parse(SHARED, payload)
    except ReporteRechazado as refused:
        refused.detalle.encode()
    else:
        assert reporte.serial_number


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda kids: st.lists(kids, max_size=4) | st.dictionaries(st.text(max_size=6), kids, max_size=4),
    max_leaves=12,
)
wild_bodies = st.fixed_dictionaries(
    {},
    optional={
        "serial_number": st.just("A") | json_like,
        "estado": st.sampled_from(["activo", "OFF", "", None, 1]) | json_like,
        "parametros": st.dictionaries(st.text(max_size=6), json_like, max_size=4) | json_like,
        "configuracion": st.dictionaries(st.sampled_from(["modo", "encendido", "x"]), json_like) | json_like,
    },
)


@given(wild_bodies)
def test_what_is_accepted_can_be_stored_and_read_back(value):
    """An accepted report's JSON is UTF-8 text that any strict reader parses."""

    def no_constants(name):
        raise AssertionError(name)

    try:
        reporte = parse(SHARED, json.dumps(value).encode())
    except ReporteRechazado:
        return
    for text in (reporte.parametros_json or "{}", dump_object(reporte.configuracion or {})):
        text.encode()
        assert "\x00" not in text
        assert isinstance(json.loads(text, parse_constant=no_constants), dict)
    if reporte.configuracion and "encendido" in reporte.configuracion:
        assert isinstance(reporte.configuracion["encendido"], bool)


def test_just_64_kib_is_accepted():
    parametros = {f"k{i}": "y" * 4000 for i in range(16)}
    payload = body(parametros=parametros)
    payload += b" " * (MAX_PAYLOAD_BYTES - len(payload))
    assert load_object(parse(SHARED, payload).parametros_json) == parametros
    with pytest.raises(ReporteRechazado, match="65536"):
        parse(SHARED, payload + b" ")


@pytest.mark.parametrize("empty", [None, {}])
def test_empty_parts_replace_nothing(empty):
    reporte = parse(SHARED, body(parametros=empty, configuracion=empty, estado=None))
    assert (reporte.estado, reporte.parametros_json, reporte.configuracion) == (None, None, None)
    assert parse(SHARED, body(estado="")).estado is None


def test_our_own_version_is_not_the_devices_to_keep():
    """A modern device may echo its desired configuration, version and all; on the shared topic the key is its own."""
    assert parse(OWN, b'{"configuracion":{"a":1,"version":7}}').configuracion == {"a": 1}
    assert parse(OWN, b'{"configuracion":{"version":7}}').configuracion is None
    assert parse(SHARED, body(configuracion={"version": 7})).configuracion == {"version": 7}


# --- effect -----------------------------------------------------------------------------------------------------------
def reporte(estado=None, parametros=None, configuracion=None):
    return Reporte("A", estado, dump_object(parametros) if parametros else None, configuracion, SHARED)


def test_each_part_replaces_the_whole_old_one():
    device = a_device(
        estado="activo", estado_reportado="activo", parametros_json='{"t":1,"h":2}',
        configuracion_json='{"modo":"manual","encendido":true,"x":1}',
    )  # fmt: skip
    after = effect(device, reporte(parametros={"t": 5}, configuracion={"y": 2}), BEGINNING, GRACE)
    assert json.loads(after.parametros_json) == {"t": 5}
    assert json.loads(after.configuracion_json) == {"y": 2, "encendido": True}
    assert (after.estado, after.configuracion_cambiada) == ("activo", True)


def test_what_did_not_come_stays():
    device = a_device(estado="activo", parametros_json='{"t":1}', configuracion_json='{"encendido":true,"x":1}')
    after = effect(device, reporte(), BEGINNING, GRACE)
    assert (after.estado, after.parametros_json, after.configuracion_json) == (
        "activo", '{"t":1}', '{"encendido":true,"x":1}',
    )  # fmt: skip
    assert not after.configuracion_cambiada


@pytest.mark.parametrize(
    ("configuracion", "estado", "on"),
    [
        ({"modo": "manual", "encendido": False}, True, False),
        ({"modo": "manual", "encendido": True}, False, True),
        ({"modo": "horario", "encendido": False}, True, True),
        ({"modo": "horario", "encendido": True}, False, False),
        ({"encendido": False}, True, True),
        ({"modo": "manual"}, True, True),
        ({"modo": "horario", "encendido": True}, None, True),
    ],
)
def test_the_mode_rules_hold_over_mqtt_too(configuracion, estado, on):
    after = effect(a_device(), reporte(estado, configuracion=configuracion), BEGINNING, GRACE)
    assert after.estado == ("activo" if on else "inactivo")
    assert json.loads(after.configuracion_json)["encendido"] is on


def wished(wish, *, ago, reported):
    """A device asked by HTTP to be ``wish`` that said ``reported`` before."""
    asked = Deseo(wish == "activo", iso_z(BEGINNING - timedelta(seconds=ago)), 1, 1)
    return a_device(
        estado=wish, estado_reportado=reported, deseos_json=dump_deseos({"encendido": asked}),
        configuracion_json=dump_object({"modo": "manual", "encendido": wish == "activo"}),
    )  # fmt: skip


def test_within_the_grace_a_repetition_does_not_undo_the_wish():
    device = wished("inactivo", ago=3, reported="activo")
    after = effect(device, reporte(True, parametros={"t": 9}), BEGINNING, GRACE)
    assert (after.estado, after.juicio.deseos_json) == ("inactivo", device.deseos_json)
    assert after.parametros_json == '{"t":9}'
    assert after.configuracion_json == device.configuracion_json


def test_a_repetition_by_configuration_alone_is_one_too():
    """A device that reports ``configuracion.encendido`` and no ``estado`` repeats its old state with it."""
    device = wished("inactivo", ago=3, reported="activo")
    after = effect(device, reporte(configuracion={"modo": "manual", "encendido": True}), BEGINNING, GRACE)
    assert after.estado == "inactivo"


@pytest.mark.parametrize("ago", [10, 10.5, 3600, -1, -86400])
def test_after_the_grace_or_when_the_clock_was_set_back_the_report_rules(ago):
    after = effect(wished("inactivo", ago=ago, reported="activo"), reporte(True), BEGINNING, GRACE)
    assert (after.estado, after.juicio.cierres[0].estado) == ("activo", "rechazada")
    assert json.loads(after.configuracion_json)["encendido"] is True


def test_the_last_moment_of_the_grace():
    device = wished("inactivo", ago=9.999999, reported="activo")
    assert effect(device, reporte(True), BEGINNING, GRACE).estado == "inactivo"


def test_a_confirmation_ends_the_wait():
    after = effect(wished("inactivo", ago=3, reported="activo"), reporte(False), BEGINNING, GRACE)
    assert (after.estado, after.estado_reportado, after.juicio.deseos_json) == ("inactivo", "inactivo", "{}")
    assert after.juicio.probada == 1


def test_a_report_that_obeys_an_order_already_overtaken_does_not_undo_the_newest():
    """Off, asked on, asked off: a legacy device that polled in between says on, and off with its next poll."""
    after = effect(wished("inactivo", ago=3, reported="inactivo"), reporte(True), BEGINNING, GRACE)
    assert (after.estado, after.estado_reportado, after.juicio.cierres) == ("inactivo", "activo", ())


def test_a_report_that_says_nothing_of_the_state_keeps_waiting():
    device = wished("inactivo", ago=3, reported="activo")
    after = effect(device, reporte(parametros={"t": 1}), BEGINNING, GRACE)
    assert (after.estado, after.juicio.deseos_json) == ("inactivo", device.deseos_json)


def test_without_grace_every_report_rules():
    after = effect(wished("inactivo", ago=0, reported="activo"), reporte(True), BEGINNING, timedelta(0))
    assert after.estado == "activo"


states = st.sampled_from(["activo", "inactivo", "desconocido"])
switches = st.sampled_from([True, False, None])
small_config = st.none() | st.fixed_dictionaries(
    {},
    optional={"modo": st.sampled_from(["manual", "horario", "x"]), "encendido": st.booleans(), "n": st.integers(0, 3)},
).map(lambda c: c or None)


@given(states, st.none() | states, st.none() | st.floats(-20, 20), switches, small_config)
def test_the_invariant_holds_after_any_report(estado, reported, ago, said, configuracion):
    """From any consistent row, and again when the same report comes twice."""
    device = a_device(
        estado=estado, estado_reportado=reported,
        configuracion_json='{"encendido":true}' if estado == "activo" else "{}",
        deseos_json="{}" if ago is None or estado == "desconocido" else dump_deseos(
            {"encendido": Deseo(estado == "activo", iso_z(BEGINNING - timedelta(seconds=ago)), 1, 1)}
        ),
    )  # fmt: skip
    after = effect(device, reporte(said, configuracion=configuracion), BEGINNING, GRACE)
    assert (after.estado == "activo") is (json.loads(after.configuracion_json).get("encendido") is True)
    assert after.configuracion_cambiada is (after.configuracion_json != device.configuracion_json)
    if said is not None:
        assert after.estado_reportado == ("activo" if said else "inactivo")
