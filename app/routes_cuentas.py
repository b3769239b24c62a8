"""Accounts, sessions and tokens over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from app import sesiones, tokens, usuarios
from app.acceso import session_cookie
from app.domain.dispositivo import dump_object
from app.domain.errors import SinCuenta, SinPermiso
from app.domain.identidad import ANONIMO, DE_ROL, Identidad, Permiso
from app.peticionario import cause_of, identity_of
from app.routes import body, json_response
from app.schemas import validated
from app.schemas_cuentas import (
    CuerpoClave,
    CuerpoClaveDeOtro,
    CuerpoInstalacion,
    CuerpoSesion,
    parse_cambio_usuario,
    parse_token,
    parse_usuario,
)
from app.secretos import new_token

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.entrada import Abierta
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services)
    bp = Blueprint("cuentas", __name__)
    for method, path, view in (
        ("GET", "/sesion", routes.obtener_sesion),
        ("POST", "/sesion", routes.entrar),
        ("DELETE", "/sesion", routes.salir),
        ("POST", "/instalacion", routes.instalar),
        ("GET", "/cuenta", routes.obtener_cuenta),
        ("PUT", "/cuenta/clave", routes.cambiar_clave),
        ("GET", "/sesiones", routes.listar_sesiones),
        ("DELETE", "/sesiones/<device_id:sesion_id>", routes.cerrar_sesion),
        ("GET", "/tokens", routes.listar_tokens),
        ("POST", "/tokens", routes.crear_token),
        ("DELETE", "/tokens/<device_id:token_id>", routes.revocar_token),
        ("GET", "/usuarios", routes.listar_usuarios),
        ("POST", "/usuarios", routes.crear_usuario),
        ("GET", "/usuarios/<device_id:usuario_id>", routes.obtener_usuario),
        ("PUT", "/usuarios/<device_id:usuario_id>", routes.cambiar_usuario),
        ("PUT", "/usuarios/<device_id:usuario_id>/clave", routes.poner_clave),
        ("DELETE", "/usuarios/<device_id:usuario_id>", routes.borrar_usuario),
    ):
        bp.add_url_rule(path, view.__name__, view, methods=[method])
    return bp


class _Routes:
    def __init__(self, services: Services) -> None:
        self._db = services.db
        self._clock = services.clock
        self._entrada = services.entrada

    # --- one's own session and account --------------------------------------------------------------------------------

    def obtener_sesion(self) -> Response:
        who = identity_of(request)
        own = None
        if who.usuario_id is not None:
            with self._db.reader() as conn:
                own = usuarios.obtener(conn, who.usuario_id).as_object()
        known = who is not ANONIMO
        return _private(
            {
                "autenticado": known,
                "quien": who.quien if known else None,
                "permiso": who.permiso.name.lower(),
                "usuario": own,
                "instalacion_pendiente": self._entrada.setup_open(),
            }
        )

    def entrar(self) -> Response:
        model = validated(CuerpoSesion, body())
        return _opened(self._entrada.entrar(model.usuario, model.clave, cause_of(request), agente=_agent()))

    def salir(self) -> Response:
        who = identity_of(request)
        kind, _, number = (who.credencial or "").partition(":")
        if kind == "sesion":
            with self._db.unit_of_work(cause_of(request)) as uow:
                sesiones.cerrar(uow, int(number), who.usuario_id)
        answer = _done()
        answer.headers["Set-Cookie"] = session_cookie("", request.environ)
        return answer

    def instalar(self) -> Response:
        model = validated(CuerpoInstalacion, body())
        made = self._entrada.instalar(model.codigo, model.usuario, model.clave, cause_of(request), agente=_agent())
        return _opened(made)

    def obtener_cuenta(self) -> Response:
        with self._db.reader() as conn:
            return _private(usuarios.obtener(conn, _account(identity_of(request))).as_object())

    def cambiar_clave(self) -> Response:
        model, who = validated(CuerpoClave, body()), identity_of(request)
        _check_whole(who)
        self._entrada.cambiar_clave(who, model.actual, model.nueva, cause_of(request))
        return _done()

    # --- sessions and tokens ------------------------------------------------------------------------------------------

    def listar_sesiones(self) -> Response:
        with self._db.reader() as conn:
            return _private_list(sesiones.listar(conn, _whose(conn), self._clock.now()))

    def cerrar_sesion(self, sesion_id: int) -> Response:
        owner = _owner(identity_of(request))
        with self._db.unit_of_work(cause_of(request)) as uow:
            sesiones.cerrar(uow, sesion_id, owner)
        return _done()

    def listar_tokens(self) -> Response:
        with self._db.reader() as conn:
            return _private_list(tokens.listar(conn, _whose(conn), self._clock.now()))

    def crear_token(self) -> Response:
        asked, who, secret = parse_token(body()), identity_of(request), new_token()
        _check_whole(who)
        with self._db.unit_of_work(cause_of(request)) as uow:
            usuario_id = _account(who) if asked.usuario is None else _named(uow.conn, who, asked.usuario)
            made = tokens.crear(
                uow, usuario_id, secret, nombre=asked.nombre, ambito=asked.ambito, expira_en=asked.expira_en
            )
        return _private({**made.as_object(), "token": secret}, 201)

    def revocar_token(self, token_id: int) -> Response:
        owner = _owner(identity_of(request))
        with self._db.unit_of_work(cause_of(request)) as uow:
            tokens.revocar(uow, token_id, owner)
        return _done()

    # --- everybody's accounts -----------------------------------------------------------------------------------------

    def listar_usuarios(self) -> Response:
        with self._db.reader() as conn:
            return _private_list(usuarios.listar(conn))

    def obtener_usuario(self, usuario_id: int) -> Response:
        with self._db.reader() as conn:
            return _private(usuarios.obtener(conn, usuario_id).as_object())

    def crear_usuario(self) -> Response:
        nombre, clave, rol, alcance = parse_usuario(body())
        made = self._entrada.crear(nombre, clave, cause_of(request), rol=rol, alcance=alcance)
        answer = _private(made.as_object(), 201)
        answer.headers["Location"] = f"/usuarios/{made.id}"
        return answer

    def cambiar_usuario(self, usuario_id: int) -> Response:
        cambio = parse_cambio_usuario(body())
        with self._db.unit_of_work(cause_of(request)) as uow:
            return _private(usuarios.cambiar(uow, usuario_id, cambio).as_object())

    def poner_clave(self, usuario_id: int) -> Response:
        self._entrada.poner_clave(usuario_id, validated(CuerpoClaveDeOtro, body()).nueva, cause_of(request))
        return _done()

    def borrar_usuario(self, usuario_id: int) -> Response:
        with self._db.unit_of_work(cause_of(request)) as uow:
            usuarios.borrar(uow, usuario_id)
        return _done()


def _account(who: Identidad) -> int:
    if who.usuario_id is None:
        raise SinCuenta
    return who.usuario_id


def _check_whole(who: Identidad) -> None:
    """A token that may less than its account must not make itself one that may more."""
    if who.rol is not None and who.permiso < DE_ROL[who.rol]:
        raise SinPermiso("Un token limitado no puede crear ni quitar credenciales")


def _owner(who: Identidad) -> int | None:
    """Whose sessions and tokens it may take away: None is anybody's."""
    _check_whole(who)
    return None if who.can(Permiso.ADMINISTRAR) else _account(who)


