"""Pages of other origins that the house's owner named (``CORS_ORIGINS``): what the browser is told for them.

Off unless some are named, each exactly: no ``*``. Cookies are never allowed for them (no
``Access-Control-Allow-Credentials``): such a page shows a token, or a ticket for the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS = "GET, HEAD, POST, PUT, DELETE"
ASKED = "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, X-Requested-With"
SHOWN = "ETag, Location, Retry-After, Content-Language"
MAX_AGE_S = 600

Headers = list[tuple[str, str]]


def named_origin(environ: Mapping[str, Any], origenes: frozenset[str]) -> str | None:
    """The request's origin, when it is one of those that were named."""
    origin = str(environ.get("HTTP_ORIGIN", "")).strip().lower()
    return origin if origin in origenes else None


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
