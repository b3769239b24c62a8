"""The backend of a house. ``create_app`` puts the HTTP edge together; ``app.runtime`` starts everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask, Response

    from app.servicios import Services

__version__ = "0.1.0"


def create_app(services: Services) -> Flask:
    """The Flask application over these parts: routes, errors as problems, and the guard as its outermost layer."""
    from flask import Flask

    from app import pagina, problems
    from app.rutas_ids import DeviceIdConverter

    app = Flask(__name__, static_folder=None, template_folder="web/templates")
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.config["MAX_CONTENT_LENGTH"] = services.settings.http_body_max
    app.url_map.merge_slashes = False  # werkzeug would answer `//x` with a redirection in HTML
    app.url_map.converters["device_id"] = DeviceIdConverter
    problems.register(app)
    _register_routes(app, services)
    app.register_blueprint(pagina.blueprint())
    pagina.register(app)
    _guard(app, services)
    app.after_request(_plain_options)
    return app


def _register_routes(app: Flask, services: Services) -> None:
    """The API's doors."""
    from app import (
        routes,
        routes_auditoria,
        routes_autoridad,
        routes_avisos,
        routes_casa,
        routes_credenciales,
        routes_cuentas,
        routes_dispositivos,
        routes_enlaces,
        routes_entradas,
        routes_escenas,
        routes_exportar,
        routes_historial,
        routes_horario,
        routes_reglas,
        routes_respaldos,
        routes_sistema,
    )

    for doors in (
        routes,
        routes_auditoria,
        routes_autoridad,
        routes_avisos,
        routes_casa,
        routes_credenciales,
        routes_cuentas,
        routes_dispositivos,
        routes_enlaces,
        routes_entradas,
        routes_escenas,
        routes_exportar,
        routes_historial,
        routes_horario,
        routes_reglas,
        routes_respaldos,
        routes_sistema,
    ):
        app.register_blueprint(doors.blueprint(services))


def _guard(app: Flask, services: Services) -> None:
    """Who may what, before each view; who asks, and from where, around them all."""
    from app import guardia
    from app.acceso import Acceso, Politica
    from app.redireccion import Redireccion

    politica = Politica.make(
        trusted_networks=services.settings.trusted_networks,
        allowed_hosts=services.settings.allowed_hosts,
        cors_origins=services.settings.cors_origins,
        public_url=services.settings.public_backend_url,
        trusted_proxies=services.settings.trusted_proxies,
    )
    guardia.register(app, services.db, services.pases, politica)
    if services.cifrado.puerto is not None and services.cifrado.redirigir:
        app.wsgi_app = Redireccion(app.wsgi_app, services.cifrado.puerto)  # type: ignore[method-assign]
    app.wsgi_app = Acceso(app.wsgi_app, politica, services.autenticador)  # type: ignore[method-assign]


def _plain_options(answer: Response) -> Response:
    """Flask answers OPTIONS with an empty page of HTML; what matters is its ``Allow``."""
    from flask import request

    if request.method == "OPTIONS" and answer.status_code == 200:
        answer.status_code = 204
        answer.headers.pop("Content-Type", None)
        answer.headers.pop("Content-Length", None)
    return answer
