"""Backups: one file with all that a house is, consistent while the program runs, and verified before it has its name.

A backup is a gzipped tar that any tool opens: ``manifiesto.json`` (what it holds, the SHA-256 of each file), ``iot.db``
and the house's own files; sealed by :mod:`app.cifra` where there is a passphrase. The database is copied by SQLite in
one step from one snapshot, which no writer waits for; checkpoints wait for it, so the log beside it grows meanwhile.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from app.archivos import asegurar_carpeta, creado
from app.cifra import MAGIC, Cifrador, CifraError, Descifrador
from app.clock import iso_z
from app.db import connect, known_fault
from app.domain.errors import StorageDamaged

MANIFIESTO, BASE = "manifiesto.json", "iot.db"
OWN = ("config.py", "secret_key", "tls/autoridad.crt", "tls/autoridad.key", "tls/servidor.pem", "broker/backend.json")
"""Of the instance folder, what is not in the database and can't be made again."""
NAME = re.compile(r"casa-([0-9]{8}T[0-9]{6}Z)\.tar\.gz(\.cifrado)?")
STAMP = "%Y%m%dT%H%M%SZ"
COPY_BYTES = 1 << 20
ROOM = 1.6
"""Room that is asked for, as a multiple of the database: the copy, and the file made of it."""
LEVEL = 2
"""Of gzip: three times as fast as 6 for a tenth more."""


class RespaldoError(Exception):
    """It was not made, or can't be read; the message says why, in Spanish."""


class BaseDanada(RespaldoError):
    """There is none to be made: it is the house's own database that is damaged, not what was written of it."""

    EXIT = 3
    """What ``./iot respaldo`` ends with then."""


@dataclass(frozen=True, slots=True)
class Contenido:
    """What a backup holds. Times are ISO with ``Z``; ``desde`` and ``hasta``: of the first and last row of the log."""

    creado_en: str
    version: str
    esquema: str
    dispositivos: int
    filas: int
    ultimo_evento: int
    desde: str | None
    hasta: str | None
    archivos: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """What people are told."""
        return {**asdict(self), "archivos": sorted(self.archivos)}


@dataclass(frozen=True, slots=True)
class Respaldo:
    """A file of a backup folder that has the name of one."""

    ruta: Path
    creado: datetime
    bytes: int
    cifrado: bool

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "nombre": self.ruta.name,
            "creado_en": iso_z(self.creado),
            "bytes": self.bytes,
            "cifrado": self.cifrado,
        }


# --- making -----------------------------------------------------------------------------------------------------------


def hacer(database: Path, folder: Path, now: datetime, version: str, frase: str = "") -> tuple[Respaldo, Contenido]:
    """A new backup in ``folder``, which nobody else makes one in, on disk and read again before it gets its name.

    Raises:
        BaseDanada: the database is damaged.
        RespaldoError: no room, the copy is damaged, or what was written can't be read.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in (*folder.glob(".casa-*.parcial"), *folder.glob(".copia.db*")):  # of one that was killed
        leftover.unlink(missing_ok=True)
    _demand_room(database, folder)
    target = folder / f"casa-{now.astimezone(UTC):{STAMP}}.tar.gz{'.cifrado' if frase else ''}"
    copy, draft = folder / ".copia.db", folder / f".{target.name}.parcial"
    try:
        copy_database(database, copy)
        contenido = _look(copy, database.parent, now, version)
        with creado(draft) as out:
            _pack(out, copy, database.parent, contenido, frase)
        verificar(draft, frase)
        os.replace(draft, target)
        asegurar_carpeta(folder)
    except (OSError, sqlite3.Error) as error:
        raise _fault(database, f"no se pudo hacer: {getattr(error, 'strerror', None) or error}") from error
    finally:
        for leftover in (copy, draft):
            leftover.unlink(missing_ok=True)
    found = de_archivo(target)
    assert found is not None
    return found, contenido


def copy_database(source: Path, target: Path) -> None:
    """A copy from one snapshot, checked.

    Raises:
        BaseDanada, RespaldoError: it does not pass SQLite's own check, because of its source or not.
    """
    with creado(target):  # before SQLite makes it, which asks nobody who may read it
        pass
    with closing(connect(source, read_only=True)) as src, closing(sqlite3.connect(target)) as dst:
        src.backup(dst)
        dst.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        verdict = dst.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _fault(source, f"la base de datos está dañada: {verdict}")


def _fault(database: Path, why: str) -> RespaldoError:
    """Whose fault it is that there is no copy: a disk of backups may be as bad as the house's."""
    try:
        with closing(connect(database, read_only=True)) as conn:
            sound = conn.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
    except sqlite3.Error as error:
        sound = not isinstance(known_fault(error), StorageDamaged)
    return RespaldoError(why) if sound else BaseDanada(why)


