"""A database with a long history: 50 devices over two years, the same from the same seed; and a plain table of it."""

from __future__ import annotations

import math
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICES, DAYS = 50, 730
BEGIN = datetime(2024, 11, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=DAYS)
CHUNK = 50_000
QUICK = "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; PRAGMA cache_size=-200000; PRAGMA temp_store=MEMORY"
SHAPES = 4096
"""Texts of parameters made beforehand: the day's curve in so many steps."""


def make(database: Path, rows: int, seed: int, *, days: float = DAYS) -> None:
    """A house of ours whose log has so many rows of so many days, not summarised yet; each device speaks in its turn,
    evenly."""
    migrate(database, END)
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.executescript(QUICK)
        conn.execute("BEGIN")
        conn.executemany(_DEVICE, ((i + 1, f"HIS{i:09}", f"Equipo {i}") for i in range(DEVICES)))
        conn.execute("INSERT INTO casa_texto VALUES ('zona', '\"Europe/Madrid\"')")
        conn.execute("DROP INDEX ix_estado_log_dispositivo")
        conn.executemany(
            "INSERT INTO estado_log (dispositivo_id, estado, parametros, timestamp) VALUES (?, ?, ?, ?)",
            log_rows(rows, seed, days),
        )
        conn.execute("CREATE INDEX ix_estado_log_dispositivo ON estado_log (dispositivo_id)")
        conn.execute("COMMIT")
        conn.execute("PRAGMA journal_mode=WAL")


def log_rows(rows: int, seed: int, days: float = DAYS) -> Iterator[tuple[int, str, str, str]]:
    """(device, estado, parametros, timestamp) in the order of time."""
    chance = random.Random(seed)
    shapes = [_shape(i / SHAPES, chance) for i in range(SHAPES)]
    step, per_day = days * 86_400 / rows, SHAPES / 86_400
    start = BEGIN.replace(tzinfo=None)
    for i in range(rows):
        seconds = i * step
        device = i % DEVICES
        moment = start + timedelta(seconds=seconds + chance.random() * step)
        on = "inactivo" if (i // DEVICES // 40 + device) % 3 else "activo"
        shape = shapes[int(seconds * per_day + device * 37) % SHAPES]
        yield device + 1, on, shape, moment.isoformat(" ", "microseconds")


def _shape(of_day: float, chance: random.Random) -> str:
    warm = 20 + 4 * math.sin(2 * math.pi * of_day) + chance.gauss(0, 0.2)
    return f'{{"temperatura":{warm:.2f},"humedad":{chance.randrange(35, 65)}}}'


def make_plain(source: Path, database: Path) -> None:
    """The same rows in a plain table with an index on (dispositivo_id, timestamp)."""
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.executescript(QUICK)
        conn.execute("ATTACH ? AS nuestra", (str(source),))
        conn.execute(
            "CREATE TABLE log (id INTEGER PRIMARY KEY, dispositivo_id INTEGER, estado TEXT, parametros TEXT, "
            "timestamp TEXT)"
        )
        conn.execute("INSERT INTO log SELECT id, dispositivo_id, estado, parametros, timestamp FROM nuestra.estado_log")
        conn.execute("CREATE INDEX ix ON log (dispositivo_id, timestamp)")
        conn.execute("DETACH nuestra")


_DEVICE = (
    "INSERT INTO dispositivo (id, serial_number, nombre, tipo, modelo, descripcion, estado, parametros, configuracion, "
    "reclamado, version, creado_en, actualizado_en, deseada_version, deseada_confirmada) VALUES (?, ?, ?, 'sensor', "
    "'ST-1000', '', 'activo', '{}', '{}', 1, 1, '2024-11-01T00:00:00.000000Z', '2024-11-01T00:00:00.000000Z', 0, 0)"
)
