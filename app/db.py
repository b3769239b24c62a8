"""The database: one writer, many readers, and the unit of work through which everything is written.

SQLite: WAL, ``synchronous=FULL``; one writer connection which is also the only checkpointer (SQLite 3.7.0 to 3.51.2 can
corrupt a WAL when two connections write or checkpoint at once); readers are read-only connections, which a writer
never makes wait.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from app.clock import Clock
from app.domain.causa import SISTEMA, Causa
from app.domain.dispositivo import Dispositivo
from app.domain.errors import DomainError, StorageBusy, StorageDamaged, StorageFull
from app.domain.events import AccesoRevocado, CredencialCambiada, Event, Suceso
from app.domain.horario_tipos import Casa
from app.domain.orden import LimitesOrden

log = logging.getLogger(__name__)

WRITER_WAIT_S = 0.9
"""How long a write waits for its turn, and again for a foreign lock: together under the 2 s of RELIABILITY."""
READERS = 8
CACHE_KIB = 4096
CHECKPOINT_PAGES = 1000
WAL_MAX_BYTES = 64 << 20
MAX_IN = 256
"""Values asked for in one statement, far below SQLite's bound on variables."""


DEFAULT_LIMITS = LimitesOrden()
DEFAULT_HOUSE = Casa()


@dataclass(slots=True)
class UnitOfWork:
    """One transaction of the writer. Facts go to ``events``; they are published after COMMIT only.

    ``file`` is the driver's own connection under ``conn``. ``now`` is the instant of the whole unit, ``secuencia`` the
    last event number given out, ``causa`` why it is done: every change that it makes keeps it. ``number`` is how many
    units will have been committed once this one is: who remembers rows from one unit to his next one sees by it
    whether anybody else wrote in between. ``casa`` is the house as the settings say it. ``ordenes``: device id -> the
    last order that the unit made for it. ``revocados``: what is told to the listeners of revocations after COMMIT;
    ``credenciales`` to those of broker credentials.
    """

    conn: Connection
    file: sqlite3.Connection
    now: datetime
    secuencia: int
    number: int
    causa: Causa
    limites: LimitesOrden
    casa: Casa
    events: list[Event] = field(default_factory=list)
    ordenes: dict[int, int] = field(default_factory=dict)
    revocados: list[AccesoRevocado] = field(default_factory=list)
    credenciales: list[CredencialCambiada] = field(default_factory=list)

    def next_secuencia(self) -> int:
        """The number of the next event; the numbers of a unit that fails are given out again."""
        self.secuencia += 1
        return self.secuencia

    def tell(self, tipo: str, datos_json: str, device: Dispositivo | None = None) -> None:
        """Add a named event, of a device or of the whole house."""
        if device is None:
            self.events.append(Suceso(self.next_secuencia(), tipo, datos_json))
            return
        about = (device.id, device.serial_number, device.reclamado, device.habitacion_id)
        self.events.append(Suceso(self.next_secuencia(), tipo, datos_json, *about))


