"""A backup brought back: read and checked whole beside the present database, which is moved aside, never lost."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.archivos import asegurar_carpeta, creado
from app.db import connect
from app.migrations import HEAD, KNOWN
from app.respaldo import BASE, COPY_BYTES, OWN, STAMP, Contenido, RespaldoError, abierto

if TYPE_CHECKING:
    from typing import IO

APARTADAS = "apartadas"
"""Folder of databases that were moved aside, each in one of its own."""
PENDIENTE = "restaurar.json"
JUMP = 1_000_000
INTENTOS = 3
SIDE = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restaurado:
    """What was brought back, where what was there is now, and which of the house's files were missing and came too."""

    contenido: Contenido
    apartada: Path | None
    archivos: tuple[str, ...]

    def as_object(self) -> dict[str, Any]:
        """What people are told."""
        aside = None if self.apartada is None else str(self.apartada)
        return {**self.contenido.as_object(), "apartada": aside, "archivos_repuestos": list(self.archivos)}


def restaurar(path: Path, database: Path, now: datetime, frase: str = "", *, sana: bool = True) -> Restaurado:
    """Put the database of a backup in the place of the present one; nothing else of the house may be running. Of its
    other files only those come back that are not there. ``sana``: what is there now is no damaged database.

    Raises:
        RespaldoError: the backup is damaged, of a newer version, or there is no room; nothing was touched.
    """
    instance, fresh = database.parent, database.with_name(f"{database.name}.restaurando")
    instance.mkdir(parents=True, exist_ok=True, mode=0o700)
    drafts: dict[str, Path] = {}
    try:
        with abierto(path, frase) as (contenido, members):
            _check_version(contenido)
            for name, file in members:
                if name == BASE:
                    _write(fresh, file)
                elif name in OWN and not (instance / name).exists():
                    drafts[name] = instance / f".{name.replace('/', '-')}.restaurando"
                    _write(drafts[name], file)
        _check(fresh)
        _make_current(fresh)
        if sana:
            _checkpoint(database)
        apartada = apartar(database, now)
        os.replace(fresh, database)
        for name, draft in drafts.items():
            (instance / name).parent.mkdir(mode=0o700, exist_ok=True)
            os.replace(draft, instance / name)
        asegurar_carpeta(instance)
    except (OSError, sqlite3.Error) as error:
        raise RespaldoError(f"no se pudo restaurar: {getattr(error, 'strerror', None) or error}") from error
    finally:
        for leftover in (fresh, *drafts.values()):
            leftover.unlink(missing_ok=True)
    return Restaurado(contenido, apartada, tuple(drafts))


def apartar(database: Path, now: datetime) -> Path | None:
    """Move a database with what SQLite has beside it into a folder of its own; None when there is none.

    Killed anywhere in it, all of it is in that folder, or all of it still here too: each file gets its second name
    before any loses its first.
    """
    present = [found for side in SIDE if (found := database.with_name(database.name + side)).exists()]
    if not present:
        return None
    target = database.parent / APARTADAS / f"{now:{STAMP}}"
    number = 0
    while target.exists():
        number += 1
        target = target.with_name(f"{now:{STAMP}}-{number}")
    target.mkdir(parents=True, mode=0o700)
    for each in present:
        try:
            os.link(each, target / each.name)
        except OSError:  # a file system without second names: then one after another
            os.replace(each, target / each.name)
    asegurar_carpeta(target)
    for each in reversed(present):  # the log before the database: SQLite would replay it into whatever comes here next
        each.unlink(missing_ok=True)
    asegurar_carpeta(database.parent)
    return target / database.name


def _checkpoint(database: Path) -> None:
    """What a killed program left in the log goes into the database, so that it is whole in one file."""
    if not database.with_name(f"{database.name}-wal").exists():
        return
    try:
        with closing(connect(database, read_only=False)) as conn:
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:  # it is damaged: it goes aside as it is
        pass


def _check_version(contenido: Contenido) -> None:
    if contenido.esquema not in KNOWN:
        raise RespaldoError(
            f"es de una versión más nueva del programa (esquema {contenido.esquema}; este conoce hasta {HEAD})"
        )


def _check(fresh: Path) -> None:
    with closing(connect(fresh, read_only=True)) as conn:
        verdict = conn.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise RespaldoError(f"la base de datos que trae está dañada: {verdict}")


def _make_current(fresh: Path) -> None:
    """Who was signed in then is not any more: it may have been ended since. Devices do not listen to a configuration
    that is older than the one they have, and people hold versions of what is no more: the numbers go on far beyond any
    that were given out after the backup."""
    with closing(sqlite3.connect(fresh, isolation_level=None)) as conn:
        columns = {row[1] for row in conn.execute("PRAGMA table_info(dispositivo)")}
        if "deseada_version" in columns:  # else it is of the original program, which has no such numbers
            conn.execute(
                "UPDATE dispositivo SET version = version + ?1, "
                "deseada_version = CASE WHEN deseada_version > 0 THEN deseada_version + ?1 ELSE 0 END",
                (JUMP,),
            )
        if conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'sesion'").fetchone():
            conn.execute("DELETE FROM sesion")


def _write(path: Path, file: IO[bytes]) -> None:
    with creado(path) as out:
        while data := file.read(COPY_BYTES):
            out.write(data)


# --- asked for while the program runs, done at its next start ---------------------------------------------------------


def pedir(instance: Path, path: Path, quien: str | None, desde: str | None, intentos: int = 0) -> None:
    """The next start restores this backup before anything else."""
    draft = instance / f".{PENDIENTE}.nueva"
    asked = {"archivo": str(path), "quien": quien, "desde": desde, "intentos": intentos}
    draft.write_text(json.dumps(asked, ensure_ascii=False), "utf-8")
    os.replace(draft, instance / PENDIENTE)
    asegurar_carpeta(instance)


def pendiente(instance: Path) -> dict[str, Any] | None:
    """What was asked for and is not done; a restoration that is killed is tried again, but not for ever."""
    path = instance / PENDIENTE
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        tried = int(found.get("intentos", 0))
        if not isinstance(found["archivo"], str) or tried >= INTENTOS:
            raise ValueError(found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        hecha(instance)
        return None
    pedir(instance, Path(found["archivo"]), found.get("quien"), found.get("desde"), tried + 1)
    return found


def hecha(instance: Path) -> None:
    """It is done, or can't be."""
    (instance / PENDIENTE).unlink(missing_ok=True)
    asegurar_carpeta(instance)
