"""The inbox of notices over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import avisos
from app.consultas import parse_filtro_avisos, parse_pagina
from app.peticionario import cause_of, identity_of
from app.routes import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.db import UnitOfWork
    from app.domain.aviso import Aviso
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("avisos", __name__)
    for method, path, view in (
        ("GET", "/avisos", routes.listar_avisos),
        ("POST", "/avisos/vistos", routes.ver_avisos),
        ("GET", "/avisos/<device_id:aviso_id>", routes.obtener_aviso),
        ("POST", "/avisos/<device_id:aviso_id>/visto", routes.ver_aviso),
        ("POST", "/avisos/<device_id:aviso_id>/resuelto", routes.resolver_aviso),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=[method])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db

    def listar_avisos(self) -> Response:
        page, per_page = parse_pagina(request.args)
        filtro = replace(parse_filtro_avisos(request.args), alcance=identity_of(request).alcance)
        with self._db.reader() as conn:
            found = avisos.listar(conn, filtro, page=page, per_page=per_page)
            nuevos = avisos.contar(conn, filtro.alcance)["nuevos"]
        head = f'"page":{found.page},"per_page":{found.per_page},"total":{found.total},"pages":{found.pages}'
        return json_response(f'{{{head},"nuevos":{nuevos},"data":[{",".join(found.data)}]}}')

    def obtener_aviso(self, aviso_id: int) -> Response:
        with self._db.reader() as conn:
            return json_response(avisos.obtener(conn, aviso_id, identity_of(request).alcance))

    def ver_aviso(self, aviso_id: int) -> Response:
        return self._mark(avisos.marcar_visto, aviso_id)

    def resolver_aviso(self, aviso_id: int) -> Response:
        return self._mark(avisos.marcar_resuelto, aviso_id)

    def ver_avisos(self) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            count = avisos.marcar_todos_vistos(uow, identity_of(request).alcance)
        return json_response(f'{{"vistos":{count}}}')

    def _mark(self, verb: Callable[[UnitOfWork, int], Aviso], aviso_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            avisos.obtener(uow.conn, aviso_id, identity_of(request).alcance)
            verb(uow, aviso_id)
            found = avisos.obtener(uow.conn, aviso_id)
        return json_response(found)
