"""The operations of accounts, sessions and tokens, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.domain.identidad import Ambito, Permiso, Rol
from app.openapi_base import INT, STAMP, STR, TEXT, Operacion, Parametro, Respuesta, objeto, ref
from app.openapi_coleccion import SIN_HACER, id_de
from app.schemas_cuentas import (
    CuerpoCambioUsuario,
    CuerpoClave,
    CuerpoClaveDeOtro,
    CuerpoInstalacion,
    CuerpoSesion,
    CuerpoToken,
    CuerpoUsuario,
)

_WHEN = "2026-11-26T08:00:00.000000Z"
_USUARIO: dict[str, Any] = {
    "id": 1,
    "nombre": "ana",
    "rol": "administrador",
    "activo": True,
    "alcance": None,
    "creado_en": _WHEN,
    "clave_en": _WHEN,
}
_SESION = {
    "id": 12,
    "usuario": "ana",
    "creada_en": _WHEN,
    "usada_en": _WHEN,
    "expira_en": "2026-12-26T08:00:00.000000Z",
    "desde": "192.168.1.20",
    "agente": "Mozilla/5.0",
}
_TOKEN = {
    "id": 3,
    "usuario": "ana",
    "nombre": "movil",
    "inicio": "iot_Zq3b1xYw",
    "ambito": "controlar",
    "creado_en": _WHEN,
    "expira_en": None,
    "usado_en": None,
}
_OF = Parametro("usuario", "query", "De quién; solo un administrador ve los de otro.", TEXT)
_IN = (400, 409, 413, 415, 422, 429, 503, 507)
_OPENED = Respuesta(
    201,
    "Dentro. `Set-Cookie` trae la cookie `iot_sesion`: 30 días sin usarla la acaban, y 90 en todo caso.",
    objeto({"usuario": ref("Usuario"), "sesion_id": INT}),
    ejemplo={"usuario": _USUARIO, "sesion_id": 12},
)
_ONE = Respuesta(200, "Así está.", ref("Usuario"), ejemplo=_USUARIO)
_G, _U = "Entrar", "Usuarios"
# Not a real one: what a token looks like.
_SHOWN = "iot_Zq3b1xYw" + "·" * 35

OPERACIONES_CUENTAS: tuple[Operacion, ...] = (
    Operacion(
        "GET", "/sesion", "obtener_sesion", _G, "Quién soy",
        "Con cualquier credencial, o sin ninguna. `instalacion_pendiente`: falta la primera cuenta y el código que se "
        "enseñó al arrancar todavía vale.",
        (Respuesta(200, "Quién pide.", ref("Quien")),),
    ),
    Operacion(
        "POST", "/sesion", "entrar", _G, "Entrar con usuario y contraseña",
        "Cinco intentos; después, desde esa dirección, cada vez hay que esperar más (`Retry-After`). Nunca se bloquea "
        "una cuenta: desde una dirección que no ha fallado se entra siempre.",
        (_OPENED,), cuerpo=CuerpoSesion, ejemplo={"usuario": "ana", "clave": "tres palabras sueltas"}, errores=_IN,
    ),
    Operacion(
        "DELETE", "/sesion", "salir", _G, "Salir", "Cierra la sesión de la cookie; sin ella no hay nada que hacer.",
        (Respuesta(204, "Fuera."),), errores=(404, 503, 507),
    ),
    Operacion(
        "POST", "/instalacion", "instalar", _G, "La primera cuenta",
        "Con el código que se enseña al arrancar mientras no hay cuentas: dura 15 minutos y sirve una vez.",
        (_OPENED,), cuerpo=CuerpoInstalacion, errores=_IN,
        ejemplo={"codigo": "ABCDE-FGHJK-MNPQR-STVWX", "usuario": "ana", "clave": "tres palabras sueltas"},
    ),
    Operacion(
        "GET", "/cuenta", "obtener_cuenta", _G, "Mi cuenta", "409 para quien entra sin tener cuenta.",
        (_ONE,), errores=(404, 409),
    ),
    Operacion(
        "PUT", "/cuenta/clave", "cambiar_clave", _G, "Cambiar mi contraseña",
        "Cierra las demás sesiones de la cuenta. Los tokens siguen valiendo.",
        (Respuesta(204, "Cambiada."),), cuerpo=CuerpoClave, errores=(404, *_IN),
        ejemplo={"actual": "tres palabras sueltas", "nueva": "otras tres bien distintas"},
    ),
    Operacion(
        "GET", "/sesiones", "listar_sesiones", _G, "Sesiones abiertas",
        "Las propias; las de todos, para quien entra sin cuenta desde una red de confianza.",
        (Respuesta(200, "La última usada, primero.", {"type": "array", "items": ref("Sesion")}, ejemplo=[_SESION]),),
        (_OF,), errores=(404, 422),
    ),
    Operacion(
        "DELETE", "/sesiones/{id}", "cerrar_sesion", _G, "Cerrar una sesión",
        "Una propia; un administrador, cualquiera.",
        (Respuesta(204, "Cerrada."),), (id_de("la sesión"),), errores=(404, 503, 507),
    ),
    Operacion(
        "GET", "/tokens", "listar_tokens", _G, "Tokens", "Los propios; los de todos, para quien entra sin cuenta.",
        (Respuesta(200, "Por orden de `id`.", {"type": "array", "items": ref("Token")}, ejemplo=[_TOKEN]),),
        (_OF,), errores=(404, 422),
    ),
    Operacion(
        "POST", "/tokens", "crear_token", _G, "Crear un token",
        "`token` se enseña esta única vez. Se manda como `Authorization: Bearer` o como contraseña de `Basic`. "
        "Hasta 50 por usuario.",
        (Respuesta(201, "Hecho.", ref("TokenNuevo"), ejemplo={**_TOKEN, "token": _SHOWN}),),
        cuerpo=CuerpoToken, ejemplo={"nombre": "movil", "ambito": "controlar"}, errores=(404, *SIN_HACER),
    ),
    Operacion(
        "DELETE", "/tokens/{id}", "revocar_token", _G, "Revocar un token",
        "Deja de valer en el acto, también en los flujos abiertos. Uno propio; un administrador, cualquiera.",
        (Respuesta(204, "Revocado."),), (id_de("el token"),), errores=(404, 503, 507),
    ),
    Operacion(
        "GET", "/usuarios", "listar_usuarios", _U, "Los usuarios", "",
        (Respuesta(200, "Por orden de `id`.", {"type": "array", "items": ref("Usuario")}, ejemplo=[_USUARIO]),),
    ),
    Operacion(
        "POST", "/usuarios", "crear_usuario", _U, "Crear un usuario", "Hasta 200.",
        (Respuesta(201, "Así queda.", ref("Usuario"), ejemplo=_USUARIO),), cuerpo=CuerpoUsuario, errores=SIN_HACER,
        ejemplo={"nombre": "luis", "clave": "tres palabras sueltas", "rol": "miembro"},
    ),
    Operacion(
        "GET", "/usuarios/{id}", "obtener_usuario", _U, "Leer un usuario", "", (_ONE,), (id_de("el usuario"),),
        errores=(404,),
    ),
    Operacion(
        "PUT", "/usuarios/{id}", "cambiar_usuario", _U, "Cambiar un usuario",
        "Rol, alcance, o si puede entrar. Lo que tenga abierto se cierra. Al último administrador no se le quita.",
        (_ONE,), (id_de("el usuario"),), cuerpo=CuerpoCambioUsuario, ejemplo={"rol": "invitado"},
        errores=(404, *SIN_HACER),
    ),
    Operacion(
        "PUT", "/usuarios/{id}/clave", "poner_clave", _U, "Poner otra contraseña a un usuario",
        "Cierra todas sus sesiones. Los tokens siguen valiendo.",
        (Respuesta(204, "Puesta."),), (id_de("el usuario"),), cuerpo=CuerpoClaveDeOtro, errores=(404, *SIN_HACER),
        ejemplo={"nueva": "otras tres bien distintas"},
    ),
    Operacion(
        "DELETE", "/usuarios/{id}", "borrar_usuario", _U, "Borrar un usuario",
        "Con sus sesiones y tokens. Lo que reclamó sigue reclamado.",
        (Respuesta(204, "Ya no existe."),), (id_de("el usuario"),), errores=(404, 409, 503, 507),
    ),
)  # fmt: skip

_MAYBE = {"type": ["string", "null"]}
_IDS = {"type": "array", "items": INT}
_TOKEN_FIELDS: dict[str, Any] = {
    "id": INT,
    "usuario": STR,
    "nombre": STR,
    "inicio": {**STR, "description": "Los primeros caracteres, para reconocerlo."},
    "ambito": {"type": "string", "enum": [a.value for a in Ambito]},
    "creado_en": STAMP,
    "expira_en": _MAYBE,
    "usado_en": _MAYBE,
}
ESQUEMAS_CUENTAS: dict[str, dict[str, Any]] = {
    "Usuario": objeto(
        {
            "id": INT,
            "nombre": STR,
            "rol": {"type": "string", "enum": [r.value for r in Rol]},
            "activo": {"type": "boolean"},
            "alcance": {"anyOf": [objeto({"habitaciones": _IDS, "dispositivos": _IDS}), {"type": "null"}]},
            "creado_en": STAMP,
            "clave_en": {**STAMP, "description": "Cuándo se puso su contraseña."},
        }
    ),
    "Quien": objeto(
        {
            "autenticado": {"type": "boolean"},
            "quien": _MAYBE,
            "permiso": {"type": "string", "enum": [p.name.lower() for p in Permiso]},
            "usuario": {"anyOf": [ref("Usuario"), {"type": "null"}]},
            "instalacion_pendiente": {"type": "boolean"},
        }
    ),
    "Sesion": objeto(
        {
            "id": INT,
            "usuario": STR,
            "creada_en": STAMP,
            "usada_en": STAMP,
            "expira_en": STAMP,
            "desde": STR,
            "agente": STR,
        }
    ),
    "Token": objeto(_TOKEN_FIELDS),
    "TokenNuevo": objeto({**_TOKEN_FIELDS, "token": STR}),
}
