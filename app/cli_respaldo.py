"""`./iot respaldo` and `./iot restaurar`: backups made, listed, checked and brought back."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing, suppress
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__, restauracion
from app.cerrojo import InstanceBusyError, only_one
from app.clock import Clock
from app.db import Database, connect
from app.importacion import importar
from app.migrations import DatabaseFault, migrate
from app.respaldo import BaseDanada, Respaldo, RespaldoError, hacer, listar, rotar, verificar
from app.runtime_ajustes import backup_folder, backup_plan, house

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config_load import Settings
    from app.respaldo import Contenido


def make(settings: Settings, *, slowly: bool, as_json: bool) -> int:
    """Make one now, and let those go that the plan does not keep; the exit code."""
    return _explained(lambda: _make(settings, slowly=slowly, as_json=as_json))


def show(settings: Settings, *, as_json: bool) -> int:
    """Print those that there are; the exit code."""
    found = listar(backup_folder(settings))
    if as_json:
        print(json.dumps([r.as_object() for r in found], ensure_ascii=False, indent=2))
        return 0
    for each in found:
        print(_line(each))
    if not found:
        print(f"No hay respaldos en {backup_folder(settings)}; ./iot respaldo hace uno.")
    return 0


def check(settings: Settings, name: str) -> int:
    """Read one whole; the exit code."""
    return _explained(lambda: _check(settings, name))


def restore(settings: Settings, name: str) -> int:
    """Bring one back; the exit code."""
    return _explained(lambda: _restore(settings, name))


def compact(settings: Settings) -> int:
    """Write the database anew without what it does not use; from now on it shrinks by itself. The exit code."""
    return _explained(lambda: _compact(settings))


def import_from(settings: Settings, name: str) -> int:
    """Take another database in; the exit code."""
    return _explained(lambda: _import(settings, Path(name)))


def _explained(action: Callable[[], None]) -> int:
    try:
        action()
    except (RespaldoError, InstanceBusyError, DatabaseFault) as error:
        print(error, file=sys.stderr)
        return BaseDanada.EXIT if isinstance(error, BaseDanada) else 1
    return 0


def _make(settings: Settings, *, slowly: bool, as_json: bool) -> None:
    if not settings.database_path.is_file():
        raise RespaldoError(f"Todavía no hay base de datos en {settings.database_path}: arranque primero con ./iot")
    if slowly:
        with suppress(OSError, AttributeError):
            os.nice(19)
    folder = backup_folder(settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with only_one(folder):
            made, what = hacer(settings.database_path, folder, Clock().now(), __version__, settings.backup_passphrase)
            gone = rotar(folder, backup_plan(settings))
    except InstanceBusyError:
        raise RespaldoError("Ya se está haciendo un respaldo; espere a que termine") from None
    if as_json:
        told = {**made.as_object(), "filas": what.filas, "borrados": [r.ruta.name for r in gone]}
        print(json.dumps(told, ensure_ascii=False))
        return
    print(f"Respaldo hecho y comprobado: {made.ruta}")
    print(_told(what))
    if not made.cifrado:
        print("No está cifrado y lleva las claves de la casa: guárdelo como tal (o ponga BACKUP_PASSPHRASE).")


def _check(settings: Settings, name: str) -> None:
    path = _path(settings, name)
    print(f"{path} está entero.\n{_told(verificar(path, _phrase(settings, path)))}")


def _restore(settings: Settings, name: str) -> None:
    path = _path(settings, name)
    phrase = _phrase(settings, path)
    with only_one(settings.instance_path):
        done = restauracion.restaurar(path, settings.database_path, Clock().now(), phrase)
    print(f"Restaurado de {path}.\n{_told(done.contenido)}")
    if done.apartada is not None:
        print(f"Lo que había está en {done.apartada}, por si hace falta.")
    if done.archivos:
        print(f"También faltaban, y se han repuesto: {', '.join(done.archivos)}.")
    print("Lo que pasó después de hacerse ese respaldo no está. Arranque con ./iot")


def _compact(settings: Settings) -> None:
    path = settings.database_path
    if not path.is_file():
        raise RespaldoError(f"Todavía no hay base de datos en {path}: arranque primero con ./iot")
    before = path.stat().st_size
    try:
        with only_one(settings.instance_path), closing(connect(path, read_only=False)) as conn:
            conn.execute("PRAGMA auto_vacuum=INCREMENTAL")
            conn.execute("VACUUM")
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise RespaldoError(
            f"No se pudo compactar {path} ({error}). Sigue como estaba; hace falta el doble de sitio"
        ) from error
    print(f"{path}: {before / 1e6:.1f} MB antes, {path.stat().st_size / 1e6:.1f} MB ahora.")


def _import(settings: Settings, path: Path) -> None:
    clock = Clock()
    with only_one(settings.instance_path):
        migrate(settings.database_path, clock.now())
        uri, folder = settings.sqlalchemy_database_uri, settings.instance_path
        database = Database(uri, folder, clock, lambda _events: None, casa=house(settings))
        try:
            done = importar(database, path, clock.now())
        finally:
            database.close()
    print(f"De {path}: {done.dispositivos_nuevos} dispositivos nuevos, de {done.dispositivos}.")
    print(f"{done.filas_nuevas} filas de historial que no estaban, de {done.filas}. Ese archivo sigue como estaba.")


def _path(settings: Settings, name: str) -> Path:
    here = Path(name)
    found = here if here.is_file() else backup_folder(settings) / name
    if not found.is_file():
        raise RespaldoError(f"No existe {here}; ./iot respaldo --listar dice los que hay")
    return found


def _phrase(settings: Settings, path: Path) -> str:
    from app.cifra import MAGIC

    with path.open("rb") as file:
        sealed = file.read(len(MAGIC)) == MAGIC
    if not sealed or settings.backup_passphrase:
        return settings.backup_passphrase
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass("Frase del respaldo: ")


def _line(r: Respaldo) -> str:
    sealed = "  cifrado" if r.cifrado else ""
    return f"{r.ruta.name:40} {r.bytes / 1e6:9.1f} MB  {r.creado.astimezone():%Y-%m-%d %H:%M}{sealed}"


def _told(c: Contenido) -> str:
    span = f", del {c.desde} al {c.hasta}" if c.desde else ""
    return (
        f"  hecho el {c.creado_en} por la versión {c.version} (esquema {c.esquema})\n"
        f"  {c.dispositivos} dispositivos y {c.filas} filas de historial{span}\n"
        f"  archivos: {', '.join(sorted(c.archivos))}"
    )
