"""The operations of the house and of schedules, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.openapi_base import ID, INT, STAMP, STR, Operacion, Parametro, Respuesta, objeto, ref
from app.schemas_horario import CuerpoAnular, CuerpoCasa

_BOOL = {"type": "boolean"}
_NUMBER = {"type": ["number", "null"]}
_IF_MATCH = Parametro("If-Match", "header", "Versión sobre la que se hace el cambio.", {"type": "string"})
_PERIODO = {"type": "string", "examples": ["2026-11-24", "2026-11-24T07:00:00Z"]}
_WRITES = (404, 409, 412, 422, 503, 507)
_CASA = {
    "nombre": "Casa del lago",
    "zona": "Europe/Madrid",
    "latitud": 40.4168,
    "longitud": -3.7038,
    "festivos": ["2026-12-25"],
}
_CAMBIO = {
    "instante": "2026-11-25T06:00:00.000000Z",
    "local": "2026-11-25T07:00:00+01:00",
    "encendido": True,
    "capa": "semana",
    "detalle": "miércoles 07:00–09:00",
}
_PREVIA = {
    "zona": "Europe/Madrid",
    "desde": "2026-11-24T12:00:00.000000Z",
    "hasta": "2026-12-01T12:00:00.000000Z",
    "gobierna": "backend",
    "ahora": {"encendido": False, "capa": "semana", "detalle": "martes 07:00–09:00 ya terminó"},
    "transiciones": [_CAMBIO],
    "truncado": False,
    "avisos": [],
}
_HECHO = {"mensaje": "Se salta: miércoles 07:00–09:00", "id": 1}
_ANULACION = {"encendido": True, "desde": "2026-11-24T12:00:00Z", "hasta": "2026-11-24T22:00:00Z"}

OPERACIONES_HORARIO: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/dispositivos/{id}/horario/previa",
        "horario_previa",
        "Horarios",
        "Lo que hará el horario",
        "Cada cambio que viene, en hora local y en UTC, con la capa que lo causa; de ahora a una semana si no se dice "
        "otra cosa. `gobierna` dice quién lo lleva a cabo: este programa, o el propio dispositivo si es de los "
        "antiguos. `avisos` son las pegas que se le ven al horario. Como mucho 400 días y 1000 cambios (`truncado`).",
        (Respuesta(200, "La previsión.", ref("Previa"), ejemplo=_PREVIA),),
        (
            ID,
            Parametro("desde", "query", "Instante, u hora o fecha del dispositivo.", _PERIODO),
            Parametro("hasta", "query", "Lo mismo; si es una fecha, ese día incluido.", _PERIODO),
        ),
        errores=(404, 422),
    ),
    Operacion(
        "POST",
        "/dispositivos/{id}/horario/saltar",
        "saltar_siguiente",
        "Horarios",
        "Saltar lo próximo del horario",
        "La próxima franja, o el próximo evento, no ocurre esa vez.",
        (Respuesta(200, "Se salta.", ref("Salto"), ejemplo={**_HECHO, "saltada": _CAMBIO, "saltar": []}),),
        (ID, _IF_MATCH),
        errores=_WRITES,
    ),
    Operacion(
        "DELETE",
        "/dispositivos/{id}/horario/saltar",
        "olvidar_saltos",
        "Horarios",
        "No saltar nada",
        "Lo que se había pedido saltar vuelve a ocurrir.",
        (Respuesta(200, "Hecho.", ref("SinSaltos")),),
        (ID, _IF_MATCH),
        errores=_WRITES,
    ),
    Operacion(
        "POST",
        "/dispositivos/{id}/horario/anular",
        "anular_horario",
        "Horarios",
        "Apartarse del horario",
        "Enciende o apaga por encima del horario hasta su próximo cambio, o el tiempo que se diga. Pedir lo que el "
        "horario ya dice, sin plazo, quita la anulación.",
        (Respuesta(200, "Anulado.", ref("Anulado"), ejemplo={**_HECHO, "anulacion": _ANULACION}),),
        (ID, _IF_MATCH),
        cuerpo=CuerpoAnular,
        ejemplo={"encendido": True, "durante_s": 3600},
        errores=(400, 404, 409, 412, 413, 415, 422, 503, 507),
    ),
    Operacion(
        "DELETE",
        "/dispositivos/{id}/horario/anular",
        "quitar_anulacion",
        "Horarios",
        "Volver al horario",
        "El horario manda otra vez desde ya.",
        (Respuesta(200, "Hecho.", ref("Anulado")),),
        (ID, _IF_MATCH),
        errores=_WRITES,
    ),
    Operacion(
        "GET",
        "/casa",
        "obtener_casa",
        "Casa",
        "La casa",
        "Zona horaria, lugar y festivos con los que se entienden los horarios.",
        (Respuesta(200, "La casa.", ref("Casa"), ejemplo=_CASA),),
    ),
    Operacion(
        "PUT",
        "/casa",
        "cambiar_casa",
        "Casa",
        "Cambiar la casa",
        "Cambia lo que se envía; `null` vuelve a lo que dicen los ajustes. Todos los horarios se calculan de nuevo, y "
        "los flujos en vivo reciben un evento `casa`.",
        (Respuesta(200, "La casa, ya cambiada.", ref("Casa"), ejemplo=_CASA),),
        cuerpo=CuerpoCasa,
        ejemplo={"zona": "Europe/Madrid", "festivos": ["2026-12-25"]},
        errores=(400, 413, 415, 422, 503, 507),
    ),
)

_NIVEL = objeto({"encendido": _BOOL, "capa": STR, "detalle": STR})
_TRANSICION = objeto({"instante": STAMP, "local": STAMP, "encendido": _BOOL, "capa": STR, "detalle": STR})
AVISOS_HORARIO: dict[str, Any] = {
    "type": "array",
    "items": objeto({"campo": STR, "codigo": STR, "mensaje": STR}),
    "description": "Pegas del horario, si el cambio lo tocaba y las hay.",
}
_DONE = {"mensaje": STR, "id": INT}
_INSTANTS = {"type": "array", "items": STR}
ESQUEMAS_HORARIO: dict[str, dict[str, Any]] = {
    "Casa": objeto(
        {
            "nombre": STR,
            "zona": STR,
            "latitud": _NUMBER,
            "longitud": _NUMBER,
            "festivos": {"type": "array", "items": {"type": "string", "format": "date"}},
        }
    ),
    "Previa": objeto(
        {
            "zona": STR,
            "desde": STAMP,
            "hasta": STAMP,
            "gobierna": {"type": "string", "enum": ["backend", "dispositivo"]},
            "ahora": {"anyOf": [_NIVEL, {"type": "null"}]},
            "transiciones": {"type": "array", "items": _TRANSICION},
            "truncado": _BOOL,
            "avisos": AVISOS_HORARIO,
        }
    ),
    "Salto": objeto({**_DONE, "saltada": _TRANSICION, "saltar": _INSTANTS}),
    "SinSaltos": objeto({**_DONE, "saltar": _INSTANTS}),
    "Anulado": objeto({**_DONE, "anulacion": {"type": ["object", "null"]}}),
}
