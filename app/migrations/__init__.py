"""From any database that this project or the original program made to today's schema, every row kept.

``migrate`` is called before the database is opened. A new database is created from the tables' own definition; an old
one goes through Alembic's revisions in one transaction, after a verified backup. What cannot be understood (empty,
damaged, newer) is never touched.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from app import sospecha
from app.archivos import asegurar_carpeta
from app.db import connect
from app.models import metadata

log = logging.getLogger(__name__)

HEAD = "0005"
KNOWN = ("0001", "0002", "0003", "0004", "0005")
MARKER = "instalada"
KEPT_BACKUPS = 2
CHECKED_BYTES = 32 << 20
"""A database up to this size is checked whole at each start (0.1 s here); a bigger one by ``./iot doctor`` only."""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
READ_TRIES = 10
"""A disk that fails to give a page now and then is no damaged database: the check is tried this often."""
_FIRST_VALUES = "INSERT INTO casa (clave, valor) VALUES ('secuencia', 0), ('rechazados', 0), ('historial_hasta', 0)"


class DatabaseFault(Exception):
    """The database can't be used as it is; the message says what was found and how to put it right, in Spanish."""


class DatabaseDamaged(DatabaseFault):
    """It is missing, empty, cut off or nonsense: the same database will not do again."""


def migrate(path: Path, now: datetime) -> bool:
    """Bring the database at ``path`` to today's schema; answers whether it was made new.

    Raises:
        DatabaseFault: it is missing or empty where one was installed, damaged, or of a newer version.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    marker = path.parent / f"{path.name}.{MARKER}"
    if not path.exists() or path.stat().st_size == 0:
        if marker.exists():
            raise DatabaseDamaged(_GONE.format(path=path, marker=marker))
        _create(path)
        _mark(marker)
        return True
    _undo_interrupted(path)
    version = schema_version(path)
    if version is None:
        raise DatabaseFault(f"{path} es una base de datos SQLite, pero no de este programa; no se toca.")
    if version not in KNOWN:
        raise DatabaseFault(
            f"{path} es de una versión más nueva del programa (esquema {version}; este programa conoce hasta {HEAD}). "
            "Actualice el programa o recupere una copia de instance/respaldos."
        )
    _refuse_damage(path)
    if version != HEAD:
        try:
            _upgrade(path, version, now)
        except (sqlite3.Error, DBAPIError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise DatabaseFault(
                f"No se pudo actualizar {path} ({cause}). Sigue como estaba. Vea si queda sitio en el disco y si otro "
                "programa la tiene abierta, y vuelva a arrancar."
            ) from error
    _mark(marker)
    return False


_GONE = (
    "{path} falta o está vacía, y aquí ya había una casa instalada. No se crea otra encima: recupere una copia "
    "(mire en la carpeta respaldos) o, si de verdad quiere empezar de cero, borre {marker}."
)


def _undo_interrupted(path: Path) -> None:
    """Have SQLite undo a transaction in which somebody was killed; a read-only connection may not."""
    if not path.with_name(f"{path.name}-journal").exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as conn:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        raise DatabaseFault(f"No se puede deshacer lo que quedó a medias en {path} ({error}).") from error


def schema_version(path: Path) -> str | None:
    """The revision of a database, ``0001`` for one of the original program, None for something else.

    Raises:
        DatabaseFault: the file is damaged or held by somebody else.
    """
    try:
        with closing(connect(path, read_only=True)) as conn:
            names = {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            if "alembic_version" in names:
                row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
                return str(row[0]) if row else None
            return "0001" if {"dispositivo", "estado_log"} <= names else None
    except sqlite3.DatabaseError as error:
        kind = DatabaseDamaged if error.sqlite_errorcode & 0xFF in _DAMAGE else DatabaseFault
        raise kind(f"No se puede leer {path} ({error}). No se ha tocado; vea ./iot doctor.") from error


def _refuse_damage(path: Path) -> None:
    suspected = sospecha.hay(path)
    if path.stat().st_size > CHECKED_BYTES and not suspected:
        return
    verdict, unread = "", True
    for _ in range(READ_TRIES):
        verdict, unread = _verdict(path)
        if not unread:
            break
        log.warning("%s: %s", path, verdict)
    if suspected and not unread:
        sospecha.mirada(path)
    if verdict == "ok":
        return
    if unread:
        raise DatabaseFault(f"El disco no deja leer {path} ({verdict}). No se ha tocado; vea ./iot doctor.")
    raise DatabaseDamaged(
        f"{path} está dañada ({verdict.splitlines()[-1]}). No se ha tocado: apártela y recupere una copia (mire en "
        "la carpeta respaldos); ./iot doctor dice cómo."
    )


def _verdict(path: Path) -> tuple[str, bool]:
    """What SQLite's check says, and whether that only means that the disk did not give a page."""
    try:
        with closing(connect(path, read_only=True)) as conn:
            said = str(conn.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error), error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
    code = re.search(r"error code=([0-9]+)", said)
    return said.splitlines()[-1], code is not None and int(code[1]) & 0xFF == sqlite3.SQLITE_IOERR


