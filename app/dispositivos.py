"""Use-cases of devices. Each takes a unit of work (or a connection to read), never commits, returns rows or raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text, update

from app import anulacion, ordenes
from app.clock import iso_z
from app.db import UnitOfWork, bulk_insert, raw, select_in
from app.domain import modo
from app.domain.dispositivo import MODELO_DEFECTO, NOMBRE_DEFECTO, TIPO_DEFECTO, Dispositivo, dump_object, load_object
from app.domain.errors import (
    DatosInvalidos,
    DispositivoNotDetected,
    DispositivoNotFound,
    DispositivoYaReclamado,
    ErrorCampo,
    SerialDuplicado,
    VersionConflict,
)
from app.domain.events import CambioDeseada, DeviceRemoved, DeviceUpdated
from app.domain.filtro import FiltroLista, FiltroStream
from app.domain.identidad import Alcance
from app.domain.orden import cambios_pedidos, deriva_of, word_of
from app.domain.peticiones import Alta, Cambios, Reclamo
from app.domain.reporte import MAX_PAYLOAD_BYTES
from app.domain.valores import ESTADO_DESCONOCIDO, ValorInvalido, check_json, parse_encendido
from app.historial import append_logs
from app.models import DEVICE_COLUMNS, casa, device_of, dispositivo, habitacion, row_of

_ALL: Select[Any] = select(*DEVICE_COLUMNS)
_ONE = _ALL.where(dispositivo.c.id == bindparam("id"))
_BY_ID = _ALL.order_by(dispositivo.c.id)
_IN_GROUP = text("dispositivo.id IN (SELECT j.value FROM grupo g, json_each(g.dispositivos) j WHERE g.id = :grupo)")
MAX_ID = 2**63 - 1
NADIE = FiltroStream(serial="")
"""Matches no device: for who wants the sequence of a snapshot only."""


def listar(conn: Connection, filtro: FiltroLista) -> list[Dispositivo]:
    """Devices by id; the filter is laid over the whole list."""
    query = _BY_ID
    if filtro.reclamado is not None:
        query = query.where(dispositivo.c.reclamado == filtro.reclamado)
    if filtro.tipo is not None:
        query = query.where(func.lower(dispositivo.c.tipo) == filtro.tipo.lower())
    if filtro.estado is not None:
        query = query.where(dispositivo.c.estado == filtro.estado)
    if filtro.conectividad is not None:
        query = query.where(dispositivo.c.conectividad == filtro.conectividad)
    if filtro.habitacion is not None:
        query = query.where(dispositivo.c.habitacion_id == filtro.habitacion)
    if filtro.grupo is not None:
        query = query.where(_IN_GROUP).params(grupo=filtro.grupo)
    found = [device_of(row) for row in conn.execute(query)]
    found = al_alcance(found, filtro.alcance)
    if filtro.deriva is not None:
        found = [d for d in found if bool(deriva_of(d)) is filtro.deriva]
    return found if filtro.q is None else [d for d in found if _mentions(d, filtro.q)]


def _mentions(d: Dispositivo, q: str) -> bool:
    wanted = q.casefold()
    return any(wanted in text.casefold() for text in (d.serial_number, d.nombre, d.modelo, d.descripcion))


def al_alcance(devices: list[Dispositivo], alcance: Alcance | None) -> list[Dispositivo]:
    """Those of them that somebody of this scope may know of."""
    return devices if alcance is None else [d for d in devices if alcance.includes(d.id, d.habitacion_id)]


def no_reclamados(conn: Connection, alcance: Alcance | None = None) -> list[Dispositivo]:
    """Devices that nobody claimed, newest first."""
    query = _ALL.where(dispositivo.c.reclamado.is_(False)).order_by(dispositivo.c.id.desc())
    return al_alcance([device_of(row) for row in conn.execute(query)], alcance)


def obtener(conn: Connection, device_id: int) -> Dispositivo:
    """The device.

    Raises:
        DispositivoNotFound: no device has that id.
    """
    row = conn.execute(_ONE, {"id": device_id}).first() if 0 < device_id <= MAX_ID else None
    if row is None:
        raise DispositivoNotFound
    return device_of(row)


def snapshot(conn: Connection, filtro: FiltroStream) -> tuple[int, list[Dispositivo]]:
    """The matching devices and the number of the last event that they include; one snapshot of the database."""
    query = _BY_ID
    if filtro.serial is not None:
        query = query.where(dispositivo.c.serial_number == filtro.serial)
    if filtro.reclamado is not None:
        query = query.where(dispositivo.c.reclamado == filtro.reclamado)
    upto: int = conn.execute(select(casa.c.valor).where(casa.c.clave == "secuencia")).scalar_one()
    return upto, al_alcance([device_of(row) for row in conn.execute(query)], filtro.alcance)


def contar_no_reclamados(conn: Connection) -> int:
    """How many devices nobody claimed."""
    count: int = conn.execute(
        select(func.count()).select_from(dispositivo).where(dispositivo.c.reclamado.is_(False))
    ).scalar_one()
    return count


def reclamar(uow: UnitOfWork, reclamo: Reclamo) -> Dispositivo:
    """Make an unclaimed device the house's own: text fields overwrite, ``configuracion`` is merged key by key.

    Raises:
        DispositivoNotDetected: the serial was never seen.
        DispositivoYaReclamado: somebody was first.
        DatosInvalidos: the merged configuration would be too large.
    """
    antes = by_serials(uow.conn, [reclamo.serial_number]).get(reclamo.serial_number)
    if antes is None:
        raise DispositivoNotDetected
    if antes.reclamado:
        raise DispositivoYaReclamado
    cambios = Cambios(reclamo.nombre, reclamo.tipo, reclamo.modelo, reclamo.descripcion, reclamo.configuracion)
    despues, pedido = _edited(uow, antes, cambios)
    return _save(uow, antes, replace(despues, reclamado=True), pedido)


def actualizar(uow: UnitOfWork, device_id: int, cambios: Cambios, *, if_match: int | None) -> Dispositivo:
    """Edit a device under the mode rules (WIRE §3).

    Raises:
        DispositivoNotFound: no device has that id.
        VersionConflict: ``if_match`` is given and is not the device's version.
        DatosInvalidos: the merged configuration would be too large.
    """
    antes = obtener(uow.conn, device_id)
    if if_match is not None and if_match != antes.version:
        raise VersionConflict(antes.version)
    return _save(uow, antes, *_edited(uow, antes, cambios))


def agregar(uow: UnitOfWork, alta: Alta) -> Dispositivo:
    """Add a device by hand; it stays unclaimed.

    Raises:
        SerialDuplicado: the serial exists.
    """
    if by_serials(uow.conn, [alta.serial_number]):
        raise SerialDuplicado
    configuracion = dict(alta.configuracion or {})
    on = modo.resolve(configuracion, encendido=modo.take_encendido(configuracion), estado=parse_encendido(alta.estado))
    configuracion, estado = modo.settle(configuracion, ESTADO_DESCONOCIDO, on)
    now = iso_z(uow.now)
    nuevo = replace(
        blank(alta.serial_number, now),
        nombre=alta.nombre or NOMBRE_DEFECTO,
        tipo=alta.tipo or TIPO_DEFECTO,
        modelo=alta.modelo or MODELO_DEFECTO,
        descripcion=alta.descripcion or "",
        estado=estado,
        parametros_json=dump_object(alta.parametros or {}),
        estado_en=now,
        configuracion_json=dump_object(configuracion),
        configuracion_en_json=dump_object(dict.fromkeys(configuracion, now)),
        deseada_version=1 if configuracion else 0,
    )
    nuevo = insert_new(uow, [nuevo])[0]
    if configuracion:
        nuevo = ordenes.crear(uow, nuevo, cambios_pedidos({}, configuracion, on, None))
        bulk_insert(uow, dispositivo, [row_of(nuevo)], upsert=True)
    append_logs(uow, [(nuevo.id, nuevo.estado, nuevo.parametros_json, uow.causa.json())])
    announce(uow, nuevo, None, CambioDeseada.PEDIDA if configuracion else CambioDeseada.NO)
    return nuevo


def _edited(uow: UnitOfWork, antes: Dispositivo, cambios: Cambios) -> tuple[Dispositivo, bool | None]:
    """The device after an edit, not yet saved, and whether that asks it to be on or off."""
    sent = dict(cambios.configuracion or {})
    wish = cambios.encendido if cambios.encendido is not None else modo.take_encendido(sent)
    merged = {**antes.configuracion, **sent}
    on = modo.resolve(merged, encendido=wish, estado=parse_encendido(cambios.estado))
    merged = anulacion.ajustar(uow, antes, merged, sent, on, anulacion.Plazo(cambios.hasta, cambios.durante_s))
    configuracion, estado = modo.settle(merged, antes.estado, on)
    text = dump_object(configuracion)
    _check_size(configuracion, text, antes)
    changed = text != antes.configuracion_json
    despues = replace(
        antes,
        nombre=antes.nombre if cambios.nombre is None else cambios.nombre,
        tipo=antes.tipo if cambios.tipo is None else cambios.tipo,
        modelo=antes.modelo if cambios.modelo is None else cambios.modelo,
        descripcion=antes.descripcion if cambios.descripcion is None else cambios.descripcion,
        estado=estado,
        estado_en=iso_z(uow.now) if estado != antes.estado else antes.estado_en,
        configuracion_json=text,
        configuracion_en_json=stamped(antes, configuracion, iso_z(uow.now)) if changed else antes.configuracion_en_json,
        esperado_manual=antes.esperado_manual if cambios.esperado is None else cambios.esperado[0],
        habitacion_id=antes.habitacion_id if cambios.habitacion is None else _room(uow, cambios.habitacion[0]),
    )
    return despues, on


def _room(uow: UnitOfWork, habitacion_id: int | None) -> int | None:
    if habitacion_id is not None:
        query = select(habitacion.c.id).where(habitacion.c.id == habitacion_id)
        if uow.conn.execute(query).first() is None:
            raise DatosInvalidos([ErrorCampo("habitacion_id", "no hay ninguna habitación con ese id")])
    return habitacion_id


def dejar_habitacion(uow: UnitOfWork, habitacion_id: int) -> None:
    """The devices of a room are in none; each is told as any change is."""
    now = iso_z(uow.now)
    for antes in listar(uow.conn, FiltroLista(habitacion=habitacion_id)):
        despues = replace(antes, habitacion_id=None, version=antes.version + 1, actualizado_en=now)
        bulk_insert(uow, dispositivo, [row_of(despues)], upsert=True)
        announce(uow, despues, antes.reclamado, CambioDeseada.NO, habitacion_id)


def stamped(antes: Dispositivo, configuracion: dict[str, Any], now: str) -> str:
    """When each key of the new configuration was last changed, as JSON text."""
    old, times = antes.configuracion, load_object(antes.configuracion_en_json)
    absent = object()
    changed = {k for k, v in configuracion.items() if old.get(k, absent) != v}
    return dump_object({k: now if k in changed else times.get(k, antes.creado_en) for k in configuracion})


def _check_size(configuracion: dict[str, Any], text: str, antes: Dispositivo) -> None:
    """Merging must not grow a configuration, edit by edit, beyond what one message may hold: every device that reads it
    and every stream would carry it. What an old database holds already may still be switched and made smaller."""
    if len(text) <= len(antes.configuracion_json) + 1:  # true -> false
        return
    try:
        check_json(configuracion)
    except ValorInvalido as error:
        raise DatosInvalidos([ErrorCampo("configuracion", f"junto con lo que ya tenía: {error.motivo}")]) from None
    if len(text.encode()) > MAX_PAYLOAD_BYTES:
        mensaje = f"junto con lo que ya tenía pasa de {MAX_PAYLOAD_BYTES} bytes"
        raise DatosInvalidos([ErrorCampo("configuracion", mensaje)])


def _save(uow: UnitOfWork, antes: Dispositivo, despues: Dispositivo, pedido: bool | None) -> Dispositivo:
    """Write an edited device: a new version, a log row when ``estado`` changed, an event always, and an order when it
    asks for something that is not so; a wish that is asked again goes out again."""
    despues = replace(despues, version=antes.version + 1, actualizado_en=iso_z(uow.now))
    asked_for = cambios_pedidos(antes.configuracion, despues.configuracion, pedido, word_of(antes.estado_reportado))
    if asked_for or despues.configuracion_json != antes.configuracion_json:
        despues = replace(despues, deseada_version=antes.deseada_version + 1)
    if asked_for:
        despues = ordenes.crear(uow, despues, asked_for)
    bulk_insert(uow, dispositivo, [row_of(despues)], upsert=True)
    if despues.estado != antes.estado:
        append_logs(uow, [(despues.id, despues.estado, despues.parametros_json, uow.causa.json())])
    asked = despues.deseada_version != antes.deseada_version
    left = antes.habitacion_id if antes.habitacion_id != despues.habitacion_id else None
    announce(uow, despues, antes.reclamado, CambioDeseada.PEDIDA if asked else CambioDeseada.NO, left)
    return despues


def confirmar_deseadas(uow: UnitOfWork, confirmadas: Sequence[tuple[int, int]]) -> None:
    """The broker holds these (device id, version) of desired configurations; no new version. Their orders are sent. A
    version below 0: it holds none any more, as the device is deleted."""
    if confirmadas:
        uow.conn.execute(_CONFIRM, [{"i": device_id, "v": version} for device_id, version in confirmadas])
        ordenes.enviadas(uow, confirmadas)
        gone = [(device_id,) for device_id, version in confirmadas if version < 0]
        uow.file.executemany("DELETE FROM borrado WHERE dispositivo_id = ?", gone)


def olvidar_confirmadas(uow: UnitOfWork) -> None:
    """The broker forgot us, and perhaps what it held for the devices: a crash from here on must not hide that."""
    uow.conn.execute(update(dispositivo).values(deseada_confirmada=0))


def deseadas_pendientes(conn: Connection, *, todas: bool) -> list[Dispositivo]:
    """Devices whose desired configuration the broker may not have; ``todas`` after it lost everything."""
    query = _BY_ID.where(dispositivo.c.deseada_version > 0)
    if not todas:
        query = query.where(dispositivo.c.deseada_version > dispositivo.c.deseada_confirmada)
    return [device_of(row) for row in conn.execute(query)]


_CONFIRM = (
    update(dispositivo)
    .where(dispositivo.c.id == bindparam("i"), dispositivo.c.deseada_confirmada < bindparam("v"))
    .values(deseada_confirmada=bindparam("v"))
)


def by_serials(conn: Connection, serials: Iterable[str]) -> dict[str, Dispositivo]:
    """The devices that exist among ``serials``."""
    rows = select_in(conn, dispositivo, "serial_number", list(serials))
    return {d.serial_number: d for d in map(device_of, rows)}


def by_ids(conn: Connection, ids: Iterable[int]) -> dict[int, Dispositivo]:
    """The devices that exist among ``ids``."""
    return {d.id: d for d in map(device_of, select_in(conn, dispositivo, "id", list(ids)))}


def conocidos(conn: Connection, nombrados: Sequence[tuple[str, int]], *, repetidos: bool = False) -> None:
    """Whether each (path in the body, device id) is a device that exists and, unless ``repetidos``, is named once.

    Raises:
        DatosInvalidos: with the path of each that is not.
    """
    ids = [device_id for _, device_id in nombrados]
    known = by_ids(conn, set(ids))
    faults = [
        ErrorCampo(campo, "no existe" if device_id not in known else "está repetido")
        for n, (campo, device_id) in enumerate(nombrados)
        if device_id not in known or (not repetidos and device_id in ids[:n])
    ]
    if faults:
        raise DatosInvalidos(faults)


def propios(conn: Connection) -> list[int]:
    """The ids of the devices that speak on a topic of their own, in order."""
    return list(conn.execute(select(dispositivo.c.id).where(dispositivo.c.propio).order_by(dispositivo.c.id)).scalars())


def blank(serial: str, now: str) -> Dispositivo:
    """An unknown serial's row before its first report (WIRE §1); its id is given by :func:`_insert`."""
    return Dispositivo(
        id=0,
        serial_number=serial,
        nombre=NOMBRE_DEFECTO,
        tipo=TIPO_DEFECTO,
        modelo=MODELO_DEFECTO,
        descripcion="",
        estado=ESTADO_DESCONOCIDO,
        parametros_json="{}",
        configuracion_json="{}",
        reclamado=False,
        version=1,
        creado_en=now,
        actualizado_en=now,
        visto_en=None,
        deseada_version=0,
        deseada_confirmada=0,
        estado_reportado=None,
        deseo_en=None,
    )


