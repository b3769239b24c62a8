"""A damaged database at a start: moved aside, the last good backup in its place, and what can still be read of what
came after it added to that.

SQLite keeps no checksums, so what a damaged page says may be nonsense that looks like a row: only rows that are what
the program writes are taken, and of devices only those that the backup does not know. What people changed since then is
not taken over: nobody could tell it from damage.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app import restauracion
from app.domain.dispositivo import load_object
from app.domain.valores import is_serial
from app.migrations import migrate
from app.models import DEVICE_FIELDS
from app.paginas import filas
from app.respaldo import Respaldo, ultimo_verificado

log = logging.getLogger(__name__)

STEP = 2000
"""Ids read at once; where that fails, they are halved down to one."""
EMPTY_STEPS = 50
"""After so many steps without a row the log is over, whatever its own count says."""
MAX_FAULTS = 20_000
"""Reads of a table that may fail, a second's worth: beyond a bad page in the middle of its tree nothing is found."""
PAGE_COUNT, FREELIST, VALID_FOR, CHANGES = slice(28, 32), slice(32, 40), slice(92, 96), slice(24, 28)
"""Places in the header of a database (sqlite.org/fileformat2.html)."""
_STAMP = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?")
_TEXT = {"serial_number", "nombre", "tipo", "modelo", "descripcion", "estado"}
LOG_COLUMNS = 6
_PUT_LOG = (
    "INSERT OR IGNORE INTO estado_log (id, dispositivo_id, estado, parametros, timestamp, causa) VALUES (?,?,?,?,?,?)"
)


@dataclass(frozen=True, slots=True)
class Reparada:
    """From which backup, where the damaged files are, and what was saved of them."""

    respaldo: Respaldo
    apartada: Path | None
    filas: int
    dispositivos: int

    def texto(self, fallo: str) -> str:
        """What people are told."""
        saved = f", más {self.filas} filas y {self.dispositivos} dispositivos que se pudieron leer de ella"
        return (
            f"La base de datos estaba dañada ({fallo}). La casa es ahora la del respaldo {self.respaldo.ruta.name}"
            f"{saved if self.filas or self.dispositivos else ''}. Lo que cambió alguien después no está. "
            f"La dañada se ha apartado en {self.apartada}"
        )


def reparar(database: Path, folder: Path, now: datetime, frase: str = "") -> Reparada | None:
    """Put the house back together; None when there is no backup that can be read, and then nothing was touched.

    Raises:
        RespaldoError: it can't be done now; the damaged database is where it was, or aside.
    """
    found = ultimo_verificado(folder, frase)
    if found is None:
        return None
    done = restauracion.restaurar(found[0].ruta, database, now, frase, sana=False)
    migrate(database, now)
    rows = devices = 0
    if done.apartada is not None and done.apartada.stat().st_size:
        try:
            rows, devices = _salvage(done.apartada, database)
        except (OSError, sqlite3.Error) as error:
            log.warning("nothing more could be read of %s: %s", done.apartada, error)
    return Reparada(found[0], done.apartada, rows, devices)


def _salvage(damaged: Path, database: Path) -> tuple[int, int]:
    """(rows, devices) that were added. What is aside is only copied: SQLite would write in it."""
    with TemporaryDirectory(dir=damaged.parent, prefix=".leer-") as folder:
        copy = Path(folder) / "iot.db"
        for side in ("", "-wal"):
            if (source := damaged.with_name(damaged.name + side)).exists():
                shutil.copyfile(source, copy.with_name(copy.name + side))
        size = _make_readable(copy, database)
        with closing(sqlite3.connect(copy)) as old, closing(sqlite3.connect(database)) as new:
            (last,) = new.execute("SELECT ifnull(max(id), 0) FROM estado_log").fetchone()
            found = {row[0]: row for row in _rows(copy, size, last)}
            devices = [row for row in _devices(old) if _is_new(new, row)]
            new.executemany(f"INSERT INTO dispositivo VALUES ({','.join('?' * len(DEVICE_FIELDS))})", devices)
            known = {i for (i,) in new.execute("SELECT id FROM dispositivo")}
            mine = [row for _, row in sorted(found.items()) if row[1] in known]
            rows = new.executemany(_PUT_LOG, mine).rowcount if mine else 0
            new.commit()
    return rows, len(devices)


