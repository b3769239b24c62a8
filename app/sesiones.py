"""Use-cases of sessions: an account that signed in with its password, from one browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.auditoria import apuntar, printable
from app.clock import iso_z
from app.db import UnitOfWork, insert_one, raw
from app.domain.errors import RecursoNotFound
from app.domain.events import AccesoRevocado
from app.models import sesion

IDLE = timedelta(days=30)
ABSOLUTE = timedelta(days=90)
MAX_SESIONES = 50
"""Of one account; one more ends the one that was not used for longest."""
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sesion:
    """A session, as its account and administrators see it; the cookie itself is nowhere."""

    id: int
    usuario: str
    creada_en: str
    usada_en: str
    desde: str
    agente: str

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "id": self.id,
            "usuario": self.usuario,
            "creada_en": self.creada_en,
            "usada_en": self.usada_en,
            "expira_en": iso_z(ends(self.creada_en, self.usada_en)),
            "desde": self.desde,
            "agente": self.agente,
        }


def ends(creada_en: str, usada_en: str) -> datetime:
    """When it ends if it is not used again: 30 days after its last use, 90 after its beginning."""
    return min(datetime.fromisoformat(usada_en) + IDLE, datetime.fromisoformat(creada_en) + ABSOLUTE)


def credential(sesion_id: int) -> str:
    """Its name in identities and revocations."""
    return f"sesion:{sesion_id}"


def abrir(uow: UnitOfWork, usuario_id: int, huella: str, *, agente: str) -> int:
    """Begin one; its id. Sessions that ended are forgotten, and the bound keeps the newest."""
    quitar_caducadas(uow)
    query = "SELECT id FROM sesion WHERE usuario_id = ? ORDER BY usada_en DESC, id DESC LIMIT -1 OFFSET ?"
    for (old,) in uow.file.execute(query, (usuario_id, MAX_SESIONES - 1)).fetchall():
        _end(uow, usuario_id, old)
    now, desde = iso_z(uow.now), printable(uow.causa.desde or "")[:64]
    sesion_id = insert_one(uow, sesion, (usuario_id, huella, now, now, desde, printable(agente)[:200]))
    apuntar(uow, "sesion_abierta", credential(sesion_id))
    return sesion_id


def listar(conn: Connection, usuario_id: int | None, now: datetime) -> list[Sesion]:
    """The sessions of an account, or everyone's, that go on; the last used first."""
    query = (
        "SELECT s.id, u.nombre, s.creada_en, s.usada_en, s.desde, s.agente FROM sesion s "
        "JOIN usuario u ON u.id = s.usuario_id WHERE ? IS NULL OR s.usuario_id = ? ORDER BY s.usada_en DESC, s.id DESC"
    )
    found = [Sesion(*row) for row in raw(conn).execute(query, (usuario_id, usuario_id))]
    return [s for s in found if ends(s.creada_en, s.usada_en) > now]


def cerrar(uow: UnitOfWork, sesion_id: int, usuario_id: int | None) -> None:
    """End one; of that account, or of anybody when None.

    Raises:
        RecursoNotFound: there is none of that id, or it is somebody else's.
    """
    query = "SELECT usuario_id FROM sesion WHERE id = ?"
    row = uow.file.execute(query, (sesion_id,)).fetchone() if sesion_id <= MAX_ID else None
    if row is None or usuario_id not in (None, row[0]):
        raise RecursoNotFound
    _end(uow, row[0], sesion_id)
    apuntar(uow, "sesion_cerrada", credential(sesion_id))


def cerrar_todas(uow: UnitOfWork, usuario_id: int, *, salvo: str | None = None) -> None:
    """End every session of an account, but for the credential ``salvo``."""
    for (one,) in uow.file.execute("SELECT id FROM sesion WHERE usuario_id = ?", (usuario_id,)).fetchall():
        if credential(one) != salvo:
            _end(uow, usuario_id, one)


def quitar_caducadas(uow: UnitOfWork) -> None:
    """Forget those that ended by themselves."""
    before = (iso_z(uow.now - IDLE), iso_z(uow.now - ABSOLUTE))
    uow.file.execute("DELETE FROM sesion WHERE usada_en <= ? OR creada_en <= ?", before)


def _end(uow: UnitOfWork, usuario_id: int, sesion_id: int) -> None:
    uow.file.execute("DELETE FROM sesion WHERE id = ?", (sesion_id,))
    uow.revocados.append(AccesoRevocado(usuario_id, credential(sesion_id)))