def _demand_room(database: Path, folder: Path) -> None:
    stat = os.statvfs(folder)
    free, needed = stat.f_bavail * stat.f_frsize, int(_size(database) * ROOM)
    if free < needed:
        raise RespaldoError(f"hacen falta {needed >> 20} MiB libres en {folder}, y hay {free >> 20}")


def _size(database: Path) -> int:
    log = database.with_name(f"{database.name}-wal")
    return database.stat().st_size + (log.stat().st_size if log.exists() else 0)


def _look(copy: Path, instance: Path, now: datetime, version: str) -> Contenido:
    with closing(connect(copy, read_only=True)) as conn:
        found = dict(zip(_WHAT, conn.execute(f"SELECT {','.join(_WHAT.values())}").fetchone(), strict=True))
    found["desde"], found["hasta"] = _iso(found["desde"]), _iso(found["hasta"])
    contenido = Contenido(iso_z(now), version, **found)
    for name, path in _files(copy, instance):
        contenido.archivos[name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    return contenido


_WHAT = {
    "esquema": "(SELECT version_num FROM alembic_version)",
    "dispositivos": "(SELECT count(*) FROM dispositivo)",
    "filas": "(SELECT count(*) FROM estado_log)",
    "ultimo_evento": "(SELECT valor FROM casa WHERE clave = 'secuencia')",
    "desde": "(SELECT min(timestamp) FROM estado_log WHERE timestamp > '1')",
    "hasta": "(SELECT max(timestamp) FROM estado_log WHERE timestamp < '3')",
}


def _iso(stamp: str | None) -> str | None:
    return None if stamp is None else f"{stamp.replace(' ', 'T', 1).removesuffix('Z')}Z"


def _files(copy: Path, instance: Path) -> Iterator[tuple[str, Path]]:
    yield BASE, copy
    for name in OWN:
        if (instance / name).is_file():
            yield name, instance / name


def _pack(out: IO[bytes], copy: Path, instance: Path, contenido: Contenido, frase: str) -> None:
    sealed = Cifrador(out, frase) if frase else None
    with (
        gzip.GzipFile("", "wb", LEVEL, fileobj=sealed or out, mtime=0) as squeezed,  # type: ignore[arg-type]
        tarfile.open(mode="w|", fileobj=squeezed) as tar,
    ):
        manifest = json.dumps(asdict(contenido), ensure_ascii=False, indent=2).encode()
        _put(tar, MANIFIESTO, io.BytesIO(manifest), len(manifest), contenido.creado_en)
        for name, path in _files(copy, instance):
            with path.open("rb") as file:
                _put(tar, name, file, contenido.archivos[name]["bytes"], contenido.creado_en)
    if sealed is not None:
        sealed.close()


def _put(tar: tarfile.TarFile, name: str, file: IO[bytes], size: int, creado_en: str) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    info.mtime = int(datetime.fromisoformat(creado_en).timestamp())
    tar.addfile(info, file)


# --- reading ----------------------------------------------------------------------------------------------------------


def verificar(path: Path, frase: str = "") -> Contenido:
    """Read all of it, each file against its SHA-256.

    Raises:
        RespaldoError: it is damaged, of something else, or needs another passphrase.
    """
    with abierto(path, frase) as (contenido, members):
        for _ in members:
            pass
    return contenido


def contenido_de(path: Path, frase: str = "") -> Contenido:
    """What it says that it holds; only the beginning is read.

    Raises:
        RespaldoError: see :func:`verificar`.
    """
    with abierto(path, frase, check=False) as (contenido, _):
        return contenido


@contextmanager
def abierto(
    path: Path, frase: str = "", *, check: bool = True
) -> Iterator[tuple[Contenido, Iterator[tuple[str, IO[bytes]]]]]:
    """What it holds, and its files one after another; a file that was read whole, or passed over, was held against its
    SHA-256. ``check``: that all are there is made sure of at the end.

    Raises:
        RespaldoError: see :func:`verificar`.
    """
    try:
        with (
            path.open("rb") as file,
            gzip.GzipFile("", "rb", fileobj=_opened(file, frase)) as squeezed,
            tarfile.open(mode="r|", fileobj=squeezed) as tar,
        ):
            contenido = _manifest(tar)
            missing = set(contenido.archivos)
            yield contenido, _members(tar, contenido, missing)
            if check and missing:
                raise RespaldoError(f"le falta {min(missing)}")
    except CifraError as error:
        raise RespaldoError(str(error)) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, tarfile.TarError) as error:
        raise RespaldoError(f"no se puede leer, o no es un respaldo: {error}") from error


