"""One table of the API's operations: the OpenAPI document and the documentation page are made from it, and a test
holds it against the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.schemas import CuerpoAlta, CuerpoCambios, CuerpoReclamo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

JSON = "application/json"


def ref(name: str) -> dict[str, str]:
    """A reference to a component schema."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True, slots=True)
class Parametro:
    """A parameter: where it is, what it means, its schema."""

    nombre: str
    lugar: str
    descripcion: str
    esquema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Respuesta:
    """A good answer. ``esquema`` None means no body."""

    status: int
    descripcion: str
    esquema: Mapping[str, Any] | None = None
    tipo: str = JSON
    ejemplo: Any = None


@dataclass(frozen=True, slots=True)
class Operacion:
    """A method of a path. ``errores`` are the statuses it may refuse with, each a problem document."""

    metodo: str
    ruta: str
    nombre: str
    grupo: str
    resumen: str
    descripcion: str
    respuestas: tuple[Respuesta, ...]
    parametros: tuple[Parametro, ...] = ()
    cuerpo: type[BaseModel] | None = None
    ejemplo: Mapping[str, Any] | None = None
    errores: tuple[int, ...] = ()
    curl: str = ""


_TRUE_FALSE = {"type": "string", "enum": ["true", "false"]}
_ID = Parametro("id", "path", "Identificador del dispositivo.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1})
_PAGE = Parametro(
    "page", "query", "Página, desde 1.", {"type": "integer", "minimum": 1, "maximum": 10**15 - 1, "default": 1}
)
_PER_PAGE = Parametro(
    "per_page", "query", "Elementos por página.", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
)
_RECLAMADO = Parametro("reclamado", "query", "Solo los reclamados (`true`) o los que no (`false`).", _TRUE_FALSE)
_TEXT = {"type": "string", "maxLength": 200}
_DEVICE = {
    "id": 1,
    "serial_number": "TMP0603IF1WD",
    "nombre": "Sensor Sala",
    "tipo": "sensor",
    "modelo": "ST-1000",
    "descripcion": "Sensor de temperatura en la sala",
    "estado": "activo",
    "parametros": {"temperatura": 22.3, "humedad": 48},
    "configuracion": {"modo": "manual", "encendido": True, "intervalo_envio": 10},
    "reclamado": True,
    "version": 7,
    "creado_en": "2026-11-23T14:58:29.123456Z",
    "actualizado_en": "2026-11-23T15:04:11.000000Z",
    "visto_en": "2026-11-23T15:04:11.000000Z",
}
_CLAIM = {
    "serial_number": "TMP0603IF1WD",
    "nombre": "Sensor Sala",
    "tipo": "sensor",
    "modelo": "ST-1000",
    "descripcion": "Sensor de temperatura en la sala",
    "configuracion": {"intervalo_envio": 10},
}
_DEVICES = {"type": "array", "items": ref("Dispositivo")}
_ETAG = "La cabecera `ETag` lleva la versión del dispositivo."
_SWITCHED_OFF = {"modo": "manual", "encendido": False, "intervalo_envio": 10}
_DEVICE_OFF = {**_DEVICE, "estado": "inactivo", "configuracion": _SWITCHED_OFF, "version": 8}

OPERACIONES: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/dispositivos",
        "listar",
        "Dispositivos",
        "Todos los dispositivos",
        "Una lista, por orden de `id`. Los filtros se pueden combinar; sin ellos vienen todos.",
        (Respuesta(200, "Los dispositivos.", _DEVICES, ejemplo=[_DEVICE]),),
        (
            _RECLAMADO,
            Parametro("tipo", "query", "Solo los de este tipo.", _TEXT),
            Parametro(
                "estado",
                "query",
                "Solo los que están así: `activo`, `inactivo` o `desconocido`.",
                {
                    "type": "string",
                    "enum": ["activo", "inactivo", "desconocido", "on", "off", "true", "false", "1", "0"],
                },
            ),
            Parametro("q", "query", "Texto que se busca en serie, nombre, modelo y descripción.", _TEXT),
        ),
        errores=(422,),
    ),
    Operacion(
        "POST",
        "/dispositivos",
        "agregar",
        "Dispositivos",
        "Añadir un dispositivo a mano",
        "Para tenerlo antes de que se le haya oído por MQTT. Queda sin reclamar.",
        (Respuesta(201, "Añadido.", ref("Hecho"), ejemplo={"mensaje": "Dispositivo agregado", "id": 1}),),
        cuerpo=CuerpoAlta,
        ejemplo={"serial_number": "FAN0A1B2C3D4", "nombre": "Ventilador", "tipo": "actuador", "modelo": "FAN-300"},
        errores=(400, 409, 413, 415, 422, 503, 507),
    ),
    Operacion(
        "GET",
        "/dispositivos/no-reclamados",
        "no_reclamados",
        "Dispositivos",
        "Dispositivos sin reclamar",
        "Los detectados por MQTT que aún no son de nadie, el más nuevo primero.",
        (Respuesta(200, "Los dispositivos.", _DEVICES),),
    ),
    Operacion(
        "POST",
        "/dispositivos/reclamar",
        "reclamar",
        "Dispositivos",
        "Reclamar un dispositivo",
        "Hace propio un dispositivo detectado. Los textos sustituyen a los que tenía y `configuracion` se mezcla.",
        (
            Respuesta(
                200, "Reclamado.", ref("Hecho"), ejemplo={"mensaje": "Dispositivo reclamado correctamente", "id": 1}
            ),
        ),
        cuerpo=CuerpoReclamo,
        ejemplo=_CLAIM,
        errores=(400, 404, 409, 413, 415, 422, 503, 507),
    ),
    Operacion(
        "GET",
        "/dispositivos/{id}",
        "obtener",
        "Dispositivos",
        "Un dispositivo",
        f"{_ETAG} Con `If-None-Match` se ahorra el cuerpo.",
        (Respuesta(200, "El dispositivo.", ref("Dispositivo"), ejemplo=_DEVICE), Respuesta(304, "No ha cambiado.")),
        (_ID, Parametro("If-None-Match", "header", "Versión que ya se tiene.", {"type": "string"})),
        errores=(404,),
    ),
    Operacion(
        "PUT",
        "/dispositivos/{id}",
        "actualizar",
        "Dispositivos",
        "Cambiar un dispositivo",
        "Cambia lo que se envía; `configuracion` se mezcla con la actual. En modo `manual` manda `encendido` y "
        "`estado` se deduce; en modo `horario`, al revés. Lo que no se puede cambiar se ignora y "
        "se nombra en `ignorados`. "
        "Con `If-Match` el cambio solo se hace si nadie se adelantó.",
        (
            Respuesta(
                200,
                "El dispositivo ya cambiado.",
                ref("DispositivoActualizado"),
                ejemplo={**_DEVICE_OFF, "mensaje": "Dispositivo actualizado"},
            ),
        ),
        (_ID, Parametro("If-Match", "header", "Versión sobre la que se hace el cambio.", {"type": "string"})),
        cuerpo=CuerpoCambios,
        ejemplo={"configuracion": {"modo": "manual", "encendido": False}},
        errores=(400, 404, 412, 413, 415, 422, 503, 507),
    ),
    Operacion(
        "GET",
        "/dispositivos/{id}/logs",
        "logs",
        "Dispositivos",
        "Historial de un dispositivo",
        "Lo que dijo, lo más nuevo primero. Más allá del final, `data` viene vacía.",
        (Respuesta(200, "Una página.", ref("PaginaLogs")),),
        (_ID, _PAGE, _PER_PAGE),
        errores=(404, 422),
    ),
    Operacion(
        "GET",
        "/stream/dispositivos",
        "stream",
        "En vivo",
        "Cambios en vivo (SSE)",
        'Cada cambio guardado llega como un mensaje sin nombre de evento: el dispositivo y `"event":"device_update"`. '
        "También llegan `hello` al abrir, `ping` cada 15 s, "
        " `leave` cuando un dispositivo deja de cumplir el filtro y "
        "`reset` cuando no se puede continuar desde el identificador dado y hay que leerlo todo de nuevo.",
        (Respuesta(200, "El flujo de eventos.", {"type": "string"}, "text/event-stream"),),
        (
            Parametro(
                "serial",
                "query",
                "Solo este número de serie.",
                {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,100}$"},
            ),
            _RECLAMADO,
            Parametro(
                "snapshot",
                "query",
                "`1`: antes de los cambios, cómo está todo ahora.",
                {"type": "string", "enum": ["1", "0"]},
            ),
            Parametro("last_event_id", "query", "Como la cabecera `Last-Event-ID`.", _TEXT),
            Parametro(
                "Last-Event-ID",
                "header",
                "Último identificador recibido; se continúa después de él.",
                {"type": "string"},
            ),
        ),
        errores=(422, 503),
        curl="curl -N",
    ),
    Operacion(
        "GET",
        "/mensajes/rechazados",
        "rechazados",
        "Operación",
        "Mensajes rechazados",
        "Los mensajes MQTT que no se pudieron aceptar, con su motivo, el más nuevo primero.",
        (Respuesta(200, "Una página.", ref("PaginaRechazados")),),
        (_PAGE, _PER_PAGE),
        errores=(422,),
    ),
    Operacion(
        "GET",
        "/salud",
        "salud",
        "Operación",
        "Estado del programa",
        "Todo lo que el programa sabe de sí mismo, con sus puntos débiles.",
        (Respuesta(200, "El estado.", ref("Salud")),),
    ),
    Operacion(
        "GET",
        "/salud/viva",
        "viva",
        "Operación",
        "¿Está vivo?",
        "Responde mientras el programa atienda.",
        (
            Respuesta(
                200,
                "Vivo.",
                {"type": "object", "properties": {"viva": {"const": True}}, "required": ["viva"]},
                ejemplo={"viva": True},
            ),
        ),
    ),
    Operacion(
        "GET",
        "/salud/lista",
        "lista",
        "Operación",
        "¿Se le pueden mandar peticiones?",
        "503 mientras arranca, se para o no puede guardar.",
        (Respuesta(200, "Sí.", ref("Preparacion")), Respuesta(503, "Todavía no, o ya no.", ref("Preparacion"))),
    ),
    Operacion(
        "GET",
        "/metrics",
        "metrics",
        "Operación",
        "Números para Prometheus",
        "Sin etiquetas por dispositivo.",
        (Respuesta(200, "Los números.", {"type": "string"}, "text/plain"),),
    ),
    Operacion(
        "GET",
        "/openapi.json",
        "openapi",
        "Operación",
        "Este documento",
        "La descripción de la API en OpenAPI 3.1.",
        (Respuesta(200, "El documento.", {"type": "object"}),),
    ),
    Operacion(
        "GET",
        "/docs",
        "docs",
        "Operación",
        "Documentación",
        "Esta página.",
        (Respuesta(200, "La página.", {"type": "string"}, "text/html"),),
    ),
    Operacion(
        "GET",
        "/",
        "inicio",
        "Operación",
        "Inicio",
        "Lleva a la documentación.",
        (Respuesta(302, "Va a /docs.", {"type": "object"}),),
    ),
)


