"""Routes about the program itself: health, metrics, rejected messages, documentation."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup, escape

from app import openapi as documento
from app import rechazos, salud
from app.consultas import parse_pagina
from app.domain.identidad import DE_AMBITO, DE_ROL
from app.domain.permisos import NOMBRES, VER_TODO
from app.metrics import CONTENT_TYPE as METRICS_TYPE
from app.metrics import Metricas
from app.peticionario import identity_of
from app.problems import CODES
from app.routes import json_response, paged

if TYPE_CHECKING:
    from app.servicios import Services


_CODE = re.compile(r"`([^`]+)`")


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("sistema", __name__)
    for path, view in (
        ("/salud", routes.salud),
        ("/salud/viva", routes.viva),
        ("/salud/lista", routes.lista),
        ("/metrics", routes.metrics),
        ("/mensajes/rechazados", routes.rechazados),
        ("/openapi.json", routes.openapi),
        ("/docs", routes.docs),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=["GET"])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._metricas = Metricas(services.estado)

    def salud(self) -> Response:
        return _fresh(_dump(salud.documento(self._services.estado())))

    def viva(self) -> Response:
        return _fresh(_dump({"viva": True}))

    def lista(self) -> Response:
        found = salud.preparacion(self._services.estado(), todo=VER_TODO.allows(identity_of(request)))
        answer = _fresh(_dump(found))
        if not found["lista"]:
            answer.status_code = 503
            answer.headers["Retry-After"] = "2"
        return answer

    def metrics(self) -> Response:
        return _fresh(Response(self._metricas.render(), content_type=METRICS_TYPE))

    def rechazados(self) -> Response:
        page, per_page = parse_pagina(request.args)
        with self._services.db.reader() as conn:
            found = rechazos.listar(conn, page=page, per_page=per_page)
        return paged(found, lambda row: json.dumps(asdict(row), ensure_ascii=False, separators=(",", ":")))

    def openapi(self) -> Response:
        return json_response(documento.text())

    def docs(self) -> Response:
        roles = [(rol.value, NOMBRES[permiso]) for rol, permiso in DE_ROL.items()]
        ambitos = [(ambito.value, NOMBRES[permiso]) for ambito, permiso in DE_AMBITO.items()]
        return Response(
            render_template(
                "docs.html",
                doc=documento,
                grupos=documento.grouped(),
                codigos=CODES,
                prosa=_prose,
                roles=roles,
                ambitos=ambitos,
            )
        )


def _prose(text: str) -> Markup:
    """Plain text as HTML, with `this` as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped on this line


def _dump(value: object) -> Response:
    return json_response(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _fresh(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
