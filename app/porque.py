"""The facts behind a device's present state, read in a bounded number of indexed queries."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from app import casa, dispositivos, historial, ordenes
from app.domain.dispositivo import Dispositivo, load_object
from app.domain.horario_tipos import Casa
from app.domain.orden import ENCENDIDO, deriva_of
from app.domain.porque import Hecho, Situacion, explicar
from app.historial import FilaLog
from app.representacion import conectividad_json

ROWS = 200
"""Log rows that are looked through for the one that changed the state."""
ORDERS = 20


def porque(conn: Connection, device_id: int, defecto: Casa, idioma: str) -> dict[str, Any]:
    """Why the device is as it is.

    Raises:
        DispositivoNotFound: no device has that id.
    """
    device = dispositivos.obtener(conn, device_id)
    orders = [o.as_object() for o in ordenes.pagina(conn, device_id, estado=None, page=1, per_page=ORDERS).data]
    switching = [o for o in orders if ENCENDIDO in o["cambios"]]
    situation = Situacion(
        nombre=device.nombre,
        estado=device.estado,
        hecho=_fact(conn, device, switching),
        deriva=deriva_of(device),
        conectividad=json.loads(conectividad_json(device)),
        ultima=switching[0] if switching else None,
    )
    zona = ZoneInfo(casa.leer(conn, defecto).casa.zona)
    told = explicar(situation, zona, idioma)
    return {"dispositivo_id": device.id, "estado": device.estado, "desde": device.estado_en, **told}


def _fact(conn: Connection, device: Dispositivo, orders: list[dict[str, Any]]) -> Hecho | None:
    rows = historial.pagina(conn, device.id, page=1, per_page=ROWS).data
    row = _change(rows, device)
    if row is None or row.timestamp is None:
        return None
    causa = load_object(row.causa_json)
    if causa.get("tipo") == "orden":  # an order that failed is not what somebody wanted
        return Hecho(row.timestamp, causa)
    wanted = causa.get("orden")
    for order in orders:
        # The order that the row answers, or that was made in the very unit of work that wrote the row.
        if order["id"] == wanted or (wanted is None and order["creada_en"] == row.timestamp):
            return Hecho(row.timestamp, causa, order)
    return Hecho(row.timestamp, causa)


def _change(rows: list[FilaLog], device: Dispositivo) -> FilaLog | None:
    """The row of the change to the present state, else the oldest of the newest run of rows in it; None when its
    beginning is not among these.

    Rows tell what a device said, also where a wish rules for a while: a run of them may begin later than the state.
    """
    for row in reversed(rows):
        if row.timestamp == device.estado_en and row.estado == device.estado:
            return row
    found = None
    for row in rows:
        if row.estado != device.estado:
            return found
        found = row
    return found if len(rows) < ROWS else None
