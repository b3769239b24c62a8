"""The OpenAPI 3.1 document, and the examples of the documentation page, from the table of operations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from typing import Any

from pydantic.json_schema import models_json_schema

from app import __version__
from app.acceso import COOKIE
from app.domain.identidad import Permiso
from app.domain.permisos import NOMBRES, PERMISOS, Acceso
from app.openapi_base import JSON, Operacion, Respuesta, ref
from app.openapi_tabla import ESQUEMAS, OPERACIONES
from app.pases import PARAMETRO
from app.problems import CONTENT_TYPE as PROBLEM
from app.problems import TITLES

REF_TEMPLATE = "#/components/schemas/{model}"
ALWAYS = (401, 403, 421)
"""Any request may be refused for whom it comes from (a wrong credential also where none is needed), for the page that
makes it, and for the name it asks for."""
STREAM = "/stream/dispositivos"
SCHEMES: dict[str, dict[str, str]] = {
    "sesion": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "La que da `POST /sesion`."},
    "token": {"type": "http", "scheme": "bearer", "description": "Un token (`iot_...`)."},
    "basica": {"type": "http", "scheme": "basic", "description": "El usuario y, como contraseña, uno de sus tokens."},
    "entrada": {"type": "apiKey", "in": "query", "name": PARAMETRO, "description": "La que da `POST /entradas`."},
}


@cache
def text() -> str:
    """The document as compact JSON."""
    return json.dumps(document(), ensure_ascii=False, separators=(",", ":"))


def document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for op in OPERACIONES:
        paths.setdefault(op.ruta, {})[op.metodo.lower()] = _operation(op)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "IoT Backend",
            "version": __version__,
            "description": "Dispositivos de una casa: se detectan, se reclaman, se cambian y se siguen en vivo.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(op.grupo for op in OPERACIONES)],
        "paths": paths,
        "components": {"schemas": {**ESQUEMAS, **_body_schemas()}, "securitySchemes": SCHEMES},
    }


def grouped() -> list[tuple[str, list[tuple[Operacion, str]]]]:
    """(group, [(operation, its curl line with ``{base}`` for the address)]) in the order of the table."""
    return [(name, [(op, curl(op)) for op in ops]) for name, ops in groupby(OPERACIONES, key=lambda op: op.grupo)]


def curl(op: Operacion) -> str:
    """A line for a shell; the reader's address goes where ``{base}`` stands."""
    words = [op.curl or ("curl -i" if op.metodo == "GET" else f"curl -i -X {op.metodo}")]
    words.append("'{base}" + op.ruta.replace("{id}", "1") + "'")
    if op.ejemplo is not None:
        body = json.dumps(op.ejemplo, ensure_ascii=False)
        words += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(words) if op.ejemplo is not None else " ".join(words)


def fields(op: Operacion) -> list[tuple[str, str]]:
    """(field, what it is) of an operation's body."""
    if op.cuerpo is None:
        return []
    schema = document()["components"]["schemas"][op.cuerpo.__name__]
    return [(name, _said(field)) for name, field in schema["properties"].items()]


def _said(field: Mapping[str, Any]) -> str:
    if "description" in field:
        return str(field["description"])
    shape = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
    if "maxLength" in shape:
        least = "de 1 a" if shape.get("minLength") else "de hasta"
        return f"Texto {least} {shape['maxLength']} caracteres."
    return str(shape.get("description", ""))


def _operation(op: Operacion) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": op.nombre,
        "tags": [op.grupo],
        "summary": op.resumen,
        "description": op.descripcion,
        "security": _security(op),
        "x-permiso": NOMBRES[permiso(op).permiso],
        "responses": {**dict(map(_response, op.respuestas)), **dict(map(_error, (*op.errores, *ALWAYS)))},
    }
    if op.parametros:
        found["parameters"] = [
            {
                "name": p.nombre,
                "in": p.lugar,
                "description": p.descripcion,
                "required": p.lugar == "path",
                "schema": dict(p.esquema),
            }
            for p in op.parametros
        ]
    if op.cuerpo is not None:
        content = {"schema": ref(op.cuerpo.__name__), "example": op.ejemplo}
        found["requestBody"] = {"required": True, "content": {JSON: content}}
    if op.binario:
        schema = {"type": "string", "format": "binary"}
        found["requestBody"] = {"required": True, "content": {op.binario: {"schema": schema}}}
    return found


def permiso(op: Operacion) -> Acceso:
    """What an operation asks of who calls it."""
    return PERMISOS[op.metodo, op.ruta]


def pide(op: Operacion) -> str:
    """The same for people."""
    asked = permiso(op)
    if asked.permiso == Permiso.NADIE:
        return "No pide nada: cualquiera puede."
    part = ", y que la cuenta alcance a toda la casa" if asked.casa else ""
    return f"Pide poder {NOMBRES[asked.permiso]}{part}."


def _security(op: Operacion) -> list[dict[str, list[str]]]:
    """Any one of the schemes; from a trusted network, none."""
    if permiso(op).permiso == Permiso.NADIE:
        return []
    return [{name: []} for name in SCHEMES if name != "entrada" or op.ruta == STREAM]


def _response(answer: Respuesta) -> tuple[str, dict[str, Any]]:
    found: dict[str, Any] = {"description": answer.descripcion}
    if answer.esquema is not None:
        content = {"schema": dict(answer.esquema)}
        if answer.ejemplo is not None:
            content["example"] = answer.ejemplo
        found["content"] = dict.fromkeys(answer.tipo.split(", "), content)
    return str(answer.status), found


def _error(status: int) -> tuple[str, dict[str, Any]]:
    return str(status), {"description": TITLES[status], "content": {PROBLEM: {"schema": ref("Problema")}}}


def _body_schemas() -> dict[str, Any]:
    bodies = [(op.cuerpo, "validation") for op in OPERACIONES if op.cuerpo is not None]
    _, found = models_json_schema(bodies, ref_template=REF_TEMPLATE)  # type: ignore[arg-type]
    return {name: _tidy(schema) for name, schema in found["$defs"].items()}


def _tidy(schema: Any) -> Any:
    """Without the defaults and titles that only say how the models are written."""
    if isinstance(schema, Mapping):
        return {k: _tidy(v) for k, v in _kept(schema)}
    return [_tidy(v) for v in schema] if isinstance(schema, list) else schema


def _kept(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and (value is None or value is False or value == ""):
            continue
        yield key, value
