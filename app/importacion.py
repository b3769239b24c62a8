"""Another house's database, this program's or the original's, taken into the present one; a second time adds nothing.

It is read from a copy that is brought to today's schema first, so the file itself stays as it is. Devices are the same
when their serial is. Of a device that is here already only its log grows; what it is now is not told by an old file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from app.auditoria import apuntar
from app.db import raw
from app.dispositivos import insert_new
from app.domain.causa import Causa
from app.migrations import DatabaseFault, migrate
from app.models import DEVICE_FIELDS, device_of
from app.respaldo import copy_database

if TYPE_CHECKING:
    from app.db import Database, UnitOfWork
    from app.domain.dispositivo import Dispositivo

CAUSE = Causa("sistema", quien="consola", detalle="importación")
IMPORTADO = "base_importada"
SLICE = 5000


@dataclass(frozen=True, slots=True)
class Importado:
    """What was added, and what the file has of what could be."""

    dispositivos_nuevos: int
    dispositivos: int
    filas_nuevas: int
    filas: int


def importar(db: Database, path: Path, now: datetime) -> Importado:
    """Take it in, in slices: interrupted, a second time goes on.

    Raises:
        DatabaseFault: it is not a database of these programs, or damaged.
        RespaldoError: it can't be copied whole.
    """
    with _copied(path, db.path.parent, now) as other:
        devices = _take_devices(db, other)
        rows = _take_rows(db, other, {old: new for old, new, _ in devices})
        (in_all,) = other.execute("SELECT count(*) FROM estado_log").fetchone()
    done = Importado(sum(fresh for *_, fresh in devices), len(devices), rows, in_all)
    with db.unit_of_work(CAUSE) as uow:
        detail = {"dispositivos": done.dispositivos_nuevos, "filas": done.filas_nuevas}
        apuntar(uow, IMPORTADO, path.name, detalle=detail)
    return done


@contextmanager
def _copied(path: Path, room: Path, now: datetime) -> Iterator[sqlite3.Connection]:
    if not path.is_file() or path.stat().st_size == 0:
        raise DatabaseFault(f"{path} no existe o está vacía")
    with TemporaryDirectory(dir=room, prefix=".importar-") as folder:
        copy = Path(folder) / "iot.db"
        try:
            copy_database(path, copy)
        except sqlite3.Error as error:
            raise DatabaseFault(f"{path} no es una base de datos, o está dañada ({error})") from error
        migrate(copy, now)
        with closing(sqlite3.connect(copy)) as conn:
            yield conn


def _take_devices(db: Database, other: sqlite3.Connection) -> list[tuple[int, int, bool]]:
    """(id there, id here, whether it is new) of each."""
    theirs = [device_of(r) for r in other.execute(f"SELECT {','.join(DEVICE_FIELDS)} FROM dispositivo ORDER BY id")]
    found = []
    with db.unit_of_work(CAUSE) as uow:
        for device in theirs:
            row = _here(uow, device.serial_number)
            here = insert_new(uow, [_alone(device)])[0].id if row is None else row[0]
            found.append((device.id, here, row is None))
    return found


def _here(uow: UnitOfWork, serial: str) -> Any:
    return uow.file.execute("SELECT id FROM dispositivo WHERE serial_number = ?", (serial,)).fetchone()


def _alone(device: Dispositivo) -> Dispositivo:
    """Without what names other rows of its own house."""
    return replace(device, habitacion_id=None, deseada_confirmada=0, estado_en=None)


def _take_rows(db: Database, other: sqlite3.Connection, ids: dict[int, int]) -> int:
    """Equal rows count: of three alike of which two are here, one is missing. On disk, however many there are."""
    other.execute("CREATE TABLE mias (timestamp, estado, parametros)")
    other.execute("CREATE INDEX ix_mias ON mias (timestamp, estado, parametros)")
    taken = 0
    for old, new in ids.items():
        other.execute("DELETE FROM mias")
        with db.reader() as conn:
            other.executemany("INSERT INTO mias VALUES (?, ?, ?)", raw(conn).execute(_SAME, (new,)))
        missing = other.execute(_MISSING, (old,))
        while rows := missing.fetchmany(SLICE):
            with db.unit_of_work(CAUSE) as uow:
                uow.file.executemany(_PUT, [(new, *row) for row in rows])
            taken += len(rows)
    return taken


_SAME = "SELECT timestamp, estado, parametros FROM estado_log WHERE dispositivo_id = ?"
_MISSING = (
    "SELECT timestamp, estado, parametros, causa FROM (SELECT *, row_number() OVER "
    "(PARTITION BY timestamp, estado, parametros ORDER BY id) AS nth FROM estado_log WHERE dispositivo_id = ?) l "
    "WHERE nth > (SELECT count(*) FROM mias m WHERE m.timestamp IS l.timestamp AND m.estado IS l.estado "
    "AND m.parametros IS l.parametros) ORDER BY id"
)
_PUT = "INSERT INTO estado_log (dispositivo_id, timestamp, estado, parametros, causa) VALUES (?, ?, ?, ?, ?)"
