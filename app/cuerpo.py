"""Strict reading of JSON bodies: what two parsers could read differently is refused (RFC 8259, RFC 7493 «I-JSON»).

400: it is not one JSON text in UTF-8. 415: it says, or shows, that it is something else. 422: it is JSON, but out of
the bounds that every stored value keeps.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.valores import COTAS, Cotas, ValorInvalido, check_json
from app.problems import Problem, ProblemError

BAD_JSON = "Datos JSON inválidos o faltantes"
"""The sentence that old clients know."""
MAX_INT_DIGITS = 1000
"""A longer number is an attack on the parser (its cost grows with the square), not a value out of range."""


def read_json_object(
    data: bytes, *, content_type: str | None, content_encoding: str | None = None, cotas: Cotas = COTAS
) -> dict[str, Any]:
    """The object in a request's body.

    Raises:
        ProblemError: 400 or 415.
        DatosInvalidos: not an object, or a value out of bounds.
    """
    if not data.strip(b" \t\r\n"):
        raise _bad("La petición no trae cuerpo")
    _check_encoding(content_encoding)
    _check_content_type(content_type)
    value = _parse(_decode(data))
    if not isinstance(value, dict):
        raise DatosInvalidos([ErrorCampo("", "el cuerpo debe ser un objeto JSON ({...})")])
    try:
        check_json(value, cotas)
    except ValorInvalido as error:
        raise DatosInvalidos([ErrorCampo(_safe(error.ruta), error.motivo)]) from None
    return value


def _bad(detail: str) -> ProblemError:
    return ProblemError(Problem(400, "json_invalido", BAD_JSON, detail))


def _unsupported(detail: str) -> ProblemError:
    error = "El cuerpo debe ser application/json en UTF-8"
    return ProblemError(Problem(415, "tipo_no_admitido", error, detail, headers=[("Accept", "application/json")]))


def _check_encoding(coding: str | None) -> None:
    if coding and coding.strip().lower() != "identity":
        raise _unsupported(f"No se admite Content-Encoding: {coding[:40]}")


def _check_content_type(content_type: str | None) -> None:
    kind, _, parameters = (content_type or "").partition(";")
    if kind.strip().lower() != "application/json":
        raise _unsupported("Falta la cabecera Content-Type: application/json")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise _unsupported("El único juego de caracteres admitido es UTF-8")


def _decode(data: bytes) -> str:
    # No JSON text in UTF-8 has a NUL among its first four bytes; each in UTF-16 or UTF-32 has (RFC 4627 §3).
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        raise _unsupported("El cuerpo parece UTF-16 o UTF-32")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(f"El cuerpo no es UTF-8 válido (byte {error.start})") from None


def _parse(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise _bad("El JSON está anidado demasiado") from None
    except json.JSONDecodeError as error:
        raise _bad(f"El JSON no es válido: línea {error.lineno}, columna {error.colno}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _bad("El JSON repite una clave dentro de un mismo objeto")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _bad(f"{name} no es JSON")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_INT_DIGITS:
        raise _bad(f"Un número tiene más de {MAX_INT_DIGITS} cifras")
    return int(digits)


def _safe(path: str) -> str:
    return path.encode("utf-8", "replace").decode()[:200]


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int, parse_float=float
)
