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

    from app import (
        problems,
        routes,
        routes_auditoria,
        routes_autoridad,
        routes_avisos,
        routes_casa,
        routes_dispositivos,
        routes_escenas,
        routes_historial,
        routes_horario,
        routes_reglas,
        routes_sistema,
    )
    from app.acceso import Acceso, Politica
    from app.redireccion import Redireccion
    from app.rutas_ids import DeviceIdConverter

    app = Flask(__name__, static_folder="web/static", static_url_path="/static", template_folder="web/templates")
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.config["MAX_CONTENT_LENGTH"] = services.settings.http_body_max
    app.url_map.merge_slashes = False  # werkzeug would answer `//x` with a redirection in HTML
    app.url_map.converters["device_id"] = DeviceIdConverter
    problems.register(app)
    app.register_blueprint(routes.blueprint(services))
    app.register_blueprint(routes_auditoria.blueprint(services))
    app.register_blueprint(routes_autoridad.blueprint(services))
    app.register_blueprint(routes_avisos.blueprint(services))
    app.register_blueprint(routes_casa.blueprint(services))
    app.register_blueprint(routes_dispositivos.blueprint(services))
    app.register_blueprint(routes_escenas.blueprint(services))
    app.register_blueprint(routes_historial.blueprint(services))
    app.register_blueprint(routes_horario.blueprint(services))
    app.register_blueprint(routes_reglas.blueprint(services))
    app.register_blueprint(routes_sistema.blueprint(services))
    politica = Politica.make(
        trusted_networks=services.settings.trusted_networks,
        allowed_hosts=services.settings.allowed_hosts,
        public_url=services.settings.public_backend_url,
    )
    app.after_request(_plain_options)
    if services.cifrado.puerto is not None and services.cifrado.redirigir:
        app.wsgi_app = Redireccion(app.wsgi_app, services.cifrado.puerto)  # type: ignore[method-assign]
    app.wsgi_app = Acceso(app.wsgi_app, politica)  # type: ignore[method-assign]
    return app


def _plain_options(answer: Response) -> Response:
    """Flask answers OPTIONS with an empty page of HTML; what matters is its ``Allow``."""
    from flask import request

    if request.method == "OPTIONS" and answer.status_code == 200:
        answer.status_code = 204
        answer.headers.pop("Content-Type", None)
        answer.headers.pop("Content-Length", None)
    return answer
