"""The operations of the devices' broker credentials, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.openapi_base import ID, STAMP, STR, Operacion, Respuesta, objeto, ref

_GRUPO = "Credenciales de dispositivos"
_EJEMPLO = {
    "usuario": "TMP0603IF1WD",
    "clave": "5f0c1d7be98a4e3f9b0a6d2c8e417f35",
    "activa": True,
    "detalle": "El broker ya la conoce",
}
_LISTA = {"type": "array", "items": ref("CredencialDispositivo")}

OPERACIONES_CREDENCIALES: tuple[Operacion, ...] = (
    Operacion(
        "POST",
        "/dispositivos/{id}/credencial",
        "crear_credencial",
        _GRUPO,
        "Dar al dispositivo usuario y contraseña en el broker",
        "El usuario es su número de serie. Desde entonces solo con ellos se puede hablar por él, por su tema "
        "`dispositivos/<serie>/estado`; por el tema común, nadie. Si ya tenía, la contraseña de antes deja de valer. "
        "Para administradores y para quien reclamó el dispositivo. `activa` dice si el broker la conoce ya; `detalle`, "
        "qué falta si no. Un serial con dos puntos no puede ser un usuario.",
        (Respuesta(201, "La contraseña; no se vuelve a enseñar.", ref("CredencialCreada"), ejemplo=_EJEMPLO),),
        (ID,),
        errores=(404, 409, 422, 503, 507),
    ),
    Operacion(
        "DELETE",
        "/dispositivos/{id}/credencial",
        "revocar_credencial",
        _GRUPO,
        "Quitársela",
        "Se corta su conexión al momento, y cualquiera que llegue al broker sin usuario puede volver a hablar por él.",
        (Respuesta(204, "Revocada."),),
        (ID,),
        errores=(404, 503, 507),
    ),
    Operacion(
        "GET",
        "/credenciales",
        "listar_credenciales",
        _GRUPO,
        "Los dispositivos que tienen credencial",
        "También los que aún no se han oído (`./iot dispositivo credencial`). Para administradores.",
        (
            Respuesta(
                200,
                "Por número de serie.",
                _LISTA,
                ejemplo=[{"serial_number": "TMP0603IF1WD", "creado_en": "2026-11-26T09:00:00.000000Z"}],
            ),
        ),
    ),
)
ESQUEMAS_CREDENCIALES: dict[str, dict[str, Any]] = {
    "CredencialCreada": objeto({"usuario": STR, "clave": STR, "activa": {"type": "boolean"}, "detalle": STR}),
    "CredencialDispositivo": objeto({"serial_number": STR, "creado_en": STAMP}),
}
