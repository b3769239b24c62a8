"""The summaries of days are days of the house's zone: when it moves, they are made anew from hours, in slices.

``casa_texto`` says under ``historial_dias`` of which zone they are and how far the making has come; while it goes on,
readers put days together from hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from app.db import raw
from app.domain.niveles import DIA, HORA
from app.domain.resumen import Resumen, unir_todos
from app.resumenes import leer, poner_dias
from app.retencion import horizontes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.db import Database, UnitOfWork
    from app.domain.niveles import Calendario

KEY = "historial_dias"
DAYS = 200
PRUNED = 1000
LAST = 2**62


def listos(conn: Connection, zona: str) -> bool:
    """Whether the days that are kept are all of this zone."""
    return _state(conn) == {"zona": zona}


def anunciar(uow: UnitOfWork, zona: str) -> None:
    """Days of this zone are about to be stored among others: whatever zone comes next, they have to be made anew."""
    if _state(uow.conn).get("zona") != zona:
        _set(uow, {"zona": zona, "borrando": True})


def rehacer(db: Database, calendario: Calendario) -> bool:
    """A slice of making the days anew; False when there is nothing to do."""
    zona = calendario.zona.key
    with db.reader() as conn:
        state = _state(conn)
        if state == {"zona": zona}:
            return False
        if state.get("zona") != zona:
            state = {"zona": zona, "borrando": True}
        days: dict[tuple[int, int, int], Resumen] = {}
        after = state if state.get("borrando") else _next_days(conn, state, calendario, days)
    with db.unit_of_work() as uow:
        kept = horizontes(uow.conn).hora  # from before, no hours are left to make days from
        if state.get("borrando") and uow.file.execute(_PRUNE, (kept, PRUNED)).rowcount == 0:
            after = {"zona": zona, "serie": 0, "desde": -LAST}
        poner_dias(uow.conn, days)
        _set(uow, after)
    return True


def _next_days(
    conn: Connection, state: dict[str, Any], calendario: Calendario, days: dict[tuple[int, int, int], Resumen]
) -> dict[str, Any]:
    """Add the days that follow to ``days``; answers from where to go on."""
    serie, desde = state["serie"], state["desde"]
    for _ in range(DAYS):
        row = raw(conn).execute(_NEXT, (HORA, serie, desde - HORA)).fetchone()
        if row is None:
            following = raw(conn).execute("SELECT min(id) FROM serie WHERE id > ?", (serie,)).fetchone()[0]
            return {**state, "serie": following, "desde": -LAST} if following else {"zona": state["zona"]}
        begin, _ = calendario.dia(max(row[0], desde))
        below, first, desde = calendario.partes(begin)
        parts = leer(conn, below, serie, first, desde)
        if parts:
            days[DIA, serie, begin] = unir_todos(r for _, r in parts)
    return {**state, "desde": desde}


def _state(conn: Connection) -> dict[str, Any]:
    row = raw(conn).execute("SELECT valor FROM casa_texto WHERE clave = ?", (KEY,)).fetchone()
    found: dict[str, Any] = from_json(row[0]) if row else {}
    return found


def _set(uow: UnitOfWork, state: dict[str, Any]) -> None:
    uow.file.execute(_SET, (KEY, to_json(state).decode()))


_PRUNE = (
    f"DELETE FROM resumen WHERE nivel = {DIA} AND (serie_id, inicio) IN "
    f"(SELECT serie_id, inicio FROM resumen WHERE nivel = {DIA} AND inicio >= ? LIMIT ?)"
)
_NEXT = "SELECT inicio FROM resumen WHERE nivel = ? AND serie_id = ? AND inicio > ? ORDER BY inicio LIMIT 1"
_SET = "INSERT INTO casa_texto VALUES (?, ?) ON CONFLICT DO UPDATE SET valor = excluded.valor"
