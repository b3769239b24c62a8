"""The operations of the house's CA, for app.openapi_tabla."""

from __future__ import annotations

from app.guia_autoridad import CA_PATH, PROFILE_PATH
from app.openapi_base import STR, Operacion, Respuesta

OPERACIONES_AUTORIDAD: tuple[Operacion, ...] = (
    Operacion(
        "GET",
        "/autoridad",
        "autoridad",
        "HTTPS",
        "Cómo fiarse de esta casa",
        "Una página, en español y en inglés, con la huella de la autoridad de la casa y cómo instalarla en cada clase "
        "de aparato. Sin credenciales. 404 mientras HTTPS no esté activado (`./iot https`).",
        (Respuesta(200, "La página.", STR, "text/html"),),
        errores=(404,),
    ),
    Operacion(
        "GET",
        CA_PATH,
        "autoridad_certificado",
        "HTTPS",
        "El certificado de la autoridad",
        "En PEM, para instalarlo, o para `curl --cacert`.",
        (Respuesta(200, "El certificado.", STR, "application/x-x509-ca-cert"),),
        errores=(404,),
    ),
    Operacion(
        "GET",
        PROFILE_PATH,
        "autoridad_perfil",
        "HTTPS",
        "El perfil para iPhone y iPad",
        "El mismo certificado, como perfil de configuración.",
        (Respuesta(200, "El perfil.", STR, "application/x-apple-aspen-config"),),
        errores=(404,),
    ),
)
