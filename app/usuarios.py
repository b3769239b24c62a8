"""Use-cases of accounts. Passwords come hashed: hashing takes long and is done before the unit of work."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app import nombrados, sesiones
from app.auditoria import apuntar
from app.clock import iso_z
from app.db import UnitOfWork, insert_one, raw
from app.domain.dispositivo import dump_object
from app.domain.errors import DatosInvalidos, ErrorCampo, RecursoNotFound, UltimoAdministrador, YaHayCuentas
from app.domain.events import AccesoRevocado
from app.domain.identidad import Alcance, Rol
from app.models import usuario

MAX_USUARIOS = 200
MAX_NOMBRE = 40
RESERVED = frozenset({"local", "consola", "nadie", "sistema"})
"""Names that causes and the audit have for who has no account."""


@dataclass(frozen=True, slots=True)
class Usuario:
    """An account; its password is nowhere."""

    id: int
    nombre: str
    rol: Rol
    activo: bool
    alcance: Alcance | None
    creado_en: str
    clave_en: str

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "id": self.id,
            "nombre": self.nombre,
            "rol": self.rol.value,
            "activo": self.activo,
            "alcance": None if self.alcance is None else _alcance_object(self.alcance),
            "creado_en": self.creado_en,
            "clave_en": self.clave_en,
        }


@dataclass(frozen=True, slots=True)
class CambioUsuario:
    """What is to change of an account; None stays as it is. ``alcance`` None with ``todo`` is the whole house."""

    rol: Rol | None = None
    activo: bool | None = None
    alcance: Alcance | None = None
    todo: bool = False


def parse_nombre(text: str) -> str:
    """The name as it is kept: lower case, composed.

    Raises:
        DatosInvalidos: not 1 to 40 letters, figures, dots, hyphens or underscores, or a reserved word.
    """
    nombre = unicodedata.normalize("NFKC", text.strip()).lower()
    if not 1 <= len(nombre) <= MAX_NOMBRE or not all(c.isalnum() or c in "._-" for c in nombre):
        fault = f"deben ser de 1 a {MAX_NOMBRE} letras, cifras, puntos, guiones o guiones bajos, sin espacios"
        raise DatosInvalidos([ErrorCampo("nombre", fault)])
    if nombre in RESERVED:
        raise DatosInvalidos([ErrorCampo("nombre", "está reservado; elija otro")])
    return nombre


def hay_alguno(conn: Connection) -> bool:
    """Whether the house has accounts."""
    return raw(conn).execute("SELECT 1 FROM usuario LIMIT 1").fetchone() is not None


def listar(conn: Connection) -> list[Usuario]:
    """Every account, oldest first."""
    return [_usuario(row) for row in raw(conn).execute(f"{_SELECT} ORDER BY id")]


def obtener(conn: Connection, usuario_id: int) -> Usuario:
    """The account.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    return _usuario(nombrados.fila(conn, usuario, usuario_id))


def por_nombre(conn: Connection, nombre: str) -> Usuario:
    """The account of that name.

    Raises:
        RecursoNotFound: there is none.
    """
    row = raw(conn).execute(f"{_SELECT} WHERE nombre = ?", (nombre,)).fetchone()
    if row is None:
        raise RecursoNotFound(f"No hay ningún usuario {nombre!r}")
    return _usuario(row)


def clave_de(conn: Connection, nombre: str) -> tuple[Usuario, str] | None:
    """The account of that name and the hash of its password, or None."""
    row = raw(conn).execute(f"{_SELECT} WHERE nombre = ?", (nombre,)).fetchone()
    return None if row is None else (_usuario(row), row[2])


def crear(uow: UnitOfWork, nombre: str, clave: str, *, rol: Rol, alcance: Alcance | None = None) -> Usuario:
    """Add an account; ``nombre`` as :func:`parse_nombre` answers it.

    Raises:
        NombreRepetido, DemasiadosNombrados: see :mod:`app.nombrados`.
        DatosInvalidos: an administrator of a part of the house.
    """
    _check_alcance(rol, alcance)
    nombrados.admitir(uow.conn, usuario, nombre, maximo=MAX_USUARIOS)
    now = iso_z(uow.now)
    usuario_id = insert_one(uow, usuario, (nombre, clave, rol.value, True, _dump(alcance), now, now))
    apuntar(uow, "usuario_creado", nombre, detalle={"rol": rol.value})
    return obtener(uow.conn, usuario_id)


def crear_primero(uow: UnitOfWork, nombre: str, clave: str) -> Usuario:
    """Add the first account, an administrator.

    Raises:
        YaHayCuentas: there are accounts.
    """
    if hay_alguno(uow.conn):
        raise YaHayCuentas
    return crear(uow, nombre, clave, rol=Rol.ADMINISTRADOR)


