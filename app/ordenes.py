"""Orders as rows and events: made with a change of desired state, sent, ended once. Their rules: ``domain.orden``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from app.avisos import avisar, resolver
from app.clock import iso_z
from app.db import UnitOfWork, insert_one, select_in
from app.domain.dispositivo import Dispositivo, dump_object, load_object
from app.domain.orden import (
    APLICADA,
    ENCENDIDO,
    ENVIADA,
    EXPIRADA,
    PENDIENTE,
    RECHAZADA,
    SIN_DESEOS,
    SUSTITUIDA,
    Cierre,
    Orden,
    dump_deseos,
    enviar,
    expiry,
    load_deseos,
    pedir,
    sin,
)
from app.historial import MAX_OFFSET, Pagina, make_page
from app.models import device_of, dispositivo, orden

_ALL = select(*orden.columns)
_OPEN = _ALL.where(orden.c.cerrada_en.is_(None))
CLOCK_SLACK = timedelta(seconds=5)
"""An order that was made later than this from now is from before the clock was set back: its age is unknown."""


def crear(uow: UnitOfWork, device: Dispositivo, cambios: Mapping[str, Any]) -> Dispositivo:
    """Make the order that asks a device for ``cambios``, carried by its present ``deseada_version``.

    Open orders that are asked anew are ``sustituida``, those that are so in part lose that part. Answers the device
    with the wishes of it, not yet saved. Of a device's ended orders ORDERS_KEPT stay.
    """
    now = iso_z(uow.now)
    nueva = Orden(
        id=0,
        dispositivo_id=device.id,
        version=device.deseada_version,
        cambios_json=dump_object(dict(cambios)),
        estado=PENDIENTE,
        motivo="",
        causa_json=uow.causa.json(),
        creada_en=now,
        enviada_en=None,
        cerrada_en=None,
        expira_en=iso_z(expiry(uow.now, device.esperado_s, uow.limites)),
    )
    nueva = replace(nueva, id=insert_one(uow, orden, _row(nueva)[1:]))
    deseos, lost = pedir(
        load_deseos(device.deseos_json), cambios, orden=nueva.id, version=device.deseada_version, now=now
    )
    device = replace(device, deseos_json=dump_deseos(deseos))
    for old, props in lost.items():
        _lose(uow, device, old, props, nueva.id)
    _tell(uow, device, nueva)
    uow.ordenes[device.id] = nueva.id
    uow.file.execute(_PRUNE, (device.id, device.id, uow.limites.guardadas))
    return device


_PRUNE = (
    "DELETE FROM orden WHERE dispositivo_id = ? AND cerrada_en IS NOT NULL AND id <= "
    "(SELECT id FROM orden WHERE dispositivo_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
)


def creada(uow: UnitOfWork, device_id: int) -> int | None:
    """The id of the last order that this unit made for a device."""
    return uow.ordenes.get(device_id)


def enviadas(uow: UnitOfWork, confirmadas: Sequence[tuple[int, int]]) -> None:
    """The broker holds these (device id, version): the orders that they carry are under way."""
    versions: dict[int, int] = {}
    for device_id, version in confirmadas:
        versions[device_id] = max(version, versions.get(device_id, 0))
    rows = [device_of(row) for row in select_in(uow.conn, dispositivo, "id", list(versions))]
    now = iso_z(uow.now)
    for device in (d for d in rows if d.deseos_json != SIN_DESEOS):
        deseos = enviar(load_deseos(device.deseos_json), versions[device.id], now)
        uow.conn.execute(_SET_DESEOS, {"i": device.id, "w": dump_deseos(deseos)})
        for found in abiertas_de(uow.conn, device.id):
            if found.estado == PENDIENTE and found.version <= versions[device.id]:
                _save(uow, device, replace(found, estado=ENVIADA, enviada_en=now))


_SET_DESEOS = update(dispositivo).where(dispositivo.c.id == bindparam("i")).values(deseos=bindparam("w"))


def cerrar(uow: UnitOfWork, device: Dispositivo, cierres: Iterable[Cierre]) -> None:
    """End these orders of a device. One that has ended already stays as it ended."""
    for cierre in cierres:
        found = una(uow.conn, cierre.orden)
        if found is None or found.cerrada_en is not None:
            continue
        ended = replace(found, estado=cierre.estado, motivo=cierre.motivo, cerrada_en=iso_z(uow.now))
        _save(uow, device, ended)
        if ENCENDIDO in load_object(found.cambios_json):
            _notice(uow, device, ended)


def _notice(uow: UnitOfWork, device: Dispositivo, ended: Orden) -> None:
    """People are told of a switch that did not switch, until one does."""
    clave = f"orden:{device.id}"
    if ended.estado == APLICADA:
        resolver(uow, clave)
    elif ended.estado in (EXPIRADA, RECHAZADA):
        word = "encender" if load_object(ended.cambios_json)[ENCENDIDO] else "apagar"
        avisar(
            uow,
            tipo=f"orden_{ended.estado}",
            clave=clave,
            gravedad="advertencia",
            texto=f"No se pudo {word} {device.nombre} ({device.serial_number}): {ended.motivo}",
            dispositivo=device,
            datos={"orden": ended.id},
        )


def _lose(uow: UnitOfWork, device: Dispositivo, old: int, props: set[str], nueva: int) -> None:
    found = una(uow.conn, old)
    if found is None or found.cerrada_en is not None:
        return
    left = sin(found.cambios_json, props)
    if left == "{}":
        ended = replace(found, estado=SUSTITUIDA, motivo=f"por la orden {nueva}", cerrada_en=iso_z(uow.now))
        _save(uow, device, ended)
    else:
        _save(uow, device, replace(found, cambios_json=left))


# --- reading ----------------------------------------------------------------------------------------------------------


def una(conn: Connection, orden_id: int) -> Orden | None:
    """The order, None when it is not kept."""
    row = conn.execute(_ALL.where(orden.c.id == bindparam("i")), {"i": orden_id}).first()
    return None if row is None else Orden(*row)


def ultima(conn: Connection, device_id: int) -> Orden | None:
    """The newest order to a device."""
    query = _ALL.where(orden.c.dispositivo_id == bindparam("d")).order_by(orden.c.id.desc()).limit(1)
    row = conn.execute(query, {"d": device_id}).first()
    return None if row is None else Orden(*row)


def creadas_en(conn: Connection, device_id: int, instante: str) -> list[Orden]:
    """The orders to a device that were made at an instant (ISO, ``Z``), newest first."""
    query = _ALL.where(orden.c.dispositivo_id == bindparam("d"), orden.c.creada_en == bindparam("t"))
    return [Orden(*row) for row in conn.execute(query.order_by(orden.c.id.desc()), {"d": device_id, "t": instante})]


def abiertas_de(conn: Connection, device_id: int) -> list[Orden]:
    """The orders to a device that have not ended, oldest first."""
    query = _OPEN.where(orden.c.dispositivo_id == bindparam("d")).order_by(orden.c.id)
    return [Orden(*row) for row in conn.execute(query, {"d": device_id})]


def en_curso(uow: UnitOfWork, device_id: int, props: Iterable[str]) -> int | None:
    """The order that this unit made for a device, else the newest open one that asks for any of ``props``."""
    made = creada(uow, device_id)
    if made is not None:
        return made
    asked = set(props)
    return next(
        (o.id for o in reversed(abiertas_de(uow.conn, device_id)) if asked & load_object(o.cambios_json).keys()), None
    )


def pagina(conn: Connection, device_id: int, *, estado: str | None, page: int, per_page: int) -> Pagina[Orden]:
    """A page of a device's orders, newest first; the caller has made sure that the device exists."""
    query = _ALL.where(orden.c.dispositivo_id == device_id)
    if estado is not None:
        query = query.where(orden.c.estado == estado)
    total: int = conn.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    offset = min((page - 1) * per_page, MAX_OFFSET)
    if offset >= total:
        return make_page(page, per_page, total, [])
    rows = conn.execute(query.order_by(orden.c.id.desc()).limit(per_page).offset(offset))
    return make_page(page, per_page, total, [Orden(*row) for row in rows])


