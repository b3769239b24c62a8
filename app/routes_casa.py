"""The house over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import casa
from app.domain.dispositivo import dump_object
from app.domain.valores import COTAS_AMPLIAS
from app.peticionario import cause_of
from app.routes import body, json_response
from app.schemas_horario import parse_casa

if TYPE_CHECKING:
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("casa", __name__)
    bp.add_url_rule("/casa", "obtener_casa", routes.obtener_casa, methods=["GET"])
    bp.add_url_rule("/casa", "cambiar_casa", routes.cambiar_casa, methods=["PUT"])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db

    def obtener_casa(self) -> Response:
        with self._db.reader() as conn:
            return json_response(dump_object(casa.leer(conn, self._db.casa).as_object()))

    def cambiar_casa(self) -> Response:
        cambios = parse_casa(body(COTAS_AMPLIAS))
        with self._db.unit_of_work(cause_of(request)) as uow:
            hogar = casa.cambiar(uow, cambios)
        return json_response(dump_object(hogar.as_object()))
