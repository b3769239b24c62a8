"""The audit: who did what to what, from where (SECURITY item 10). Append-only; the reader is an administrator."""

from __future__ import annotations

import unicodedata
from typing import Any

from app.clock import iso_z
from app.db import UnitOfWork, insert_one
from app.domain.dispositivo import dump_object
from app.models import auditoria

HECHO, DENEGADO, FALLIDO = "hecho", "denegado", "fallido"


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
    insert_one(uow.conn, auditoria, row)


def printable(text: str) -> str:
    """The text with control characters, and those that turn or hide text, escaped: a name can't forge a line."""
    return "".join(
        c if c.isprintable() and unicodedata.category(c) not in ("Cf", "Zl", "Zp") else f"\\u{ord(c):04x}" for c in text
    )
