"""History over HTTP: the log of a device, series to draw, and how things were at an instant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import bloques, casa, dispositivos
from app.consultas import parse_pagina
from app.consultas_historial import (
    check_total,
    cursor_of,
    parse_cursor,
    parse_dispositivos,
    parse_filtro_log,
    parse_parametros,
    parse_puntos,
    parse_tramo,
)
from app.domain.causa import recortada
from app.domain.dispositivo import dump_object, load_object
from app.domain.errors import DispositivoNotFound
from app.peticionario import identity_of
from app.resumenes import series_de
from app.routes import json_response, paged
from app.series import Peticion, leer_series

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.domain.filtro import FiltroLog
    from app.historial import FilaLog
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("historial", __name__)
    for path, view in (
        ("/dispositivos/<device_id:device_id>/logs", routes.logs),
        ("/dispositivos/<device_id:device_id>/historial", routes.historial_dispositivo),
        ("/historial", routes.historial),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=["GET"])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._clock = services.clock

    def logs(self, device_id: int) -> Response:
        page, per_page = parse_pagina(request.args)
        with self._db.reader() as conn:
            dispositivos.obtener(conn, device_id)
            filtro = parse_filtro_log(request.args, casa.zona(conn, self._db.casa))
            if "cursor" in request.args:
                return _run(conn, device_id, per_page, filtro)
            pagina = bloques.pagina(conn, device_id, page=page, per_page=per_page, filtro=filtro)
        return paged(pagina, _row)

    def historial_dispositivo(self, device_id: int) -> Response:
        names = parse_parametros(request.args.getlist("parametro"), "parametro")
        return self._series([device_id], names)

    def historial(self) -> Response:
        names = parse_parametros(request.args.getlist("parametros"), "parametros")
        return self._series(parse_dispositivos(request.args), names)

    def _series(self, device_ids: list[int], names: list[str]) -> Response:
        puntos, ahora, quien = parse_puntos(request.args), self._clock.now(), identity_of(request)
        with self._db.reader() as conn:
            for device_id in device_ids:
                found = dispositivos.obtener(conn, device_id)
                if not quien.sees(found.id, found.habitacion_id):
                    raise DispositivoNotFound
            zona = casa.zona(conn, self._db.casa)
            desde, hasta = parse_tramo(request.args, zona, ahora)
            asked = [(device_id, names or list(series_de(conn, device_id))) for device_id in device_ids]
            check_total(sum(len(each) for _, each in asked), puntos)
            series = leer_series(conn, asked, Peticion(desde, hasta, puntos, zona, ahora))
        return json_response(dump_object(series))


def _run(conn: Connection, device_id: int, per_page: int, filtro: FiltroLog) -> Response:
    """What comes next, and the cursor of what comes after it."""
    before = parse_cursor(request.args, device_id)
    rows, after = bloques.desde_cursor(conn, device_id, before, per_page=per_page, filtro=filtro)
    cursor = "null" if after is None else f'"{cursor_of(device_id, after)}"'
    return json_response(f'{{"per_page":{per_page},"cursor":{cursor},"data":[{",".join(map(_row, rows))}]}}')


def _row(row: FilaLog) -> str:
    return (
        f'{{"estado":{_text(row.estado)},"parametros":{row.parametros_json},"timestamp":{_text(row.timestamp)},'
        f'"causa":{_cause_json(row.causa_json)}}}'
    )


def _cause_json(text: str) -> str:
    """A cause, as the caller may know it."""
    return text if identity_of(request).alcance is None else dump_object(recortada(load_object(text)))


def _text(value: str | None) -> str:
    return json.dumps(value, ensure_ascii=False)
