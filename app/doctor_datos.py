"""`./iot doctor`: the instance folder, the disk, SQLite and the database file."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import tempfile
from contextlib import closing
from typing import TYPE_CHECKING

from app.clock import Clock
from app.doctor_base import Hallazgo, aviso, bien, mal
from app.doctor_proc import file_holders, filesystem_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.config_load import Settings

_MIB = 1 << 20
FREE_MIN = 50 * _MIB
FREE_LOW = 500 * _MIB
CHECK_LIMIT_S = 20.0
LOCK_WAIT_MS = 2000
_SQLITE_MIN = (3, 35, 0)
_WAL_CURED = (3, 51, 3)
_HEADER = b"SQLite format 3\x00"
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ncpfs"}


def check_folder(folder: Path) -> Iterator[Hallazgo]:
    """Writable (tried, not guessed), on a file system that SQLite can use, with room."""
    target = folder if folder.is_dir() else _first_existing(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=target, prefix=".doctor-"):
            pass
    except OSError as error:
        yield mal(
            "Carpeta de datos",
            f"no se puede escribir en {target}: {error.strerror}",
            "Ahí van la base de datos y las claves; sin ella no se puede arrancar.",
            f"Hágase dueño de ella (sudo chown -R $USER {target}) o elija otra con IOT_INSTANCE_PATH.",
        )
    else:
        state = "se puede escribir" if folder.is_dir() else "se creará en el primer arranque"
        yield bien("Carpeta de datos", f"{folder}: {state}")
    yield from _check_filesystem(target)
    yield _check_space(target)
    yield from _check_secret(folder / "secret_key")


def check_sqlite() -> Hallazgo:
    """The library's version, and what is known of it."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE_MIN:
        return mal(
            "SQLite", f"versión {version}", "Es demasiado antigua.", "Use un Python con SQLite 3.35 o posterior."
        )
    if sqlite3.sqlite_version_info < _WAL_CURED:
        note = (
            "Las versiones 3.7.0 a 3.51.2 pueden dañar el registro WAL si dos conexiones escriben a la vez; "
            "este programa escribe siempre con una sola. No escriba usted con otra mientras está en marcha."
        )
        return bien("SQLite", f"versión {version}", note)
    return bien("SQLite", f"versión {version}")


def check_database(settings: Settings) -> Iterator[Hallazgo]:
    """Missing, empty, not a database, damaged, of another version, held by somebody else."""
    path = settings.database_path
    problem = _look_at_file(path)
    if problem is not None:
        yield problem
        return
    owner = path.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        yield aviso(
            "Base de datos",
            f"{path} es de {_user(owner)} y esta orden la ejecuta root",
            "Abrirla como root dejaría ficheros que el programa no podría tocar; no se ha mirado por dentro.",
            f"Repita:  sudo -u {_user(owner)} ./iot doctor",
        )
        return
    yield _check_content(path)
    yield from _check_schema(path)
    yield _check_lock(path)


def _look_at_file(path: Path) -> Hallazgo | None:
    """What is wrong without opening it as a database; None when it looks like one."""
    marker = path.with_name(f"{path.name}.instalada")
    try:
        with path.open("rb") as file:
            header = file.read(16)
    except FileNotFoundError:
        if marker.exists():
            return _gone(path, marker, "no está")
        return bien("Base de datos", f"{path} todavía no existe; se creará en el primer arranque")
    except OSError as error:
        return mal(
            "Base de datos",
            f"no se puede leer {path}: {error.strerror}",
            "Sin ella no se puede arrancar.",
            f"Devuélvale el dueño y el permiso:  sudo chown $USER {path} && chmod 600 {path}",
        )
    if not header:
        if marker.exists():
            return _gone(path, marker, "está vacía (0 bytes)")
        return bien("Base de datos", f"{path} está vacía; se creará en el primer arranque")
    if header != _HEADER:
        return _damaged(path, "no empieza como una base de datos SQLite")
    return None


def _gone(path: Path, marker: Path, state: str) -> Hallazgo:
    return mal(
        "Base de datos",
        f"{path} {state}, y aquí ya había una casa instalada",
        "El programa no crea otra encima, para no esconder la pérdida.",
        f"Recupere una copia (mire en {path.parent / 'respaldos'}), o borre {marker} para empezar de cero.",
    )


def _damaged(path: Path, found: str) -> Hallazgo:
    return mal(
        "Base de datos",
        f"{path} {found}",
        "Está dañada o no es lo que parece. El programa no la toca.",
        f"Apártela (mv {path} {path}.danada) y recupere una copia de {path.parent / 'respaldos'}.",
    )


