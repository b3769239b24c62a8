"""HTTP/1.1 requests from bytes (RFC 9112), strictly, without I/O: what is ambiguous is refused, never guessed.

Stricter than the standard library on purpose: a request that two programs could read differently (both
Transfer-Encoding and Content-Length, bare LF, folded headers, spaces before the colon) is how smuggling starts.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from app.problems import Problem, ProblemError

MAX_REQUEST_LINE = 8192
MAX_HEAD_BYTES = 32768
MAX_HEADERS = 100
MAX_CHUNK_LINE = 1024
HEAD_END = b"\r\n\r\n"

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_VERSION = re.compile(rb"HTTP/1\.([01])")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9._~%:\[\]!$&'()*+,;=-]*")
_DIGITS = re.compile(rb"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_SINGLE = frozenset(
    {"HOST", "CONTENT_LENGTH", "TRANSFER_ENCODING", "CONTENT_TYPE", "AUTHORIZATION", "EXPECT", "ORIGIN"}
)


def bad_request(error: str) -> ProblemError:
    """A request that can't be read; the connection closes after it."""
    return ProblemError(Problem(400, "peticion_mal_formada", error))


def body_too_large(limit: int) -> ProblemError:
    """The body passes the limit; it is not read."""
    return ProblemError(Problem(413, "peticion_grande", f"El cuerpo de la petición pasa de {limit} bytes"))


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and its headers. ``headers`` has the names as WSGI spells them, without ``HTTP_``."""

    method: str
    target: str
    minor: int
    headers: dict[str, str]
    content_length: int | None
    chunked: bool

    @property
    def keep_alive(self) -> bool:
        """Whether the client will use the connection again."""
        tokens = {t.strip().lower() for t in self.headers.get("CONNECTION", "").split(",")}
        return "close" not in tokens if self.minor else "keep-alive" in tokens

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for leave to send the body."""
        return self.minor > 0 and "EXPECT" in self.headers


def parse_head(raw: bytes) -> Head:
    """The head of a request; ``raw`` ends before the empty line.

    Raises:
        ProblemError: 400, 413 (never), 414, 417 or 431.
    """
    lines = raw.split(b"\r\n")
    method, target, minor = _parse_request_line(lines[0])
    headers = _parse_headers(lines[1:])
    if minor and "HOST" not in headers:
        raise bad_request("Falta la cabecera Host")
    target = _origin_form(method, target, headers)
    if _HOST.fullmatch(headers.get("HOST", "")) is None:
        raise bad_request("La cabecera Host no es válida")
    length, chunked = _framing(headers, minor)
    if headers.get("EXPECT", "100-continue").lower() != "100-continue":
        raise ProblemError(Problem(417, "expectativa_no_admitida", "Solo se admite Expect: 100-continue"))
    return Head(method, target, minor, headers, length, chunked)


def check_partial_head(buffer: bytes | bytearray) -> None:
    """Refuse early what will never be a good head: too long, a bare LF, or no HTTP at all.

    Raises:
        ProblemError: 400, 414 or 431.
    """
    first = buffer.find(b"\n")
    if first < 0 and len(buffer) > MAX_REQUEST_LINE:
        raise _uri_too_long()
    if len(buffer) > MAX_HEAD_BYTES:
        raise ProblemError(Problem(431, "cabeceras_grandes", f"Las cabeceras pasan de {MAX_HEAD_BYTES} bytes"))
    if first >= 0 and buffer.count(b"\n") != buffer.count(b"\r\n"):
        raise bad_request("Cada línea de la petición debe terminar en CRLF")


def _uri_too_long() -> ProblemError:
    return ProblemError(Problem(414, "direccion_larga", f"La dirección pasa de {MAX_REQUEST_LINE} bytes"))


def _parse_request_line(line: bytes) -> tuple[str, str, int]:
    if len(line) > MAX_REQUEST_LINE:
        raise _uri_too_long()
    words = line.split(b" ")
    if len(words) != 3:
        raise bad_request("La primera línea no es una petición HTTP/1.1")
    method, target, version = words
    match = _VERSION.fullmatch(version)
    if match is None:
        raise bad_request("Solo se habla HTTP/1.1 y HTTP/1.0")
    if _METHOD.fullmatch(method) is None or _TARGET.fullmatch(target) is None:
        raise bad_request("La primera línea de la petición tiene caracteres no permitidos")
    return method.decode("ascii"), target.decode("latin-1"), int(match[1])