def _object(properties: Mapping[str, Any], *, required: bool = True, description: str = "") -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        shape["required"] = list(properties)
    if description:
        shape["description"] = description
    return shape


_STR, _INT = {"type": "string"}, {"type": "integer"}
_STAMP = {"type": "string", "format": "date-time"}
_FREE = {"type": "object", "additionalProperties": True}
_DEVICE_FIELDS: dict[str, Any] = {
    "id": _INT,
    "serial_number": _STR,
    "nombre": _STR,
    "tipo": _STR,
    "modelo": _STR,
    "descripcion": _STR,
    "estado": {"type": "string", "enum": ["activo", "inactivo", "desconocido"]},
    "parametros": _FREE,
    "configuracion": _FREE,
    "reclamado": {"type": "boolean"},
    "version": _INT,
    "creado_en": _STAMP,
    "actualizado_en": _STAMP,
    "visto_en": {"type": ["string", "null"], "format": "date-time"},
}
_PAGE_FIELDS = {"page": _INT, "per_page": _INT, "total": _INT, "pages": _INT}
_LOG = _object({"estado": {"type": ["string", "null"]}, "parametros": _FREE, "timestamp": {"type": ["string", "null"]}})
_REJECTED = _object(
    {"id": _INT, "timestamp": _STAMP, "topic": _STR, "motivo": _STR, "detalle": _STR, "payload": _STR, "bytes": _INT}
)
_ESTADO_SALUD = {"type": "string", "enum": ["bien", "degradado", "mal"]}