def _check_content(path: Path) -> Hallazgo:
    """SQLite's own quick_check, with a time limit: a big house must not wait for minutes."""
    clock = Clock()
    deadline = clock.monotonic() + CHECK_LIMIT_S
    try:
        with closing(_open(path, "ro")) as conn:
            conn.set_progress_handler(lambda: int(clock.monotonic() > deadline), 10_000)
            verdict = str(conn.execute("PRAGMA quick_check(3)").fetchone()[0])
            conn.set_progress_handler(None, 0)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            size = path.stat().st_size // _MIB
            return bien("Base de datos", f"{path} ({size} MiB): sin daños en lo que dio tiempo a mirar")
        return _unreadable(path, error)
    except sqlite3.DatabaseError as error:
        return _damaged(path, f"no se puede leer: {error}")
    if verdict != "ok":
        return _damaged(path, f"no pasa la comprobación de SQLite: {verdict.splitlines()[0]}")
    return bien("Base de datos", f"{path}: sin daños ({_size(path)})")


def _check_schema(path: Path) -> Iterator[Hallazgo]:
    from app.migrations import HEAD, KNOWN, DatabaseFault, schema_version

    try:
        version = schema_version(path)
    except DatabaseFault:
        return  # the check before this one has said it
    if version == HEAD:
        yield bien("Versión del esquema", f"{version}, la de este programa")
    elif version is None:
        yield mal(
            "Versión del esquema",
            f"{path} no tiene las tablas de este programa",
            "Es de otro programa; no se toca.",
            "Ponga otra en SQLALCHEMY_DATABASE_URI o aparte ese fichero.",
        )
    elif version in KNOWN:
        yield aviso(
            "Versión del esquema",
            f"{version}; la de este programa es {HEAD}",
            "Se actualizará en el próximo arranque, después de hacer una copia en respaldos/; no se pierde nada.",
        )
    else:
        yield mal(
            "Versión del esquema",
            f"{version}, más nueva que la de este programa ({HEAD})",
            "Este programa no la entiende y no la toca.",
            "Actualice el programa, o recupere una copia anterior de respaldos/.",
        )


def _check_lock(path: Path) -> Hallazgo:
    """Ask for the write lock and give it back at once; nothing is written."""
    try:
        with closing(_open(path, "rw")) as conn:
            conn.execute("PRAGMA wal_autocheckpoint=0")
            conn.execute("BEGIN IMMEDIATE")
            conn.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return _unreadable(path, error)
        holders = file_holders([path, path.with_name(f"{path.name}-wal")])
        return mal(
            "Bloqueo",
            f"otro proceso tiene la base de datos bloqueada: {', '.join(holders) or 'no se sabe cuál'}",
            "Mientras tanto se puede leer, pero no guardar; los mensajes esperan en el broker.",
            "Termine ese proceso (o la transacción que dejó abierta) y repita.",
        )
    except sqlite3.DatabaseError as error:
        return _damaged(path, f"no se puede leer: {error}")
    return bien("Bloqueo", "se puede escribir en la base de datos")


def _unreadable(path: Path, error: sqlite3.Error) -> Hallazgo:
    return mal(
        "Base de datos",
        f"SQLite no puede abrir {path}: {error}",
        "Sin ella no se puede arrancar.",
        f"Compruebe el dueño y los permisos de {path.parent} y de los ficheros {path.name}*.",
    )


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=LOCK_WAIT_MS / 1000)


def _check_filesystem(target: Path) -> Iterator[Hallazgo]:
    kind = filesystem_of(target.resolve())
    if kind in _REMOTE:
        yield mal(
            "Disco",
            f"{target} está en un disco de red ({kind})",
            "El modo WAL de SQLite no funciona en discos de red: la base de datos puede dañarse.",
            "Ponga la carpeta de datos en un disco de esta máquina con IOT_INSTANCE_PATH.",
        )
    elif kind in {"tmpfs", "ramfs"}:
        yield aviso(
            "Disco",
            f"{target} está en memoria ({kind})",
            "Todo se pierde al apagar la máquina.",
            "Ponga la carpeta de datos en un disco con IOT_INSTANCE_PATH.",
        )


def _check_space(target: Path) -> Hallazgo:
    free = shutil.disk_usage(target).free
    found = f"quedan {free // _MIB} MiB libres en el disco de {target}"
    if free < FREE_MIN:
        return mal("Espacio", found, "Con el disco lleno no se guarda nada.", "Libere espacio en ese disco.")
    if free < FREE_LOW:
        return aviso("Espacio", found, "Es poco para el historial de una casa.", "Libere espacio en ese disco.")
    return bien("Espacio", found)


def _check_secret(path: Path) -> Iterator[Hallazgo]:
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return
    if mode & 0o077:
        yield aviso(
            "Clave secreta",
            f"{path} la pueden leer otros usuarios (permisos {mode:o})",
            "Quien la lea puede hacerse pasar por este servidor.",
            f"chmod 600 {path}",
        )


def _first_existing(folder: Path) -> Path:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{size // 1024} KiB"