def _whose(conn: Connection) -> int | None:
    """Whose are asked for: ``?usuario=``'s, one's own, or everybody's when who asks has no account."""
    who, nombre = identity_of(request), request.args.get("usuario")
    if nombre is None:
        return who.usuario_id
    return _named(conn, who, usuarios.parse_nombre(nombre))


def _named(conn: Connection, who: Identidad, nombre: str) -> int:
    if not who.can(Permiso.ADMINISTRAR) and usuarios.obtener(conn, _account(who)).nombre != nombre:
        raise SinPermiso
    return usuarios.por_nombre(conn, nombre).id


def _agent() -> str:
    return request.headers.get("User-Agent", "")


def _opened(made: Abierta) -> Response:
    answer = _private({"usuario": made.usuario.as_object(), "sesion_id": made.sesion_id}, 201)
    answer.headers["Set-Cookie"] = session_cookie(made.cookie, request.environ)
    return answer


def _private(value: dict[str, Any], status: int = 200) -> Response:
    answer = json_response(dump_object(value), status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _private_list(items: list[Any]) -> Response:
    answer = json_response(f"[{','.join(dump_object(item.as_object()) for item in items)}]")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _done() -> Response:
    answer = Response(status=204)
    del answer.headers["Content-Type"]
    answer.headers["Cache-Control"] = "no-store"
    return answer
