"""The operations by which devices and phones find the house, for app.openapi_tabla."""

from __future__ import annotations

from typing import Any

from app.lector_qr import LADO_MAX, TIPO
from app.openapi_base import INT, STR, Operacion, Parametro, Respuesta, objeto, ref

_G = "Casa"
_O_NADA = {"type": ["string", "null"]}
_O_NUNCA = {"type": ["integer", "null"]}
_TEXTO = '{"serial_number":"TMP0603IF1WD","nombre":"Sensor Sala"}'
_DIRECCIONES = {
    "pagina": "http://192.168.1.20:5000/",
    "https_puerto": None,
    "mqtt": {"anfitrion": "192.168.1.20", "puerto": 1883, "tls_puerto": None},
}

OPERACIONES_ENLACES: tuple[Operacion, ...] = (
    Operacion(
        "GET", "/direcciones", "obtener_direcciones", _G, "Dónde está la casa",
        "Lo que otros aparatos de la red tienen que usar: la página, y el broker de los dispositivos. `null`, a lo que "
        "desde la red no se llega.",
        (Respuesta(200, "Las direcciones.", ref("Direcciones"), ejemplo=_DIRECCIONES),),
    ),
    Operacion(
        "POST", "/qr/leer", "leer_qr", "Dispositivos", "Leer un QR de una foto",
        f"La imagen, en gris, como PGM binario (`{TIPO}`: `P5`, ancho, alto y 255, y un byte por punto), hasta 1 MiB y "
        f"{LADO_MAX} puntos de lado. Un navegador la hace con un `canvas`. Sin ningún QR, la lista va vacía.",
        (Respuesta(200, "Lo que dicen los QR que se ven.", ref("TextosQr"), ejemplo={"textos": [_TEXTO]}),),
        binario=TIPO, errores=(413, 415, 422, 503),
    ),
    Operacion(
        "GET", "/qr.svg", "dibujar_qr", _G, "Un QR", "De cualquier texto corto, para enseñarlo en pantalla.",
        (Respuesta(200, "El dibujo.", {"type": "string"}, "image/svg+xml"),),
        (Parametro("texto", "query", "Lo que ha de decir.", {"type": "string", "minLength": 1, "maxLength": 1000}),),
        errores=(422,),
    ),
)  # fmt: skip
ESQUEMAS_ENLACES: dict[str, dict[str, Any]] = {
    "Direcciones": objeto(
        {
            "pagina": _O_NADA,
            "https_puerto": _O_NUNCA,
            "mqtt": objeto({"anfitrion": _O_NADA, "puerto": INT, "tls_puerto": _O_NUNCA}),
        }
    ),
    "TextosQr": objeto({"textos": {"type": "array", "items": STR}}),
}
