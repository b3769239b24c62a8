"""The five operations of a collection (:mod:`app.coleccion`), for the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.openapi_base import Operacion, Parametro, Respuesta, ref

if TYPE_CHECKING:
    from pydantic import BaseModel

SIN_HACER = (400, 409, 413, 415, 422, 503, 507)


@dataclass(frozen=True, slots=True)
class Descrita:
    """A collection in words. ``una`` is «una escena»; ``ejemplo`` a body, ``leida`` what an answer adds to it."""

    ruta: str
    uno: str
    grupo: str
    titulo: str
    una: str
    esquema: str
    cuerpo: type[BaseModel]
    ejemplo: dict[str, Any]
    leida: dict[str, Any]
    al_crear: str
    al_borrar: str


def id_de(una: str) -> Parametro:
    """The id in the path."""
    return Parametro("id", "path", f"Identificador de {una}.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1})


def operaciones(d: Descrita) -> tuple[Operacion, ...]:
    """List, add, read, change, delete."""
    one, many, path = id_de(d.una), f"/{d.ruta}", f"/{d.ruta}/{{id}}"
    example = {"id": 1, **d.ejemplo, **d.leida}
    answer: dict[str, Any] = {"esquema": ref(d.esquema), "ejemplo": example}
    every = Respuesta(200, "Por orden de `id`.", {"type": "array", "items": ref(d.esquema)}, ejemplo=[example])
    sent: dict[str, Any] = {"cuerpo": d.cuerpo, "ejemplo": d.ejemplo}
    return (
        Operacion("GET", many, f"listar_{d.ruta}", d.grupo, d.titulo, "", (every,)),
        Operacion(
            "POST", many, f"crear_{d.uno}", d.grupo, f"Crear {d.una}", d.al_crear,
            (Respuesta(201, "Así queda.", **answer),), **sent, errores=SIN_HACER,
        ),
        Operacion(
            "GET", path, f"obtener_{d.uno}", d.grupo, f"Leer {d.una}", "",
            (Respuesta(200, "Así está.", **answer),), (one,), errores=(404,),
        ),
        Operacion(
            "PUT", path, f"cambiar_{d.uno}", d.grupo, f"Cambiar {d.una}", "Sustituye todo lo que tenía.",
            (Respuesta(200, "Así queda.", **answer),), (one,), **sent, errores=(404, *SIN_HACER),
        ),
        Operacion(
            "DELETE", path, f"borrar_{d.uno}", d.grupo, f"Borrar {d.una}", d.al_borrar,
            (Respuesta(204, "Ya no existe."),), (one,), errores=(404, 409, 503, 507),
        ),
    )  # fmt: skip
