"""Rules over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from app import reglas
from app.coleccion import Coleccion, puertas
from app.schemas_reglas import parse_regla

if TYPE_CHECKING:
    from app.servicios import Services


def blueprint(services: Services) -> Blueprint:
    """The routes over these parts."""
    bp = Blueprint("reglas", __name__)
    verbs = (reglas.listar, reglas.obtener, reglas.crear, reglas.cambiar, reglas.borrar, reglas.recortar)
    puertas(bp, services.db, Coleccion("reglas", "regla", parse_regla, *verbs))
    return bp
