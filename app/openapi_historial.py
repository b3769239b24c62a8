"""The operations of history, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.openapi_base import (
    FREE,
    ID,
    INT,
    PAGE,
    PAGE_FIELDS,
    PER_PAGE,
    STAMP,
    STR,
    TEXT,
    Operacion,
    Parametro,
    Respuesta,
    objeto,
    ref,
)

_MOMENTO = {"type": "string", "examples": ["2026-11-24", "2026-11-24T07:00:00Z"]}
DESDE = Parametro("desde", "query", "Instante, u hora o fecha de la casa.", _MOMENTO)
HASTA = Parametro("hasta", "query", "Lo mismo, sin incluirlo; si es una fecha, ese día incluido.", _MOMENTO)
INSTANTE = Parametro("instante", "query", "Cómo estaba entonces (vea la descripción).", _MOMENTO)
EN_INSTANTE = "Con `instante` se responde cómo estaba entonces, según lo último que dice el historial (`EnInstante`)."
_PUNTOS = Parametro(
    "puntos", "query", "Cuántos, como mucho.", {"type": "integer", "minimum": 1, "maximum": 2000, "default": 300}
)
_SERIES = (
    "Cubos enteros del calendario de la casa, tantos como quepan en `puntos`: mínimo, media en el tiempo, máximo y "
    "cuántos informes; de un sí o no, cuántos segundos activo, de cuántos se sabe, y cuántos cambios. Si hay menos "
    "informes que `puntos` vienen ellos mismos (`crudo`). Un valor se mantiene 24 h sin noticias, y luego no se sabe. "
    "`completo` es falso mientras los resúmenes se están poniendo al día. `conservado_desde`: desde cuándo se "
    "conserva cada nivel, nulo si todo; de lo que ya no está se responde con el siguiente."
)
_STAMP_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
_NUMBER = {"type": ["number", "null"]}
_LOG = objeto({"estado": {"type": ["string", "null"]}, "parametros": FREE, "timestamp": STAMP, "causa": FREE})
_ROWS = {"type": "array", "items": _LOG}
_HISTORIAL = {
    "zona": "Europe/Madrid",
    "desde": "2026-11-23T23:00:00.000000Z",
    "hasta": "2026-11-24T23:00:00.000000Z",
    "paso": "PT5M",
    "completo": True,
    "conservado_desde": {"filas": None, "PT5M": None, "PT1H": None, "P1D": None},
    "series": [
        {
            "dispositivo_id": 1,
            "parametro": "temperatura",
            "tipo": "numero",
            "crudo": False,
            "datos": [{"inicio": "2026-11-23T23:00:00.000000Z", "min": 20.1, "media": 20.4, "max": 20.9, "n": 60}],
        }
    ],
}
_DRAWN = (Respuesta(200, "Las series.", ref("Historial"), ejemplo=_HISTORIAL),)

OPERACIONES_HISTORIAL: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/dispositivos/{id}/logs",
        "logs",
        "Historial",
        "Historial de un dispositivo",
        "Lo que dijo, lo más nuevo primero. Más allá del final, `data` viene vacía. Una página cuesta lo mismo por "
        "lejos que esté. Con `cursor` (vacío la primera vez) en vez de `page`, cada respuesta trae el `cursor` de la "
        "siguiente: nada se repite ni se salta aunque lleguen más.",
        (Respuesta(200, "Una página.", {"oneOf": [ref("PaginaLogs"), ref("TramoLogs")]}),),
        (
            ID,
            PAGE,
            PER_PAGE,
            Parametro("cursor", "query", "Por dónde se iba; vacío, desde lo más nuevo.", {**TEXT, "maxLength": 16}),
            DESDE,
            HASTA,
            Parametro("estado", "query", "Solo las filas con este estado.", TEXT),
        ),
        errores=(404, 422),
    ),
    Operacion(
        "GET",
        "/dispositivos/{id}/historial",
        "historial_dispositivo",
        "Historial",
        "Series de un dispositivo, para dibujarlas",
        f"{_SERIES} Sin `parametro`, todas; `estado` es la del propio dispositivo. Sin fechas, el último día.",
        _DRAWN,
        (ID, Parametro("parametro", "query", "Uno, o varios con comas.", TEXT), DESDE, HASTA, _PUNTOS),
        errores=(404, 422),
    ),
    Operacion(
        "GET",
        "/historial",
        "historial",
        "Historial",
        "Series de varios dispositivos",
        f"{_SERIES} Como mucho 64 series y 40.000 puntos en una respuesta.",
        _DRAWN,
        (
            Parametro("dispositivos", "query", "Sus ids, con comas.", TEXT),
            Parametro("parametros", "query", "Cuáles, con comas; sin ello, todos los que tengan.", TEXT),
            DESDE,
            HASTA,
            _PUNTOS,
        ),
        errores=(404, 422),
    ),
)

_PUNTO = {
    "anyOf": [
        objeto({"inicio": STAMP, "min": _NUMBER, "media": _NUMBER, "max": _NUMBER, "n": INT}),
        objeto({"inicio": STAMP, "min": _NUMBER, "media": _NUMBER, "max": _NUMBER, "n": INT, "subida": _NUMBER}),
        objeto(
            {
                "inicio": STAMP,
                "activo_s": {"type": "number"},
                "conocido_s": {"type": "number"},
                "cambios": INT,
                "n": INT,
            }
        ),
        objeto({"instante": STAMP, "valor": {"type": ["number", "boolean"]}}),
    ]
}
_SERIE = objeto(
    {
        "dispositivo_id": INT,
        "parametro": STR,
        "tipo": {"enum": ["numero", "logico", None]},
        "crudo": {"type": "boolean"},
        "datos": {"type": "array", "items": _PUNTO},
    }
)
ESQUEMAS_HISTORIAL: dict[str, Any] = {
    "PaginaLogs": objeto({**PAGE_FIELDS, "data": _ROWS}),
    "TramoLogs": objeto({"per_page": INT, "cursor": {"type": ["string", "null"]}, "data": _ROWS}),
    "Historial": objeto(
        {
            "zona": STR,
            "desde": STAMP,
            "hasta": STAMP,
            "paso": {"type": "string", "description": "Lo que dura un cubo (ISO 8601)."},
            "completo": {"type": "boolean"},
            "conservado_desde": objeto(dict.fromkeys(("filas", "PT5M", "PT1H", "P1D"), _STAMP_OR_NULL)),
            "series": {"type": "array", "items": _SERIE},
        }
    ),
    "EnInstante": objeto(
        {
            "id": INT,
            "serial_number": STR,
            "nombre": STR,
            "tipo": STR,
            "instante": STAMP,
            "estado": STR,
            "parametros": FREE,
            "timestamp": {"type": ["string", "null"]},
            "causa": {"type": ["object", "null"]},
        }
    ),
}
