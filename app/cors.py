"""Pages of other origins that the house's owner named (``CORS_ORIGINS``): what the browser is told for them.

Off unless some are named, each exactly: no ``*``. Cookies are never allowed for them (no
``Access-Control-Allow-Credentials``) nor read, and no network is trusted: such a page shows a token, or a ticket for
the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

METHODS = "GET, HEAD, POST, PUT, DELETE"
ASKED = "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, X-Requested-With"
SHOWN = "ETag, Location, Retry-After, Content-Language"
MAX_AGE_S = 600

Headers = list[tuple[str, str]]


def named_origin(environ: Mapping[str, Any], origenes: frozenset[str]) -> str | None:
    """The request's origin, when it is one of those that were named, and not this server's own."""
    origin = str(environ.get("HTTP_ORIGIN", "")).strip().lower()
    own = origin.partition("://")[2] == str(environ.get("HTTP_HOST", "")).lower()
    return origin if origin in origenes and not own else None


def is_preflight(environ: Mapping[str, Any]) -> bool:
    """Whether a browser asks, without credentials, what a page may ask for."""
    return environ.get("REQUEST_METHOD") == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def headers(environ: Mapping[str, Any], origin: str) -> Headers:
    """What every answer to a page of that origin carries."""
    found = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    if not is_preflight(environ):
        return [*found, ("Access-Control-Expose-Headers", SHOWN)]
    found += [
        ("Access-Control-Allow-Methods", METHODS),
        ("Access-Control-Allow-Headers", ASKED),
        ("Access-Control-Max-Age", str(MAX_AGE_S)),
    ]
    if environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true":
        found.append(("Access-Control-Allow-Private-Network", "true"))
    return found


def shown_to(environ: Mapping[str, Any], origin: str, start_response: Callable[..., Any]) -> Callable[..., Any]:
    """A ``start_response`` that adds the headers."""

    def start(status: str, given: Headers, *more: Any) -> Any:
        varies = [value for name, value in given if name.lower() == "vary"]
        kept = [(name, value) for name, value in given if name.lower() != "vary"]
        extra = [(n, ", ".join([v, *varies]) if n == "Vary" else v) for n, v in headers(environ, origin)]
        return start_response(status, [*kept, *extra], *more)

    return start
