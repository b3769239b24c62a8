"""Schedules over HTTP: what comes, skipping, overriding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from app import dispositivos, horarios
from app.consultas import parse_periodo
from app.domain.dispositivo import dump_object
from app.peticionario import cause_of
from app.routes import body, json_response, matching_version, tagged
from app.schemas_horario import parse_anular

if TYPE_CHECKING:
    from app.domain.dispositivo import Dispositivo
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("horarios", __name__)
    for method, path, view in (
        ("GET", "previa", routes.horario_previa),
        ("POST", "saltar", routes.saltar_siguiente),
        ("DELETE", "saltar", routes.olvidar_saltos),
        ("POST", "anular", routes.anular_horario),
        ("DELETE", "anular", routes.quitar_anulacion),
    ):
        url = f"/dispositivos/<device_id:device_id>/horario/{path}"
        bp.add_url_rule(url, view.__name__, view, methods=[method])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._clock = services.clock

    def horario_previa(self, device_id: int) -> Response:
        periodo = parse_periodo(request.args)
        with self._db.reader() as conn:
            found = horarios.previa(conn, device_id, periodo, ahora=self._clock.now(), defecto=self._db.casa)
        return json_response(dump_object(found))

    def saltar_siguiente(self, device_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            version = matching_version(dispositivos.obtener(uow.conn, device_id).version)
            device, skipped = horarios.saltar(uow, device_id, if_match=version)
        more = {"saltada": horarios.transition(skipped), "saltar": device.configuracion["saltar"]}
        return _answer(device, f"Se salta: {skipped.detalle}", more)

    def olvidar_saltos(self, device_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            version = matching_version(dispositivos.obtener(uow.conn, device_id).version)
            device = horarios.olvidar_saltos(uow, device_id, if_match=version)
        return _answer(device, "Ya no se salta nada", {"saltar": []})

    def anular_horario(self, device_id: int) -> Response:
        cambios = parse_anular(body())
        with self._db.unit_of_work(cause_of(request)) as uow:
            version = matching_version(dispositivos.obtener(uow.conn, device_id).version)
            device = horarios.anular(uow, device_id, cambios, if_match=version)
        anulacion = device.configuracion.get("anulacion")
        said = "El horario queda anulado" if anulacion else "Es lo que dice el horario: no hay nada que anular"
        return _answer(device, said, {"anulacion": anulacion})

    def quitar_anulacion(self, device_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            version = matching_version(dispositivos.obtener(uow.conn, device_id).version)
            device = horarios.quitar_anulacion(uow, device_id, if_match=version)
        return _answer(device, "El horario manda otra vez", {"anulacion": None})


def _answer(device: Dispositivo, mensaje: str, more: dict[str, Any]) -> Response:
    return tagged(json_response(dump_object({"mensaje": mensaje, "id": device.id, **more})), device)
