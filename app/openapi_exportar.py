"""The operations of exporting, for app.openapi_tabla."""

from __future__ import annotations

from app.exportacion import CSV, FORMATOS
from app.openapi_base import ID, STR, TEXT, Operacion, Parametro, Respuesta
from app.openapi_historial import DESDE, HASTA

_ARCHIVO = Respuesta(
    200, "El archivo, por trozos.", STR, "text/csv, application/x-ndjson, application/vnd.apache.parquet"
)
_COMO = (
    "Una fila por informe o cambio, en el orden en que se guardaron; de cualquier tramo y con poca memoria. `csv` "
    "(RFC 4180, con cabecera; `parametros` y `causa` en JSON, y un apóstrofo delante de lo que una hoja de cálculo "
    "tomaría por una fórmula), `ndjson` (un objeto JSON por línea) o, si en la máquina de la casa está pyarrow, "
    "`parquet` (406 si no). Queda en la auditoría. Si la conexión se corta antes del final, lo "
    "recibido no está entero."
)
_FILTROS = (
    Parametro("formato", "query", "Cómo.", {"type": "string", "enum": list(FORMATOS), "default": CSV}),
    DESDE,
    HASTA,
    Parametro("estado", "query", "Solo las filas con este estado.", TEXT),
    Parametro("parametros", "query", "Solo estos parámetros, con comas, y las filas que traen alguno.", TEXT),
)
_IDS = Parametro("dispositivos", "query", "Ids separados por comas; sin decirlo, todos.", TEXT)
OPERACIONES_EXPORTAR: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/dispositivos/{id}/exportar",
        "exportar_dispositivo",
        "Historial",
        "El historial de un dispositivo, como archivo",
        _COMO,
        (_ARCHIVO,),
        (ID, *_FILTROS),
        errores=(404, 406, 422, 503, 507),
    ),
    Operacion(
        "GET",
        "/exportar",
        "exportar",
        "Historial",
        "El historial de la casa, como archivo",
        _COMO,
        (_ARCHIVO,),
        (_IDS, *_FILTROS),
        errores=(404, 406, 422, 503, 507),
    ),
)
