"""The operations of backups, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.openapi_base import INT, STAMP, STR, Operacion, Parametro, Respuesta, objeto, ref

_BOOL = {"type": "boolean"}
_NOMBRE = Parametro("id", "path", "Nombre del respaldo, como lo dice la lista.", {"type": "string", "maxLength": 100})
ESQUEMAS_RESPALDOS: dict[str, dict[str, Any]] = {
    "Respaldo": objeto({"nombre": STR, "creado_en": STAMP, "bytes": INT, "cifrado": _BOOL}),
    "ContenidoRespaldo": objeto(
        {
            "creado_en": STAMP,
            "version": STR,
            "esquema": STR,
            "dispositivos": INT,
            "filas": INT,
            "ultimo_evento": INT,
            "desde": {"type": ["string", "null"]},
            "hasta": {"type": ["string", "null"]},
            "archivos": {"type": "array", "items": STR},
        },
        description="Lo que hay en un respaldo: hasta dónde llega su historial, y qué archivos de la casa.",
    ),
}
OPERACIONES_RESPALDOS: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/respaldos",
        "listar_respaldos",
        "Respaldos",
        "Los respaldos que hay",
        "El más reciente primero. `haciendo`: hay uno en marcha.",
        (
            Respuesta(
                200, "Todos.", objeto({"haciendo": _BOOL, "respaldos": {"type": "array", "items": ref("Respaldo")}})
            ),
        ),
    ),
    Operacion(
        "POST",
        "/respaldos",
        "respaldar",
        "Respaldos",
        "Hacer uno ahora",
        "Se hace en segundo plano y se comprueba; si falla, hay un aviso.",
        (Respuesta(202, "Pedido.", objeto({"haciendo": _BOOL})),),
        errores=(503, 507),
    ),
    Operacion(
        "GET",
        "/respaldos/{id}",
        "descargar_respaldo",
        "Respaldos",
        "Descargar uno",
        "Un `tar.gz` con `manifiesto.json`, la base de datos y las claves de la casa; o ese archivo "
        "cifrado. Sin cifrar, desde otra máquina, solo con una "
        "cuenta: estar en una red de confianza no basta.",
        (Respuesta(200, "El archivo.", {"type": "string", "format": "binary"}, "application/octet-stream"),),
        (_NOMBRE,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "POST",
        "/respaldos/{id}/restaurar",
        "restaurar_respaldo",
        "Respaldos",
        "Volver a uno",
        "El programa se para, lo lee entero y arranca con esa base de datos; la de ahora se aparta en "
        "`instance/apartadas`. Lo que pasó después de hacerse el respaldo deja de estar. Los flujos "
        "en vivo reciben `reset`.",
        (Respuesta(202, "Reiniciando.", objeto({"reiniciando": _BOOL, "contenido": ref("ContenidoRespaldo")})),),
        (_NOMBRE,),
        errores=(404, 422, 503, 507),
    ),
)
