"""The README's endpoints (WIRE §3, §4) but claiming: thin doors to the use-cases. Bodies are joined from ready JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request
from pydantic_core import to_json

from app import casa, dispositivos, horarios, instante, ordenes, vigencia
from app.consultas import parse_esperar, parse_estado_orden, parse_filtro_lista, parse_pagina, parse_stream
from app.consultas_historial import parse_instante
from app.cuerpo import read_json_object
from app.domain.dispositivo import dump_object
from app.domain.errors import VersionConflict
from app.domain.porque import IDIOMAS
from app.domain.valores import COTAS, Cotas
from app.guardia import ARREGLAR, exigir
from app.peticionario import cause_of, identity_of, peer_of
from app.porque import porque
from app.representacion import device_json
from app.routes_prueba import asked_of, proven
from app.schemas import another_identity, parse_cambios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from werkzeug.datastructures import ETags

    from app.db import UnitOfWork
    from app.domain.dispositivo import Dispositivo
    from app.historial import Pagina
    from app.servicios import Services

JSON = "application/json"


STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("dispositivos", __name__)
    for method, path, view in (
        ("GET", "/dispositivos", routes.listar),
        ("GET", "/dispositivos/no-reclamados", routes.no_reclamados),
        ("GET", "/dispositivos/<device_id:device_id>", routes.obtener),
        ("PUT", "/dispositivos/<device_id:device_id>", routes.actualizar),
        ("GET", "/dispositivos/<device_id:device_id>/ordenes", routes.ordenes),
        ("GET", "/dispositivos/<device_id:device_id>/porque", routes.porque),
        ("GET", "/stream/dispositivos", routes.stream),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=[method])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._hub = services.hub
        self._esperas = services.esperas
        self._clock = services.clock

    # --- reading ----------------------------------------------------------------------------------------------------

    def listar(self) -> Response:
        filtro = replace(parse_filtro_lista(request.args), alcance=identity_of(request).alcance)
        with self._db.reader() as conn:
            if "instante" in request.args:
                then = parse_instante(request.args, casa.zona(conn, self._db.casa))
                return json_response(to_json(instante.lista(conn, filtro, then)).decode())
            return _array(dispositivos.listar(conn, filtro))

    def no_reclamados(self) -> Response:
        with self._db.reader() as conn:
            return _array(dispositivos.no_reclamados(conn, identity_of(request).alcance))

    def obtener(self, device_id: int) -> Response:
        with self._db.reader() as conn:
            found = dispositivos.obtener(conn, device_id)
            if "instante" in request.args:
                then = parse_instante(request.args, casa.zona(conn, self._db.casa))
                parte = identity_of(request).alcance is not None
                return json_response(dump_object(instante.en_instante(conn, [found], then, parte=parte)[0]))
        if request.headers.get("If-None-Match") and request.if_none_match.contains_weak(str(found.version)):
            return tagged(Response(status=304), found)
        return tagged(json_response(device_json(found)), found)

    def ordenes(self, device_id: int) -> Response:
        page, per_page = parse_pagina(request.args)
        estado = parse_estado_orden(request.args)
        with self._db.reader() as conn:
            dispositivos.obtener(conn, device_id)
            pagina = ordenes.pagina(conn, device_id, estado=estado, page=page, per_page=per_page)
        part = identity_of(request).alcance is not None
        return paged(pagina, lambda order: dump_object(order.as_object(parte=part)))

    def porque(self, device_id: int) -> Response:
        idioma = request.accept_languages.best_match(IDIOMAS, default=IDIOMAS[0])
        with self._db.reader() as conn:
            found = porque(
                conn,
                device_id,
                ahora=self._clock.now(),
                defecto=self._db.casa,
                idioma=idioma,
                parte=identity_of(request).alcance is not None,
            )
        answer = json_response(dump_object(found))
        answer.headers["Content-Language"] = idioma
        answer.headers["Vary"] = "Accept-Language"
        return answer

    # --- writing ----------------------------------------------------------------------------------------------------

    def actualizar(self, device_id: int) -> Response:
        sent = body()
        peticion = parse_cambios(sent, device_id)
        seconds = parse_esperar(request.args)
        with self._esperas.place(seconds) as espera, self._db.unit_of_work(cause_of(request)) as uow:
            antes = dispositivos.obtener(uow.conn, device_id)
            if peticion.serial_number not in (None, antes.serial_number):
                raise another_identity("serial_number")
            if peticion.cambios.habitacion not in (None, (antes.habitacion_id,)):
                exigir(identity_of(request), ARREGLAR)
            found = dispositivos.actualizar(uow, device_id, peticion.cambios, if_match=matching_version(antes.version))
            remarks = remarks_of(uow, found, peticion.cambios.configuracion)
            order = None if espera is None else ordenes.en_curso(uow, device_id, asked_of(peticion.cambios))
            if espera is not None and order is not None:
                espera.expect(device_id, order)
        extra = ',"mensaje":"Dispositivo actualizado"'
        if peticion.ignorados:
            extra += f',"ignorados":{json.dumps(peticion.ignorados, ensure_ascii=False, separators=(",", ":"))}'
        extra += remarks
        if espera is not None:
            return proven(self._db, found, extra, espera)
        return tagged(json_response(f"{device_json(found)[:-1]}{extra}}}"), found)

    # --- live -------------------------------------------------------------------------------------------------------

    def stream(self) -> Response:
        """The subscription is opened before the snapshot is read, so that nothing falls between the two; and before who
        asks is looked up again, so that a revocation finds the stream or is found."""
        peticion = parse_stream(request.args, request.headers.get("Last-Event-ID"))
        if request.method == "HEAD":
            return Response(headers=STREAM_HEADERS)
        quien = identity_of(request)
        filtro = replace(peticion.filtro, alcance=quien.alcance)
        sub = self._hub.open(filtro, address=peer_of(request), last_event_id=peticion.last_event_id, quien=quien)
        try:
            with self._db.reader() as conn:
                sub.end_at(vigencia.hasta(conn, quien))
                snapshot = dispositivos.snapshot(conn, filtro) if peticion.snapshot else None
            # direct_passthrough: the server gets the iterator itself, and nothing of this request stays in memory.
            return Response(sub.stream(snapshot), headers=STREAM_HEADERS, direct_passthrough=True)
        except BaseException:
            sub.close()
            raise


def json_response(text: str, status: int = 200) -> Response:
    """JSON that is already text."""
    return Response(text, status, content_type=JSON)


def paged(pagina: Pagina[Any], item: Callable[[Any], str]) -> Response:
    """A page in the README's shape."""
    head = f'"page":{pagina.page},"per_page":{pagina.per_page},"total":{pagina.total},"pages":{pagina.pages}'
    return json_response(f'{{{head},"data":[{",".join(map(item, pagina.data))}]}}')


