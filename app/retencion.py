"""What of history goes by itself, oldest first and in slices: by age, level by level, or for the room it takes.

Rows go in whole blocks (:mod:`app.bloques`), which are summarised already, and the newest block of a device stays, so
that its last value is known. From where on each level is kept is remembered: a point that comes late for what is gone
enters no summary, because nothing could be calculated again there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from app.clock import iso_z
from app.db import raw
from app.domain.causa import Causa
from app.domain.niveles import DIA, HORA, instante_us
from app.domain.resumen import US
from app.historial import stamp_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from app.db import Database, UnitOfWork

CAUSE = Causa("sistema", detalle="retención")
BLOCKS, HOURS, PAGES = 4, 300, 100
"""In a slice: what the writer takes some 10 ms for."""
SPARE_PAGES = 250
"""Free pages that a database keeps for what comes next."""
LOW = 0.97
"""Having become too big, it shrinks to this share of the bound, so that it does not shrink with every message."""
CRUDO, CINCO, HORAS, DIAS = (f"historial_{name}_desde" for name in ("crudo", "cinco", "hora", "dia"))


@dataclass(frozen=True, slots=True)
class Conservar:
    """Days that each level is kept, and bytes that the database may take; 0: for ever, and no bound. ``parametros``:
    days of the summaries, of all levels, of series of that name; what is in rows is kept as long as the rows."""

    crudo_dias: float = 0.0
    cinco_dias: float = 0.0
    hora_dias: float = 0.0
    dia_dias: float = 0.0
    max_bytes: int = 0
    parametros: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Horizontes:
    """From which second of 1970 on each level is whole; 0: from the beginning."""

    crudo: int
    cinco: int
    hora: int
    dia: int

    @property
    def exactos(self) -> int:
        """From when on a late point can still be calculated in."""
        return max(self.crudo, self.cinco, self.hora)

    def as_object(self) -> dict[str, str | None]:
        """What clients read: from when on each level is kept, null where all of it is."""
        levels = {"filas": self.crudo, "PT5M": self.cinco, "PT1H": self.hora, "P1D": self.dia}
        return {name: iso_z(datetime.fromtimestamp(s, UTC)) if s else None for name, s in levels.items()}


def horizontes(conn: Connection) -> Horizontes:
    """As they are stored."""
    keys = (CRUDO, CINCO, HORAS, DIAS)
    found = dict(raw(conn).execute(f"SELECT clave, valor FROM casa WHERE clave IN ({','.join('?' * 4)})", keys))
    return Horizontes(*(int(found.get(key, 0)) for key in keys))


class Retencion:
    """:meth:`tick` takes one slice of whatever has to go; :mod:`app.limpieza` calls it."""

    def __init__(self, db: Database, conservar: Conservar) -> None:
        self._db = db
        self._keep = conservar
        self._shrinking = False
        self._series: Iterator[int] = iter(())
        self._emptied = self._walking = -1  # up to where the five minutes of all series were emptied, or are being
        self.counts = {"filas": 0, "resumenes": 0, "paginas": 0}

    def tick(self, now: datetime | None) -> int:
        """A slice; how much went, 0 when there is nothing to do. ``now`` None: the clock is not to be believed, and
        nothing goes for its age.

        Raises:
            DomainError: the database could not be read or written.
        """
        if now is not None and (done := self._old(now)):
            return done
        return self._too_much() or self._give_back()

    def stats(self) -> dict[str, Any]:
        """What went since the start."""
        return {**self.counts, "encogiendo": self._shrinking}

    # --- by age -----------------------------------------------------------------------------------------------------

    def _old(self, now: datetime) -> int:
        k = self._keep
        second = int(now.timestamp())
        if k.cinco_dias or k.hora_dias or k.dia_dias or k.parametros:
            with self._db.reader() as conn:
                told = _told_until(conn)  # what they would be joined to stays
            second = second if told is None else min(second, told)
        for days, work in (
            (k.crudo_dias, self._rows),
            (k.cinco_dias, self._parts),
            (k.hora_dias, partial(self._summaries, HORA, HORAS)),
            (k.dia_dias, partial(self._summaries, DIA, DIAS)),
        ):
            before = second - int(days * DIA)
            if days and (done := work(before - before % HORA)):
                return done
        return next((done for name, days in k.parametros.items() if (done := self._named(name, second, days))), 0)

    def _named(self, name: str, second: int, days: float) -> int:
        """Summaries of series of that name that end before so many days ago."""
        if not days:
            return 0
        before = second - int(days * DIA)
        with self._db.reader() as conn:
            found = (raw(conn).execute(_ANY_OF, (name, level, before - level)).fetchone() for level in (HORA, DIA))
            row = next((each for each in found if each is not None), None)
        if row is None:
            return 0
        level, serie = row
        with self._db.unit_of_work(CAUSE) as uow:
            done = uow.file.execute(_DROP_SUMMARIES, (level, serie, level, serie, before - level, HOURS)).rowcount
        self.counts["resumenes"] += done
        return done

    def _rows(self, before: int) -> int:
        """Rows of blocks that end before that second."""
        stamp = stamp_of(datetime.fromtimestamp(before, UTC))
        with self._db.reader() as conn:
            found = [block for block in _oldest(conn) if block[3] < stamp][:BLOCKS]
        return self._drop(found)

    def _drop(self, blocks: list[tuple[int, int, int, str]]) -> int:
        """Delete these blocks, (device, number, last id, until) each, with their rows."""
        if not blocks:
            return 0
        gone = 0
        with self._db.unit_of_work(CAUSE) as uow:
            for device, number, last, until in blocks:
                gone += uow.file.execute(_DROP_ROWS, (device, last)).rowcount
                uow.file.execute("DELETE FROM log_bloque WHERE dispositivo_id = ? AND numero = ?", (device, number))
                second = instante_us(until)
                if second is not None:
                    _raise(uow, CRUDO, second // US + 1)
        self.counts["filas"] += gone
        return max(gone, 1)

    def _parts(self, before: int) -> int:
        """The five minutes in hours that begin before that second; the hours stay."""
        if before <= self._emptied:
            return 0
        if self._walking != before:  # anew: what was emptied already is passed over
            self._walking = before
            with self._db.reader() as conn:
                self._series = iter([i for (i,) in raw(conn).execute("SELECT id FROM serie ORDER BY id")])
        for serie in self._series:
            with self._db.reader() as conn:
                if raw(conn).execute(_ANY_FULL, (serie, before)).fetchone() is None:
                    continue
            self._series = chain((serie,), self._series)
            return self._empty(serie, before)
        self._emptied = before
        return 0

    def _empty(self, serie: int, before: int) -> int:
        with self._db.unit_of_work(CAUSE) as uow:
            _raise(uow, CINCO, before)
            done = uow.file.execute(_EMPTY, (serie, before, HOURS)).rowcount
        self.counts["resumenes"] += done
        return done

    def _summaries(self, level: int, key: str, before: int) -> int:
        with self._db.reader() as conn:
            row = raw(conn).execute(_ANY_BEFORE, (level, before)).fetchone()
        if row is None:
            return 0
        with self._db.unit_of_work(CAUSE) as uow:
            done = uow.file.execute(_DROP_SUMMARIES, (level, row[0], level, row[0], before, HOURS)).rowcount
            _raise(uow, key, before)
        self.counts["resumenes"] += done
        return done

    # --- by room ----------------------------------------------------------------------------------------------------

    def _too_much(self) -> int:
        bound = self._keep.max_bytes
        if not bound:
            return 0
        with self._db.reader() as conn:
            used = _used(conn)
            self._shrinking = used > (bound * LOW if self._shrinking else bound)
            if not self._shrinking:
                return 0
            blocks = sorted(_oldest(conn), key=lambda b: b[3])[:BLOCKS]
            first = raw(conn).execute(_FIRST_FULL_HOUR).fetchone()
        if blocks:
            return self._drop(blocks)
        return 0 if first is None else self._empty(first[0], first[1] + DIA)

    def _give_back(self) -> int:
        """Free pages to the file system, where the database was made so that it can."""
        with self._db.reader() as conn:
            mode, free = (_pragma(raw(conn), name) for name in ("auto_vacuum", "freelist_count"))
        if mode != _INCREMENTAL or free <= SPARE_PAGES:
            return 0
        count = min(PAGES, free - SPARE_PAGES)
        with self._db.unit_of_work(CAUSE) as uow:
            uow.file.execute(f"PRAGMA incremental_vacuum({count})").fetchall()
        self.counts["paginas"] += count
        return count


def _oldest(conn: Connection) -> Iterator[tuple[int, int, int, str]]:
    """(device, number, last id, until) of the oldest block of each device that has a newer one."""
    file = raw(conn)
    for (device,) in file.execute("SELECT id FROM dispositivo ORDER BY id").fetchall():
        found = file.execute(_TWO_OLDEST, (device,)).fetchall()
        if len(found) == 2:
            yield found[0]


def _told_until(conn: Connection) -> int | None:
    """From which second on rows are not summarised yet, 0 when nobody can say; None when all of them are."""
    row = raw(conn).execute(_FIRST_UNTOLD).fetchone()
    return None if row is None else (instante_us(row[0]) or 0) // US


def _used(conn: Connection) -> int:
    file = raw(conn)
    pages, free, size = (_pragma(file, name) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def _pragma(file: sqlite3.Connection, name: str) -> int:
    return int(file.execute(f"PRAGMA {name}").fetchone()[0])


def _raise(uow: UnitOfWork, key: str, second: int) -> None:
    uow.file.execute(
        "INSERT INTO casa (clave, valor) VALUES (?, ?) "
        "ON CONFLICT(clave) DO UPDATE SET valor = max(valor, excluded.valor)",
        (key, second),
    )


_INCREMENTAL = 2
_TWO_OLDEST = (
    "SELECT dispositivo_id, numero, ultimo_id, hasta FROM log_bloque WHERE dispositivo_id = ? ORDER BY numero LIMIT 2"
)
_DROP_ROWS = "DELETE FROM estado_log WHERE dispositivo_id = ? AND id <= ?"
_EMPTY = (
    f"UPDATE resumen SET partes = x'' WHERE nivel = {HORA} AND (serie_id, inicio) IN (SELECT serie_id, inicio "
    f"FROM resumen WHERE nivel = {HORA} AND serie_id = ? AND inicio < ? AND length(partes) ORDER BY inicio LIMIT ?)"
)
_ANY_FULL = (
    f"SELECT 1 FROM resumen WHERE nivel = {HORA} AND serie_id = ? AND inicio < ? AND length(partes) "
    "ORDER BY inicio DESC LIMIT 1"
)
_FIRST_UNTOLD = (
    "SELECT timestamp FROM estado_log WHERE id > (SELECT valor FROM casa WHERE clave = 'historial_hasta') "
    "ORDER BY id LIMIT 1"
)
_ANY_BEFORE = (
    "SELECT id FROM serie s WHERE EXISTS (SELECT 1 FROM resumen WHERE nivel = ? AND serie_id = s.id AND inicio < ?) "
    "LIMIT 1"
)
_ANY_OF = (
    "SELECT r.nivel, s.id FROM serie s JOIN resumen r ON r.serie_id = s.id WHERE s.nombre = ? AND r.nivel = ? "
    "AND r.inicio < ? LIMIT 1"
)
_DROP_SUMMARIES = (
    "DELETE FROM resumen WHERE nivel = ? AND serie_id = ? AND inicio IN (SELECT inicio FROM resumen "
    "WHERE nivel = ? AND serie_id = ? AND inicio < ? ORDER BY inicio LIMIT ?)"
)
_FIRST_FULL_HOUR = (
    f"SELECT serie_id, inicio FROM resumen WHERE nivel = {HORA} AND length(partes) ORDER BY inicio LIMIT 1"
)
