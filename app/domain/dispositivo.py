"""The device as a fact: one committed version of its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

NOMBRE_DEFECTO = "No definido"
TIPO_DEFECTO = "generico"
MODELO_DEFECTO = "desconocido"


@dataclass(frozen=True, slots=True)
class Dispositivo:
    """A device at one version.

    ``parametros_json`` and ``configuracion_json`` are compact JSON texts of an object (UTF-8, unescaped): they are
    serialised once and shared by the row, the log and every stream. Timestamps are ISO 8601 UTC with ``Z``.
    ``estado_reportado`` is what the device itself said last; ``deseo_en`` is when somebody last asked it over HTTP to
    be on or off and it has not answered yet (see ``domain.reporte``).
    """

    id: int
    serial_number: str
    nombre: str
    tipo: str
    modelo: str
    descripcion: str
    estado: str
    parametros_json: str
    configuracion_json: str
    reclamado: bool
    version: int
    creado_en: str
    actualizado_en: str
    visto_en: str | None
    deseada_version: int
    deseada_confirmada: int
    estado_reportado: str | None
    deseo_en: str | None

    @property
    def parametros(self) -> dict[str, Any]:
        """What the device measured last."""
        return load_object(self.parametros_json)

    @property
    def configuracion(self) -> dict[str, Any]:
        """What people want of it, free-form (WIRE §5)."""
        return load_object(self.configuracion_json)


def load_object(text: str) -> dict[str, Any]:
    """Parse one of our own JSON texts; what is not an object reads as an empty one."""
    value = from_json(text)
    return value if isinstance(value, dict) else {}


def dump_object(value: dict[str, Any]) -> str:
    """Compact JSON, UTF-8 unescaped, key order kept."""
    return to_json(value).decode()