def _opened(file: IO[bytes], frase: str) -> Any:
    sealed = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    if not sealed:
        return file
    if not frase:
        raise RespaldoError("está cifrado: hace falta su frase (BACKUP_PASSPHRASE)")
    return Descifrador(file, frase)


def _manifest(tar: tarfile.TarFile) -> Contenido:
    first = tar.next()
    file = tar.extractfile(first) if first is not None and first.name == MANIFIESTO else None
    if file is None:
        raise RespaldoError("no es un respaldo de este programa")
    found = Contenido(**json.loads(file.read(1 << 20)))
    if BASE not in found.archivos:
        raise RespaldoError("no tiene ninguna base de datos")
    return found


def _members(tar: tarfile.TarFile, contenido: Contenido, missing: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    while (info := tar.next()) is not None:
        if info.name not in missing or not info.isfile():
            raise RespaldoError(f"tiene algo que no dice tener: {info.name!r}")
        plain = tar.extractfile(info)
        assert plain is not None
        file = _Hashed(plain)
        yield info.name, file  # type: ignore[misc]
        while file.read(COPY_BYTES):
            pass
        if file.digest() != contenido.archivos[info.name]["sha256"]:
            raise RespaldoError(f"{info.name} está dañado: no tiene el SHA-256 que se apuntó")
        missing.discard(info.name)


class _Hashed:
    """A file of the tar, hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()


# --- the folder -------------------------------------------------------------------------------------------------------


def de_archivo(path: Path) -> Respaldo | None:
    """The backup that a file's name says that it is."""
    named = NAME.fullmatch(path.name)
    if named is None or not path.is_file():
        return None
    created = datetime.strptime(named[1], STAMP).replace(tzinfo=UTC)
    return Respaldo(path, created, path.stat().st_size, named[2] is not None)


def listar(folder: Path) -> list[Respaldo]:
    """The backups of a folder, newest first."""
    found = [each for p in folder.glob("casa-*") if (each := de_archivo(p)) is not None]
    return sorted(found, key=lambda r: r.creado, reverse=True)


def ultimo_verificado(folder: Path, frase: str = "") -> tuple[Respaldo, Contenido] | None:
    """The newest that can be read whole; the others stay as they are."""
    for each in listar(folder):
        try:
            return each, verificar(each.ruta, frase)
        except RespaldoError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class Plan:
    """How many are kept: the newest of each of so many days, weeks and months, and not more than ``max_bytes`` in all
    (0: no bound). The newest is always kept."""

    dias: int
    semanas: int
    meses: int
    max_bytes: int = 0


def sobrantes(found: list[Respaldo], plan: Plan) -> list[Respaldo]:
    """Those of ``found`` that the plan does not keep."""
    kept: dict[Path, Respaldo] = {r.ruta: r for r in found[:1]}
    for count, period in ((plan.dias, _day), (plan.semanas, _week), (plan.meses, _month)):
        newest: dict[object, Respaldo] = {}
        for each in found:
            newest.setdefault(period(each.creado), each)
        kept |= {r.ruta: r for r in list(newest.values())[:count]}
    total = 0
    for number, each in enumerate(sorted(kept.values(), key=lambda r: r.creado, reverse=True)):
        total += each.bytes
        if number and plan.max_bytes and total > plan.max_bytes:
            del kept[each.ruta]
    return [r for r in found if r.ruta not in kept]


def _day(when: datetime) -> object:
    return when.date()


def _week(when: datetime) -> object:
    return (when.date() - timedelta(days=when.weekday())).toordinal()


def _month(when: datetime) -> object:
    return when.year, when.month


def rotar(folder: Path, plan: Plan) -> list[Respaldo]:
    """Delete what the plan does not keep; those that went. Files with other names are nobody's business here."""
    gone = sobrantes(listar(folder), plan)
    for each in gone:
        each.ruta.unlink(missing_ok=True)
    return gone


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
