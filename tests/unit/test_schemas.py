"""What may be sent and what becomes of it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.consultas import parse_filtro_lista, parse_pagina, parse_stream
from app.cuerpo import read_json_object
from app.domain.errors import DatosInvalidos, SerialRequerido
from app.domain.filtro import FiltroLista, FiltroStream
from app.domain.valores import parse_encendido
from app.problems import ProblemError
from app.schemas import parse_cambios
from app.schemas_alta import parse_alta, parse_reclamo


def faults(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(DatosInvalidos) as caught:
        parse_cambios(body, 1)
    return {e.campo: e.mensaje for e in caught.value.errores}


@pytest.mark.parametrize(
    ("body", "campo", "said"),
    [
        ({"nombre": 5}, "nombre", "debe ser un texto"),
        ({"nombre": "x" * 81}, "nombre", "no puede pasar de 80 caracteres"),
        ({"nombre": ""}, "nombre", "no puede estar vacío"),
        ({"nombre": "   "}, "nombre", "no puede estar en blanco"),
        ({"tipo": "\x1b[31m"}, "tipo", "caracteres de control"),
        ({"descripcion": "a\x7fb"}, "descripcion", "caracteres de control"),
        ({"configuracion": []}, "configuracion", "debe ser un objeto"),
        ({"configuracion": {"modo": "turbo"}}, "configuracion.modo", "debe ser uno de: manual, horario"),
        ({"configuracion": {"intervalo_envio": 0}}, "configuracion.intervalo_envio", "debe ser mayor que 0"),
        ({"configuracion": {"intervalo_envio": True}}, "configuracion.intervalo_envio", "debe ser un número"),
        ({"configuracion": {"encendido": None}}, "configuracion.encendido", "debe ser true|false"),
        (
            {"configuracion": {"horarios": [{"inicio": "25:99", "fin": "10:00"}]}},
            "configuracion.horarios[0].inicio",
            "00:00 y 23:59",
        ),
        ({"configuracion": {"horarios": [{"inicio": "10:00"}]}}, "configuracion.horarios[0]", "inicio y fin"),
        ({"configuracion": {"horarios": {"lunez": []}}}, "configuracion.horarios.lunez", "debe ser un día"),
        ({"configuracion": {"horarios": {"lunes": [["7:60", "on"]]}}}, "configuracion.horarios.lunes[0]", "23:59"),
        ({"configuracion": {"horarios": {"lunes": [["07:00"]]}}}, "configuracion.horarios.lunes[0]", "un par"),
        ({"configuracion": {"horarios": 7}}, "configuracion.horarios", "debe ser una lista"),
        ({"id": 2}, "id", "no es el de este dispositivo"),
        ({"id": True}, "id", "no es el de este dispositivo"),
    ],
    ids=str,
)
def test_faults_name_the_field_in_spanish(body, campo, said):
    found = faults(body)
    assert said in found[campo]


def test_every_fault_is_told_at_once():
    assert set(faults({"nombre": 5, "tipo": "", "configuracion": {"modo": "x", "intervalo_envio": -1}})) == {
        "nombre",
        "tipo",
        "configuracion.modo",
        "configuracion.intervalo_envio",
    }


def test_what_was_sent_is_kept_verbatim_but_encendido():
    """Unknown keys, their order, both shapes of horarios and the case of modo."""
    configuracion = {
        "zeta": None,
        "modo": "MANUAL",
        "horarios": [{"dias": ["Miércoles", "SUNDAY"], "start": "7:05", "fin": "23:59", "nota": {"a": 1}}],
        "encendido": "On",
        "intervalo_envio": 5,
    }
    sent = parse_cambios({"configuracion": configuracion}, 1).cambios.configuracion
    assert sent == {**configuracion, "encendido": True}
    assert list(sent or ()) == list(configuracion)
    assert type((sent or {})["intervalo_envio"]) is int


def test_put_names_what_it_ignores():
    found = parse_cambios({"id": 1, "serial_number": "S", "parametros": {}, "x": 1, "estado": "desconocido"}, 1)
    assert found.ignorados == ("parametros", "x", "estado")
    assert found.serial_number == "S"
    assert found.cambios.estado is None


@given(st.one_of(st.booleans(), st.sampled_from(["activo", "ON", " true", "1", 1, 0, "Inactivo", "off", "false", "0"])))
def test_encendido_means_what_the_domain_says(value):
    cambios = parse_cambios({"encendido": value}, 1).cambios
    assert cambios.encendido is parse_encendido(value)


def test_null_reads_as_not_sent():
    cambios = parse_cambios({"nombre": None, "configuracion": None, "encendido": None, "estado": None}, 1).cambios
    assert (cambios.nombre, cambios.configuracion, cambios.encendido, cambios.estado) == (None, None, None, None)


@pytest.mark.parametrize("body", [{}, {"nombre": "x"}, {"serial_number": None}, {"serial_number": ""}, {"serial": ""}])
@pytest.mark.parametrize("parse", [parse_reclamo, parse_alta])
def test_without_a_serial(parse, body):
    with pytest.raises(SerialRequerido):
        parse(body)


@pytest.mark.parametrize("serial", ["../x", "+/#", "x" * 101, ".", "..", "con espacio", "ñ", "a\n"])
def test_serials_that_would_be_topics(serial):
    for body in ({"serial_number": serial}, {"serial": serial}):
        with pytest.raises(DatosInvalidos, match="serial_number"):
            parse_reclamo(body)


def test_a_qr_may_call_it_serial():
    assert parse_reclamo({"serial": "A1", "otra": 1}).serial_number == "A1"


# --- bodies -----------------------------------------------------------------------------------------------------------
def read(data: bytes, content_type: str | None = "application/json", encoding: str | None = None) -> dict[str, Any]:
    return read_json_object(data, content_type=content_type, content_encoding=encoding)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 400),
        (b" \r\n", 400),
        (b'{"a":', 400),
        (b'{"a":1} x', 400),
        (b'{"a":NaN}', 400),
        (b'{"a":-Infinity}', 400),
        (b'{"a":1,"a":2}', 400),
        (b'{"b":{"a":1,"a":2}}', 400),
        (b'{"a":' + b"9" * 5000 + b"}", 400),
        (b"[" * 30_000, 400),
        (b"[" * 30_000 + b"]" * 30_000, 400),
        (b'{"a":"\xff"}', 400),
        (b'{"a":"\xed\xa0\x80"}', 400),
        ('{"a":1}'.encode("utf-16"), 415),
        ('{"a":1}'.encode("utf-16-le"), 415),
        ('{"a":1}'.encode("utf-32-be"), 415),
    ],
    ids=lambda v: repr(v[:30]) if isinstance(v, bytes) else str(v),
)
def test_what_is_no_json_text(data, status):
    with pytest.raises(ProblemError) as caught:
        read(data)
    assert caught.value.problem.status == status


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b'{"a":1e999}',
        rb'{"a":"\ud800"}',
        rb'{"\udfff":1}',
        rb'{"a":"\u0000"}',
        b'{"a":9007199254740993}',
        b'{"a":' * 9 + b"1" + b"}" * 9,
    ],
    ids=repr,
)
def test_json_out_of_bounds(data):
    with pytest.raises(DatosInvalidos):
        read(data)


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/json; charset=latin-1", "application/jsonp"]
)
def test_content_types_that_are_not_ours(content_type):
    with pytest.raises(ProblemError) as caught:
        read(b"{}", content_type)
    assert caught.value.problem.status == 415


def test_content_types_that_are():
    for content_type in ("application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"'):
        assert read(b'\xef\xbb\xbf{"a":1}', content_type) == {"a": 1}
    with pytest.raises(ProblemError):
        read(b"{}", encoding="gzip")
    assert read(b"{}", encoding="identity") == {}


@given(st.binary(max_size=300))
def test_any_bytes_get_a_stated_answer(data):
    with contextlib.suppress(ProblemError, DatosInvalidos):
        assert isinstance(read(data), dict)


# --- queries ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", ["0", "-1", "abc", "1_0", "", "1.5", "٣", " 1", "+1", "9" * 20, "1\n"])
@pytest.mark.parametrize("name", ["page", "per_page"])
def test_pages_that_are_none(name, bad):
    with pytest.raises(DatosInvalidos, match=name):
        parse_pagina({name: bad})


def test_pages():
    assert parse_pagina({}) == (1, 50)
    assert parse_pagina({"page": "007", "per_page": "200"}) == (7, 200)
    with pytest.raises(DatosInvalidos):
        parse_pagina({"per_page": "201"})


def test_list_filters():
    assert parse_filtro_lista({}) == FiltroLista()
    asked = {"reclamado": "True", "tipo": "x", "estado": "ON", "q": "ñ"}
    assert parse_filtro_lista(asked) == FiltroLista(reclamado=True, tipo="x", estado="activo", q="ñ")
    assert parse_filtro_lista({"estado": "desconocido", "q": ""}) == FiltroLista(estado="desconocido")
    for bad in ({"reclamado": "quizas"}, {"estado": "roto"}, {"q": "x" * 201}, {"tipo": "\x00"}):
        with pytest.raises(DatosInvalidos):
            parse_filtro_lista(bad)


def test_stream_queries():
    found = parse_stream({"serial": "A1", "reclamado": "false", "snapshot": "1", "last_event_id": "e-1"}, None)
    assert found.filtro == FiltroStream("A1", reclamado=False)
    assert (found.snapshot, found.last_event_id) == (True, "e-1")
    assert parse_stream({"last_event_id": "e-1"}, "e-2").last_event_id == "e-2"
    for bad in ({"serial": "../x"}, {"reclamado": "quizas"}, {"snapshot": "quizas"}):
        with pytest.raises(DatosInvalidos):
            parse_stream(bad, None)
