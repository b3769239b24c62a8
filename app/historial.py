"""Use-cases of history: the log of each device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection

from app.db import UnitOfWork, bulk_insert, raw
from app.domain.causa import DISPOSITIVO
from app.models import estado_log

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FilaLog:
    """One row of the log as clients read it."""

    estado: str | None
    parametros_json: str
    timestamp: str | None
    causa_json: str


@dataclass(frozen=True, slots=True)
class Pagina(Generic[T]):
    """One page, newest first; past the end ``data`` is empty."""

    page: int
    per_page: int
    total: int
    pages: int
    data: list[T]


def make_page(page: int, per_page: int, total: int, data: list[T]) -> Pagina[T]:
    """The page with its count of pages."""
    return Pagina(page, per_page, total, -(-total // per_page), data)


def append_logs(uow: UnitOfWork, rows: Sequence[tuple[int, str, str, str | None]]) -> None:
    """Append (device id, estado, parametros and cause as JSON texts), all at the unit's instant. A cause of None is the
    device's own report, which is almost every row and so costs nothing."""
    stamp = sello(uow)
    append_stamped(uow, [(d, estado, parametros, stamp, causa) for d, estado, parametros, causa in rows])


def append_stamped(uow: UnitOfWork, rows: Sequence[tuple[int, str, str, str, str | None]]) -> None:
    """The same with the instant of each, as :func:`sello` writes it, before the cause; a device's in order of time."""
    bulk_insert(uow, estado_log, list(rows))


def sello(uow: UnitOfWork) -> str:
    """The unit's instant as the original program's column has it: naive UTC text (WIRE §3); clients get ``T`` and
    ``Z``."""
    return uow.now.isoformat(" ", "microseconds")[:26]


MAX_OFFSET = 2**62
OWN_REPORT = DISPOSITIVO.json()


def ultima_hora(conn: Connection) -> datetime | None:
    """When the last row of the house was written, by the clock of then; None when there is none, or it says nothing."""
    row = raw(conn).execute("SELECT timestamp FROM estado_log ORDER BY id DESC LIMIT 1").fetchone()
    try:
        return None if row is None or row[0] is None else datetime.fromisoformat(str(iso_of(row[0])))
    except ValueError:  # a row of the original program can hold anything
        return None


def podar_huerfanas(uow: UnitOfWork, limit: int) -> int:
    """Delete at most ``limit`` of the rows whose device is no more; how many went, 0 when there are none left."""
    file = uow.file
    gone = file.execute(_ORPHANED).fetchone()
    if gone is None:
        return 0
    pruned = file.execute(_PRUNE, (gone[0], limit)).rowcount
    file.execute(_NOT_BEYOND_THE_LAST)
    return pruned


_ORPHANED = (  # from one device to the next by the index: as many seeks as there are devices, not rows
    "WITH RECURSIVE ids(i) AS (SELECT min(dispositivo_id) FROM estado_log UNION ALL "
    "SELECT (SELECT min(dispositivo_id) FROM estado_log WHERE dispositivo_id > i) FROM ids WHERE i IS NOT NULL) "
    "SELECT i FROM ids WHERE i IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dispositivo d WHERE d.id = i) LIMIT 1"
)
_PRUNE = "DELETE FROM estado_log WHERE id IN (SELECT id FROM estado_log WHERE dispositivo_id = ? ORDER BY id LIMIT ?)"
# SQLite gives the id of a newest row that was deleted again: what the summaries are told to know must not reach it.
_NOT_BEYOND_THE_LAST = (
    "UPDATE casa SET valor = ifnull((SELECT max(id) FROM estado_log), 0) WHERE clave = 'historial_hasta' "
    "AND valor > ifnull((SELECT max(id) FROM estado_log), 0)"
)


def escritas_en(conn: Connection, dispositivo_id: int, instante: str) -> list[FilaLog]:
    """The rows of a device that one unit wrote at an instant (ISO, ``Z``), newest first, at most 200.

    A device writes millions of rows and they have no index by time, but they are in the order of time: its first row
    of that instant is found by halving, an index seek each. Where a clock was set back there may be none found.
    """
    wanted, file = instante.replace("T", " ", 1).removesuffix("Z"), raw(conn)
    low, high = 0, file.execute(_LAST, (dispositivo_id,)).fetchone()[0] or 0
    while low < high:
        middle = (low + high) // 2
        _, stamp, *_ = file.execute(f"{_FROM} LIMIT 1", (dispositivo_id, middle)).fetchone()
        low, high = (low, middle) if (stamp or "") >= wanted else (middle + 1, high)
    rows = file.execute(f"{_FROM} LIMIT 200", (dispositivo_id, low)).fetchall()
    return [FilaLog(e, p or "{}", iso_of(t), c or OWN_REPORT) for _, t, e, p, c in reversed(rows) if t == wanted]


_LAST = "SELECT max(id) FROM estado_log WHERE dispositivo_id = ?"
_FROM = (
    "SELECT id, timestamp, estado, parametros, causa FROM estado_log WHERE dispositivo_id = ? AND id >= ? ORDER BY id"
)


def iso_of(stamp: str | None) -> str | None:
    """A timestamp of the log as clients read it."""
    return None if stamp is None else stamp.replace(" ", "T", 1).removesuffix("Z") + "Z"


def stamp_of(moment: datetime) -> str:
    """An instant as the log writes it, less a fraction of nothing: so it is not after any other way to write it."""
    return moment.astimezone(UTC).isoformat(" ")[:26].removesuffix("+00:00")
