"""The thread that keeps blocks and summaries of the log up to date, behind the ingest and in slices.

What is calculated is calculated from a snapshot, without the writer; then it is stored together with up to which row of
the log it tells. So a slice is either whole or not at all, and killed anywhere it goes on where it was.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from app import bloques, casa, dias, resumenes
from app.db import Database, raw
from app.domain.causa import Causa
from app.domain.errors import DomainError
from app.domain.horario_zona import UTC_ZONE
from app.domain.niveles import DIA, HORA, Calendario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from app.bloques import Bloque, Fila
    from app.clock import Clock
    from app.db import UnitOfWork
    from app.resumenes import Cambio

log = logging.getLogger(__name__)

SLICE_ROWS = 2000
SLICE_HOURS = 300
"""Hours of series in a slice, with a day each at most: what the writer stores in some 10 ms."""
PERIOD_S = 300.0
"""Few rows wait this long: each look writes a page of the disk for every series that moved."""
LOOK_S = 15.0
REST, MIN_REST_S, MAX_REST_S = 9.0, 0.02, 2.0
"""After a slice, rest this many times as long as it took: reports come first."""
RETRY_S = 5.0
STOP_S = 1.5
PRUNED = 1000
CAUSE = Causa("sistema", detalle="historial")


class Resumidor:
    """The thread ``historial``; :meth:`tick` is all it does, so that a test drives it in virtual time."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._looked: float | None = None
        self._calendar = Calendario(UTC_ZONE)
        self._counts = {"filas": 0, "tramos": 0, "pendientes": 0}
        self._fault: str | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="historial", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """End; the next start goes on."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def stats(self) -> dict[str, Any]:
        """Whether it runs, rows summarised since the start, rows that wait, and what keeps it from storing."""
        return {"vivo": self._thread.is_alive(), "fallo": self._fault, **self._counts}

    def tick(self, *, all_now: bool = False) -> float:
        """At most one slice; answers after how many seconds to look again, 0 when there is more to do.

        Raises:
            DomainError: the database could not be read or written; the next look goes on.
        """
        now = self._clock.monotonic()
        with self._db.reader() as conn:
            self._set_zone(conn)
            last = raw(conn).execute("SELECT ifnull(max(id), 0) FROM estado_log").fetchone()[0]
            waiting = self._counts["pendientes"] = last - bloques.contado_hasta(conn)
        due = self._looked is None or now - self._looked >= PERIOD_S
        if waiting >= SLICE_ROWS or (waiting > 0 and (due or all_now)):
            self._looked = now
            self.slice()
            return 0.0
        return 0.0 if dias.rehacer(self._db, self._calendar) or podar(self._db) else LOOK_S

    def slice(self) -> None:
        """Take in the rows that follow."""
        with self._db.reader() as conn:
            told = bloques.contado_hasta(conn)
            rows = bloques.siguen(conn, told, SLICE_ROWS)
            if not rows:
                return
            blocks, change = self._prepare(conn, rows)
        with self._db.unit_of_work(CAUSE) as uow:
            if not _advance(uow, told, change.ultimo_id):
                return  # rows were deleted meanwhile
            dias.anunciar(uow, self._calendar.zona.key)
            _store_blocks(uow, blocks)
            resumenes.guardar(uow.conn, change)
        self._counts["filas"] += change.filas
        self._counts["tramos"] += len(change.partes)

    def _prepare(self, conn: Connection, rows: Sequence[Fila]) -> tuple[list[Bloque], Cambio]:
        """Of devices that are no more nothing is kept, but their rows are passed."""
        there = {i for (i,) in raw(conn).execute("SELECT id FROM dispositivo")}
        mine = [row for row in rows if row.dispositivo_id in there]
        change = resumenes.calcular(conn, mine, self._calendar, limit=SLICE_HOURS)
        if change.filas == len(mine):
            change.ultimo_id, change.filas = rows[-1].id, len(rows)
        else:
            change.filas = sum(1 for row in rows if row.id <= change.ultimo_id)
        return bloques.crecer(conn, [row for row in mine if row.id <= change.ultimo_id]), change

    def _set_zone(self, conn: Connection) -> None:
        zona = casa.zona(conn, self._db.casa)
        if zona is not self._calendar.zona:
            self._calendar = Calendario(zona)

    def _run(self) -> None:
        wait = MIN_REST_S
        while not self._ending.wait(wait):
            started = self._clock.monotonic()
            wait = self._safely(self.tick)
            if wait == 0.0:
                spent = self._clock.monotonic() - started
                wait = min(max(MIN_REST_S, REST * spent), MAX_REST_S)

    def _safely(self, work: Callable[[], float]) -> float:
        try:
            wait = work()
        except DomainError as error:  # locked or full: later
            self._fault, wait = error.mensaje, RETRY_S
        except Exception:
            log.exception("history could not be summarised")
            self._fault, wait = "fallo inesperado; véase el registro", RETRY_S
        else:
            self._fault = None
        return wait


def _advance(uow: UnitOfWork, told: int, now_told: int) -> bool:
    """Whether the summaries still told up to ``told``; then they tell up to ``now_told``."""
    sql = "UPDATE casa SET valor = ? WHERE clave = 'historial_hasta' AND valor = ?"
    return uow.file.execute(sql, (now_told, told)).rowcount == 1


def _store_blocks(uow: UnitOfWork, blocks: Sequence[Bloque]) -> None:
    uow.file.executemany(f"INSERT OR REPLACE INTO log_bloque VALUES ({','.join('?' * 12)})", blocks)


def podar(db: Database) -> int:
    """A slice of what is kept of devices that are no more; how many rows went."""
    with db.reader() as conn:
        gone = raw(conn).execute(_GONE_SERIE).fetchone() or (None,)
        device = raw(conn).execute(_GONE_BLOCKS).fetchone() or (None,)
    if gone[0] is None and device[0] is None:
        return 0
    with db.unit_of_work(CAUSE) as uow:
        file = uow.file
        if gone[0] is None:
            return file.execute(_PRUNE_BLOCKS, (device[0], device[0], PRUNED)).rowcount
        for nivel in (HORA, DIA):
            done = file.execute(_PRUNE_SUMMARIES, (nivel, gone[0], nivel, gone[0], PRUNED)).rowcount
            if done:
                return done
        return file.execute("DELETE FROM serie WHERE id = ?", gone).rowcount


_GONE_SERIE = (
    "SELECT s.id FROM serie s WHERE NOT EXISTS (SELECT 1 FROM dispositivo d WHERE d.id = s.dispositivo_id) LIMIT 1"
)
_GONE_BLOCKS = (  # from one device to the next by the key
    "WITH RECURSIVE ids(i) AS (SELECT min(dispositivo_id) FROM log_bloque UNION ALL "
    "SELECT (SELECT min(dispositivo_id) FROM log_bloque WHERE dispositivo_id > i) FROM ids WHERE i IS NOT NULL) "
    "SELECT i FROM ids WHERE i IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dispositivo d WHERE d.id = i) LIMIT 1"
)
_PRUNE_BLOCKS = (
    "DELETE FROM log_bloque WHERE dispositivo_id = ? AND numero IN "
    "(SELECT numero FROM log_bloque WHERE dispositivo_id = ? ORDER BY numero LIMIT ?)"
)
_PRUNE_SUMMARIES = (
    "DELETE FROM resumen WHERE nivel = ? AND serie_id = ? AND inicio IN "
    "(SELECT inicio FROM resumen WHERE nivel = ? AND serie_id = ? ORDER BY inicio LIMIT ?)"
)
