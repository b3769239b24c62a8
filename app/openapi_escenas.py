"""The operations of scenes and bulk orders, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.masivo import CREADA, ERROR, SIN_CAMBIO
from app.openapi_base import INT, STAMP, STR, Operacion, Parametro, Respuesta, objeto, ref
from app.schemas_escenas import CuerpoEscena, CuerpoOrdenes

_ID = Parametro("id", "path", "Identificador de la escena.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1})
_ACCIONES = [{"dispositivo_id": 1, "configuracion": {"encendido": False}}]
_CUERPO = {"nombre": "Noche", "acciones": _ACCIONES}
_ESCENA: dict[str, Any] = {"id": 1, **_CUERPO, "creado_en": "2026-11-24T15:04:11.000000Z", "aplicada_en": None}
_HECHO = {
    "resultados": [
        {"dispositivo_id": 1, "serial_number": "TMP0603IF1WD", "resultado": CREADA, "orden": 7, "error": None}
    ],
    "errores": 0,
}
_SIN_HACER = (400, 409, 413, 415, 422, 503, 507)
_APLICADA = Respuesta(200, "Qué fue de cada dispositivo.", ref("Resultados"), ejemplo=_HECHO)


def _escena(status: int, text: str) -> Respuesta:
    return Respuesta(status, text, ref("Escena"), ejemplo=_ESCENA)


OPERACIONES_ESCENAS: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/escenas",
        "escenas",
        "Escenas",
        "Las escenas",
        "Todas, la más antigua primero.",
        (Respuesta(200, "Las escenas.", {"type": "array", "items": ref("Escena")}, ejemplo=[_ESCENA]),),
    ),
    Operacion(
        "POST",
        "/escenas",
        "crear_escena",
        "Escenas",
        "Crear una escena",
        "Un nombre que no tenga otra y cómo debe quedar cada dispositivo. Hasta 200 escenas de 200 dispositivos.",
        (_escena(201, "Creada."),),
        cuerpo=CuerpoEscena,
        ejemplo=_CUERPO,
        errores=_SIN_HACER,
    ),
    Operacion(
        "GET",
        "/escenas/{id}",
        "obtener_escena",
        "Escenas",
        "Una escena",
        "",
        (_escena(200, "La escena."),),
        (_ID,),
        errores=(404,),
    ),
    Operacion(
        "PUT",
        "/escenas/{id}",
        "cambiar_escena",
        "Escenas",
        "Cambiar una escena",
        "Sustituye el nombre y todas las acciones.",
        (_escena(200, "Cambiada."),),
        (_ID,),
        cuerpo=CuerpoEscena,
        ejemplo=_CUERPO,
        errores=(404, *_SIN_HACER),
    ),
    Operacion(
        "DELETE",
        "/escenas/{id}",
        "borrar_escena",
        "Escenas",
        "Borrar una escena",
        "Lo que ya pidió sigue pedido.",
        (Respuesta(204, "Borrada."),),
        (_ID,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "POST",
        "/escenas/{id}/aplicar",
        "aplicar_escena",
        "Escenas",
        "Aplicar una escena",
        "Pide a cada dispositivo lo que dice la escena, cada uno con su orden y su respuesta.",
        (_APLICADA,),
        (_ID,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "POST",
        "/ordenes",
        "ordenar",
        "Escenas",
        "Pedir lo mismo a muchos",
        "El mismo cambio para hasta 200 dispositivos. Lo que falla en uno no estorba a los demás; cada uno responde "
        "de lo suyo: `creada` con su orden, `sin_cambio` o `error`.",
        (_APLICADA,),
        cuerpo=CuerpoOrdenes,
        ejemplo={"dispositivos": [1], "cambios": {"encendido": False}},
        errores=(400, 413, 415, 422, 503, 507),
    ),
)
_RESULTADO = objeto(
    {
        "dispositivo_id": INT,
        "serial_number": {"type": ["string", "null"]},
        "resultado": {"type": "string", "enum": [CREADA, SIN_CAMBIO, ERROR]},
        "orden": {"type": ["integer", "null"]},
        "error": {"type": ["string", "null"]},
    }
)
ESQUEMAS_ESCENAS: dict[str, dict[str, Any]] = {
    "Escena": objeto(
        {
            "id": INT,
            "nombre": STR,
            "acciones": {
                "type": "array",
                "items": objeto({"dispositivo_id": INT, "configuracion": {"type": "object"}}),
            },
            "creado_en": STAMP,
            "aplicada_en": {"type": ["string", "null"], "format": "date-time"},
        }
    ),
    "Resultados": objeto({"resultados": {"type": "array", "items": _RESULTADO}, "errores": INT}),
}
