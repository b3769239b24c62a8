"""Who did what, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import auditoria, casa
from app.consultas import parse_pagina, parse_periodo, parse_texto
from app.domain.dispositivo import dump_object
from app.horarios import zone_of
from app.routes import paged

if TYPE_CHECKING:
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The route over these parts."""
    bp = Blueprint("anotaciones", __name__)

    def listar() -> Response:
        page, per_page = parse_pagina(request.args)
        quien, accion = parse_texto(request.args, "quien"), parse_texto(request.args, "accion")
        periodo = parse_periodo(request.args)
        with services.db.reader() as conn:
            desde, hasta = periodo.placed(zone_of({}, casa.leer(conn, services.db.casa).casa))
            filtro = auditoria.FiltroAuditoria.make(quien, accion, desde, hasta)
            found = auditoria.listar(conn, filtro, page=page, per_page=per_page)
        return paged(found, lambda line: dump_object(line.as_object()))

    bp.add_url_rule("/auditoria", "auditoria", listar, methods=["GET"])
    return bp
