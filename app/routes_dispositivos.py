"""Devices that come and go, over HTTP: adding, claiming, letting go, handing on, deleting, ignoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app import auditoria, borrado, dispositivos, ignorados, propiedad
from app.domain.dispositivo import dump_object
from app.domain.errors import CodigoIncorrecto
from app.frenos import Freno, Tanteo, Tanteos
from app.peticionario import caller_of, cause_of, identity_of
from app.routes import body, json_response, remarks_of, tagged
from app.schemas_alta import parse_alta, parse_reclamo
from app.schemas_dispositivos import parse_ignorado, parse_transferencia

if TYPE_CHECKING:
    from app.domain.dispositivo import Dispositivo
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("propiedad", __name__)
    for method, path, view in (
        ("POST", "/dispositivos", routes.agregar),
        ("POST", "/dispositivos/reclamar", routes.reclamar),
        ("GET", "/dispositivos/<device_id:device_id>/reclamacion", routes.reclamacion),
        ("POST", "/dispositivos/<device_id:device_id>/liberar", routes.liberar),
        ("POST", "/dispositivos/<device_id:device_id>/transferir", routes.transferir),
        ("DELETE", "/dispositivos/<device_id:device_id>", routes.borrar),
        ("GET", "/ignorados", routes.listar_ignorados),
        ("POST", "/ignorados", routes.ignorar),
        ("DELETE", "/ignorados/<device_id:item_id>", routes.atender),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=[method])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._clock = services.clock
        self._freno = Freno(services.settings.claims_per_min)
        self._intentos = Tanteos(services.clock)

    def agregar(self) -> Response:
        self._brake()
        alta = parse_alta(body())
        try:
            with self._db.unit_of_work(cause_of(request)) as uow:
                ignorados.comprobar(uow.conn, alta.serial_number)
                found = propiedad.agregar(uow, alta, self._try_at(alta.serial_number))
                remarks = remarks_of(uow, found, alta.configuracion)
        except CodigoIncorrecto:
            self._note_wrong_code(alta.serial_number)
            raise
        answer = _done("Dispositivo agregado", found, remarks, 201)
        answer.headers["Location"] = f"/dispositivos/{found.id}"
        return answer

    def reclamar(self) -> Response:
        self._brake()
        reclamo = parse_reclamo(body())
        try:
            with self._db.unit_of_work(cause_of(request)) as uow:
                intento = self._try_at(reclamo.serial_number)
                found = propiedad.reclamar(uow, reclamo, identity_of(request), intento)
                remarks = remarks_of(uow, found, reclamo.configuracion)
        except CodigoIncorrecto:
            self._note_wrong_code(reclamo.serial_number)
            raise
        return _done("Dispositivo reclamado correctamente", found, remarks)

    def reclamacion(self, device_id: int) -> Response:
        with self._db.reader() as conn:
            found = propiedad.obtener(conn, dispositivos.obtener(conn, device_id))
        return json_response(dump_object(found.as_object()))

    def liberar(self, device_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            found = propiedad.liberar(uow, device_id, identity_of(request))
        return tagged(_done("Dispositivo liberado", found), found)

    def transferir(self, device_id: int) -> Response:
        usuario = parse_transferencia(body())
        with self._db.unit_of_work(cause_of(request)) as uow:
            found = propiedad.transferir(uow, device_id, usuario, identity_of(request))
        return _done("Dispositivo transferido", found)

    def borrar(self, device_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request), orphans=True) as uow:
            rastro = borrado.borrar(uow, device_id)
        return json_response(dump_object({"mensaje": "Dispositivo borrado", "id": device_id, **rastro.as_object()}))

    # --- what is not to appear ----------------------------------------------------------------------------------------

    def listar_ignorados(self) -> Response:
        with self._db.reader() as conn:
            return json_response(f"[{','.join(dump_object(i.as_object()) for i in ignorados.listar(conn))}]")

    def ignorar(self) -> Response:
        patron, prefijo = parse_ignorado(body())
        with self._db.unit_of_work(cause_of(request), orphans=True) as uow:
            made, gone = ignorados.ignorar(uow, patron, prefijo=prefijo)
        return json_response(dump_object({**made.as_object(), "quitados": gone}), 201)

    def atender(self, item_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            ignorados.atender(uow, item_id)
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        return answer

    # --- limits -------------------------------------------------------------------------------------------------------

    def _brake(self) -> None:
        self._freno.pasar(caller_of(request), self._clock.monotonic())

    def _try_at(self, serial: str) -> Tanteo:
        return self._intentos.de((serial, caller_of(request)))

    def _note_wrong_code(self, serial: str) -> None:
        """In a unit of its own: that of the claim left nothing behind."""
        with self._db.unit_of_work(cause_of(request)) as uow:
            auditoria.apuntar(uow, propiedad.CODIGO, serial, resultado=auditoria.FALLIDO)


def _done(mensaje: str, found: Dispositivo, remarks: str = "", status: int = 200) -> Response:
    return json_response(f'{{"mensaje":"{mensaje}","id":{found.id}{remarks}}}', status)