ESQUEMAS: dict[str, dict[str, Any]] = {
    "Dispositivo": _object(_DEVICE_FIELDS),
    "DispositivoActualizado": {
        "allOf": [
            ref("Dispositivo"),
            {
                "type": "object",
                "properties": {"mensaje": _STR, "ignorados": {"type": "array", "items": _STR}},
                "required": ["mensaje"],
            },
        ]
    },
    "Hecho": _object({"mensaje": _STR, "id": _INT}),
    "PaginaLogs": _object({**_PAGE_FIELDS, "data": {"type": "array", "items": _LOG}}),
    "PaginaRechazados": _object({**_PAGE_FIELDS, "data": {"type": "array", "items": _REJECTED}}),
    "Salud": _object(
        {
            "estado": _ESTADO_SALUD,
            "resumen": _STR,
            "lista": {"type": "boolean"},
            "version": _STR,
            "puntos_debiles": {"type": "array", "items": _STR},
        }
    ),
    "Preparacion": _object({"lista": {"type": "boolean"}, "estado": _ESTADO_SALUD, "detalle": _STR}),
    "Problema": {
        **_object({"type": _STR, "title": _STR, "status": _INT, "detail": _STR, "error": _STR, "codigo": _STR}),
        "description": "Un error, según RFC 9457. `error` es la frase para las personas; `codigo` no cambia.",
        "additionalProperties": True,
    },
}
ESQUEMAS["Problema"]["properties"]["errores"] = {"type": "array", "items": _object({"campo": _STR, "mensaje": _STR})}
