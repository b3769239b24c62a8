"""The facts behind a device's present state, read in a bounded number of indexed queries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app import bloques, casa, dispositivos, historial, ordenes
from app.anulacion import guiado
from app.domain.causa import recortada
from app.domain.dispositivo import Dispositivo, load_object
from app.domain.horario_tipos import Casa
from app.domain.orden import ENCENDIDO, Orden, deriva_of
from app.domain.porque import Hecho, Situacion, explicar
from app.historial import FilaLog
from app.horarios import anulada, zone_of
from app.representacion import conectividad_json

ROWS = 200
"""Log rows that are looked through for the one that changed the state, where it is not known when that was."""
ORDERS = 20
"""Orders that are looked through for the last one that asked to switch."""


def porque(
    conn: Connection, device_id: int, *, ahora: datetime, defecto: Casa, idioma: str, parte: bool = False
) -> dict[str, Any]:
    """Why the device is as it is; times in its own zone where it has one, else in the house's. ``parte``: for somebody
    who sees a part of the house.

    Raises:
        DispositivoNotFound: no device has that id.
    """
    device = dispositivos.obtener(conn, device_id)
    newest = ordenes.pagina(conn, device_id, estado=None, page=1, per_page=ORDERS).data
    hogar = casa.leer(conn, defecto).casa
    situation = Situacion(
        nombre=device.nombre,
        estado=device.estado,
        hecho=_fact(conn, device, parte),
        deriva=deriva_of(device),
        conectividad=json.loads(conectividad_json(device)),
        ultima=_switching(newest, parte),
        anulacion=anulada(device.configuracion, hogar, ahora) if guiado(device, device.configuracion) else None,
    )
    zona = zone_of(device.configuracion, hogar)
    told = explicar(situation, zona, idioma)
    return {"dispositivo_id": device.id, "estado": device.estado, "desde": device.estado_en, "zona": zona.key, **told}


def _fact(conn: Connection, device: Dispositivo, parte: bool) -> Hecho | None:
    """The row that made the state what it is, and the order behind it; None when it is not kept."""
    row = _row(conn, device)
    if row is None or row.timestamp is None:
        return None
    causa = load_object(row.causa_json)
    if "orden" in causa:
        orders = [o for o in (ordenes.una(conn, causa["orden"]),) if o is not None]
    else:  # made in the very unit of work that wrote the row
        orders = ordenes.creadas_en(conn, device.id, row.timestamp)
    return Hecho(row.timestamp, recortada(causa) if parte else causa, _switching(orders, parte))


def _row(conn: Connection, device: Dispositivo) -> FilaLog | None:
    if device.estado_en is not None:
        row = _change(historial.escritas_en(conn, device.id, device.estado_en), device.estado, whole=True)
        if row is not None:
            return row
    rows = bloques.desde_cursor(conn, device.id, None, per_page=ROWS)[0]
    # A run of rows may begin before the state did: a device says what it likes while a wish rules.
    then = [r for r in rows if r.timestamp == device.estado_en]
    return _change(then, device.estado, whole=True) or _change(rows, device.estado, whole=len(rows) < ROWS)


def _switching(orders: Sequence[Orden], parte: bool) -> dict[str, Any] | None:
    """The first that asks to be on or off."""
    return next((found for o in orders if ENCENDIDO in (found := o.as_object(parte=parte))["cambios"]), None)


def _change(rows: Sequence[FilaLog], estado: str, *, whole: bool) -> FilaLog | None:
    """The oldest row of the newest run in ``estado``, None when it may go on beyond the rows. What was said otherwise
    since, and not believed, is passed over."""
    found = None
    for row in rows:
        if row.estado == estado:
            found = row
        elif found is not None:
            return found
    return found if whole else None
