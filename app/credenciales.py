"""Use-cases of broker credentials: the devices that have a broker user of their own, named as their serial number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.auditoria import apuntar
from app.broker_acl import password_hash
from app.clock import iso_z
from app.db import UnitOfWork, raw
from app.domain.errors import DatosInvalidos, DemasiadosNombrados, ErrorCampo, RecursoNotFound
from app.domain.events import CredencialCambiada
from app.domain.valores import is_serial

MAX_CREDENCIALES = 5000
"""Every message of somebody without a user is held against one rule for each."""


@dataclass(frozen=True, slots=True)
class Credencial:
    """A device that has one; what it shows is kept as the broker's password file has it, and is nobody's to read."""

    serial_number: str
    creado_en: str

    def as_object(self) -> dict[str, Any]:
        """What administrators read."""
        return {"serial_number": self.serial_number, "creado_en": self.creado_en}


def crear(uow: UnitOfWork, serial: str, secreto: str) -> Credencial:
    """Give the device a broker user with this password, or another password for the one that it has. The device need
    not have been heard yet.

    Raises:
        DatosInvalidos: the serial can't be a user's name.
        DemasiadosNombrados: ``MAX_CREDENCIALES`` have one.
    """
    check_user_name(serial)
    db = uow.file
    had = _has(uow.conn, serial)
    if not had and db.execute("SELECT count(*) FROM credencial").fetchone()[0] >= MAX_CREDENCIALES:
        raise DemasiadosNombrados(f"Ya hay {MAX_CREDENCIALES} dispositivos con credencial; revoque alguna")
    kept, stamp = password_hash(secreto), iso_z(uow.now)
    db.execute(
        "INSERT INTO credencial (serial_number, clave, creado_en) VALUES (?, ?, ?)"
        " ON CONFLICT (serial_number) DO UPDATE SET clave = excluded.clave, creado_en = excluded.creado_en",
        (serial, kept, stamp),
    )
    uow.credenciales.append(CredencialCambiada(serial, kept))
    apuntar(uow, "credencial_cambiada" if had else "credencial_creada", serial)
    return Credencial(serial, stamp)


def revocar(uow: UnitOfWork, serial: str) -> None:
    """Take it back: the device's connection ends, and without a user anybody may speak for it again.

    Raises:
        RecursoNotFound: it has none.
    """
    if not olvidar(uow, serial):
        raise RecursoNotFound("Ese dispositivo no tiene credencial")


def olvidar(uow: UnitOfWork, serial: str) -> bool:
    """:func:`revocar` whatever it has; whether it had one."""
    if not _has(uow.conn, serial):
        return False
    uow.file.execute("DELETE FROM credencial WHERE serial_number = ?", (serial,))
    uow.credenciales.append(CredencialCambiada(serial, None))
    apuntar(uow, "credencial_revocada", serial)
    return True


def listar(conn: Connection) -> list[Credencial]:
    """The devices that have one, by serial."""
    rows = raw(conn).execute("SELECT serial_number, creado_en FROM credencial ORDER BY serial_number")
    return [Credencial(*row) for row in rows]


def claves(conn: Connection) -> dict[str, str]:
    """What the broker must know: serial -> hash."""
    return dict(raw(conn).execute("SELECT serial_number, clave FROM credencial ORDER BY serial_number").fetchall())


def es_dueno(conn: Connection, dispositivo_id: int, usuario_id: int | None) -> bool:
    """Whether that account claimed the device."""
    query = "SELECT 1 FROM reclamacion WHERE dispositivo_id = ? AND usuario_id = ?"
    return usuario_id is not None and raw(conn).execute(query, (dispositivo_id, usuario_id)).fetchone() is not None


def check_user_name(serial: str) -> None:
    """A colon separates name and password in the broker's file.

    Raises:
        DatosInvalidos: it has one, or is no serial at all.
    """
    if not is_serial(serial):
        raise DatosInvalidos([ErrorCampo("serial_number", "debe ser texto de 1 a 100 de [A-Za-z0-9._:-]")])
    if ":" in serial:
        detail = "lleva dos puntos, y Mosquitto no los admite en el nombre de un usuario"
        raise DatosInvalidos([ErrorCampo("serial_number", detail)])


def _has(conn: Connection, serial: str) -> bool:
    return raw(conn).execute("SELECT 1 FROM credencial WHERE serial_number = ?", (serial,)).fetchone() is not None
