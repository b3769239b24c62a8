"""The document is held against the routes, against what they answer, and against its own standard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from app import create_app, openapi
from app.openapi_tabla import OPERACIONES
from app.servicios import Services
from tests.support.edge import EdgeSettings, make_services

PARTS = {"version": "0", "base_de_datos": {"responde": True}, "mqtt": {"conectado": False, "debilidades": ["x"]}}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    found = make_services(tmp_path_factory.mktemp("casa"), EdgeSettings(), PARTS)
    yield found
    found.db.close()


@pytest.fixture(scope="module")
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> Any:
    return app.test_client()


def routed(app: Flask) -> set[tuple[str, str]]:
    """Every (method, path) that is served, paths as the document writes them; static files are none of its business."""
    return {
        (method, re.sub(r"<(?:[^:<>]+:)?[^<>]+>", "{id}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_is_in_the_document_and_the_other_way_round(app):
    assert {(op.metodo, op.ruta) for op in OPERACIONES} == routed(app)


def test_endpoints_have_the_operations_names(app):
    names = {rule.endpoint.rpartition(".")[2] for rule in app.url_map.iter_rules()} - {"static"}
    assert names == {op.nombre for op in OPERACIONES}


def test_the_document_is_served_and_its_references_lead_somewhere(client):
    answer = client.get("/openapi.json")
    assert answer.content_type == "application/json"
    document = answer.get_json()
    assert document["openapi"].startswith("3.1")
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.get_data(as_text=True)))
    assert names <= set(document["components"]["schemas"])


@pytest.mark.parametrize("op", [op for op in OPERACIONES if op.ejemplo is not None], ids=lambda op: op.nombre)
def test_example_bodies_fit_their_schema(op):
    assert op.cuerpo is not None
    schema_of(op.cuerpo.__name__).validate(op.ejemplo)
    op.cuerpo.model_validate(op.ejemplo)


EXAMPLES = [(op, answer) for op in OPERACIONES for answer in op.respuestas if answer.ejemplo is not None]


@pytest.mark.parametrize(("op", "answer"), EXAMPLES, ids=[op.nombre for op, _ in EXAMPLES])
def test_example_answers_fit_their_schema(op, answer):
    jsonschema_rs.validator_for({**openapi.document(), **answer.esquema}).validate(answer.ejemplo)


@pytest.mark.parametrize("op", OPERACIONES, ids=lambda op: op.nombre)
def test_answers_fit_the_document(client, op):
    """Each operation is called as its example says; whatever comes is one of the documented answers."""
    if op.nombre == "stream":
        answer = client.head(op.ruta)
    else:
        answer = client.open(op.ruta.replace("{id}", "1"), method=op.metodo, json=op.ejemplo)
    documented = openapi.document()["paths"][op.ruta][op.metodo.lower()]["responses"]
    assert str(answer.status_code) in documented, answer.get_data()
    contents = documented[str(answer.status_code)].get("content", {})
    assert answer.mimetype in contents or (not contents and not answer.data)
    if answer.mimetype and answer.mimetype.endswith("json"):
        schema = contents[answer.mimetype]["schema"]
        jsonschema_rs.validator_for({**openapi.document(), **schema}).validate(answer.get_json())


def schema_of(name: str) -> Any:
    return jsonschema_rs.validator_for({**openapi.document(), "$ref": f"#/components/schemas/{name}"})


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ({"serial": "A1"}, True),
        ({"serial_number": "A1", "configuracion": {"modo": "manual", "encendido": "on", "otra": 1}}, True),
        ({"serial_number": "A1", "configuracion": {"horarios": [{"inicio": "07:00", "fin": "08:00"}]}}, True),
        ({"serial_number": "A1", "configuracion": {"horarios": {"lunes": [["07:00", "on"]]}}}, True),
        ({"nombre": "x"}, False),
        ({"serial_number": "A1", "configuracion": {"horarios": [{"inicio": "07:00"}]}}, False),
        ({"serial_number": "../x"}, False),
        ({"serial_number": "A1", "nombre": "x" * 81}, False),
        ({"serial_number": "A1", "configuracion": []}, False),
        ({"serial_number": "A1", "configuracion": {"intervalo_envio": 0}}, False),
    ],
    ids=str,
)
def test_the_claims_schema_says_what_the_server_does(body, good):
    assert schema_of("CuerpoReclamo").is_valid(body) is good


@pytest.mark.parametrize("device_id", [0, 2**63 - 1, 2**63, 2**70, 10**19, "٣", "-1", "abc", "01"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_ids_that_no_device_has_are_404_under_every_method(client, method, device_id):
    assert client.open(f"/dispositivos/{device_id}", method=method, json={"nombre": "x"}).status_code == 404


# --- the page ---------------------------------------------------------------------------------------------------------
def test_the_documentation_page_needs_nothing_from_elsewhere(client):
    answer = client.get("/docs")
    page = answer.get_data(as_text=True)
    assert answer.content_type == "text/html; charset=utf-8"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|<style| style=| on\w+=|javascript:", page)
    assert set(re.findall(r'(?:href|src)="(https?:[^"]*)"', page)) == set()
    for path in set(re.findall(r'(?:href|src)="(/[^"#]*)"', page)):
        with client.get(path) as linked:
            assert linked.status_code == 200, path
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))
    assert '<html lang="es">' in page


def test_the_page_has_a_line_for_a_shell_for_every_operation(client):
    page = client.get("/docs").get_data(as_text=True)
    for op in OPERACIONES:
        assert f"http://localhost{op.ruta.replace('{id}', '1')}" in page, op.nombre


def test_the_curl_lines_are_good_shell():
    import shlex

    for op in OPERACIONES:
        words = shlex.split(openapi.curl(op).replace("{base}", "http://localhost:5000"))
        assert words[0] == "curl"
        if op.ejemplo is not None:
            assert json.loads(words[words.index("-d") + 1]) == op.ejemplo


def test_every_error_code_has_a_place_on_the_page(client):
    page = client.get("/docs").get_data(as_text=True)
    codigo = client.get("/dispositivos/0").get_json()["type"].partition("#")[2]
    assert f'id="{codigo}"' in page


def test_styles_are_in_the_project():
    assert (Path(openapi.__file__).parent / "web" / "static" / "docs.css").is_file()
