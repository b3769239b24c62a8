"""Use-cases of rejected messages: kept with their reason for the operator, a bounded number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select, update

from app.clock import iso_z
from app.db import UnitOfWork, bulk_insert
from app.historial import Pagina, make_page
from app.models import casa, mensaje_rechazado

KEPT_PAYLOAD_BYTES = 512
KEPT_TOPIC_CHARS = 256
KEPT_DETAIL_CHARS = 300
"""A reason names the path of what is wrong, made of the sender's own keys, which may be 64 KiB long."""


@dataclass(frozen=True, slots=True)
class NuevoRechazo:
    """A message that was refused, as it came."""

    topic: str
    payload: bytes
    motivo: str
    detalle: str


@dataclass(frozen=True, slots=True)
class Rechazo:
    """A kept rejection. ``payload`` is the beginning of the message, escaped so that it is safe to print."""

    id: int
    timestamp: str
    topic: str
    motivo: str
    detalle: str
    payload: str
    bytes: int


def registrar(uow: UnitOfWork, nuevos: Sequence[NuevoRechazo], *, keep: int) -> None:
    """Keep these and drop the oldest beyond ``keep``; the count of all that ever were goes on."""
    if not nuevos:
        return
    stamp = iso_z(uow.now)
    rows = [
        (
            stamp,
            _printable(n.topic)[:KEPT_TOPIC_CHARS],
            n.motivo,
            _printable(n.detalle)[:KEPT_DETAIL_CHARS],
            n.payload[:KEPT_PAYLOAD_BYTES],
            len(n.payload),
        )
        for n in nuevos[-keep:]
    ]
    bulk_insert(uow, mensaje_rechazado, rows)
    newest = select(func.max(mensaje_rechazado.c.id)).scalar_subquery()
    uow.conn.execute(delete(mensaje_rechazado).where(mensaje_rechazado.c.id <= newest - keep))
    uow.conn.execute(_COUNT_ALL, {"n": len(nuevos)})


_COUNT_ALL = update(casa).where(casa.c.clave == "rechazados").values(valor=casa.c.valor + bindparam("n"))


def listar(conn: Connection, *, page: int, per_page: int) -> Pagina[Rechazo]:
    """A page of what is kept, newest first; ``total`` counts what is kept."""
    t = mensaje_rechazado.c
    total: int = conn.execute(select(func.count()).select_from(mensaje_rechazado)).scalar_one()
    offset = (page - 1) * per_page
    if offset >= total:
        return make_page(page, per_page, total, [])
    query = (
        select(t.id, t.timestamp, t.topic, t.motivo, t.detalle, t.payload, t.bytes)
        .order_by(t.id.desc())
        .limit(per_page)
        .offset(offset)
    )
    data = [Rechazo(i, ts, to, m, d, _escaped(p), n) for i, ts, to, m, d, p, n in conn.execute(query)]
    return make_page(page, per_page, total, data)


def _escaped(payload: bytes) -> str:
    return _printable(payload.decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
