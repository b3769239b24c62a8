"""The answer of a change that waited for its proof (``PUT …?esperar=``): the device, its order, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from app import dispositivos, ordenes
from app.domain.dispositivo import dump_object
from app.domain.orden import APLICADA, ENCENDIDO, EXPIRADA, RECHAZADA, SUSTITUIDA
from app.espera import EnEspera
from app.representacion import device_json

if TYPE_CHECKING:
    from app.db import Database
    from app.domain.dispositivo import Dispositivo
    from app.domain.orden import Orden
    from app.domain.peticiones import Cambios
    from app.espera import Espera

SIN_ORDEN = "No había nada que pedir al dispositivo"
ABIERTA = "Guardado; el dispositivo aún no lo ha confirmado"
RESULTADOS = {
    APLICADA: "El dispositivo lo ha confirmado",
    RECHAZADA: "El dispositivo no lo ha hecho",
    EXPIRADA: "El dispositivo no lo confirmó a tiempo; ya no se le pide",
    SUSTITUIDA: "Se pidió otra cosa después",
}


def asked_of(cambios: Cambios) -> set[str]:
    """The properties that an edit may ask a device for."""
    direct = cambios.encendido is not None or cambios.estado is not None
    return set(cambios.configuracion or {}) | ({ENCENDIDO} if direct else set())


def proven(db: Database, device: Dispositivo, extra: str, espera: Espera) -> Response:
    """The answer of a PUT, at once when nothing was asked of the device, else held until the order's end.

    Args:
        extra: members of the answer, each after a comma.
    """
    orden = espera.orden
    if orden is None:
        headers, body = _answer(device, extra, None)
        return Response(body, headers=headers)

    def finish() -> tuple[dict[str, str], bytes]:
        with db.reader() as conn:
            now = dispositivos.by_ids(conn, [device.id]).get(device.id, device)  # deleted meanwhile: as it was
            return _answer(now, extra, ordenes.una(conn, orden))

    # direct_passthrough: the server gets the very object, and waits in its greenlet.
    held: Any = EnEspera(espera, finish)
    return Response(held, content_type="application/json", direct_passthrough=True)


def _answer(device: Dispositivo, extra: str, order: Orden | None) -> tuple[dict[str, str], bytes]:
    told = "null" if order is None else dump_object(order.as_object())
    result = SIN_ORDEN if order is None else RESULTADOS.get(order.estado, ABIERTA)
    text = f'{device_json(device)[:-1]}{extra},"resultado":"{result}","orden":{told}}}'
    headers = {"Content-Type": "application/json", "ETag": f'"{device.version}"', "Cache-Control": "no-cache"}
    return headers, text.encode()
