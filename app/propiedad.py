"""Use-cases of ownership: who claimed a device, with what proof, and how it is let go or handed on (SECURITY item 6).

The writer is one, so a look and a change in the same unit of work decide every race.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from app import dispositivos, ordenes
from app.auditoria import apuntar
from app.avisos import resolver
from app.clock import iso_z
from app.db import UnitOfWork, bulk_insert, raw
from app.domain import modo
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.errors import (
    CodigoIncorrecto,
    DatosInvalidos,
    DispositivoNoReclamado,
    DispositivoNotDetected,
    ErrorCampo,
    SinPermiso,
)
from app.domain.events import CambioDeseada
from app.domain.identidad import LOCAL, Identidad, Permiso, Rol
from app.domain.orden import ENCENDIDO, SIN_DESEOS, SUSTITUIDA, Cierre, load_deseos, word_of
from app.domain.peticiones import Alta, Reclamo
from app.domain.posesion import coincide, huella_de
from app.frenos import Tanteo
from app.historial import append_logs
from app.models import dispositivo, row_of

RECLAMADO, LIBERADO, TRANSFERIDO = "dispositivo_reclamado", "dispositivo_liberado", "dispositivo_transferido"
CODIGO, AGREGADO = "codigo_incorrecto", "dispositivo_agregado"


@dataclass(frozen=True, slots=True)
class Reclamacion:
    """Whose a device is. ``usuario`` None: of the house, claimed from a trusted network or before there were accounts.

    ``con_codigo``: whether it can be claimed only with the code of its sticker.
    """

    reclamado: bool
    usuario_id: int | None
    usuario: str | None
    reclamado_en: str | None
    con_codigo: bool

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "reclamado": self.reclamado,
            "usuario": self.usuario,
            "reclamado_en": self.reclamado_en,
            "con_codigo": self.con_codigo,
        }


def reclamar(uow: UnitOfWork, reclamo: Reclamo, por: Identidad = LOCAL, intento: Tanteo | None = None) -> Dispositivo:
    """Claim a device that nobody has. The account that has it may ask again: nothing changes.

    ``intento`` bounds the tries at the code of a device that has one. Right or wrong, a code that comes while somebody
    must wait is not looked at; a wrong one changes nothing for anybody else.

    Raises:
        CodigoIncorrecto: the device has a code, and none came or another.
        DemasiadasPeticiones: of these, too many.
        DispositivoNotDetected: the serial was never seen, or is none of the caller's business.
        DispositivoYaReclamado: somebody was first.
        DatosInvalidos: the merged configuration would be too large.
    """
    _prove(uow.conn, reclamo.serial_number, reclamo.codigo, intento)
    antes = dispositivos.by_serials(uow.conn, [reclamo.serial_number]).get(reclamo.serial_number)
    if antes is None or not por.sees(antes.id, antes.habitacion_id):
        raise DispositivoNotDetected
    if antes.reclamado and por.usuario_id is not None and obtener(uow.conn, antes).usuario_id == por.usuario_id:
        return antes
    found = dispositivos.reclamar(uow, reclamo)
    _give(uow, found.id, por.usuario_id)
    apuntar(uow, RECLAMADO, found.serial_number)
    return found


def agregar(uow: UnitOfWork, alta: Alta, intento: Tanteo | None = None) -> Dispositivo:
    """Add a device by hand, with its code if it has one; it stays unclaimed.

    Raises:
        SerialDuplicado: the serial exists.
        CodigoIncorrecto, DemasiadasPeticiones: it was given another code before, see :func:`reclamar`.
    """
    made = dispositivos.agregar(uow, alta)
    if not _prove(uow.conn, alta.serial_number, alta.codigo, intento) and alta.codigo is not None:
        row = (alta.serial_number, huella_de(alta.codigo), iso_z(uow.now))
        uow.file.execute("INSERT INTO posesion VALUES (?, ?, ?)", row)
    apuntar(uow, AGREGADO, made.serial_number, detalle={"con_codigo": alta.codigo is not None})
    return made


def liberar(uow: UnitOfWork, device_id: int, por: Identidad = LOCAL) -> Dispositivo:
    """Let a device go: nobody has it, and nothing is asked of it any more; its history and its code stay.

    What was wanted of it (schedule, mode, settings) was its owner's and does not pass to the next one; it stays on or
    off as it last said it was. It is in no room.

    Raises:
        DispositivoNotFound, DispositivoNoReclamado, SinPermiso: there is none, nobody has it, or not the caller.
    """
    antes = _own(uow.conn, device_id, por)
    on = word_of(antes.estado_reportado) if ENCENDIDO in load_deseos(antes.deseos_json) else None
    _close_orders(uow, antes, "el dispositivo se liberó")
    configuracion, estado = modo.settle({}, antes.estado, on)
    now = iso_z(uow.now)
    despues = replace(
        antes,
        reclamado=False,
        estado=estado,
        estado_en=now if estado != antes.estado else antes.estado_en,
        configuracion_json=dump_object(configuracion),
        configuracion_en_json=dispositivos.stamped(antes, configuracion, now),
        deseos_json=SIN_DESEOS,
        esperado_manual=None,
        habitacion_id=None,
        deseada_version=antes.deseada_version + 1,
        version=antes.version + 1,
        actualizado_en=now,
    )
    bulk_insert(uow, dispositivo, [row_of(despues)], upsert=True)
    uow.file.execute("DELETE FROM reclamacion WHERE dispositivo_id = ?", (device_id,))
    append_logs(uow, [(despues.id, despues.estado, despues.parametros_json, uow.causa.json())])
    dispositivos.announce(uow, despues, antes.reclamado, CambioDeseada.PEDIDA)
    apuntar(uow, LIBERADO, despues.serial_number)
    return despues


def transferir(uow: UnitOfWork, device_id: int, usuario: str, por: Identidad = LOCAL) -> Dispositivo:
    """Hand a device on to another account; nothing else of it changes.

    Raises:
        DispositivoNotFound, DispositivoNoReclamado, SinPermiso: see :func:`liberar`.
        DatosInvalidos: no account of that name can have devices.
    """
    found = _own(uow.conn, device_id, por)
    query = "SELECT id, nombre, rol, activo FROM usuario WHERE nombre = ?"
    row = uow.file.execute(query, (usuario.strip().lower(),)).fetchone()
    if row is None or not row[3] or row[2] == Rol.INVITADO.value:
        raise DatosInvalidos([ErrorCampo("usuario", "no es una cuenta que pueda tener dispositivos")])
    antes = obtener(uow.conn, found)
    _give(uow, device_id, row[0])
    apuntar(uow, TRANSFERIDO, found.serial_number, detalle={"de": antes.usuario, "a": row[1]})
    return found


def obtener(conn: Connection, device: Dispositivo) -> Reclamacion:
    """Whose a device is."""
    query = (
        "SELECT r.usuario_id, u.nombre, r.reclamado_en FROM reclamacion r LEFT JOIN usuario u ON u.id = r.usuario_id "
        "WHERE r.dispositivo_id = ?"
    )
    account, name, since = raw(conn).execute(query, (device.id,)).fetchone() or (None, None, None)
    with_code = _code_of(conn, device.serial_number) is not None
    return Reclamacion(device.reclamado, account, name, since, with_code)


def olvidar(uow: UnitOfWork, device: Dispositivo, motivo: str) -> None:
    """A device is about to be no more: nobody has it, its orders end, and go."""
    _close_orders(uow, device, motivo)
    uow.file.execute("DELETE FROM orden WHERE dispositivo_id = ?", (device.id,))
    uow.file.execute("DELETE FROM reclamacion WHERE dispositivo_id = ?", (device.id,))


def olvidar_codigo(uow: UnitOfWork, serial: str) -> None:
    """The serial needs no code any more."""
    uow.file.execute("DELETE FROM posesion WHERE serial_number = ?", (serial,))


def _prove(conn: Connection, serial: str, codigo: str | None, intento: Tanteo | None) -> bool:
    """Whether the serial has a code, which was proven."""
    huella = _code_of(conn, serial)
    if huella is None:
        return False
    if intento is not None:
        intento.comenzar()
    if not coincide(codigo, huella):
        if intento is not None:
            intento.fallar()
        raise CodigoIncorrecto
    if intento is not None:
        intento.acertar()
    return True


def _code_of(conn: Connection, serial: str) -> str | None:
    row = raw(conn).execute("SELECT huella FROM posesion WHERE serial_number = ?", (serial,)).fetchone()
    return None if row is None else str(row[0])


def _own(conn: Connection, device_id: int, por: Identidad) -> Dispositivo:
    """The device, which the caller may give away."""
    found = dispositivos.obtener(conn, device_id)
    if not found.reclamado:
        raise DispositivoNoReclamado
    mine = por.usuario_id is not None and obtener(conn, found).usuario_id == por.usuario_id
    if not mine and not por.can(Permiso.ADMINISTRAR):
        raise SinPermiso("Solo puede hacerlo quien reclamó el dispositivo, o un administrador")
    return found


def _give(uow: UnitOfWork, device_id: int, usuario_id: int | None) -> None:
    row = (device_id, usuario_id, iso_z(uow.now))
    uow.file.execute("INSERT OR REPLACE INTO reclamacion VALUES (?, ?, ?)", row)


def _close_orders(uow: UnitOfWork, device: Dispositivo, motivo: str) -> None:
    ordenes.cerrar(uow, device, [Cierre(o.id, SUSTITUIDA, motivo) for o in ordenes.abiertas_de(uow.conn, device.id)])
    for clave in claves_de(device.id):
        resolver(uow, clave)


def claves_de(device_id: int) -> tuple[str, ...]:
    """The keys of the notices that are about a device that somebody has."""
    return f"perdido:{device_id}", f"orden:{device_id}"