def vencidas(uow: UnitOfWork, limit: int) -> list[Orden]:
    """Open orders whose time is over, soonest first, at most ``limit``; those from the future count as such."""
    query = _OPEN.where(_over(uow.now)).order_by(orden.c.expira_en, orden.c.id).limit(limit)
    return [Orden(*row) for row in uow.conn.execute(query)]


def proxima(conn: Connection, now: datetime) -> str | None:
    """When the next open order expires; ``now`` when the time of one is over."""
    if conn.execute(select(orden.c.id).where(orden.c.cerrada_en.is_(None), _over(now)).limit(1)).first():
        return iso_z(now)
    found: str | None = conn.execute(select(func.min(orden.c.expira_en)).where(orden.c.cerrada_en.is_(None))).scalar()
    return found


def _over(now: datetime) -> ColumnElement[bool]:
    return (orden.c.expira_en <= iso_z(now)) | (orden.c.creada_en > iso_z(now + CLOCK_SLACK))


# --- writing ----------------------------------------------------------------------------------------------------------


def _save(uow: UnitOfWork, device: Dispositivo, changed: Orden) -> None:
    values = dict(zip((c.name for c in orden.columns), _row(changed), strict=True))
    uow.conn.execute(update(orden).where(orden.c.id == changed.id).values(**values))
    _tell(uow, device, changed)


def _tell(uow: UnitOfWork, device: Dispositivo, told: Orden) -> None:
    uow.tell("orden", dump_object({**told.as_object(), "serial_number": device.serial_number}), device)


def _row(o: Orden) -> tuple[Any, ...]:
    return (
        o.id,
        o.dispositivo_id,
        o.version,
        o.cambios_json,
        o.estado,
        o.motivo,
        o.causa_json,
        o.creada_en,
        o.enviada_en,
        o.cerrada_en,
        o.expira_en,
    )
