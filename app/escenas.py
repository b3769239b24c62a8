"""Scenes: a set of desired states with a name, applied at once, each with its order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, update

from app import masivo, nombrados
from app.alcance import Vista, vista
from app.clock import iso_z
from app.db import UnitOfWork, insert_one
from app.dispositivos import conocidos
from app.domain.causa import Causa
from app.domain.errors import EscenaEnUso, RecursoNotFound
from app.domain.identidad import Alcance
from app.domain.peticiones import Cambios
from app.models import escena, regla

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


def listar(conn: Connection) -> list[Escena]:
    """Every scene, oldest first."""
    return [Escena(*row) for row in nombrados.filas(conn, escena)]


def obtener(conn: Connection, escena_id: int) -> Escena:
    """The scene.

    Raises:
        RecursoNotFound: no scene has that id.
    """
    return Escena(*nombrados.fila(conn, escena, escena_id))


def recortar(found: Escena, vista: Vista) -> Escena | None:
    """What somebody who sees a part of the house is told of a scene; None: nothing."""
    acciones = [a for a in found.acciones if a["dispositivo_id"] in vista.dispositivos]
    return replace(found, acciones_json=_dump(acciones)) if acciones else None


def crear(uow: UnitOfWork, nombre: str, acciones: Acciones) -> Escena:
    """Add a scene.

    Raises:
        NombreRepetido, DemasiadosNombrados: see :mod:`app.nombrados`.
        DatosInvalidos: an action names a device that does not exist, or one that another names too.
    """
    nombrados.admitir(uow.conn, escena, nombre, maximo=MAX_ESCENAS)
    _check(uow.conn, acciones)
    now = iso_z(uow.now)
    text = _dump(acciones)
    return Escena(insert_one(uow, escena, (nombre, text, now, None)), nombre, text, now, None)


def cambiar(uow: UnitOfWork, escena_id: int, nombre: str, acciones: Acciones) -> Escena:
    """Lay a scene anew.

    Raises:
        RecursoNotFound, NombreRepetido, DatosInvalidos: see :func:`crear`.
    """
    found = obtener(uow.conn, escena_id)
    nombrados.renombrar(uow.conn, escena, nombre, escena_id)
    _check(uow.conn, acciones)
    text = _dump(acciones)
    uow.conn.execute(update(escena).where(escena.c.id == escena_id).values(nombre=nombre, acciones=text))
    return replace(found, nombre=nombre, acciones_json=text)


def borrar(uow: UnitOfWork, escena_id: int) -> None:
    """Forget a scene; what it asked for stays asked for.

    Raises:
        RecursoNotFound: no scene has that id.
        EscenaEnUso: a rule applies it.
    """
    for row in nombrados.filas(uow.conn, regla):
        if any(a.get("escena_id") == escena_id for a in json.loads(row.definicion)["acciones"]):
            raise EscenaEnUso(f"La regla «{row.nombre}» usa esa escena")
    nombrados.quitar(uow, escena, escena_id)


def olvidar(uow: UnitOfWork, device_id: int) -> list[Escena]:
    """Take a device out of every scene, which may then ask for nothing; those that named it."""
    found = [e for e in listar(uow.conn) if any(a["dispositivo_id"] == device_id for a in e.acciones)]
    for e in found:
        left = _dump([a for a in e.acciones if a["dispositivo_id"] != device_id])
        uow.conn.execute(update(escena).where(escena.c.id == e.id).values(acciones=left))
    return found


def aplicar(uow: UnitOfWork, escena_id: int, alcance: Alcance | None = None) -> list[masivo.Resultado]:
    """Ask each device for what the scene says; the changes keep who or which rule asked, and the scene as cause.
    Who sees a part of the house applies what they see of it.

    Raises:
        RecursoNotFound: no scene has that id, or nothing of it may be seen.
    """
    seen = vista(uow.conn, alcance)
    whole = obtener(uow.conn, escena_id)
    found = whole if seen is None else recortar(whole, seen)
    if found is None:
        raise RecursoNotFound
    asked = uow.causa
    uow.causa = Causa(
        "escena",
        asked.quien,
        asked.desde,
        found.id,
        found.nombre,
        asked.nombre if asked.tipo == "regla" else None,
        cadena=(*asked.cadena, f"escena {found.id}"),
    )
    try:
        changes = [(a["dispositivo_id"], Cambios(configuracion=a["configuracion"])) for a in found.acciones]
        results = masivo.aplicar(uow, changes)
    finally:
        uow.causa = asked
    uow.conn.execute(update(escena).where(escena.c.id == escena_id).values(aplicada_en=iso_z(uow.now)))
    return results


def _check(conn: Connection, acciones: Acciones) -> None:
    conocidos(conn, [(f"acciones[{n}].dispositivo_id", a["dispositivo_id"]) for n, a in enumerate(acciones)])


def _dump(acciones: Acciones) -> str:
    return json.dumps(list(acciones), ensure_ascii=False, separators=(",", ":"))
