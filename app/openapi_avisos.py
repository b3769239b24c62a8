"""The operations of notices, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.domain.aviso import ESTADOS, GRAVEDADES, PUERTAS
from app.openapi_base import (
    FREE,
    INT,
    PAGE,
    PAGE_FIELDS,
    PER_PAGE,
    STAMP,
    STR,
    Operacion,
    Parametro,
    Respuesta,
    objeto,
    ref,
)

_ID = Parametro("id", "path", "Identificador del aviso.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1})
_AVISO: dict[str, Any] = {
    "id": 3,
    "tipo": "dispositivo_perdido",
    "gravedad": "advertencia",
    "texto": "El dispositivo «Sensor Sala» no responde desde las 07:00.",
    "clave": "perdido:1",
    "dispositivo_id": 1,
    "serial_number": "TMP0603IF1WD",
    "datos": {},
    "estado": "nuevo",
    "veces": 1,
    "creado_en": "2026-11-23T15:04:11.000000Z",
    "actualizado_en": "2026-11-23T15:04:11.000000Z",
    "visto_en": None,
    "resuelto_en": None,
    "no_enviado_por": [],
}

OPERACIONES_AVISOS: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/avisos",
        "listar_avisos",
        "Avisos",
        "Buzón de avisos",
        "Lo que alguien debería saber, lo más reciente primero. `nuevos` cuenta los que nadie ha visto, sea cual sea "
        "el filtro. Mientras un asunto sigue abierto es un solo aviso: si se repite, sube `veces` y es nuevo otra vez.",
        (Respuesta(200, "Una página.", ref("PaginaAvisos")),),
        (
            Parametro("estado", "query", "Solo los que están así.", {"type": "string", "enum": list(ESTADOS)}),
            Parametro(
                "dispositivo",
                "query",
                "Solo los de este dispositivo.",
                {"type": "integer", "minimum": 1, "maximum": 10**15 - 1},
            ),
            PAGE,
            PER_PAGE,
        ),
        errores=(422,),
    ),
    Operacion(
        "GET",
        "/avisos/{id}",
        "obtener_aviso",
        "Avisos",
        "Un aviso",
        "El aviso, con sus datos.",
        (Respuesta(200, "El aviso.", ref("Aviso"), ejemplo=_AVISO),),
        (_ID,),
        errores=(404,),
    ),
    Operacion(
        "POST",
        "/avisos/{id}/visto",
        "ver_aviso",
        "Avisos",
        "Marcar un aviso como visto",
        "Uno ya visto o resuelto se queda como está.",
        (Respuesta(200, "El aviso.", ref("Aviso")),),
        (_ID,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "POST",
        "/avisos/{id}/resuelto",
        "resolver_aviso",
        "Avisos",
        "Marcar un aviso como resuelto",
        "Si el asunto vuelve a ocurrir, será un aviso nuevo.",
        (Respuesta(200, "El aviso.", ref("Aviso")),),
        (_ID,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "POST",
        "/avisos/vistos",
        "ver_avisos",
        "Avisos",
        "Marcar todos como vistos",
        "`vistos` dice cuántos eran nuevos.",
        (Respuesta(200, "Hecho.", objeto({"vistos": INT}), ejemplo={"vistos": 2}),),
        errores=(503, 507),
    ),
)

_MAYBE = {"type": ["string", "null"]}
ESQUEMAS_AVISOS: dict[str, dict[str, Any]] = {
    "Aviso": objeto(
        {
            "id": INT,
            "tipo": STR,
            "gravedad": {"type": "string", "enum": list(GRAVEDADES)},
            "texto": STR,
            "clave": STR,
            "dispositivo_id": {"type": ["integer", "null"]},
            "serial_number": _MAYBE,
            "datos": FREE,
            "estado": {"type": "string", "enum": list(ESTADOS)},
            "veces": INT,
            "creado_en": STAMP,
            "actualizado_en": STAMP,
            "visto_en": _MAYBE,
            "resuelto_en": _MAYBE,
            "no_enviado_por": {"type": "array", "items": {"type": "string", "enum": list(PUERTAS.values())}},
        }
    ),
    "PaginaAvisos": objeto({**PAGE_FIELDS, "nuevos": INT, "data": {"type": "array", "items": ref("Aviso")}}),
}