def _create(path: Path) -> None:
    """A new database, whole or not at all: made beside its place and moved into it."""
    fresh = path.with_name(f"{path.name}.nueva")
    for leftover in (fresh, fresh.with_name(f"{fresh.name}-wal"), fresh.with_name(f"{fresh.name}-shm")):
        leftover.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh)) as empty:  # so that what is deleted can be given back to the file system
        empty.execute("PRAGMA auto_vacuum=INCREMENTAL")
        empty.execute("VACUUM")
    with closing(connect(fresh, read_only=False)) as raw:
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
        with engine.connect() as conn:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            metadata.create_all(conn)
            conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
            conn.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{HEAD}')")
            conn.exec_driver_sql(_FIRST_VALUES)
            conn.exec_driver_sql("COMMIT")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.unlink(missing_ok=True)
    for suffix in ("-wal", "-shm"):  # SQLite would replay a log that a vanished database left behind into the new one
        leftover = path.with_name(path.name + suffix)
        if leftover.exists():
            os.replace(leftover, leftover.with_name(f"{leftover.name}.anterior"))
    os.replace(fresh, path)
    asegurar_carpeta(path.parent)


def _upgrade(path: Path, version: str, now: datetime) -> None:
    from alembic import command
    from alembic.config import Config

    log.warning("actualizando la base de datos del esquema %s al %s", version, HEAD)
    folder = path.parent / "respaldos"
    backup(path, folder / f"antes-de-{HEAD}-{now:%Y%m%dT%H%M%SZ}.db")
    for old in sorted(folder.glob(f"antes-de-{HEAD}-*.db"))[1:-KEPT_BACKUPS]:
        old.unlink()  # of attempts that failed or were killed; the first and the newest stay
    with closing(connect(path, read_only=False)) as raw:
        raw.execute("PRAGMA foreign_keys=OFF")
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
        with engine.connect() as conn:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
            config.attributes["connection"] = conn
            if not raw.execute("SELECT 1 FROM sqlite_master WHERE name='alembic_version'").fetchone():
                command.stamp(config, version)
            command.upgrade(config, HEAD)
            conn.exec_driver_sql("COMMIT")


def backup(source: Path, target: Path) -> None:
    """A consistent, verified copy of a database, on disk before this returns.

    Raises:
        DatabaseFault: the copy does not pass SQLite's check.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.parcial")
    partial.unlink(missing_ok=True)
    with closing(connect(source, read_only=True)) as src, closing(sqlite3.connect(partial)) as dst:
        src.backup(dst)
        verdict = dst.execute("PRAGMA quick_check").fetchone()[0]
    if verdict != "ok":
        partial.unlink(missing_ok=True)
        raise DatabaseFault(f"La copia de {source} no pasa la comprobación de SQLite: {verdict}")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, target)
    asegurar_carpeta(target.parent)


def _mark(marker: Path) -> None:
    """A zero-length database passes SQLite's checks and looks like an empty house: remember that there was one."""
    if not marker.exists():
        marker.write_text("Aquí hay una casa instalada; ver docs/operacion.md\n", encoding="utf-8")
