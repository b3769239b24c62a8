"""One table of the API's operations: the OpenAPI document and the documentation page are made from it, and a test
holds it against the routes."""

from __future__ import annotations

from typing import Any

from app.openapi_autoridad import OPERACIONES_AUTORIDAD
from app.openapi_avisos import ESQUEMAS_AVISOS, OPERACIONES_AVISOS
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
    TRUE_FALSE,
    Operacion,
    Parametro,
    Respuesta,
    objeto,
    ref,
)
from app.openapi_credenciales import ESQUEMAS_CREDENCIALES, OPERACIONES_CREDENCIALES
from app.openapi_cuentas import ESQUEMAS_CUENTAS, OPERACIONES_CUENTAS
from app.openapi_dispositivos import ESQUEMAS_DISPOSITIVOS, OPERACIONES_DISPOSITIVOS
from app.openapi_enlaces import ESQUEMAS_ENLACES, OPERACIONES_ENLACES
from app.openapi_entradas import ENTRADA, ESQUEMAS_ENTRADAS, OPERACIONES_ENTRADAS
from app.openapi_escenas import ESQUEMAS_ESCENAS, OPERACIONES_ESCENAS
from app.openapi_exportar import OPERACIONES_EXPORTAR
from app.openapi_historial import EN_INSTANTE, ESQUEMAS_HISTORIAL, INSTANTE, OPERACIONES_HISTORIAL
from app.openapi_horario import AVISOS_HORARIO, ESQUEMAS_HORARIO, OPERACIONES_HORARIO
from app.openapi_ordenes import (
    CAMPOS_CONTROL,
    CAMPOS_PRUEBA,
    CONECTIVIDAD,
    EJEMPLO_CONECTIVIDAD,
    EJEMPLO_TIEMPOS,
    ESPERAR,
    ESQUEMAS_ORDENES,
    LUGAR,
    OPERACIONES_ORDENES,
)
from app.openapi_reglas import ESQUEMAS_REGLAS, OPERACIONES_REGLAS
from app.openapi_respaldos import ESQUEMAS_RESPALDOS, OPERACIONES_RESPALDOS
from app.schemas import CuerpoCambios
from app.schemas_alta import CuerpoAlta, CuerpoReclamo

_RECLAMADO = Parametro("reclamado", "query", "Solo los reclamados (`true`) o los que no (`false`).", TRUE_FALSE)
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
    "deriva": {},
    "tiempos": EJEMPLO_TIEMPOS,
    "conectividad": EJEMPLO_CONECTIVIDAD,
    "habitacion_id": None,
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
_DEVICES_NOW_OR_THEN = {"type": "array", "items": {"oneOf": [ref("Dispositivo"), ref("EnInstante")]}}
_DEVICE_NOW_OR_THEN = {"oneOf": [ref("Dispositivo"), ref("EnInstante")]}
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
        f"Una lista, por orden de `id`. Los filtros se pueden combinar; sin ellos vienen todos. {EN_INSTANTE}",
        (Respuesta(200, "Los dispositivos.", _DEVICES_NOW_OR_THEN, ejemplo=[_DEVICE]),),
        (
            _RECLAMADO,
            Parametro("tipo", "query", "Solo los de este tipo.", TEXT),
            Parametro(
                "estado",
                "query",
                "Solo los que están así: `activo`, `inactivo` o `desconocido`.",
                {
                    "type": "string",
                    "enum": ["activo", "inactivo", "desconocido", "on", "off", "true", "false", "1", "0"],
                },
            ),
            Parametro("deriva", "query", "Solo los que no están como se pidió, o solo los que sí.", TRUE_FALSE),
            CONECTIVIDAD,
            *LUGAR,
            INSTANTE,
            Parametro("q", "query", "Texto que se busca en serie, nombre, modelo y descripción.", TEXT),
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
        errores=(400, 409, 413, 415, 422, 429, 503, 507),
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
        "Hace propio un dispositivo detectado. Los textos sustituyen a los que tenía y `configuracion` se mezcla. "
        "Si el dispositivo tiene código, hace falta `codigo`: sin él, o con otro, 403; tras cinco equivocados, 429 un "
        "rato. A la misma cuenta se le responde otra vez 200, sin cambiar nada.",
        (
            Respuesta(
                200, "Reclamado.", ref("Hecho"), ejemplo={"mensaje": "Dispositivo reclamado correctamente", "id": 1}
            ),
        ),
        cuerpo=CuerpoReclamo,
        ejemplo=_CLAIM,
        errores=(400, 404, 409, 413, 415, 422, 429, 503, 507),
    ),
    Operacion(
        "GET",
        "/dispositivos/{id}",
        "obtener",
        "Dispositivos",
        "Un dispositivo",
        f"{_ETAG} Con `If-None-Match` se ahorra el cuerpo. {EN_INSTANTE}",
        (Respuesta(200, "El dispositivo.", _DEVICE_NOW_OR_THEN, ejemplo=_DEVICE), Respuesta(304, "No ha cambiado.")),
        (ID, INSTANTE, Parametro("If-None-Match", "header", "Versión que ya se tiene.", {"type": "string"})),
        errores=(404, 422),
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
        "Con `If-Match` el cambio solo se hace si nadie se adelantó. Con `esperar` la respuesta llega cuando el "
        "dispositivo lo prueba (o lo rechaza, o pasa el tiempo) y dice en `resultado` y `orden` qué ocurrió.",
        (
            Respuesta(
                200,
                "El dispositivo ya cambiado.",
                ref("DispositivoActualizado"),
                ejemplo={**_DEVICE_OFF, "mensaje": "Dispositivo actualizado"},
            ),
        ),
        (ID, Parametro("If-Match", "header", "Versión sobre la que se hace el cambio.", {"type": "string"}), ESPERAR),
        cuerpo=CuerpoCambios,
        ejemplo={"configuracion": {"modo": "manual", "encendido": False}},
        errores=(400, 404, 412, 413, 415, 422, 503, 507),
    ),
    Operacion(
        "GET",
        "/stream/dispositivos",
        "stream",
        "En vivo",
        "Cambios en vivo (SSE)",
        'Cada cambio guardado llega como un mensaje sin nombre de evento: el dispositivo y `"event":"device_update"`. '
        "También llegan `hello` al abrir, `ping` cada 15 s, "
        "`orden`, `conectividad`, `aviso`, `regla` y `casa` con lo que no es el cambio de un dispositivo, "
        "`leave` cuando un dispositivo deja de cumplir el filtro y "
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
            ENTRADA,
            Parametro("last_event_id", "query", "Como la cabecera `Last-Event-ID`.", TEXT),
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
    *OPERACIONES_DISPOSITIVOS,
    *OPERACIONES_CREDENCIALES,
    *OPERACIONES_ENLACES,
    *OPERACIONES_ENTRADAS,
    *OPERACIONES_ORDENES,
    *OPERACIONES_HISTORIAL,
    *OPERACIONES_HORARIO,
    *OPERACIONES_ESCENAS,
    *OPERACIONES_REGLAS,
    *OPERACIONES_CUENTAS,
    *OPERACIONES_AVISOS,
    *OPERACIONES_AUTORIDAD,
    *OPERACIONES_EXPORTAR,
    *OPERACIONES_RESPALDOS,
    Operacion(
        "GET",
        "/mensajes/rechazados",
        "rechazados",
        "Operación",
        "Mensajes rechazados",
        "Los mensajes MQTT que no se pudieron aceptar, con su motivo, el más nuevo primero.",
        (Respuesta(200, "Una página.", ref("PaginaRechazados")),),
        (PAGE, PER_PAGE),
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
        "La página de la casa",
        "Para personas; lo que enseña lo lee de esta misma API.",
        (Respuesta(200, "La página.", {"type": "string"}, "text/html"),),
    ),
)


