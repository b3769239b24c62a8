"""The part of the house that an account sees, over rows: its devices, and what it is told of what names devices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.db import UnitOfWork, raw
from app.domain.events import AccesoRevocado
from app.domain.identidad import Alcance

_GIVEN = "IN (SELECT value FROM json_each(?))"
DENTRO = f"(SELECT id FROM dispositivo WHERE id {_GIVEN} OR habitacion_id {_GIVEN})"
"""SQL: the ids of the devices of a scope, with the values of :func:`valores`."""


@dataclass(frozen=True, slots=True)
class Vista:
    """A scope with the devices that are in it now."""

    alcance: Alcance
    dispositivos: frozenset[int]


def valores(alcance: Alcance) -> tuple[str, str]:
    """What :data:`DENTRO` is given."""
    return json.dumps(sorted(alcance.dispositivos)), json.dumps(sorted(alcance.habitaciones))


def vista(conn: Connection, alcance: Alcance | None) -> Vista | None:
    """What a scope has now; None for the whole house."""
    if alcance is None:
        return None
    return Vista(alcance, frozenset(i for (i,) in raw(conn).execute(DENTRO[1:-1], valores(alcance))))


def olvidar(uow: UnitOfWork, *, habitacion: int | None = None, dispositivo: int | None = None) -> None:
    """A room or device is no more: no account's scope may name it, because its number may be given out again."""
    gone = [("habitaciones", habitacion), ("dispositivos", dispositivo)]
    rows = uow.file.execute("SELECT id, alcance FROM usuario WHERE alcance IS NOT NULL").fetchall()
    for usuario_id, text in rows:
        found: dict[str, Any] = json.loads(text)
        left = {campo: [i for i in found.get(campo, []) if i != number] for campo, number in gone}
        if left != found:
            uow.file.execute("UPDATE usuario SET alcance = ? WHERE id = ?", (json.dumps(left), usuario_id))
            uow.revocados.append(AccesoRevocado(usuario_id))
