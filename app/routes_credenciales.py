"""Broker credentials of devices over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import credenciales, dispositivos
from app.domain.dispositivo import dump_object
from app.domain.identidad import Permiso
from app.domain.permisos import ADMINISTRAR
from app.guardia import exigir
from app.peticionario import cause_of, identity_of
from app.routes import json_response
from app.secretos import new_password

if TYPE_CHECKING:
    from app.db import UnitOfWork
    from app.servicios import Services

ACTIVA = "El broker ya la conoce"
PEGAR = "El broker que se usa no lo lleva este programa: ./iot dispositivo acl dice qué hay que poner en él"
PRUEBA = "El broker de prueba no conoce usuarios de dispositivos: contará cuando se instale Mosquitto"
PARADO = "Contará en cuanto el broker arranque"


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("credenciales", __name__)
    path = "/dispositivos/<device_id:device_id>/credencial"
    bp.add_url_rule(path, "crear_credencial", routes.crear, methods=["POST"])
    bp.add_url_rule(path, "revocar_credencial", routes.revocar, methods=["DELETE"])
    bp.add_url_rule("/credenciales", "listar_credenciales", routes.listar, methods=["GET"])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._estado = services.estado

    def listar(self) -> Response:
        with self._db.reader() as conn:
            found = credenciales.listar(conn)
        return json_response(f"[{','.join(dump_object(each.as_object()) for each in found)}]")

    def crear(self, device_id: int) -> Response:
        secreto = new_password()
        with self._db.unit_of_work(cause_of(request)) as uow:
            made = credenciales.crear(uow, _serial_for(uow, device_id), secreto)
        kind = str(self._estado()["mqtt"].get("tipo", ""))
        detalle = {"mosquitto": ACTIVA, "embebido": PRUEBA, "": PARADO}.get(kind, PEGAR)
        told = {"usuario": made.serial_number, "clave": secreto, "activa": kind == "mosquitto", "detalle": detalle}
        answer = json_response(dump_object(told), 201)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def revocar(self, device_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            credenciales.revocar(uow, _serial_for(uow, device_id))
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        return answer


def _serial_for(uow: UnitOfWork, device_id: int) -> str:
    """The device's serial, for who claimed it and for administrators."""
    quien = identity_of(request)
    device = dispositivos.obtener(uow.conn, device_id)
    if not (quien.can(Permiso.GESTIONAR) and credenciales.es_dueno(uow.conn, device_id, quien.usuario_id)):
        exigir(quien, ADMINISTRAR)
    return device.serial_number