_DEVICE_FIELDS: dict[str, Any] = {
    "id": INT,
    "serial_number": STR,
    "nombre": STR,
    "tipo": STR,
    "modelo": STR,
    "descripcion": STR,
    "estado": {"type": "string", "enum": ["activo", "inactivo", "desconocido"]},
    "parametros": FREE,
    "configuracion": FREE,
    "reclamado": {"type": "boolean"},
    "version": INT,
    "creado_en": STAMP,
    "actualizado_en": STAMP,
    "visto_en": {"type": ["string", "null"], "format": "date-time"},
    **CAMPOS_CONTROL,
}
_REJECTED = objeto(
    {"id": INT, "timestamp": STAMP, "topic": STR, "motivo": STR, "detalle": STR, "payload": STR, "bytes": INT}
)
_ESTADO_SALUD = {"type": "string", "enum": ["bien", "degradado", "mal"]}

ESQUEMAS: dict[str, dict[str, Any]] = {
    "Dispositivo": objeto(_DEVICE_FIELDS),
    "DispositivoActualizado": {
        "allOf": [
            ref("Dispositivo"),
            {
                "type": "object",
                "properties": {
                    "mensaje": STR,
                    "ignorados": {"type": "array", "items": STR},
                    "avisos": AVISOS_HORARIO,
                    **CAMPOS_PRUEBA,
                },
                "required": ["mensaje"],
            },
        ]
    },
    "Hecho": {**objeto({"mensaje": STR, "id": INT, "avisos": AVISOS_HORARIO}), "required": ["mensaje", "id"]},
    "PaginaRechazados": objeto({**PAGE_FIELDS, "data": {"type": "array", "items": _REJECTED}}),
    "Salud": objeto(
        {
            "estado": _ESTADO_SALUD,
            "resumen": STR,
            "lista": {"type": "boolean"},
            "version": STR,
            "puntos_debiles": {"type": "array", "items": STR},
        }
    ),
    "Preparacion": objeto({"lista": {"type": "boolean"}, "estado": _ESTADO_SALUD, "detalle": STR}),
    "Problema": {
        **objeto({"type": STR, "title": STR, "status": INT, "detail": STR, "error": STR, "codigo": STR}),
        "description": "Un error, según RFC 9457. `error` es la frase para las personas; `codigo` no cambia.",
        "additionalProperties": True,
    },
}
ESQUEMAS["Problema"]["properties"]["errores"] = {"type": "array", "items": objeto({"campo": STR, "mensaje": STR})}
ESQUEMAS |= (
    ESQUEMAS_DISPOSITIVOS
    | ESQUEMAS_ORDENES
    | ESQUEMAS_ESCENAS
    | ESQUEMAS_REGLAS
    | ESQUEMAS_AVISOS
    | ESQUEMAS_HISTORIAL
    | ESQUEMAS_HORARIO
)
ESQUEMAS |= ESQUEMAS_RESPALDOS | ESQUEMAS_CUENTAS | ESQUEMAS_ENLACES | ESQUEMAS_ENTRADAS | ESQUEMAS_CREDENCIALES