class Database:
    """A house's database.

    Args:
        url: SQLAlchemy URL; a relative SQLite path is taken from ``folder``.
        publish: gets the events of each committed unit, in commit order.
        limites: how long orders live and how many are kept.
        casa: the house as the settings say it; what people decide is stored (:mod:`app.casa`).
        revoke: gets what each committed unit revoked.
        accredit: gets the broker credentials that each committed unit changed.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        clock: Clock,
        publish: Callable[[Sequence[Event]], None],
        limites: LimitesOrden | None = None,
        casa: Casa = DEFAULT_HOUSE,
        revoke: Callable[[Sequence[AccesoRevocado]], None] = lambda _: None,
        accredit: Callable[[Sequence[CredencialCambiada]], None] = lambda _: None,
    ) -> None:
        self._limites = limites or DEFAULT_LIMITS
        self.casa = casa
        self.path = sqlite_path(url, folder)
        self._clock = clock
        self._publish = publish
        self._revoke = revoke
        self._accredit = accredit
        self.on_full: Callable[[], object] = lambda: None  # when a unit found no room; whoever wrote it tries again
        self.on_damaged: Callable[[], object] = lambda: None  # when anybody met a page that is not what it should be
        self._turn = threading.Lock()
        self._writer_engine = _engine(self.path, read_only=False)
        self._reader_engine = _engine(self.path, read_only=True)
        self._writer: Connection | None = None
        self._file: sqlite3.Connection | None = None  # under the writer
        self.commits = 0
        self._secuencia = -1  # known after a commit, read again after anything else; only one process writes

    def unit_of_work(self, causa: Causa = SISTEMA, *, orphans: bool = False) -> _Unit:
        """Write: BEGIN IMMEDIATE, the block, COMMIT, then publish; anything raised rolls all of it back.

        ``orphans``: a device may go before its history, of which there may be millions of rows, too many to delete in
        one transaction; :mod:`app.limpieza` takes them away in slices.

        Raises:
            StorageBusy: another process holds the database.
            StorageFull: the disk is full or fails.
            StorageDamaged: the file is.
        """
        return _Unit(self, causa, orphans)

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """Read: one snapshot, never waits for a writer, cannot write."""
        try:
            with self._reader_engine.connect() as conn, conn.begin():
                yield conn
        except (DBAPIError, sqlite3.Error, PoolTimeout) as error:
            known = known_fault(error)
            if known is None:
                raise
            if isinstance(known, StorageDamaged):
                self.on_damaged()
            raise known from error

    def size(self) -> int:
        """Bytes of the database and its log on disk."""
        return sum(f.stat().st_size for f in (self.path, self.path.with_name(f"{self.path.name}-wal")) if f.exists())

    def close(self) -> None:
        """Checkpoint and let go of the file."""
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = self._file = None
            self._reader_engine.dispose()
            self._writer_engine.dispose()

    def _open_writer(self) -> sqlite3.Connection:
        self._writer = self._writer_engine.connect()
        self._file = raw(self._writer)
        return self._file

    def _drop_writer(self) -> None:
        """After an I/O error, because what the connection believes to be on disk may not be: the next unit starts on a
        fresh one."""
        if self._writer is not None:
            self._writer.invalidate()
            self._writer.close()
            self._writer = self._file = None

    def _tell(self, uow: UnitOfWork) -> None:
        if uow.events:
            self._publish(uow.events)
        if uow.revocados:
            self._revoke(uow.revocados)
        if uow.credenciales:
            self._accredit(uow.credenciales)


class _Unit:
    """One turn of the writer, see :meth:`Database.unit_of_work`. Not a generator: each of its frames, which have not
    run for a while when a message comes, costs some 20 µs (docs/adr/0001)."""

    __slots__ = ("_causa", "_db", "_last", "_orphans", "_uow")

    def __init__(self, db: Database, causa: Causa, orphans: bool) -> None:
        self._db = db
        self._causa = causa
        self._orphans = orphans

    def __enter__(self) -> UnitOfWork:
        db = self._db
        if not db._turn.acquire(timeout=WRITER_WAIT_S):
            raise StorageBusy
        try:
            file = db._file or db._open_writer()
            if self._orphans:
                file.execute("PRAGMA foreign_keys=OFF")  # does nothing inside a transaction
            file.execute("BEGIN IMMEDIATE")
            last = db._secuencia
            self._last = last if last >= 0 else file.execute(_SECUENCIA).fetchone()[0]
            db._secuencia = -1
            assert db._writer is not None
            self._uow = UnitOfWork(
                db._writer, file, db._clock.now(), self._last, db.commits + 1, self._causa, db._limites, db.casa
            )
        except BaseException as error:
            self._undo(error)
            raise
        return self._uow

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._undo(error)
            return
        db, uow = self._db, self._uow
        try:
            if uow.secuencia != self._last:
                uow.file.execute(_SET_SECUENCIA, (uow.secuencia,))
            uow.file.execute("COMMIT")
            if self._orphans:
                uow.file.execute("PRAGMA foreign_keys=ON")
        except BaseException as failed:
            self._undo(failed)
            raise
        try:
            db._secuencia = uow.secuencia
            db.commits = uow.number
            db._tell(uow)
        finally:
            db._turn.release()

    def _undo(self, error: BaseException) -> None:
        """Roll back and give the turn back; raises the fault of the storage that ``error`` is, if it is one."""
        db = self._db
        try:
            known = known_fault(error)
            try:
                if db._file is not None and db._file.in_transaction:
                    db._file.execute("ROLLBACK")
                if db._file is not None and self._orphans:
                    db._file.execute("PRAGMA foreign_keys=ON")
            except sqlite3.Error as worse:
                known = known_fault(worse) or known
            if isinstance(known, StorageFull):
                db._drop_writer()
                db.on_full()
            if isinstance(known, StorageDamaged):
                db.on_damaged()
        finally:
            db._turn.release()
        if known is not None:
            raise known from error


# What runs in every unit goes straight to the driver: a statement through SQLAlchemy costs some 45 µs more, which with
# seven of them was a third of the time from a message to its commit (docs/adr/0001).
_SECUENCIA = "SELECT valor FROM casa WHERE clave = 'secuencia'"
_SET_SECUENCIA = "UPDATE casa SET valor = ? WHERE clave = 'secuencia'"


def raw(conn: Connection) -> sqlite3.Connection:
    """The driver's own connection under SQLAlchemy's."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def sqlite_path(url: str, folder: Path) -> Path:
    """The file behind a SQLite URL.

    Raises:
        ValueError: for any other database; PostgreSQL comes with a later issue.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ValueError("SQLALCHEMY_DATABASE_URI debe ser sqlite:///archivo.db")
    return folder / parsed.database


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A bare connection with this project's pragmas; it never opens a transaction by itself."""
    mode = "ro" if read_only else "rwc"
    conn = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    conn.execute(f"PRAGMA busy_timeout={int(WRITER_WAIT_S * 1000)}")
    conn.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    conn.execute("PRAGMA foreign_keys=ON")
    if read_only:
        conn.execute("PRAGMA wal_autocheckpoint=0")
    else:
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        conn.execute(f"PRAGMA journal_size_limit={WAL_MAX_BYTES}")
    return conn


