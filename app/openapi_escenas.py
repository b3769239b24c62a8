"""The operations of rooms, groups, scenes and bulk orders, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.masivo import CREADA, ERROR, SIN_CAMBIO
from app.openapi_base import INT, STAMP, STR, Operacion, Respuesta, objeto, ref
from app.openapi_coleccion import Descrita, id_de, operaciones
from app.schemas_escenas import CuerpoEscena, CuerpoGrupo, CuerpoHabitacion, CuerpoOrdenes

_CREADO = {"creado_en": "2026-11-24T15:04:11.000000Z"}
_ACCIONES = [{"dispositivo_id": 1, "configuracion": {"encendido": False}}]
_HECHO = {
    "resultados": [
        {"dispositivo_id": 1, "serial_number": "TMP0603IF1WD", "resultado": CREADA, "orden": 7, "error": None}
    ],
    "errores": 0,
}
_APLICADA = Respuesta(200, "Qué fue de cada dispositivo.", ref("Resultados"), ejemplo=_HECHO)
_HABITACION = Descrita(
    ruta="habitaciones",
    uno="habitacion",
    grupo="Habitaciones y grupos",
    titulo="Las habitaciones, con sus dispositivos",
    una="una habitación",
    esquema="Habitacion",
    cuerpo=CuerpoHabitacion,
    ejemplo={"nombre": "Salón"},
    leida={"dispositivos": [1], **_CREADO},
    al_crear="Un dispositivo entra en ella con un `PUT` de su `habitacion_id`. Hasta 500.",
    al_borrar="Sus dispositivos se quedan sin habitación.",
)
_GRUPO = Descrita(
    ruta="grupos",
    uno="grupo",
    grupo="Habitaciones y grupos",
    titulo="Los grupos",
    una="un grupo",
    esquema="Grupo",
    cuerpo=CuerpoGrupo,
    ejemplo={"nombre": "Luces de fuera", "dispositivos": [1]},
    leida=_CREADO,
    al_crear="Hasta 200 grupos de 200 dispositivos; un dispositivo puede estar en muchos.",
    al_borrar="Sus dispositivos se quedan como están.",
)
_ESCENA = Descrita(
    ruta="escenas",
    uno="escena",
    grupo="Escenas",
    titulo="Las escenas",
    una="una escena",
    esquema="Escena",
    cuerpo=CuerpoEscena,
    ejemplo={"nombre": "Noche", "acciones": _ACCIONES},
    leida={**_CREADO, "aplicada_en": None},
    al_crear="Un nombre que no tenga otra y cómo debe quedar cada dispositivo. Hasta 200 escenas de 200 dispositivos.",
    al_borrar="Lo que ya pidió sigue pedido.",
)

OPERACIONES_ESCENAS: tuple[Operacion, ...] = (
    *operaciones(_HABITACION),
    *operaciones(_GRUPO),
    *operaciones(_ESCENA),
    Operacion(
        "POST",
        "/escenas/{id}/aplicar",
        "aplicar_escena",
        "Escenas",
        "Aplicar una escena",
        "Pide a cada dispositivo lo que dice la escena, cada uno con su orden y su respuesta.",
        (_APLICADA,),
        (id_de("una escena"),),
        errores=(404, 503, 507),
    ),
    Operacion(
        "POST",
        "/ordenes",
        "ordenar",
        "Escenas",
        "Pedir lo mismo a muchos",
        "El mismo cambio para hasta 200 dispositivos: unos, los de una habitación o los de un grupo. Lo que falla en "
        "uno no estorba a los demás; cada uno responde de lo suyo: `creada` con su orden, `sin_cambio` o `error`. "
        "Lo que no se puede cambiar se nombra en `ignorados`.",
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
_IDS = {"type": "array", "items": INT}
ESQUEMAS_ESCENAS: dict[str, dict[str, Any]] = {
    "Habitacion": objeto({"id": INT, "nombre": STR, "dispositivos": _IDS, "creado_en": STAMP}),
    "Grupo": objeto({"id": INT, "nombre": STR, "dispositivos": _IDS, "creado_en": STAMP}),
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
    "Resultados": {
        "allOf": [
            objeto({"resultados": {"type": "array", "items": _RESULTADO}, "errores": INT}),
            objeto({"ignorados": {"type": "array", "items": STR}}, required=False),
        ]
    },
}
