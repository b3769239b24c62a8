"""Who asks over HTTP: the cause of the changes that a request makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.causa import Causa
from app.domain.identidad import ANONIMO, Identidad

if TYPE_CHECKING:
    from flask import Request

TRUSTED_NETWORK = "red de confianza"


def identity_of(request: Request) -> Identidad:
    """Who asks, as the outermost layer found."""
    found = request.environ.get("iot.identidad", ANONIMO)
    assert isinstance(found, Identidad)
    return found


def peer_of(request: Request) -> str:
    """The peer's address, of the connection itself: what a header says of it is anybody's word."""
    return request.environ.get("iot.peer") or request.remote_addr or ""


def cause_of(request: Request) -> Causa:
    """The cause of what this request changes: who (where the network is the credential, that) and from where."""
    return Causa("http", quien=TRUSTED_NETWORK, desde=peer_of(request) or None)
