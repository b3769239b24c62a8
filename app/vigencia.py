"""Whether an identity is still what the rows say, and until when; asked once a stream is open (``routes.stream``)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app import sesiones
from app.db import raw
from app.domain.errors import CredencialInvalida
from app.usuarios import parse_alcance

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.domain.identidad import Identidad

_OF = "FROM {0} c JOIN usuario u ON u.id = c.usuario_id WHERE c.id = ? AND u.id = ? AND u.activo"
_SESION = f"SELECT u.rol, u.alcance, c.creada_en, c.usada_en {_OF.format('sesion')}"
_TOKEN = f"SELECT u.rol, u.alcance, c.expira_en {_OF.format('token')}"


def hasta(conn: Connection, quien: Identidad) -> datetime | None:
    """When what it proved ends; None when nothing says so.

    Raises:
        CredencialInvalida: it ended, or the account has other rights now.
    """
    if quien.usuario_id is None or quien.credencial is None:
        return None
    kind, _, number = quien.credencial.partition(":")
    row = raw(conn).execute(_SESION if kind == "sesion" else _TOKEN, (int(number), quien.usuario_id)).fetchone()
    if row is None:
        raise CredencialInvalida
    rol, alcance, *times = row
    if quien.rol is None or rol != quien.rol.value or parse_alcance(alcance) != quien.alcance:
        raise CredencialInvalida
    if kind == "sesion":
        return sesiones.ends(*times)
    return None if times[0] is None else datetime.fromisoformat(times[0])