def _array(devices: Iterable[Dispositivo]) -> Response:
    return json_response(f"[{','.join(map(device_json, devices))}]")


def remarks_of(uow: UnitOfWork, device: Dispositivo, sent: Mapping[str, Any] | None) -> str:
    """The linter's remarks as a member of the answer; nothing, when there are none."""
    found = horarios.revision(uow, device, sent)
    return f',"avisos":{json.dumps(found, ensure_ascii=False, separators=(",", ":"))}' if found else ""


def body(cotas: Cotas = COTAS) -> dict[str, Any]:
    """The object in the request's body."""
    return read_json_object(
        request.get_data(cache=False),
        content_type=request.headers.get("Content-Type"),
        content_encoding=request.headers.get("Content-Encoding"),
        cotas=cotas,
    )


def tagged(answer: Response, device: Dispositivo) -> Response:
    """The answer with the device's version as its ``ETag``."""
    answer.headers["ETag"] = f'"{device.version}"'
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def matching_version(version: int) -> int | None:
    """The version that ``If-Match`` allows, None when it allows any. A weak tag never matches (RFC 9110 §13.1.1)."""
    if request.headers.get("If-Match") is None:
        return None
    tags: ETags = request.if_match
    if not tags.star_tag and not tags.is_strong(str(version)):
        raise VersionConflict(version)
    return None if tags.star_tag else version
