"""The audit: who did what to what, from where (SECURITY item 10). Append-only; the reader is an administrator.

Ids have no holes: rows are only added, and only the oldest go. So a page of all of them is found by its ids, however
deep it is.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.clock import iso_z
from app.db import UnitOfWork, insert_one, raw
from app.domain.dispositivo import dump_object, load_object
from app.historial import Pagina, make_page
from app.models import auditoria

HECHO, DENEGADO, FALLIDO = "hecho", "denegado", "fallido"
PODADA = "auditoria_podada"
SLICE = 1000


@dataclass(frozen=True, slots=True)
class Anotacion:
    """One line of the audit."""

    id: int
    instante: str
    quien: str
    desde: str | None
    accion: str
    objeto: str | None
    resultado: str
    detalle_json: str

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "id": self.id,
            "instante": self.instante,
            "quien": self.quien,
            "desde": self.desde,
            "accion": self.accion,
            "objeto": self.objeto,
            "resultado": self.resultado,
            "detalle": load_object(self.detalle_json),
        }


@dataclass(frozen=True, slots=True)
class FiltroAuditoria:
    """Which lines: of whom (any of their credentials), of what kind, from and before an instant (ISO, ``Z``)."""

    quien: str | None = None
    accion: str | None = None
    desde: str | None = None
    hasta: str | None = None

    @classmethod
    def make(
        cls, quien: str | None, accion: str | None, desde: datetime | None, hasta: datetime | None
    ) -> FiltroAuditoria:
        """Of instants in UTC."""
        start, end = (None if moment is None else iso_z(moment) for moment in (desde, hasta))
        return cls(quien, accion, start, end)


def apuntar(
    uow: UnitOfWork,
    accion: str,
    objeto: str | None = None,
    *,
    resultado: str = HECHO,
    detalle: dict[str, Any] | None = None,
) -> None:
    """Write one line; who and from where are the unit's cause. ``accion`` is a stable word (``usuario_creado``)."""
    quien = uow.causa.quien or uow.causa.tipo
    row = (
        iso_z(uow.now),
        printable(quien)[:80],
        None if uow.causa.desde is None else printable(uow.causa.desde)[:64],
        accion,
        None if objeto is None else printable(objeto)[:120],
        resultado,
        dump_object(detalle or {}),
    )
    insert_one(uow, auditoria, row)


def printable(text: str) -> str:
    """The text with control characters, and those that turn or hide text, escaped: a name can't forge a line."""
    return "".join(
        c if c.isprintable() and unicodedata.category(c) not in ("Cf", "Zl", "Zp") else f"\\u{ord(c):04x}" for c in text
    )


def listar(conn: Connection, filtro: FiltroAuditoria, *, page: int, per_page: int) -> Pagina[Anotacion]:
    """A page of the audit, newest first."""
    where, values = _where(filtro)
    if not where:
        return _page_of_all(conn, page, per_page)
    total: int = raw(conn).execute(f"SELECT count(*) FROM auditoria{where}", values).fetchone()[0]
    offset = (page - 1) * per_page
    if offset >= total:
        return make_page(page, per_page, total, [])
    rows = raw(conn).execute(f"{_ROWS}{where} ORDER BY id DESC LIMIT ? OFFSET ?", (*values, per_page, offset))
    return make_page(page, per_page, total, [Anotacion(*row) for row in rows])


def podar(uow: UnitOfWork, keep: int) -> int:
    """Keep ``keep`` lines: beyond them at most a slice of the oldest goes, some more than must, so that it need not be
    done for each new line; that they went is a line itself. Answers how many went."""
    oldest, newest = uow.file.execute(_ENDS).fetchone()
    if oldest is None or newest - oldest + 1 <= keep:
        return 0
    upto = min(oldest + SLICE - 1, newest + 1 - keep + keep // 100)  # one more, for the line that tells it
    last = uow.file.execute("SELECT instante FROM auditoria WHERE id = ?", (upto,)).fetchone()
    gone = uow.file.execute("DELETE FROM auditoria WHERE id <= ?", (upto,)).rowcount
    apuntar(uow, PODADA, detalle={"filas": gone, "hasta": last[0] if last else None})
    return gone


_ROWS = f"SELECT {','.join(c.name for c in auditoria.columns)} FROM auditoria"
_ENDS = "SELECT (SELECT min(id) FROM auditoria), (SELECT max(id) FROM auditoria)"


def _page_of_all(conn: Connection, page: int, per_page: int) -> Pagina[Anotacion]:
    oldest, newest = raw(conn).execute(_ENDS).fetchone()
    total = 0 if oldest is None else newest - oldest + 1
    offset = (page - 1) * per_page
    if offset >= total:
        return make_page(page, per_page, total, [])
    first = newest - offset
    rows = raw(conn).execute(f"{_ROWS} WHERE id BETWEEN ? AND ? ORDER BY id DESC", (first - per_page + 1, first))
    return make_page(page, per_page, total, [Anotacion(*row) for row in rows])


def _where(filtro: FiltroAuditoria) -> tuple[str, list[str]]:
    parts, values = [], []
    if filtro.quien is not None:  # "ana" finds "ana (token movil)" too
        parts.append("(quien = ? OR substr(quien, 1, length(?) + 2) = ? || ' (')")
        values += [filtro.quien] * 3
    for test, value in (("accion = ?", filtro.accion), ("instante >= ?", filtro.desde), ("instante < ?", filtro.hasta)):
        if value is not None:
            parts.append(test)
            values.append(value)
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values