def _engine(path: Path, *, read_only: bool) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(path, read_only=read_only),
        poolclass=QueuePool,
        pool_size=READERS if read_only else 1,
        max_overflow=0,
        pool_timeout=WRITER_WAIT_S,
    )
    if not read_only:  # the unit of work begins and commits by itself
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN"))
    return engine


_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGE_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DISK_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def known_fault(error: BaseException | None) -> DomainError | None:
    """What the driver raises for a lock, a full or failing disk or a damaged file, as ours; None for the rest."""
    if isinstance(error, PoolTimeout):
        return StorageBusy()
    if isinstance(error, DBAPIError):
        error = error.orig
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY_CODES:
        return StorageBusy()
    if code in _DAMAGE_CODES:
        return StorageDamaged()
    return StorageFull() if code in _DISK_CODES else None


def bulk_insert(uow: UnitOfWork, table: Table, rows: Sequence[tuple[Any, ...]], *, upsert: bool = False) -> None:
    """Insert rows given in the order of the table's columns, the generated ``id`` left out; with ``upsert`` the id is
    given and a row that has it is overwritten."""
    uow.file.executemany(_insert_sql(table, upsert), rows)


def insert_one(uow: UnitOfWork, table: Table, row: tuple[Any, ...]) -> int:
    """Insert one row, its generated ``id`` left out; answers the id."""
    return uow.file.execute(_insert_sql(table, False), row).lastrowid or 0


def select_in(conn: Connection, table: Table, column: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows, whole, whose ``column`` is one of ``values``; they are asked for a bounded number at a time."""
    for done in range(0, len(values), MAX_IN):
        some = tuple(values[done : done + MAX_IN])
        yield from raw(conn).execute(_in_sql(table, column, len(some)), some)


@lru_cache(maxsize=2 * MAX_IN)
def _in_sql(table: Table, column: str, count: int) -> str:
    names = ",".join(c.name for c in table.columns)
    return f"SELECT {names} FROM {table.name} WHERE {column} IN ({','.join('?' * count)})"


@cache
def _insert_sql(table: Table, upsert: bool) -> str:
    names = [c.name for c in table.columns if upsert or c.name != "id"]
    sql = f"INSERT INTO {table.name} ({','.join(names)}) VALUES ({','.join('?' * len(names))})"
    if upsert:
        changes = [c.name for c in table.columns if not c.primary_key and not c.unique]  # or its index is written too
        sql += " ON CONFLICT(id) DO UPDATE SET " + ",".join(f"{n}=excluded.{n}" for n in changes)
    return sql
