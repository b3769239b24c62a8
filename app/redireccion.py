"""From HTTP to HTTPS, for people only: the page that a browser on another machine opens. Programs keep what they speak
(the old app, the README's curl lines, every stream), and so does this machine."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from app.problems import SECURITY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]*)?")
_STAYS = "/autoridad"
"""Who does not trust the CA yet must be able to read how to."""


class Redireccion:
    """WSGI layer within the guard, so that the Host it repeats is one of ours."""

    def __init__(self, app: Callable[..., Iterable[bytes]], port: int) -> None:
        self._app = app
        self._port = port

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = _HOST.fullmatch(environ.get("HTTP_HOST", ""))
        if host is None or not _is_page_from_outside(environ):
            return self._app(environ, start_response)
        target = f"https://{host[1]}:{self._port}{environ.get('REQUEST_URI', '/')}"
        # 307 and not stored: HTTPS can be turned off again. Vary, for caches between: it hangs on the Accept.
        headers = [("Location", target), ("Cache-Control", "no-store"), ("Vary", "Accept"), ("Content-Length", "0")]
        start_response("307 Temporary Redirect", [*headers, *SECURITY_HEADERS])
        return [b""]


def _is_page_from_outside(environ: dict[str, Any]) -> bool:
    """A browser says `text/html` when it opens a page; over plain HTTP to a LAN address it says no Sec-Fetch-*."""
    path = environ.get("PATH_INFO", "")
    return (
        environ["wsgi.url_scheme"] == "http"
        and environ.get("REQUEST_METHOD") in ("GET", "HEAD")
        and "text/html" in environ.get("HTTP_ACCEPT", "")
        and path != _STAYS
        and not path.startswith((f"{_STAYS}/", "/static/"))
        and not _is_here(str(environ.get("iot.peer", "")))
    )


def _is_here(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return True
