"""Use-cases of tokens: what a program shows instead of a password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.auditoria import apuntar
from app.clock import iso_z
from app.db import UnitOfWork, insert_one, raw
from app.domain.errors import DatosInvalidos, DemasiadosNombrados, ErrorCampo, RecursoNotFound
from app.domain.events import AccesoRevocado
from app.domain.identidad import Ambito
from app.models import token
from app.secretos import SHOWN_CHARACTERS, digest

MAX_TOKENS = 50
"""Of one account; one more is refused, because nothing says which of its programs could do without its own."""
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Token:
    """A token, as its account and administrators see it."""

    id: int
    usuario: str
    nombre: str
    inicio: str
    ambito: str
    creado_en: str
    expira_en: str | None
    usado_en: str | None

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {name: getattr(self, name) for name in self.__slots__}


def credential(token_id: int) -> str:
    """Its name in identities and revocations."""
    return f"token:{token_id}"


def crear(
    uow: UnitOfWork, usuario_id: int, secreto: str, *, nombre: str, ambito: Ambito, expira_en: datetime | None
) -> Token:
    """Give one out; of ``secreto`` only a SHA-256 stays.

    Raises:
        DemasiadosNombrados: the account has ``MAX_TOKENS``.
        DatosInvalidos: it would end before it begins.
        RecursoNotFound: there is no such account.
    """
    if expira_en is not None and expira_en <= uow.now:
        raise DatosInvalidos([ErrorCampo("expira_en", "ya ha pasado")])
    db = uow.file
    db.execute("DELETE FROM token WHERE expira_en <= ?", (iso_z(uow.now),))
    if db.execute("SELECT count(*) FROM token WHERE usuario_id = ?", (usuario_id,)).fetchone()[0] >= MAX_TOKENS:
        raise DemasiadosNombrados(f"Ese usuario ya tiene {MAX_TOKENS} tokens; revoque alguno")
    if db.execute("SELECT 1 FROM usuario WHERE id = ?", (usuario_id,)).fetchone() is None:
        raise RecursoNotFound
    end = iso_z(expira_en) if expira_en else None
    row = (
        usuario_id, nombre, digest(secreto), secreto[:SHOWN_CHARACTERS], ambito.value, iso_z(uow.now), end, None,
    )  # fmt: skip
    made = _one(uow.conn, insert_one(uow, token, row))
    apuntar(uow, "token_creado", credential(made.id), detalle={"usuario": made.usuario, "ambito": made.ambito})
    return made


def listar(conn: Connection, usuario_id: int | None, now: datetime) -> list[Token]:
    """The tokens of an account, or everyone's, that still count; oldest first."""
    query = (
        f"{_SELECT} WHERE (? IS NULL OR t.usuario_id = ?) AND (t.expira_en IS NULL OR t.expira_en > ?) ORDER BY t.id"
    )
    return [Token(*row) for row in raw(conn).execute(query, (usuario_id, usuario_id, iso_z(now)))]


def revocar(uow: UnitOfWork, token_id: int, usuario_id: int | None) -> None:
    """It counts no more; of that account, or of anybody when None.

    Raises:
        RecursoNotFound: there is none of that id, or it is somebody else's.
    """
    query = "SELECT usuario_id FROM token WHERE id = ?"
    row = uow.file.execute(query, (token_id,)).fetchone() if token_id <= MAX_ID else None
    if row is None or usuario_id not in (None, row[0]):
        raise RecursoNotFound
    found = _one(uow.conn, token_id)
    uow.file.execute("DELETE FROM token WHERE id = ?", (token_id,))
    uow.revocados.append(AccesoRevocado(row[0], credential(token_id)))
    apuntar(uow, "token_revocado", credential(token_id), detalle={"usuario": found.usuario, "nombre": found.nombre})


_SELECT = (
    "SELECT t.id, u.nombre, t.nombre, t.inicio, t.ambito, t.creado_en, t.expira_en, t.usado_en FROM token t "
    "JOIN usuario u ON u.id = t.usuario_id"
)


def _one(conn: Connection, token_id: int) -> Token:
    return Token(*raw(conn).execute(f"{_SELECT} WHERE t.id = ?", (token_id,)).fetchone())
