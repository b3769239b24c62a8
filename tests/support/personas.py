"""People with accounts, for tests of what each may do: rows in the database, and who they are to the use-cases."""

from __future__ import annotations

from collections.abc import Iterable

from app.db import Database
from app.domain.identidad import DE_ROL, Alcance, Identidad, Permiso, Rol


def open_accounts(db: Database, names: Iterable[str], rol: Rol = Rol.MIEMBRO) -> dict[str, Identidad]:
    """Accounts as somebody signed in to them has them."""
    found = {}
    with db.unit_of_work() as uow:
        for name in names:
            row = (name, "x", rol.value, True, uow.now.isoformat(), uow.now.isoformat())
            sql = "INSERT INTO usuario (nombre, clave, rol, activo, creado_en, clave_en) VALUES (?, ?, ?, ?, ?, ?)"
            found[name] = account(uow.file.execute(sql, row).lastrowid or 0, name, rol)
    return found


def account(usuario_id: int, name: str, rol: Rol = Rol.MIEMBRO, alcance: Alcance | None = None) -> Identidad:
    return Identidad(name, Permiso(DE_ROL[rol]), usuario_id, rol, f"sesion:{usuario_id}", alcance)
