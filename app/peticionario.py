"""Who asks over HTTP: the identity that ``app.acceso`` found, and the cause of the changes that the request makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.causa import Causa
from app.domain.identidad import Identidad

if TYPE_CHECKING:
    from flask import Request

    from app.domain.identidad import Identidad

IDENTIDAD = "iot.identidad"
"""Where the outermost layer leaves in the environ who asks."""


def peer_of(request: Request) -> str:
    """The peer's address: of the connection itself, or what a proxy of TRUSTED_PROXIES says of it; what anybody else's
    header says is anybody's word."""
    return request.environ.get("iot.peer") or request.remote_addr or ""


def identity_of(request: Request) -> Identidad:
    """Who asks."""
    found: Identidad = request.environ[IDENTIDAD]
    return found


def cause_of(request: Request) -> Causa:
    """The cause of what this request changes: who (where the network is the credential, that) and from where."""
    return Causa("http", quien=identity_of(request).quien, desde=peer_of(request) or None)


def caller_of(request: Request) -> str:
    """By what a caller is known to a limit: the account, whatever its credentials, or else the address."""
    account = identity_of(request).usuario_id
    return f"cuenta:{account}" if account is not None else peer_of(request)
