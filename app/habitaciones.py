"""Rooms: a device is in one or in none; what the room has is read from the devices."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, update

from app import nombrados
from app.alcance import Vista, olvidar
from app.clock import iso_z
from app.db import UnitOfWork, insert_one
from app.dispositivos import dejar_habitacion
from app.models import dispositivo, habitacion

MAX_HABITACIONES = 500


@dataclass(frozen=True, slots=True)
class Habitacion:
    """A room, with the ids of the devices in it."""

    id: int
    nombre: str
    creado_en: str
    dispositivos: tuple[int, ...] = ()

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "id": self.id,
            "nombre": self.nombre,
            "dispositivos": list(self.dispositivos),
            "creado_en": self.creado_en,
        }


def listar(conn: Connection) -> list[Habitacion]:
    """Every room, oldest first."""
    within = defaultdict(list)
    query = select(dispositivo.c.habitacion_id, dispositivo.c.id).where(dispositivo.c.habitacion_id.is_not(None))
    for room, device_id in conn.execute(query.order_by(dispositivo.c.id)):
        within[room].append(device_id)
    return [replace(Habitacion(*row), dispositivos=tuple(within[row.id])) for row in nombrados.filas(conn, habitacion)]


def obtener(conn: Connection, habitacion_id: int) -> Habitacion:
    """The room.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    found = Habitacion(*nombrados.fila(conn, habitacion, habitacion_id))
    query = select(dispositivo.c.id).where(dispositivo.c.habitacion_id == habitacion_id).order_by(dispositivo.c.id)
    return replace(found, dispositivos=tuple(conn.execute(query).scalars()))


def recortar(found: Habitacion, vista: Vista) -> Habitacion | None:
    """What somebody who sees a part of the house is told of a room; None: nothing."""
    ids = tuple(i for i in found.dispositivos if i in vista.dispositivos)
    return replace(found, dispositivos=ids) if ids or found.id in vista.alcance.habitaciones else None


def crear(uow: UnitOfWork, nombre: str) -> Habitacion:
    """Add an empty room.

    Raises:
        NombreRepetido, DemasiadosNombrados: see :mod:`app.nombrados`.
    """
    nombrados.admitir(uow.conn, habitacion, nombre, maximo=MAX_HABITACIONES)
    now = iso_z(uow.now)
    return Habitacion(insert_one(uow, habitacion, (nombre, now)), nombre, now)


def cambiar(uow: UnitOfWork, habitacion_id: int, nombre: str) -> Habitacion:
    """Give it another name.

    Raises:
        RecursoNotFound, NombreRepetido: see :mod:`app.nombrados`.
    """
    found = obtener(uow.conn, habitacion_id)
    nombrados.renombrar(uow.conn, habitacion, nombre, habitacion_id)
    uow.conn.execute(update(habitacion).where(habitacion.c.id == habitacion_id).values(nombre=nombre))
    return replace(found, nombre=nombre)


def borrar(uow: UnitOfWork, habitacion_id: int) -> None:
    """Forget a room; its devices stay, in none.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    obtener(uow.conn, habitacion_id)
    dejar_habitacion(uow, habitacion_id)
    olvidar(uow, habitacion=habitacion_id)
    nombrados.quitar(uow, habitacion, habitacion_id)
