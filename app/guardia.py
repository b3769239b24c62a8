"""The guard of the routes: each request is looked up in the table of :mod:`app.domain.permisos` before its view."""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import request

from app import dispositivos
from app.acceso import how_to_trust, peer_address, unauthorised
from app.domain.errors import CredencialInvalida, DispositivoNotFound
from app.domain.permisos import ARREGLAR, NOMBRES, PERMISOS, VER, Acceso
from app.pases import DURA_S, PARAMETRO
from app.peticionario import identity_of
from app.problems import Problem, ProblemError

if TYPE_CHECKING:
    from flask import Flask

    from app.acceso import Politica
    from app.db import Database
    from app.domain.identidad import Identidad
    from app.pases import Pases

__all__ = ["ARREGLAR", "exigir", "register", "route_of"]

log = logging.getLogger(__name__)

STREAM = ("GET", "/stream/dispositivos")
DE_LA_CASA = "No tiene permiso para eso: es de toda la casa, y su cuenta alcanza solo a una parte"
_ARGUMENT = re.compile(r"<(?:[^:<>]+:)?[^<>]+>")


def register(app: Flask, db: Database, pases: Pases, politica: Politica) -> None:
    """Guard every route of the app."""

    def check() -> None:
        environ = request.environ
        route = route_of(request.method, request.url_rule.rule) if request.url_rule is not None else None
        if route == STREAM and PARAMETRO in request.args:
            _take_ticket(pases, environ, request.args[PARAMETRO])
        quien = identity_of(request)
        acceso = _asked(route)
        if not quien.can(VER.permiso) and not acceso.allows(quien):
            raise _unknown(environ, politica)
        exigir(quien, acceso)
        if acceso.dispositivo and quien.alcance is not None:
            _check_device(db, quien, request.view_args or {})

    app.before_request(check)


def _take_ticket(pases: Pases, environ: dict[str, Any], text: str) -> None:
    found = pases.usar(text)
    if found is None:
        detail = f"La entrada no es válida: ya se usó, o pasaron sus {DURA_S} segundos"
        raise unauthorised(environ, detail, codigo=CredencialInvalida.codigo)
    environ["iot.identidad"] = found


def _unknown(environ: dict[str, Any], politica: Politica) -> ProblemError:
    """The 401 of who proved nothing, or showed a cookie that proves nothing."""
    wrong = environ.get("iot.credencial_invalida")
    if isinstance(wrong, CredencialInvalida):
        return unauthorised(environ, wrong.mensaje, codigo=wrong.codigo)
    return unauthorised(environ, how_to_trust(peer_address(environ), politica.redes))


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
