"""Rooms, groups, scenes and bulk orders over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import escenas, grupos, habitaciones, masivo
from app.coleccion import Coleccion, puertas
from app.domain.dispositivo import dump_object
from app.domain.valores import COTAS_AMPLIAS
from app.guardia import ARREGLAR, exigir
from app.peticionario import cause_of, identity_of
from app.routes import body, json_response
from app.schemas_escenas import parse_escena, parse_grupo, parse_habitacion, parse_ordenes

if TYPE_CHECKING:
    from app.masivo import Resultado
    from app.servicios import Services

COLECCIONES = tuple(
    Coleccion(ruta, uno, parse, verbs.listar, verbs.obtener, verbs.crear, verbs.cambiar, verbs.borrar, verbs.recortar)
    for ruta, uno, parse, verbs in (
        ("habitaciones", "habitacion", parse_habitacion, habitaciones),
        ("grupos", "grupo", parse_grupo, grupos),
        ("escenas", "escena", parse_escena, escenas),
    )
)


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("escenas", __name__)
    for coleccion in COLECCIONES:
        puertas(bp, services.db, coleccion)
    bp.add_url_rule("/escenas/<device_id:escena_id>/aplicar", "aplicar_escena", routes.aplicar_escena, methods=["POST"])
    bp.add_url_rule("/ordenes", "ordenar", routes.ordenar, methods=["POST"])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db

    def aplicar_escena(self, escena_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            return _results(escenas.aplicar(uow, escena_id, identity_of(request).alcance))

    def ordenar(self) -> Response:
        destino, cambios, ignorados = parse_ordenes(body(COTAS_AMPLIAS))
        quien = identity_of(request)
        if cambios.habitacion is not None:
            exigir(quien, ARREGLAR)
        with self._db.unit_of_work(cause_of(request)) as uow:
            wanted = masivo.alcanzados(uow.conn, destino, quien.alcance)
            results = masivo.aplicar(uow, [(i, cambios) for i in wanted], quien.alcance)
        return _results(results, ignorados)


def _results(results: list[Resultado], ignorados: tuple[str, ...] = ()) -> Response:
    """200 whatever became of each: every device has its own answer."""
    told = {"resultados": [r.as_object() for r in results], "errores": sum(r.error is not None for r in results)}
    return json_response(dump_object(told | ({"ignorados": list(ignorados)} if ignorados else {})))
