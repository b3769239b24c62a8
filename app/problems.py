"""Every error of the HTTP edge as ``application/problem+json`` (RFC 9457), with the ``error`` that old clients read.

One table says which status each domain error has; the sentence is the error's own.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.domain import errors as de
from app.domain.errors import DomainError, ErrorCampo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask, Response
    from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

SECURITY_HEADERS: tuple[tuple[str, str], ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""On every answer, errors too (SECURITY item 4)."""

TITLES = {
    400: "Petición incorrecta",
    401: "Hace falta identificarse",
    403: "Acceso denegado",
    404: "No encontrado",
    405: "Método no permitido",
    406: "Formato no disponible",
    408: "La petición tardó demasiado",
    409: "Conflicto",
    412: "La condición no se cumple",
    413: "Petición demasiado grande",
    414: "Dirección demasiado larga",
    415: "Tipo de contenido no admitido",
    417: "Expectativa no admitida",
    421: "Nombre de servidor no reconocido",
    422: "Datos no válidos",
    429: "Demasiadas peticiones",
    431: "Cabeceras demasiado grandes",
    500: "Error interno",
    503: "Servicio ocupado",
    507: "Sin espacio",
}
RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: ``error`` is the sentence people read, ``detail`` says more when there is more to say."""

    status: int
    codigo: str
    error: str
    detail: str | None = None
    errores: Sequence[ErrorCampo] = ()
    headers: Sequence[tuple[str, str]] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def body(self) -> bytes:
        """The JSON text; keys in the order of RFC 9457, then ours."""
        members: dict[str, Any] = {
            "type": f"/docs#{self.codigo}",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail or self.error,
            "error": self.error,
            "codigo": self.codigo,
        }
        if self.errores:
            members["errores"] = [{"campo": e.campo, "mensaje": e.mensaje} for e in self.errores]
        text = json.dumps({**members, **self.extra}, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


class ProblemError(Exception):
    """Raised at the edge to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.error)


_STATUS: dict[type[DomainError], int] = {
    de.RecursoNotFound: 404,
    de.NombreRepetido: 409,
    de.EscenaEnUso: 409,
    de.DemasiadosNombrados: 409,
    de.DispositivoNotDetected: 404,
    de.DispositivoYaReclamado: 409,
    de.SerialIgnorado: 409,
    de.DispositivoNoReclamado: 409,
    de.CodigoIncorrecto: 403,
    de.SinPermiso: 403,
    de.SerialDuplicado: 409,
    de.HorarioNoAplicable: 409,
    de.SerialRequerido: 400,
    de.DatosInvalidos: 422,
    de.FormatoNoDisponible: 406,
    de.VersionConflict: 412,
    de.StorageBusy: 503,
    de.StorageFull: 507,
    de.StorageDamaged: 503,
    de.TooManyStreams: 503,
    de.UltimoAdministrador: 409,
    de.SinCuenta: 409,
    de.YaHayCuentas: 409,
    de.EntradaRechazada: 401,
    de.CredencialInvalida: 401,
    de.DemasiadasPeticiones: 429,
    de.DemasiadosIntentos: 429,
    de.ContrasenasOcupadas: 503,
}

_HTTP_SENTENCES = {
    400: ("peticion_incorrecta", "La petición no es válida"),
    403: ("acceso_denegado", "No tiene permiso"),
    404: ("recurso_no_encontrado", "Recurso no encontrado"),
    405: ("metodo_no_permitido", "Este recurso no admite ese método"),
    413: ("peticion_grande", "El cuerpo de la petición es demasiado grande"),
    415: ("tipo_no_admitido", "El cuerpo debe ser application/json en UTF-8"),
}

CODES: tuple[tuple[str, int, str], ...] = tuple(
    [(kind.codigo, status, kind.mensaje) for kind, status in _STATUS.items()]
    + [(codigo, status, sentence) for status, (codigo, sentence) in _HTTP_SENTENCES.items() if status != 404]
)
"""Every stable code with its status and sentence; the documentation page lists them."""


def of_domain(error: DomainError) -> Problem:
    """The problem that a domain error is."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    errores = error.errores if isinstance(error, de.DatosInvalidos) else ()
    extra = {"version": error.actual} if isinstance(error, de.VersionConflict) else {}
    wait = error.segundos if isinstance(error, de.Espere) else RETRY_AFTER_S
    headers: tuple[tuple[str, str], ...] = (("Retry-After", str(wait)),) if status in (429, 503, 507) else ()
    if isinstance(error, de.VersionConflict):
        headers = (("ETag", f'"{error.actual}"'),)
    return Problem(status, error.codigo, error.mensaje, errores=errores, headers=headers, extra=extra)


def of_http(error: HTTPException) -> Problem:
    """The problem that one of werkzeug's own errors is; a fault of the server itself says nothing of its inside."""
    status = error.code or 500
    codigo, sentence = _HTTP_SENTENCES.get(status, ("error_http", TITLES.get(status, "No se pudo atender la petición")))
    # `get_headers` of a 405 carries Allow; its content type is werkzeug's HTML, which we never send.
    headers = [(k, v) for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")]
    return Problem(status, codigo, sentence, headers=headers)


def internal() -> Problem:
    """An unexpected exception: logged with its trace, told without it."""
    return Problem(500, "error_interno", "Error interno del servidor; quedó anotado en el registro")


def response(problem: Problem) -> Response:
    """The problem as a Flask response."""
    from flask import Response

    answer = Response(problem.body(), problem.status, content_type=CONTENT_TYPE)
    for name, value in problem.headers:
        answer.headers[name] = value
    answer.headers["Cache-Control"] = "no-store"
    return answer


def register(app: Flask) -> None:
    """Answer every error of the app as a problem, and put the security headers on every answer."""
    from werkzeug.exceptions import HTTPException

    app.register_error_handler(ProblemError, lambda e: response(e.problem))
    app.register_error_handler(DomainError, lambda e: response(of_domain(e)))
    app.register_error_handler(HTTPException, lambda e: response(of_http(e)))
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_secure)


def _unexpected(error: Exception) -> Response:
    log.error("a request failed unexpectedly", exc_info=error)
    return response(internal())


def _secure(answer: Response) -> Response:
    for name, value in SECURITY_HEADERS:
        answer.headers.setdefault(name, value)
    return answer
