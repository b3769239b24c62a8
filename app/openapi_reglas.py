"""The operations of rules, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.openapi_base import INT, STAMP, STR, objeto
from app.openapi_coleccion import Descrita, operaciones
from app.schemas_reglas import CuerpoRegla

_REGLA = Descrita(
    ruta="reglas",
    uno="regla",
    grupo="Reglas",
    titulo="Las reglas",
    una="una regla",
    esquema="Regla",
    cuerpo=CuerpoRegla,
    ejemplo={
        "nombre": "Ventilar",
        "activa": True,
        "condicion": {
            "dispositivo_id": 1,
            "parametro": "co2_ppm",
            "operador": ">",
            "valor": 800,
            "histeresis": 50,
            "durante_s": 600,
        },
        "acciones": [{"tipo": "aviso", "texto": "Conviene ventilar"}],
    },
    leida={
        "cumplida": False,
        "disparos": 0,
        "disparada_en": None,
        "creado_en": "2026-11-24T15:04:11.000000Z",
    },
    al_crear="Cuando la condición pasa a cumplirse, las acciones, una vez; si ya se cumple, ahora. Hasta 200 reglas.",
    al_borrar="Lo que ya pidió sigue pedido.",
)
OPERACIONES_REGLAS = operaciones(_REGLA)
ESQUEMAS_REGLAS: dict[str, dict[str, Any]] = {
    "Regla": objeto(
        {
            "id": INT,
            "nombre": STR,
            "activa": {"type": "boolean"},
            "condicion": {"type": "object"},
            "acciones": {"type": "array", "items": {"type": "object"}},
            "cumplida": {"type": "boolean"},
            "disparos": INT,
            "disparada_en": {"type": ["string", "null"], "format": "date-time"},
            "creado_en": STAMP,
        }
    )
}
