"""The operations of orders, and what a device's object says of them, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.consultas import MAX_ESPERAR_S
from app.domain.conectividad import ESTADOS as ESTADOS_CONECTIVIDAD
from app.domain.orden import ESTADOS
from app.openapi_base import (
    FREE,
    ID,
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

ESPERAR = Parametro(
    "esperar",
    "query",
    "Segundos que se espera a que el dispositivo lo pruebe. La respuesta llega en cuanto se sabe, como tarde entonces.",
    {"type": "number", "minimum": 0, "maximum": MAX_ESPERAR_S},
)
CAMPOS_PRUEBA: dict[str, Any] = {
    "resultado": {**STR, "description": "Solo con `esperar`: qué ocurrió, en una frase."},
    "orden": {"description": "Solo con `esperar`: la orden, o null.", "anyOf": [ref("Orden"), {"type": "null"}]},
}

_MAYBE = {"type": ["string", "null"], "format": "date-time"}
CONECTIVIDAD = Parametro(
    "conectividad", "query", "Solo los que están así.", {"type": "string", "enum": list(ESTADOS_CONECTIVIDAD)}
)
LUGAR = (
    Parametro("habitacion", "query", "Solo los de esta habitación.", {"type": "integer", "minimum": 1}),
    Parametro("grupo", "query", "Solo los de este grupo.", {"type": "integer", "minimum": 1}),
)
EJEMPLO_CONECTIVIDAD = {
    "estado": "en_linea",
    "ultima_senal": "2026-11-23T15:04:11.000000Z",
    "esperado_cada_s": 30,
    "motivo": "senal",
    "desde": "2026-11-23T14:58:29.123456Z",
}
EJEMPLO_TIEMPOS = {
    "estado": "2026-11-23T15:04:11.000000Z",
    "parametros": "2026-11-23T15:04:11.000000Z",
    "configuracion": {
        "modo": "2026-11-23T14:58:29.123456Z",
        "encendido": "2026-11-23T15:04:11.000000Z",
        "intervalo_envio": "2026-11-23T14:58:29.123456Z",
    },
}

OPERACIONES_ORDENES: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/dispositivos/{id}/ordenes",
        "ordenes",
        "Dispositivos",
        "Órdenes a un dispositivo",
        "Lo que se le pidió y qué fue de ello, lo más nuevo primero. `aplicada` solo cuando lo confirma un informe del "
        "propio dispositivo; `rechazada` cuando dice otra cosa; `expirada` cuando nada la probó a tiempo; `sustituida` "
        "cuando se pidió otra cosa después.",
        (Respuesta(200, "Una página.", ref("PaginaOrdenes")),),
        (
            ID,
            Parametro("estado", "query", "Solo las que están así.", {"type": "string", "enum": list(ESTADOS)}),
            PAGE,
            PER_PAGE,
        ),
        errores=(404, 422),
    ),
    Operacion(
        "GET",
        "/dispositivos/{id}/porque",
        "porque",
        "Dispositivos",
        "Por qué está así",
        "Una frase, en español o en inglés según `Accept-Language`, y la cadena que hay detrás, lo más nuevo primero. "
        "Las horas de la frase van en la zona del dispositivo o, si no tiene, en la de la casa; las demás, en UTC.",
        (Respuesta(200, "La explicación.", ref("Porque")),),
        (ID, Parametro("Accept-Language", "header", "`es` (por defecto) o `en`.", {"type": "string"})),
        errores=(404,),
    ),
)

_DERIVA = objeto(
    {
        "deseado": {},
        "reportado": {},
        "desde": STAMP,
        "orden": INT,
        "estado_orden": {"type": "string", "enum": ["abierta", "rechazada", "expirada"]},
    }
)
CAMPOS_CONTROL: dict[str, Any] = {
    "deriva": {
        "type": "object",
        "additionalProperties": _DERIVA,
        "description": "Lo que no está como se pidió: propiedad → qué se pidió y qué dice el dispositivo.",
    },
    "tiempos": objeto(
        {
            "estado": _MAYBE,
            "parametros": _MAYBE,
            "configuracion": {"type": "object", "additionalProperties": STAMP},
        },
        description="Cuándo cambió `estado`, cuándo llegaron los `parametros`, cuándo cambió cada clave pedida.",
    ),
    "conectividad": objeto(
        {
            "estado": {"type": "string", "enum": list(ESTADOS_CONECTIVIDAD)},
            "ultima_senal": _MAYBE,
            "esperado_cada_s": {"type": ["integer", "null"]},
            "motivo": STR,
            "desde": _MAYBE,
        },
        description="Si da señales de vida, según su propia cadencia; aparte de `estado`.",
    ),
    "habitacion_id": {"type": ["integer", "null"]},
}
ESQUEMAS_ORDENES: dict[str, dict[str, Any]] = {
    "Porque": objeto(
        {
            "dispositivo_id": INT,
            "estado": STR,
            "desde": _MAYBE,
            "zona": {
                **STR,
                "description": "La de las horas de `frase`: la del dispositivo o, si no tiene, la de la casa.",
            },
            "frase": STR,
            "idioma": {"type": "string", "enum": ["es", "en"]},
            "cadena": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"tipo": STR, "cuando": _MAYBE, "frase": STR, "orden": INT, "causa": FREE},
                    "required": ["tipo", "cuando", "frase"],
                },
            },
        }
    ),
    "Orden": objeto(
        {
            "id": INT,
            "dispositivo_id": INT,
            "version": INT,
            "cambios": FREE,
            "estado": {"type": "string", "enum": list(ESTADOS)},
            "motivo": STR,
            "causa": FREE,
            "creada_en": STAMP,
            "enviada_en": _MAYBE,
            "cerrada_en": _MAYBE,
            "expira_en": STAMP,
        }
    ),
    "PaginaOrdenes": objeto({**PAGE_FIELDS, "data": {"type": "array", "items": ref("Orden")}}),
}
