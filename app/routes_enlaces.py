"""Routes by which devices and phones find the house: QR codes read and drawn, and the addresses to use."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from app.config_net import is_any, is_loopback
from app.domain.dispositivo import dump_object
from app.domain.errors import DatosInvalidos, ErrorCampo
from app.lector_qr import TIPO, leer
from app.problems import Problem, ProblemError
from app.routes import json_response
from app.server_cuerpos import IMAGEN_MAX

if TYPE_CHECKING:
    from app.servicios import Services

TEXTO_MAX = 1000
"""Characters; a QR of them is one that a phone still reads off a screen."""


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    bp = Blueprint("enlaces", __name__)

    def obtener_direcciones() -> Response:
        return json_response(dump_object(direcciones(services)))

    bp.add_url_rule("/direcciones", "obtener_direcciones", obtener_direcciones, methods=["GET"])
    bp.add_url_rule("/qr/leer", "leer_qr", leer_qr, methods=["POST"])
    bp.add_url_rule("/qr.svg", "dibujar_qr", dibujar_qr, methods=["GET"])
    return bp


def leer_qr() -> Response:
    """The texts of the QR codes in a picture."""
    if request.mimetype != TIPO:
        raise ProblemError(Problem(415, "tipo_no_admitido", f"La imagen debe ser {TIPO}", headers=[("Accept", TIPO)]))
    request.max_content_length = IMAGEN_MAX
    return json_response(dump_object({"textos": leer(request.get_data(cache=False))}))


def dibujar_qr() -> Response:
    """A QR code of a text, black on white, with its quiet zone."""
    import segno

    texto = request.args.get("texto", "")
    if not 0 < len(texto) <= TEXTO_MAX:
        raise DatosInvalidos([ErrorCampo("texto", f"debe tener entre 1 y {TEXTO_MAX} caracteres")])
    out = io.BytesIO()
    segno.make(texto, error="m", micro=False).save(out, kind="svg", scale=8, light="#fff", xmldecl=False)
    return Response(out.getvalue(), content_type="image/svg+xml")


def direcciones(services: Services) -> dict[str, Any]:
    """Where other machines of the house find the page and the broker; null is what they can't reach."""
    s = services.settings
    reachable = s.public_backend_url and not is_loopback(s.backend_host)
    broker = {"anfitrion": _broker_host(services), "puerto": s.mqtt_broker_port, "tls_puerto": _broker_tls(services)}
    return {
        "pagina": s.public_backend_url.rstrip("/") + "/" if reachable else None,
        "https_puerto": services.cifrado.puerto,
        "mqtt": broker,
    }


def _broker_host(services: Services) -> str | None:
    """Another's broker where it is; ours at this machine's address, if it listens there."""
    s = services.settings
    if s.mqtt_broker_url:
        return s.mqtt_broker_url
    if is_loopback(s.mqtt_listen_host):
        return None
    return urlsplit(s.public_backend_url).hostname if is_any(s.mqtt_listen_host) else s.mqtt_listen_host


def _broker_tls(services: Services) -> int | None:
    s = services.settings
    ours = not s.mqtt_broker_url and not is_loopback(s.mqtt_listen_host)
    return s.mqtt_tls_port if ours and services.cifrado.puerto is not None else None