def _parse_headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MAX_HEADERS:
        raise ProblemError(Problem(431, "cabeceras_grandes", f"Hay más de {MAX_HEADERS} cabeceras"))
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(name) is None:
            raise bad_request("Una cabecera no tiene un nombre válido")
        if b"_" in name:  # WSGI could not tell it from the same name with a dash; dropped, as nginx does
            continue
        if _BAD_VALUE.search(value):
            raise bad_request("Una cabecera contiene caracteres de control")
        _add_header(headers, name.decode("ascii").upper().replace("-", "_"), value.strip(b" \t").decode("latin-1"))
    return headers


def _add_header(headers: dict[str, str], key: str, value: str) -> None:
    if key not in headers:
        headers[key] = value
    elif key in _SINGLE:
        raise bad_request(f"La cabecera {key.replace('_', '-').title()} viene repetida")
    else:
        headers[key] += ("; " if key == "COOKIE" else ",") + value


def _origin_form(method: str, target: str, headers: dict[str, str]) -> str:
    if target.startswith("/"):
        return target
    if target == "*" and method == "OPTIONS":
        return "/"
    if method == "CONNECT":
        raise ProblemError(
            Problem(
                405, "metodo_no_permitido", "Esto no es un proxy", headers=[("Allow", "GET, HEAD, OPTIONS, POST, PUT")]
            )
        )
    try:
        parts = urlsplit(target)
    except ValueError:
        raise bad_request("La dirección no es válida") from None
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise bad_request("La dirección no es válida")
    headers["HOST"] = parts.netloc  # RFC 9112 §3.2.2: the absolute form rules over Host
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _framing(headers: dict[str, str], minor: int) -> tuple[int | None, bool]:
    coding, length = headers.get("TRANSFER_ENCODING"), headers.get("CONTENT_LENGTH")
    if coding is not None:
        if length is not None:
            raise bad_request("Transfer-Encoding y Content-Length no pueden ir juntas")
        if coding.lower() != "chunked" or not minor:
            raise bad_request("Transfer-Encoding no admitida; solo chunked")
        return None, True
    if length is None:
        return None, False
    if _DIGITS.fullmatch(length.encode("latin-1")) is None:
        raise bad_request("Content-Length no es un número")
    return int(length), False


def parse_chunk_size(line: bytes) -> int:
    """The size that a chunk's first line gives; extensions are skipped.

    Raises:
        ProblemError: 400.
    """
    match = _CHUNK_SIZE.fullmatch(line)
    if match is None:
        raise bad_request("El cuerpo por trozos (chunked) está mal formado")
    return int(match[1], 16)


def make_environ(
    head: Head, body: bytes, peer: tuple[str, int], server: tuple[str, int], *, scheme: str = "http"
) -> dict[str, Any]:
    """The WSGI environ (PEP 3333); ``iot.peer`` is the address of the other end of the socket."""
    path, _, query = head.target.partition("?")
    environ: dict[str, Any] = {
        # werkzeug upper-cases the method, but methods are case-sensitive: `get` must not pass for GET.
        "REQUEST_METHOD": head.method if head.method.isupper() else f"X-{head.method}",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": head.target,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/1.{head.minor}",
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "iot.peer": peer[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for key, value in head.headers.items():
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    for gone in ("HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_CONNECTION"):
        environ.pop(gone, None)
    if head.chunked or head.content_length is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def response_head(status: str, headers: list[tuple[str, str]]) -> bytes:
    """Status line, headers and the empty line.

    Raises:
        ValueError: a header would break out of its line.
    """
    text = f"HTTP/1.1 {status}\r\n" + "".join([f"{k}: {v}\r\n" for k, v in headers]) + "\r\n"
    if text.count("\n") != len(headers) + 2 or text.count("\r") != len(headers) + 2:
        raise ValueError("a header contains a line break")
    return text.encode("latin-1")
