"""The house's CA for whoever wants to trust it: a page, the certificate, and a profile for iPhones. For everybody: a
phone needs it before it can prove anything, and a CA's certificate is no secret."""

from __future__ import annotations

import plistlib
import uuid
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request

from app.certificados import Autoridad, pem_to_der, read_authority
from app.guia_autoridad import CA_PATH, PROFILE_PATH, SISTEMAS
from app.problems import Problem, ProblemError

if TYPE_CHECKING:
    from app.servicios import Cifrado, Services

CERT_TYPE = "application/x-x509-ca-cert"
PROFILE_TYPE = "application/x-apple-aspen-config"
HSTS = "max-age=2592000"
"""Thirty days: who turns HTTPS off again is not locked out of the house's own name for a year."""


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    routes = _Routes(services.cifrado)
    bp = Blueprint("autoridad", __name__)
    bp.add_url_rule("/autoridad", "autoridad", routes.autoridad, methods=["GET"])
    bp.add_url_rule(CA_PATH, "autoridad_certificado", routes.autoridad_certificado, methods=["GET"])
    bp.add_url_rule(PROFILE_PATH, "autoridad_perfil", routes.autoridad_perfil, methods=["GET"])
    if services.cifrado.puerto is not None and services.cifrado.redirigir:
        bp.after_app_request(_promise_https)
    return bp


class _Routes:
    def __init__(self, cifrado: Cifrado) -> None:
        self._cifrado = cifrado

    def autoridad(self) -> Response:
        page = render_template(
            "autoridad.html", ca=self._authority(), puerto=self._cifrado.puerto, sistemas=SISTEMAS, anfitrion=_host()
        )
        return _fresh(Response(page))

    def autoridad_certificado(self) -> Response:
        answer = _fresh(Response(self._authority().pem, content_type=CERT_TYPE))
        answer.headers["Content-Disposition"] = 'attachment; filename="ca.crt"'
        return answer

    def autoridad_perfil(self) -> Response:
        answer = _fresh(Response(profile(self._authority()), content_type=PROFILE_TYPE))
        answer.headers["Content-Disposition"] = 'attachment; filename="ca.mobileconfig"'
        return answer

    def _authority(self) -> Autoridad:
        path = self._cifrado.autoridad
        found = read_authority(path.parent) if path is not None else None
        if found is None:
            detail = "HTTPS no está activado en esta casa. Actívelo en su máquina con ./iot https, y reinicie."
            raise ProblemError(Problem(404, "sin_https", "Esta casa no tiene HTTPS", detail))
        return found


def profile(ca: Autoridad) -> bytes:
    """An Apple configuration profile with the CA as a root (com.apple.security.root); the same CA, the same bytes."""
    one, whole = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {ca.huella}")).upper() for kind in ("root", "profile"))
    root = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"casa.iot.{one}",
        "PayloadUUID": one,
        "PayloadDisplayName": ca.nombre,
        "PayloadContent": pem_to_der(ca.pem),
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"casa.iot.{whole}",
            "PayloadUUID": whole,
            "PayloadDisplayName": ca.nombre,
            "PayloadDescription": "Permite a este aparato reconocer a la máquina de la casa. Huella: " + ca.huella,
            "PayloadContent": [root],
        }
    )


def _host() -> str:
    """The host that the page was asked under, without its port."""
    name, colon, port = request.host.rpartition(":")
    return name if colon and port.isdigit() else request.host


def _promise_https(answer: Response) -> Response:
    if request.is_secure:
        answer.headers["Strict-Transport-Security"] = HSTS
    return answer


def _fresh(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
