"""Scenes: a set of desired states with a name, applied at once, each with its order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select, update

from app import masivo
from app.clock import iso_z
from app.db import UnitOfWork, insert_one
from app.dispositivos import by_ids
from app.domain.causa import Causa
from app.domain.errors import DatosInvalidos, DemasiadasEscenas, ErrorCampo, EscenaNotFound, NombreRepetido
from app.domain.peticiones import Cambios
from app.models import escena

MAX_ESCENAS = 200
Acciones = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Escena:
    """A scene as its row holds it."""

    id: int
    nombre: str
    acciones_json: str
    creado_en: str
    aplicada_en: str | None

    @property
    def acciones(self) -> list[dict[str, Any]]:
        """``{"dispositivo_id", "configuracion"}`` each."""
        found: list[dict[str, Any]] = json.loads(self.acciones_json)
        return found

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "id": self.id,
            "nombre": self.nombre,
            "acciones": self.acciones,
            "creado_en": self.creado_en,
            "aplicada_en": self.aplicada_en,
        }


_ALL = select(*escena.columns).order_by(escena.c.id)


def listar(conn: Connection) -> list[Escena]:
    """Every scene, oldest first."""
    return [Escena(*row) for row in conn.execute(_ALL)]


def obtener(conn: Connection, escena_id: int) -> Escena:
    """The scene.

    Raises:
        EscenaNotFound: no scene has that id.
    """
    row = conn.execute(_ALL.where(escena.c.id == escena_id)).first() if escena_id < 1 << 63 else None
    if row is None:
        raise EscenaNotFound
    return Escena(*row)


def crear(uow: UnitOfWork, nombre: str, acciones: Acciones) -> Escena:
    """Add a scene.

    Raises:
        NombreRepetido: another has that name, in upper or lower case.
        DemasiadasEscenas: there are MAX_ESCENAS.
        DatosInvalidos: an action names a device that does not exist, or one that another names too.
    """
    count: int = uow.conn.execute(select(func.count()).select_from(escena)).scalar_one()
    if count >= MAX_ESCENAS:
        raise DemasiadasEscenas
    _check(uow.conn, nombre, acciones, None)
    now = iso_z(uow.now)
    text = _dump(acciones)
    return Escena(insert_one(uow.conn, escena, (nombre, text, now, None)), nombre, text, now, None)


def cambiar(uow: UnitOfWork, escena_id: int, nombre: str, acciones: Acciones) -> Escena:
    """Lay a scene anew.

    Raises:
        EscenaNotFound, NombreRepetido, DatosInvalidos: see :func:`crear`.
    """
    found = obtener(uow.conn, escena_id)
    _check(uow.conn, nombre, acciones, escena_id)
    text = _dump(acciones)
    uow.conn.execute(update(escena).where(escena.c.id == escena_id).values(nombre=nombre, acciones=text))
    return replace(found, nombre=nombre, acciones_json=text)


def borrar(uow: UnitOfWork, escena_id: int) -> None:
    """Forget a scene; what it asked for stays asked for.

    Raises:
        EscenaNotFound: no scene has that id.
    """
    obtener(uow.conn, escena_id)
    uow.conn.execute(escena.delete().where(escena.c.id == escena_id))


def aplicar(uow: UnitOfWork, escena_id: int) -> list[masivo.Resultado]:
    """Ask each device for what the scene says; the changes keep who asked, and the scene as their cause.

    Raises:
        EscenaNotFound: no scene has that id.
    """
    found = obtener(uow.conn, escena_id)
    asked = uow.causa
    uow.causa = Causa(
        "escena", asked.quien, asked.desde, found.id, found.nombre, cadena=(*asked.cadena, f"escena {found.id}")
    )
    try:
        changes = [(a["dispositivo_id"], Cambios(configuracion=a["configuracion"])) for a in found.acciones]
        results = masivo.aplicar(uow, changes)
    finally:
        uow.causa = asked
    uow.conn.execute(update(escena).where(escena.c.id == escena_id).values(aplicada_en=iso_z(uow.now)))
    return results


def _check(conn: Connection, nombre: str, acciones: Acciones, own: int | None) -> None:
    for other in listar(conn):
        if other.nombre.casefold() == nombre.casefold() and other.id != own:
            raise NombreRepetido
    ids = [a["dispositivo_id"] for a in acciones]
    known = by_ids(conn, set(ids))
    faults = [
        ErrorCampo(f"acciones[{n}].dispositivo_id", "no existe" if i not in known else "está repetido")
        for n, i in enumerate(ids)
        if i not in known or i in ids[:n]
    ]
    if faults:
        raise DatosInvalidos(faults)


def _dump(acciones: Acciones) -> str:
    return json.dumps(list(acciones), ensure_ascii=False, separators=(",", ":"))