def cambiar(uow: UnitOfWork, usuario_id: int, cambio: CambioUsuario) -> Usuario:
    """Change its role, part of the house or being active; what it has open is closed, its sessions too when inactive.

    Raises:
        RecursoNotFound: there is none of that id.
        UltimoAdministrador: nobody could administer the house any more.
        DatosInvalidos: an administrator of a part of the house.
    """
    antes = obtener(uow.conn, usuario_id)
    rol = cambio.rol or antes.rol
    activo = antes.activo if cambio.activo is None else cambio.activo
    alcance = cambio.alcance if cambio.todo or cambio.alcance is not None else antes.alcance
    if rol == Rol.ADMINISTRADOR and cambio.alcance is None:
        alcance = None  # who is made an administrator has the whole house
    _check_alcance(rol, alcance)
    if (rol, activo, alcance) == (antes.rol, antes.activo, antes.alcance):
        return antes
    if not (rol == Rol.ADMINISTRADOR and activo):
        _check_not_last(uow, antes)
    uow.file.execute(
        "UPDATE usuario SET rol = ?, activo = ?, alcance = ? WHERE id = ?",
        (rol.value, activo, _dump(alcance), usuario_id),
    )
    if not activo:
        sesiones.cerrar_todas(uow, usuario_id)
    uow.revocados.append(AccesoRevocado(usuario_id))
    despues = obtener(uow.conn, usuario_id)
    shown = {name: despues.as_object()[name] for name in ("rol", "activo", "alcance")}
    apuntar(uow, "usuario_cambiado", antes.nombre, detalle=shown)
    return despues


def poner_clave(uow: UnitOfWork, usuario_id: int, clave: str, *, salvo: str | None = None) -> None:
    """Give it another password; its sessions end, but for the credential ``salvo``, from which it was changed.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    found = obtener(uow.conn, usuario_id)
    query = "UPDATE usuario SET clave = ?, clave_en = ? WHERE id = ?"
    uow.file.execute(query, (clave, iso_z(uow.now), usuario_id))
    sesiones.cerrar_todas(uow, usuario_id, salvo=salvo)
    apuntar(uow, "clave_cambiada", found.nombre)


def recordar_clave(uow: UnitOfWork, usuario_id: int, antes: str, clave: str) -> None:
    """The same password, hashed with today's parameters, unless it was changed meanwhile."""
    uow.file.execute("UPDATE usuario SET clave = ? WHERE id = ? AND clave = ?", (clave, usuario_id, antes))


def borrar(uow: UnitOfWork, usuario_id: int) -> None:
    """Forget it, with its sessions and tokens; what it claimed stays claimed.

    Raises:
        RecursoNotFound: there is none of that id.
        UltimoAdministrador: nobody could administer the house any more.
    """
    found = obtener(uow.conn, usuario_id)
    _check_not_last(uow, found)
    for query in (
        "DELETE FROM sesion WHERE usuario_id = ?",
        "DELETE FROM token WHERE usuario_id = ?",
        "UPDATE reclamacion SET usuario_id = NULL WHERE usuario_id = ?",
        "DELETE FROM usuario WHERE id = ?",
    ):
        uow.file.execute(query, (usuario_id,))
    uow.revocados.append(AccesoRevocado(usuario_id))
    apuntar(uow, "usuario_borrado", found.nombre)


def parse_alcance(text: str | None) -> Alcance | None:
    """The part of the house that is stored."""
    if text is None:
        return None
    found = json.loads(text)
    return Alcance(frozenset(found["habitaciones"]), frozenset(found["dispositivos"]))


_SELECT = f"SELECT {','.join(c.name for c in usuario.columns)} FROM usuario"


def _usuario(row: Any) -> Usuario:
    usuario_id, nombre, _, rol, activo, alcance, creado_en, clave_en = row
    return Usuario(usuario_id, nombre, Rol(rol), bool(activo), parse_alcance(alcance), creado_en, clave_en)


def _check_not_last(uow: UnitOfWork, leaving: Usuario) -> None:
    if leaving.rol != Rol.ADMINISTRADOR or not leaving.activo:
        return
    query = "SELECT 1 FROM usuario WHERE rol = ? AND activo AND id != ? LIMIT 1"
    if uow.file.execute(query, (Rol.ADMINISTRADOR.value, leaving.id)).fetchone() is None:
        raise UltimoAdministrador


def _check_alcance(rol: Rol, alcance: Alcance | None) -> None:
    if rol == Rol.ADMINISTRADOR and alcance is not None:
        raise DatosInvalidos([ErrorCampo("alcance", "un administrador lo es de toda la casa")])


def _alcance_object(alcance: Alcance) -> dict[str, Any]:
    return {"habitaciones": sorted(alcance.habitaciones), "dispositivos": sorted(alcance.dispositivos)}


def _dump(alcance: Alcance | None) -> str | None:
    return None if alcance is None else dump_object(_alcance_object(alcance))
