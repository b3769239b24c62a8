"""The page: its shell, and its files under an address that has their version, so that a browser keeps them."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request, send_from_directory
from werkzeug.security import safe_join

from app import ligero
from app.domain.identidad import Permiso
from app.peticionario import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

IDIOMAS = ("es", "en")
ESTATICOS = Path(__file__).parent / "web" / "static"
KEPT_S = 365 * 24 * 3600
LIGEROS = {".js": ("text/javascript", ligero.script), ".css": ("text/css", ligero.style)}
PRIMEROS = (
    "js/app.js",
    "js/dom.js",
    "js/iconos.js",
    "js/api.js",
    "js/i18n.js",
    "js/casa.js",
    "js/vivo.js",
    "js/flujo.js",
    "js/medidas.js",
    "js/decir.js",
    "js/rutas.js",
    "js/pantallas/casa.js",
    "js/elementos/ficha.js",
    "js/elementos/interruptor.js",
)
"""What the house's first sight needs, told to the browser at once instead of module by module."""


def blueprint() -> Blueprint:
    """The page's own route."""
    bp = Blueprint("pagina", __name__)
    bp.add_url_rule("/", "inicio", inicio, methods=["GET"])
    return bp


def register(app: Flask) -> None:
    """``/static/<file>``, and ``/static/v-<version>/<file>``, which browsers may keep for good."""
    app.add_url_rule("/static/<path:filename>", endpoint="static", view_func=estatico, methods=["GET"])


def inicio() -> Response:
    """The shell; what it shows comes from the API."""
    idioma = request.accept_languages.best_match(IDIOMAS, default=IDIOMAS[0])
    ve = identity_of(request).permiso >= Permiso.VER
    page = render_template("pagina.html", idioma=idioma, primeros=PRIMEROS, version=version(), ve=ve)
    answer = Response(page, content_type="text/html; charset=utf-8")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Vary"] = "Accept-Language"
    return answer


def estatico(filename: str) -> Response:
    """A file as it is written; under a version its lighter twin, if it has one.

    ``Service-Worker-Allowed`` lets the page's worker serve all of it, also below a proxy's prefix.
    """
    head, _, rest = filename.partition("/")
    versioned = head.startswith("v-") and rest != ""
    path = safe_join(str(ESTATICOS), rest) if versioned else None
    if path is not None and Path(path).suffix in LIGEROS and Path(path).is_file():
        answer = Response(_light((path, version())), content_type=f"{LIGEROS[Path(path).suffix][0]}; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        answer.add_etag()
        answer.make_conditional(request)
    else:
        answer = send_from_directory(ESTATICOS, rest if versioned else filename, max_age=None)
    if versioned and head == version():
        answer.headers["Cache-Control"] = f"public, max-age={KEPT_S}, immutable"
    if filename == "sw.js":
        answer.headers["Service-Worker-Allowed"] = "../"
    return answer


@lru_cache(maxsize=128)
def _light(file: tuple[str, str]) -> bytes:
    """A script or a style (its path, and the version it is of) as browsers get it."""
    path = Path(file[0])
    return LIGEROS[path.suffix][1](path.read_text(encoding="utf-8")).encode()


def version() -> str:
    """``v-`` and a digest of the files' sizes and times: a change of any is another address for all."""
    told = hashlib.sha256(repr(sorted(_stats(str(ESTATICOS)))).encode())
    return f"v-{told.hexdigest()[:12]}"


def _stats(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _stats(entry.path)
            else:
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns
