"""What people give a name to (rooms, groups, scenes, rules): one table each, a bounded number, no name twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, func, select

from app.db import UnitOfWork
from app.domain.errors import DemasiadosNombrados, NombreRepetido, RecursoNotFound

MAX_ID = 2**63 - 1


def filas(conn: Connection, table: Table) -> list[Any]:
    """Every row, oldest first."""
    return list(conn.execute(select(*table.columns).order_by(table.c.id)))


def fila(conn: Connection, table: Table, item_id: int) -> Any:
    """One row.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    query = select(*table.columns).where(table.c.id == item_id)
    row = conn.execute(query).first() if 0 < item_id <= MAX_ID else None
    if row is None:
        raise RecursoNotFound
    return row


def admitir(conn: Connection, table: Table, nombre: str, *, maximo: int) -> None:
    """Whether a new one of that name has its place.

    Raises:
        DemasiadosNombrados: there are ``maximo``.
        NombreRepetido: see :func:`renombrar`.
    """
    count: int = conn.execute(select(func.count()).select_from(table)).scalar_one()
    if count >= maximo:
        raise DemasiadosNombrados(f"Ya hay {maximo}; borre alguno")
    renombrar(conn, table, nombre, None)


def renombrar(conn: Connection, table: Table, nombre: str, own: int | None) -> None:
    """Whether the one of id ``own`` may have that name.

    Raises:
        NombreRepetido: another has it, in upper or lower case.
    """
    for other, name in conn.execute(select(table.c.id, table.c.nombre)):
        if name.casefold() == nombre.casefold() and other != own:
            raise NombreRepetido


def quitar(uow: UnitOfWork, table: Table, item_id: int) -> None:
    """Delete one.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    fila(uow.conn, table, item_id)
    uow.conn.execute(table.delete().where(table.c.id == item_id))
