"""Backups over HTTP, for administrators."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import respaldo, restauracion
from app.auditoria import apuntar
from app.descarga import Descarga, de_archivo
from app.domain.dispositivo import dump_object
from app.domain.errors import DatosInvalidos, ErrorCampo, RecursoNotFound, SinPermiso
from app.peticionario import cause_of, identity_of, peer_of
from app.respaldador import PEDIDO
from app.routes import json_response

if TYPE_CHECKING:
    from app.respaldo import Respaldo
    from app.servicios import Services

RESTAURACION = "restauracion_pedida"


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("respaldos", __name__)
    for method, path, view in (
        ("GET", "/respaldos", routes.listar_respaldos),
        ("POST", "/respaldos", routes.respaldar),
        ("GET", "/respaldos/<nombre>", routes.descargar_respaldo),
        ("POST", "/respaldos/<nombre>/restaurar", routes.restaurar_respaldo),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=[method])
    return bp


def _may_carry_keys() -> bool:
    """A trusted network may administer the house, but being on it is no reason to take its keys away."""
    who = identity_of(request)
    return who.credencial is not None or ip_address(peer_of(request)).is_loopback


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._copias = services.copias

    def listar_respaldos(self) -> Response:
        found = [r.as_object() for r in respaldo.listar(self._copias.folder)]
        haciendo = self._copias.respaldador is not None and self._copias.respaldador.stats()["haciendo"]
        return json_response(dump_object({"haciendo": haciendo, "respaldos": found}))

    def respaldar(self) -> Response:
        causa = cause_of(request)
        with self._db.unit_of_work(causa) as uow:
            apuntar(uow, PEDIDO)
        if self._copias.respaldador is not None:
            self._copias.respaldador.pedir(causa)
        return json_response(dump_object({"haciendo": True}), 202)

    def descargar_respaldo(self, nombre: str) -> Descarga | Response:
        found = self._named(nombre)
        if not found.cifrado and not _may_carry_keys():
            raise SinPermiso(
                "Ese respaldo lleva las claves de la casa sin cifrar: desde otra máquina hace falta una cuenta"
            )
        with self._db.unit_of_work(cause_of(request)) as uow:
            apuntar(uow, "respaldo_descargado", found.ruta.name)
        return de_archivo(found.ruta, "application/octet-stream")

    def restaurar_respaldo(self, nombre: str) -> Response:
        found, causa = self._named(nombre), cause_of(request)
        try:
            contenido = respaldo.contenido_de(found.ruta, self._copias.frase)
        except respaldo.RespaldoError as error:
            raise DatosInvalidos([ErrorCampo("nombre", f"ese respaldo {error}")]) from error
        with self._db.unit_of_work(causa) as uow:
            apuntar(uow, RESTAURACION, found.ruta.name)
        restauracion.pedir(self._copias.instance, found.ruta, causa.quien or causa.tipo, causa.desde)
        self._copias.reiniciar()
        return json_response(dump_object({"reiniciando": True, "contenido": contenido.as_object()}), 202)

    def _named(self, nombre: str) -> Respaldo:
        found = next((r for r in respaldo.listar(self._copias.folder) if r.ruta.name == nombre), None)
        if found is None:
            raise RecursoNotFound
        return found
