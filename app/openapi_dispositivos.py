"""The operations of whose a device is and of what is not to appear, for app.openapi_tabla."""

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
from app.openapi_coleccion import id_de
from app.schemas_dispositivos import CuerpoIgnorado, CuerpoTransferencia

_MAYBE = {"type": ["string", "null"]}
_IGNORADO = {"id": 1, "patron": "VEC0", "prefijo": True, "creado_en": "2026-11-24T15:04:11.000000Z"}
_MOMENTO = {"type": "string", "examples": ["2026-11-24", "2026-11-24T07:00:00Z"]}
SIN_HACER = (400, 404, 409, 413, 415, 422, 503, 507)

OPERACIONES_DISPOSITIVOS: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/dispositivos/{id}/reclamacion",
        "reclamacion",
        "Dispositivos",
        "De quién es un dispositivo",
        "`usuario` es null cuando nadie lo reclamó, o cuando es de la casa: lo hizo alguien de una red de confianza. "
        "`con_codigo`: solo se puede reclamar con el código de su etiqueta.",
        (
            Respuesta(
                200,
                "De quién es.",
                ref("Reclamacion"),
                ejemplo={
                    "reclamado": True,
                    "usuario": "ana",
                    "reclamado_en": "2026-11-24T15:04:11.000000Z",
                    "con_codigo": False,
                },
            ),
        ),
        (ID,),
        errores=(404,),
    ),
    Operacion(
        "POST",
        "/dispositivos/{id}/liberar",
        "liberar",
        "Dispositivos",
        "Liberar un dispositivo",
        "Vuelve a no ser de nadie. Lo que se quería de él (horario, modo, ajustes, habitación) se olvida y sus órdenes "
        "abiertas terminan; conserva su historial, y su código si lo tiene. Puede hacerlo quien lo reclamó, o un "
        "administrador.",
        (Respuesta(200, "Liberado.", ref("Hecho"), ejemplo={"mensaje": "Dispositivo liberado", "id": 1}),),
        (ID,),
        errores=(404, 409, 503, 507),
    ),
    Operacion(
        "POST",
        "/dispositivos/{id}/transferir",
        "transferir",
        "Dispositivos",
        "Pasar un dispositivo a otra cuenta",
        "Nada más cambia en él. Puede hacerlo quien lo reclamó, o un administrador.",
        (Respuesta(200, "Transferido.", ref("Hecho"), ejemplo={"mensaje": "Dispositivo transferido", "id": 1}),),
        (ID,),
        cuerpo=CuerpoTransferencia,
        ejemplo={"usuario": "ana"},
        errores=SIN_HACER,
    ),
    Operacion(
        "DELETE",
        "/dispositivos/{id}",
        "borrar",
        "Dispositivos",
        "Borrar un dispositivo",
        "Con su historial, su código y su configuración retenida en el broker. Sale de los grupos y escenas que lo "
        "nombran; una regla que lo mira se desactiva, y se avisa. Si vuelve a hablar es uno nuevo, con otro `id`; "
        "para que no aparezca está `/ignorados`. Los flujos reciben `leave`.",
        (
            Respuesta(
                200,
                "Borrado, y qué lo nombraba.",
                ref("Borrado"),
                ejemplo={
                    "mensaje": "Dispositivo borrado",
                    "id": 1,
                    "grupos": [],
                    "escenas": [{"id": 2, "nombre": "Noche"}],
                    "reglas": [{"id": 1, "nombre": "Ventilar", "activa": False}],
                },
            ),
        ),
        (ID,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "GET",
        "/ignorados",
        "listar_ignorados",
        "Dispositivos",
        "Lo que se ignora",
        "Series, y principios de series, que no aparecen aunque hablen.",
        (Respuesta(200, "Por orden de `id`.", {"type": "array", "items": ref("Ignorado")}, ejemplo=[_IGNORADO]),),
    ),
    Operacion(
        "POST",
        "/ignorados",
        "ignorar",
        "Dispositivos",
        "Ignorar una serie o un prefijo",
        "Lo que diga no se guarda, se cuenta. Los que ya hubiera sin reclamar se van (`quitados`); los reclamados no "
        "se tocan. Hasta 500.",
        (Respuesta(201, "Se ignora.", ref("IgnoradoNuevo"), ejemplo={**_IGNORADO, "quitados": 3}),),
        cuerpo=CuerpoIgnorado,
        ejemplo={"patron": "VEC0", "prefijo": True},
        errores=(400, 409, 413, 415, 422, 503, 507),
    ),
    Operacion(
        "DELETE",
        "/ignorados/{id}",
        "atender",
        "Dispositivos",
        "Dejar de ignorar",
        "Lo que ocultaba aparece cuando vuelva a hablar.",
        (Respuesta(204, "Ya no se ignora."),),
        (id_de("lo que se ignora"),),
        errores=(404, 503, 507),
    ),
    Operacion(
        "GET",
        "/auditoria",
        "auditoria",
        "Operación",
        "Quién hizo qué",
        "Quién hizo qué con qué y desde dónde, lo más reciente primero: accesos, reclamos, borrados, códigos "
        "equivocados... Se guardan las últimas `AUDIT_MAX`; que las más antiguas se fueran también consta.",
        (Respuesta(200, "Una página.", ref("PaginaAuditoria")),),
        (
            Parametro("quien", "query", "Solo de esta cuenta, con cualquiera de sus credenciales.", TEXT),
            Parametro("accion", "query", "Solo de esta clase, como `dispositivo_borrado`.", TEXT),
            Parametro("desde", "query", "Instante, u hora o fecha de la casa.", _MOMENTO),
            Parametro("hasta", "query", "Igual; de una fecha, el día entero.", _MOMENTO),
            PAGE,
            PER_PAGE,
        ),
        errores=(422,),
    ),
)
_NOMBRADO = {"id": INT, "nombre": STR}
_IGNORADO_CAMPOS = {"id": INT, "patron": STR, "prefijo": {"type": "boolean"}, "creado_en": STAMP}
ESQUEMAS_DISPOSITIVOS: dict[str, dict[str, Any]] = {
    "Borrado": objeto(
        {
            "mensaje": STR,
            "id": INT,
            "grupos": {"type": "array", "items": objeto(_NOMBRADO)},
            "escenas": {"type": "array", "items": objeto(_NOMBRADO)},
            "reglas": {"type": "array", "items": objeto({**_NOMBRADO, "activa": {"type": "boolean"}})},
        }
    ),
    "Ignorado": objeto(_IGNORADO_CAMPOS),
    "IgnoradoNuevo": objeto({**_IGNORADO_CAMPOS, "quitados": INT}),
    "Anotacion": objeto(
        {
            "id": INT,
            "instante": STAMP,
            "quien": STR,
            "desde": _MAYBE,
            "accion": STR,
            "objeto": _MAYBE,
            "resultado": {"type": "string", "enum": ["hecho", "denegado", "fallido"]},
            "detalle": FREE,
        }
    ),
    "PaginaAuditoria": objeto({**PAGE_FIELDS, "data": {"type": "array", "items": ref("Anotacion")}}),
    "Reclamacion": objeto(
        {"reclamado": {"type": "boolean"}, "usuario": _MAYBE, "reclamado_en": _MAYBE, "con_codigo": {"type": "boolean"}}
    ),
}
