"""A database as the original program made it, odd values included, and what must be left of it afterwards."""

from __future__ import annotations

import json
import random
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

ORIGINAL = """
CREATE TABLE dispositivo (
	id INTEGER NOT NULL,
	serial_number VARCHAR(100) NOT NULL,
	nombre VARCHAR(80) NOT NULL,
	tipo VARCHAR(50) NOT NULL,
	modelo VARCHAR(100),
	descripcion VARCHAR(255),
	estado VARCHAR(20),
	parametros JSON,
	configuracion JSON,
	reclamado BOOLEAN,
	PRIMARY KEY (id),
	UNIQUE (serial_number)
);
CREATE TABLE estado_log (
	id INTEGER NOT NULL,
	dispositivo_id INTEGER NOT NULL,
	estado VARCHAR(20),
	parametros JSON,
	timestamp DATETIME,
	PRIMARY KEY (id),
	FOREIGN KEY(dispositivo_id) REFERENCES dispositivo (id)
);
"""
WEIRD = [
    None,
    "null",
    "{}",
    '{"temperatura": NaN, "h": 1}',
    '{"x": Infinity, "y": -Infinity}',
    '{"sal\\u00f3n": "\\u00f1and\\u00fa \\ud83d\\ude00"}',
    '{"roto": "\\ud800"}',
    "[1, 2, 3]",
    '"texto"',
    "5",
    "true",
    "",
    "{no es json",
    '{"n": 123456789012345678901234567890}',
    '{"a": {"b": {"c": [1, 2, {"d": null}]}}}',
    '{"a": 1, "a": 2}',
    '{"nul": "a\\u0000b"}',
    b'{"bytes": 1}',
    b"\xff\xfe",
    7,
    2.5,
    '{"modo": "HORARIO", "encendido": "on", "horarios": {"lunes": [["07:00", "on"]]}}',
]
STAMPS = [
    "2025-06-01 12:00:00.123456",
    "2025-06-01 12:00:00",
    "2025-06-01 12:00:00.000000",
    None,
    "2024-02-29 23:59:59.999999",
]
LOGS = 6_000


def make_original(path: Path, logs: int = LOGS) -> None:
    """Forty ordinary devices, the weird ones, and several thousand rows of history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    connection = sqlite3.connect(path)
    connection.executescript(ORIGINAL)
    devices = [
        (n, f"TMP0{n:08d}", f"Sensor {n}", "sensor", "ST-1000", "en la sala", chance.choice(["activo", "inactivo"]),
         json.dumps({"temperatura": 20 + n / 10}), json.dumps({"intervalo_envio": 10, "encendido": True}), n % 2)
        for n in range(1, 41)
    ]  # fmt: skip
    devices += [
        (100 + n, f"RARO{n:04d}", "", "x" * 50, None, None, None, value, WEIRD[-1 - n], None)
        for n, value in enumerate(WEIRD)
    ]
    devices.append(
        (5_000_000_000, "Serie rara/+#ñ 1", "n" * 200, "t" * 90, "m" * 300, "d" * 900, "raro", "{}", "{}", 1)
    )
    connection.executemany("INSERT INTO dispositivo VALUES (?,?,?,?,?,?,?,?,?,?)", devices)
    start = datetime(2025, 1, 1)  # noqa: DTZ001 - the original wrote naive UTC
    rows = []
    for n in range(1, logs + 1):
        stamp = str(start + timedelta(seconds=37 * n)) if n % 50 else STAMPS[n % len(STAMPS)]
        value = json.dumps({"temperatura": n / 7}) if n % 11 else WEIRD[n % len(WEIRD)]
        rows.append((n * 3, devices[n % len(devices)][0], None if n % 13 == 0 else "activo", value, stamp))
    connection.executemany("INSERT INTO estado_log VALUES (?,?,?,?,?)", rows)
    connection.commit()
    connection.close()


def rows_of(path: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


LOG_KEYS = "SELECT id, dispositivo_id, estado FROM estado_log WHERE id <= 1000000 ORDER BY id"
DEVICE_KEYS = (
    "SELECT id, serial_number, nombre, tipo FROM dispositivo WHERE serial_number NOT LIKE 'NUEVO%' ORDER BY id"
)
PLAIN = "SELECT id, modelo, descripcion, estado, reclamado FROM dispositivo WHERE id <= 40 ORDER BY id"


def check_kept(backend, original) -> None:
    """Every row of the original is there, with its identity."""
    assert rows_of(backend.database, LOG_KEYS) == rows_of(original, LOG_KEYS)
    assert rows_of(backend.database, DEVICE_KEYS) == rows_of(original, DEVICE_KEYS)
    assert rows_of(backend.database, PLAIN) == rows_of(original, PLAIN)
    assert rows_of(backend.database, "PRAGMA integrity_check") == [("ok",)]
    assert rows_of(backend.database, "PRAGMA foreign_key_check") == []


def backups(backend) -> list[Path]:
    """Files in the instance that hold the original's tables as they were."""
    found = []
    for path in backend.instance.rglob("*"):
        if path.is_file() and path != backend.database and path.read_bytes()[:15] == b"SQLite format 3":
            try:
                columns = [r[1] for r in rows_of(path, "PRAGMA table_info(dispositivo)")]
            except sqlite3.DatabaseError:
                continue
            if columns and "version" not in columns:
                found.append(path)
    return found


def ready(house) -> bool:
    try:
        return house.http.get("/salud/lista").status == 200
    except OSError:
        return False
