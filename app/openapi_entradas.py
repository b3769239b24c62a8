"""The operation of tickets for the live stream, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.openapi_base import INT, STR, Operacion, Parametro, Respuesta, objeto, ref
from app.pases import DURA_S, PARAMETRO

_TEXTO = "Zk1x3v0c8QyJw2mT9bLr5sHnUe7fGaPd4iKoXlVtCqM"
_EJEMPLO = {"entrada": _TEXTO, "dura_s": DURA_S, "flujo": f"/stream/dispositivos?{PARAMETRO}={_TEXTO}"}

ENTRADA = Parametro(
    PARAMETRO, "query", "Una entrada de `POST /entradas`, para quien no puede enviar cabeceras.", {"type": "string"}
)
OPERACIONES_ENTRADAS: tuple[Operacion, ...] = (
    Operacion(
        "POST",
        "/entradas",
        "crear_entrada",
        "En vivo",
        "Una entrada para el flujo en vivo",
        "Para un `EventSource` de otro origen (`CORS_ORIGINS`), que no puede enviar cabeceras: la entrada va en la "
        f"dirección del flujo, sirve una vez y dura {DURA_S} segundos. Así un token nunca va en una dirección. Para "
        "volver a conectar hace falta otra.",
        (Respuesta(201, "La entrada; no se vuelve a enseñar.", ref("Entrada"), ejemplo=_EJEMPLO),),
        errores=(409,),
    ),
)
ESQUEMAS_ENTRADAS: dict[str, dict[str, Any]] = {"Entrada": objeto({"entrada": STR, "dura_s": INT, "flujo": STR})}
