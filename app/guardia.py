"""The guard of the routes: each request is looked up in the table of :mod:`app.domain.permisos` before its view."""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import request

from app import dispositivos
from app.domain.errors import DispositivoNotFound
from app.domain.permisos import ARREGLAR, NOMBRES, PERMISOS, VER, Acceso
from app.entradas import PARAMETRO
from app.peticionario import identity_of
from app.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.db import Database
    from app.domain.identidad import Identidad
    from app.entradas import Entradas

__all__ = ["ARREGLAR", "exigir", "register", "route_of"]

log = logging.getLogger(__name__)

STREAM = ("GET", "/stream/dispositivos")
BASIC = 'Basic realm="IoT Backend", charset="UTF-8"'
BEARER = 'Bearer realm="IoT Backend"'
SIN_IDENTIFICAR = "Hace falta identificarse: con una sesión o con un token"
DE_LA_CASA = "No tiene permiso para eso: es de toda la casa, y su cuenta alcanza solo a una parte"
_ARGUMENT = re.compile(r"<(?:[^:<>]+:)?[^<>]+>")


def register(app: Flask, db: Database, entradas: Entradas, how_to_enter: Callable[[dict[str, Any]], str]) -> None:
    """Guard every route of the app. ``how_to_enter`` says of an environ how its peer could be let in."""

    def check() -> None:
        route = route_of(request.method, request.url_rule.rule) if request.url_rule is not None else None
        if route == STREAM and PARAMETRO in request.args:
            found = entradas.usar(request.args[PARAMETRO])
            if found is None:
                raise _unknown("La entrada no es válida: ya se usó, o pasaron sus 30 segundos")
            request.environ["iot.identidad"] = found
        quien = identity_of(request)
        acceso = _asked(route)
        if not quien.can(VER.permiso) and not acceso.allows(quien):
            raise _unknown(how_to_enter(request.environ))
        exigir(quien, acceso)
        if acceso.dispositivo and quien.alcance is not None:
            _check_device(db, quien, request.view_args or {})

    app.before_request(check)


@cache
def route_of(method: str, rule: str) -> tuple[str, str]:
    """A Flask rule as the table writes it; HEAD is asked as GET."""
    return ("GET" if method == "HEAD" else method), _ARGUMENT.sub("{id}", rule)


def _asked(route: tuple[str, str] | None) -> Acceso:
    """What a route asks for. No such path, or not that method: nothing is told of it to who may not see the house."""
    if route is None:
        return VER
    if route[0] == "OPTIONS":  # answered with the methods that there are, which the document tells too
        return PERMISOS.get(("GET", route[1]), VER)
    if route not in PERMISOS:
        log.error("no row of PERMISOS says who may %s %s", *route)
        raise ProblemError(Problem(403, "sin_permiso", "Nadie tiene permiso para eso"))
    return PERMISOS[route]


def exigir(quien: Identidad, acceso: Acceso) -> None:
    """Let pass who may.

    Raises:
        ProblemError: 403.
    """
    if acceso.allows(quien):
        return
    needed = NOMBRES[acceso.permiso]
    sentence = f"No tiene permiso para eso: hace falta poder {needed}" if not quien.can(acceso.permiso) else DE_LA_CASA
    raise ProblemError(Problem(403, "sin_permiso", sentence))


def _check_device(db: Database, quien: Identidad, args: dict[str, Any]) -> None:
    """A device out of scope is as good as none, and one that does not exist is told before anything else is looked at:
    no other answer tells the two apart."""
    with db.reader() as conn:
        for device_id in args.values():
            found = dispositivos.obtener(conn, device_id)
            if not quien.sees(found.id, found.habitacion_id):
                raise DispositivoNotFound


def _unknown(detail: str) -> ProblemError:
    headers = [("WWW-Authenticate", _challenge(request.headers))]
    return ProblemError(Problem(401, "sin_identificar", SIN_IDENTIFICAR, detail, headers=headers))


def _challenge(headers: Any) -> str:
    """A program, and who types the address, is asked for Basic; the script of a page is not: the browser would put its
    own window for a password over the page."""
    scripted = "X-Requested-With" in headers or headers.get("Sec-Fetch-Dest", "document") not in ("document", "")
    return BEARER if scripted else BASIC
