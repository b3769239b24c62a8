"""The log over HTTP, as a file of any length."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, request

from app import casa, dispositivos
from app.alcance import vista
from app.auditoria import apuntar
from app.clock import iso_z
from app.consultas_historial import parse_dispositivos, parse_elegidos, parse_filtro_log, parse_formato
from app.descarga import Descarga
from app.domain.errors import DispositivoNotFound, StorageBusy, StorageFull
from app.exportacion import FORMATOS, Exportacion, archivo
from app.peticionario import cause_of, identity_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.servicios import Services


log = logging.getLogger(__name__)


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("exportar", __name__)
    bp.add_url_rule("/exportar", "exportar", routes.casa, methods=["GET"])
    path = "/dispositivos/<device_id:device_id>/exportar"
    bp.add_url_rule(path, "exportar_dispositivo", routes.dispositivo, methods=["GET"])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._clock = services.clock

    def casa(self) -> Descarga:
        que = self._asked()
        with self._db.reader() as conn:
            if "dispositivos" in request.args:
                que = replace(que, dispositivos=frozenset(_seen(conn, parse_dispositivos(request.args))))
            elif (mine := vista(conn, identity_of(request).alcance)) is not None:
                que = replace(que, dispositivos=mine.dispositivos)
        return self._answer(que, "historial")

    def dispositivo(self, device_id: int) -> Descarga:
        que = replace(self._asked(), dispositivos=frozenset({device_id}))
        with self._db.reader() as conn:
            dispositivos.obtener(conn, device_id)
        return self._answer(que, f"dispositivo-{device_id}")  # a serial of the original program can be any text

    def _asked(self) -> Exportacion:
        with self._db.reader() as conn:
            filtro = parse_filtro_log(request.args, casa.zona(conn, self._db.casa))
        names = parse_elegidos(request.args.getlist("parametros"))
        parte = identity_of(request).alcance is not None
        return Exportacion(parse_formato(request.args), filtro, parte=parte, parametros=names)

    def _answer(self, que: Exportacion, name: str) -> Descarga:
        stamp = iso_z(self._clock.now())[:19].replace(":", "")
        pieces = archivo(self._db.reader, que)
        try:
            with self._db.unit_of_work(cause_of(request)) as uow:
                apuntar(uow, "historial_exportado", name)
        except (StorageFull, StorageBusy) as error:  # taking the history away may be what is needed just then
            log.warning("an export is not in the audit: %s", error)
        return Descarga(pieces, FORMATOS[que.formato], f"{name}-{stamp}.{que.formato}")


def _seen(conn: Connection, ids: list[int]) -> list[int]:
    who = identity_of(request)
    for device_id in ids:
        found = dispositivos.obtener(conn, device_id)
        if not who.sees(found.id, found.habitacion_id):
            raise DispositivoNotFound
    return ids