def insert_new(
    uow: UnitOfWork, nuevos: Sequence[Dispositivo], into: dict[str, Dispositivo] | None = None
) -> list[Dispositivo]:
    """Insert devices, each given its id; ``into`` gathers them by serial.

    An id that was somebody's is never another's: a device of old asks for its own by id, and would obey what a
    different one is told.
    """
    if not nuevos:
        return []
    last = uow.file.execute(_LAST_ID).fetchone()[0]
    saved = [replace(nuevo, id=n) for n, nuevo in enumerate(nuevos, last + 1)]
    bulk_insert(uow, dispositivo, [row_of(d) for d in saved], upsert=True)
    if into is not None:
        into.update((d.serial_number, d) for d in saved)
    return saved


_LAST_ID = (
    "SELECT max(ifnull((SELECT max(id) FROM dispositivo), 0), "
    "ifnull((SELECT valor FROM casa WHERE clave = 'ultimo_dispositivo'), 0))"
)


def quitar(uow: UnitOfWork, device: Dispositivo) -> None:
    """Delete a device's row and tell it; in a unit of work that admits orphans, its history being still there. What the
    broker may hold for it is noted until that is cleared."""
    file, now = uow.file, iso_z(uow.now)
    file.execute(_KEEP_LAST_ID, (device.id,))
    if device.deseada_version:
        file.execute("INSERT INTO borrado VALUES (?, ?, ?)", (device.id, device.serial_number, now))
    file.execute("DELETE FROM dispositivo WHERE id = ?", (device.id,))
    uow.events.append(DeviceRemoved(uow.next_secuencia(), device))


_KEEP_LAST_ID = (
    "INSERT INTO casa VALUES ('ultimo_dispositivo', ?) "
    "ON CONFLICT(clave) DO UPDATE SET valor = max(valor, excluded.valor)"
)


def borrados(conn: Connection) -> list[tuple[int, str]]:
    """The (id, serial) of the deleted devices of which the broker may still hold a desired configuration."""
    return [(i, s) for i, s, _ in raw(conn).execute("SELECT * FROM borrado ORDER BY dispositivo_id")]


def announce(
    uow: UnitOfWork,
    despues: Dispositivo,
    reclamado_antes: bool | None,
    deseada: CambioDeseada,
    habitacion_antes: int | None = None,
) -> None:
    """Add the update of a device to the unit's events; ``habitacion_antes`` is the room that it left, if it did."""
    uow.events.append(DeviceUpdated(uow.next_secuencia(), despues, reclamado_antes, deseada, habitacion_antes))
