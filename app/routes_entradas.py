"""Tickets for the live stream over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from app.domain.dispositivo import dump_object
from app.pases import DURA_S, PARAMETRO
from app.peticionario import identity_of
from app.routes import json_response

if TYPE_CHECKING:
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""

    def crear_entrada() -> Response:
        text = services.pases.dar(identity_of(request))
        told = {"entrada": text, "dura_s": DURA_S, "flujo": f"/stream/dispositivos?{PARAMETRO}={text}"}
        answer = json_response(dump_object(told), 201)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    bp = Blueprint("entradas", __name__)
    bp.add_url_rule("/entradas", "crear_entrada", crear_entrada, methods=["POST"])
    return bp
