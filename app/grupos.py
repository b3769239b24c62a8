"""Groups: devices under one name, whatever rooms they are in; a device may be in many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, update

from app import nombrados
from app.alcance import Vista
from app.clock import iso_z
from app.db import UnitOfWork, insert_one
from app.dispositivos import conocidos
from app.models import grupo

MAX_GRUPOS = 200


@dataclass(frozen=True, slots=True)
class Grupo:
    """A group, with its devices in the order in which they were given."""

    id: int
    nombre: str
    dispositivos_json: str
    creado_en: str

    @property
    def dispositivos(self) -> list[int]:
        """Their ids."""
        found: list[int] = json.loads(self.dispositivos_json)
        return found

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {"id": self.id, "nombre": self.nombre, "dispositivos": self.dispositivos, "creado_en": self.creado_en}


def listar(conn: Connection) -> list[Grupo]:
    """Every group, oldest first."""
    return [Grupo(*row) for row in nombrados.filas(conn, grupo)]


def obtener(conn: Connection, grupo_id: int) -> Grupo:
    """The group.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    return Grupo(*nombrados.fila(conn, grupo, grupo_id))


def recortar(found: Grupo, vista: Vista) -> Grupo | None:
    """What somebody who sees a part of the house is told of a group; None: nothing."""
    ids = [i for i in found.dispositivos if i in vista.dispositivos]
    return replace(found, dispositivos_json=json.dumps(ids)) if ids else None


def crear(uow: UnitOfWork, nombre: str, dispositivos: Sequence[int]) -> Grupo:
    """Add a group.

    Raises:
        NombreRepetido, DemasiadosNombrados: see :mod:`app.nombrados`.
        DatosInvalidos: a device does not exist, or is named twice.
    """
    nombrados.admitir(uow.conn, grupo, nombre, maximo=MAX_GRUPOS)
    conocidos(uow.conn, [(f"dispositivos[{n}]", i) for n, i in enumerate(dispositivos)])
    text, now = json.dumps(list(dispositivos)), iso_z(uow.now)
    return Grupo(insert_one(uow, grupo, (nombre, text, now)), nombre, text, now)


def cambiar(uow: UnitOfWork, grupo_id: int, nombre: str, dispositivos: Sequence[int]) -> Grupo:
    """Lay a group anew.

    Raises:
        RecursoNotFound, NombreRepetido, DatosInvalidos: see :func:`crear`.
    """
    nombrados.fila(uow.conn, grupo, grupo_id)
    nombrados.renombrar(uow.conn, grupo, nombre, grupo_id)
    conocidos(uow.conn, [(f"dispositivos[{n}]", i) for n, i in enumerate(dispositivos)])
    values = {"nombre": nombre, "dispositivos": json.dumps(list(dispositivos))}
    uow.conn.execute(update(grupo).where(grupo.c.id == grupo_id).values(values))
    return obtener(uow.conn, grupo_id)


def olvidar(uow: UnitOfWork, device_id: int) -> list[Grupo]:
    """Take a device out of every group; those that had it."""
    found = [g for g in listar(uow.conn) if device_id in g.dispositivos]
    for g in found:
        left = json.dumps([i for i in g.dispositivos if i != device_id])
        uow.conn.execute(update(grupo).where(grupo.c.id == g.id).values(dispositivos=left))
    return found


def borrar(uow: UnitOfWork, grupo_id: int) -> None:
    """Forget a group; its devices stay as they are.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    nombrados.quitar(uow, grupo, grupo_id)
