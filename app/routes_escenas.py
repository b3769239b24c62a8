"""Scenes and bulk orders over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import escenas, masivo
from app.domain.dispositivo import dump_object
from app.peticionario import cause_of
from app.routes import body, json_response
from app.schemas_escenas import parse_escena, parse_ordenes

if TYPE_CHECKING:
    from app.masivo import Resultado
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("escenas", __name__)
    for method, path, view in (
        ("GET", "/escenas", routes.escenas),
        ("POST", "/escenas", routes.crear_escena),
        ("GET", "/escenas/<device_id:escena_id>", routes.obtener_escena),
        ("PUT", "/escenas/<device_id:escena_id>", routes.cambiar_escena),
        ("DELETE", "/escenas/<device_id:escena_id>", routes.borrar_escena),
        ("POST", "/escenas/<device_id:escena_id>/aplicar", routes.aplicar_escena),
        ("POST", "/ordenes", routes.ordenar),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=[method])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db

    def escenas(self) -> Response:
        with self._db.reader() as conn:
            return json_response(f"[{','.join(dump_object(e.as_object()) for e in escenas.listar(conn))}]")

    def obtener_escena(self, escena_id: int) -> Response:
        with self._db.reader() as conn:
            return json_response(dump_object(escenas.obtener(conn, escena_id).as_object()))

    def crear_escena(self) -> Response:
        nombre, acciones = parse_escena(body())
        with self._db.unit_of_work(cause_of(request)) as uow:
            made = escenas.crear(uow, nombre, acciones)
        answer = json_response(dump_object(made.as_object()), 201)
        answer.headers["Location"] = f"/escenas/{made.id}"
        return answer

    def cambiar_escena(self, escena_id: int) -> Response:
        nombre, acciones = parse_escena(body())
        with self._db.unit_of_work(cause_of(request)) as uow:
            made = escenas.cambiar(uow, escena_id, nombre, acciones)
        return json_response(dump_object(made.as_object()))

    def borrar_escena(self, escena_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            escenas.borrar(uow, escena_id)
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        return answer

    def aplicar_escena(self, escena_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            return _results(escenas.aplicar(uow, escena_id))

    def ordenar(self) -> Response:
        asked = parse_ordenes(body())
        with self._db.unit_of_work(cause_of(request)) as uow:
            return _results(masivo.aplicar(uow, asked))


def _results(results: list[Resultado]) -> Response:
    """200 whatever became of each: every device has its own answer."""
    failed = sum(r.error is not None for r in results)
    return json_response(dump_object({"resultados": [r.as_object() for r in results], "errores": failed}))
