"""People with accounts, for tests of what each may do: rows in the database, and who asks said by a header."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.db import Database, raw
from app.domain.identidad import DE_ROL, Alcance, Identidad, Permiso, Rol

HEADER = "HTTP_X_PRUEBA_CUENTA"


def open_accounts(db: Database, names: Iterable[str], rol: Rol = Rol.MIEMBRO) -> dict[str, Identidad]:
    """Accounts as somebody signed in to them has them."""
    found = {}
    with db.unit_of_work() as uow:
        for name in names:
            row = (name, "x", rol.value, True, uow.now.isoformat(), uow.now.isoformat())
            sql = "INSERT INTO usuario (nombre, clave, rol, activo, creado_en, clave_en) VALUES (?, ?, ?, ?, ?, ?)"
            found[name] = account(raw(uow.conn).execute(sql, row).lastrowid or 0, name, rol)
    return found


def account(usuario_id: int, name: str, rol: Rol = Rol.MIEMBRO, alcance: Alcance | None = None) -> Identidad:
    return Identidad(name, Permiso(DE_ROL[rol]), usuario_id, rol, f"sesion:{usuario_id}", alcance)


def as_said(people: dict[str, Identidad]) -> Callable[[Any], Any]:
    """A layer around an application that believes a header of the test; who says nothing is on a trusted network."""

    def wrap(app: Any) -> Any:
        def asked(environ: dict[str, Any], start: Any) -> Any:
            who = people.get(environ.get(HEADER, ""))
            if who is not None:
                environ["iot.identidad"] = who
            return app(environ, start)

        return asked

    return wrap
