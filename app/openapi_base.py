"""What the tables of operations are written with: an operation, its parameters and answers, and common schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

JSON = "application/json"


def ref(name: str) -> dict[str, str]:
    """A reference to a component schema."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True, slots=True)
class Parametro:
    """A parameter: where it is, what it means, its schema."""

    nombre: str
    lugar: str
    descripcion: str
    esquema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Respuesta:
    """A good answer. ``esquema`` None means no body; ``tipo`` may be several, with a comma and a space between."""

    status: int
    descripcion: str
    esquema: Mapping[str, Any] | None = None
    tipo: str = JSON
    ejemplo: Any = None


@dataclass(frozen=True, slots=True)
class Operacion:
    """A method of a path. ``errores`` are the statuses it may refuse with, each a problem document;
    ``binario`` the type of a body that is no JSON."""

    metodo: str
    ruta: str
    nombre: str
    grupo: str
    resumen: str
    descripcion: str
    respuestas: tuple[Respuesta, ...]
    parametros: tuple[Parametro, ...] = ()
    cuerpo: type[BaseModel] | None = None
    ejemplo: Mapping[str, Any] | None = None
    errores: tuple[int, ...] = ()
    binario: str = ""
    curl: str = ""


TRUE_FALSE = {"type": "string", "enum": ["true", "false"]}
ID = Parametro("id", "path", "Identificador del dispositivo.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1})
PAGE = Parametro(
    "page", "query", "Página, desde 1.", {"type": "integer", "minimum": 1, "maximum": 10**15 - 1, "default": 1}
)
PER_PAGE = Parametro(
    "per_page", "query", "Elementos por página.", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
)
TEXT = {"type": "string", "maxLength": 200}


def objeto(properties: Mapping[str, Any], *, required: bool = True, description: str = "") -> dict[str, Any]:
    """The schema of an object; every property is required unless said otherwise."""
    shape: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        shape["required"] = list(properties)
    if description:
        shape["description"] = description
    return shape


STR, INT = {"type": "string"}, {"type": "integer"}
STAMP = {"type": "string", "format": "date-time"}
FREE = {"type": "object", "additionalProperties": True}
PAGE_FIELDS = {"page": INT, "per_page": INT, "total": INT, "pages": INT}
