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
    ``estado_reportado`` is what the device itself said last. ``deseo_en`` is the last schema's and not used any more:
    ``deseos_json`` says what was asked.

    ``configuracion_en_json``: when each key of the configuration was last changed, ``{key: timestamp}``.
    ``estado_en``, ``parametros_en``: when ``estado`` last changed, when parameters last came. ``deseos_json``: what was
    asked and is not proven, ``{property: {...}}`` (see ``domain.orden``). ``propio``: it speaks on a topic of its own,
    so it reads its desired configuration and the backend drives its schedule. ``cadencia_s``: what it was seen to need
    between two reports, ``esperado_s`` what is expected of it, ``esperado_manual`` what somebody set by hand (seconds).
    ``conectividad`` is en_linea, dudoso, fuera or desconocido, since ``conectividad_en``.
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
    configuracion_en_json: str = "{}"
    estado_en: str | None = None
    parametros_en: str | None = None
    deseos_json: str = "{}"
    propio: bool = False
    cadencia_s: float | None = None
    esperado_s: float | None = None
    esperado_manual: float | None = None
    conectividad: str = "desconocido"
    conectividad_motivo: str = "sin_noticias"
    conectividad_en: str | None = None
    habitacion_id: int | None = None

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
