"""Reading QR codes in a picture: grey, one byte a pixel, as a portable graymap (netpbm's P5), which needs no decoder.

A browser scales a photo on a canvas and sends its grey; so no format of pictures, with its bugs, is parsed here.
"""

from __future__ import annotations

import re

from app.domain.errors import DatosInvalidos, ErrorCampo

TIPO = "image/x-portable-graymap"
LADO_MAX = 4096
"""Pixels of a side; the bytes are bounded by HTTP_BODY_MAX."""
CODIGOS_MAX = 16
_HEAD = re.compile(rb"P5\s+(?:#[^\n]{0,200}\n\s*){0,4}(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s")


def leer(data: bytes) -> list[str]:
    """The texts of the QR codes in a graymap, none when there are none.

    Raises:
        DatosInvalidos: it is no graymap of 8 bits whose size is what its head says.
    """
    head = _HEAD.match(data)
    if head is None:
        raise _bad("debe empezar como un PGM: P5, ancho, alto y 255")
    width, height, most = (int(number) for number in head.groups())
    if most != 255:
        raise _bad("cada punto debe ser de 8 bits (255)")
    if not (0 < width <= LADO_MAX and 0 < height <= LADO_MAX):
        raise _bad(f"ancho y alto deben estar entre 1 y {LADO_MAX}")
    if len(data) - head.end() != width * height:
        raise _bad(f"dice {width} × {height} puntos y trae {len(data) - head.end()}")
    return _decode(memoryview(data)[head.end() :], width, height)


def _decode(pixels: memoryview, width: int, height: int) -> list[str]:
    import zxingcpp  # loaded by whoever first needs it: 4 MB

    image = pixels.cast("B", (height, width))
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return [code.text for code in found[:CODIGOS_MAX]]


def _bad(why: str) -> DatosInvalidos:
    return DatosInvalidos([ErrorCampo("", f"la imagen {why}")])