def _make_readable(copy: Path, good: Path) -> int:
    """SQLite reads nothing of a file that is shorter than its header says, or has none: give it the length and, if need
    be, the header that it should have. Answers how long a page is."""
    with good.open("rb") as file:
        sound = file.read(100)
    size = int.from_bytes(sound[16:18], "big")
    with copy.open("r+b") as file:
        head = bytearray(file.read(100).ljust(100, b"\0"))
        length = -(-copy.stat().st_size // size)
        if not head.startswith(b"SQLite format 3\0") or head[16:18] != sound[16:18]:
            head = bytearray(sound)
            head[PAGE_COUNT], head[FREELIST] = length.to_bytes(4, "big"), bytes(8)
            head[VALID_FOR] = head[CHANGES]
        pages = min(max(length, int.from_bytes(head[PAGE_COUNT], "big")), length * 4)
        file.seek(0)
        file.write(head)
        file.truncate(pages * size)
    return size


def _devices(old: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    sql = f"SELECT {','.join(DEVICE_FIELDS)} FROM dispositivo WHERE id BETWEEN ? AND ?"
    for row in _read(old, sql, 1):
        values = dict(zip(DEVICE_FIELDS, row, strict=True))
        jsons = [v for name, v in values.items() if name.endswith("_json") and v is not None]
        if is_serial(values["serial_number"]) and _are_objects(jsons) and all(type(values[n]) is str for n in _TEXT):
            # What it was asked for, and whose room it is in, may be of what is not there any more.
            values |= {"habitacion_id": None, "deseada_confirmada": 0}
            yield tuple(values.values())


def _is_new(new: sqlite3.Connection, row: tuple[Any, ...]) -> bool:
    sql = "SELECT 1 FROM dispositivo WHERE id = ? OR serial_number = ?"
    return new.execute(sql, (row[0], row[1])).fetchone() is None


def _rows(copy: Path, size: int, last: int) -> Iterator[tuple[Any, ...]]:
    """What looks like rows of the log that came after that id."""
    for rowid, values in filas(copy, size, last):
        if len(values) == LOG_COLUMNS and _is_row(row := (rowid, *values[1:])):
            yield row


def _read(old: sqlite3.Connection, sql: str, first: int) -> Iterator[tuple[Any, ...]]:
    """What can be read of a table from an id on, in steps that are halved where a page is bad."""
    reader, empty = _Lector(old, sql), 0
    while empty < EMPTY_STEPS:
        found = list(reader.some(first, first + STEP - 1))
        empty = 0 if found else empty + 1
        yield from found
        first += STEP


class _Lector:
    def __init__(self, old: sqlite3.Connection, sql: str) -> None:
        self._old, self._sql, self._faults = old, sql, 0

    def some(self, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        if self._faults > MAX_FAULTS:
            return
        try:
            found = self._old.execute(self._sql, (first, last)).fetchall()
        except sqlite3.Error:
            self._faults += 1
            if first < last:
                middle = (first + last) // 2
                yield from self.some(first, middle)
                yield from self.some(middle + 1, last)
        else:
            yield from found


def _is_row(row: tuple[Any, ...]) -> bool:
    _, device, estado, parametros, stamp, causa = row
    texts = [t for t in (parametros, causa) if t is not None]
    return (
        type(device) is int
        and (estado is None or type(estado) is str)
        and type(stamp) is str
        and _STAMP.fullmatch(stamp) is not None
        and _are_objects(texts)
    )


def _are_objects(texts: list[Any]) -> bool:
    try:
        return all(type(text) is str and isinstance(load_object(text), dict) for text in texts)
    except ValueError:
        return False
