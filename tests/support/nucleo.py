"""The core's own parts for white-box tests: a real database file, a clock that only moves when told."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import dispositivos
from app.bus import Bus
from app.clock import Clock
from app.db import Database
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.events import Event
from app.domain.reporte import parse
from app.migrations import migrate
from app.reportes import apply_reportes

BEGINNING = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class FakeClock(Clock):
    """Stands still; ``sleep`` moves it on and lets other threads run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.slept: list[float] = []
        self._passed = 0.0
        self._wall = BEGINNING

    def now(self) -> datetime:
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        with self._lock:
            return self._passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        threading.Event().wait(0.001)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds
            self._wall += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        """The wall clock is set; monotonic time does not notice."""
        with self._lock:
            self._wall += timedelta(seconds=seconds)


def fast_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is one: a property is tried a thousand times, and need not wait for a disk."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


@functools.cache
def _fresh_database() -> bytes:
    with fast_folder() as folder:
        migrate(Path(folder) / "iot.db", BEGINNING)
        return (Path(folder) / "iot.db").read_bytes()


class House:
    """A database file of its own, the events it published and the statements its writer ran."""

    def __init__(self, folder: Path, clock: Any = None) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self.bus = Bus()
        self.events: list[Event] = []
        self.bus.subscribe(self.events.extend)
        if not (folder / "iot.db").exists():
            (folder / "iot.db").write_bytes(_fresh_database())
        self.db = Database("sqlite:///iot.db", folder, self.clock, self.bus.publish)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """What the writer's connection runs meanwhile, as SQLite itself sees it."""
        seen: list[str] = []
        with self.db.unit_of_work() as uow:
            driver = uow.file
        driver.set_trace_callback(seen.append)
        yield seen
        driver.set_trace_callback(None)

    def report(self, *bodies: dict[str, Any] | bytes, grace: float = 10.0) -> None:
        """One unit of work with these messages on the shared topic, as the ingest stores them."""
        reportes = [
            parse("dispositivos/estado", b if isinstance(b, bytes) else dump_object(b).encode()) for b in bodies
        ]
        with self.db.unit_of_work() as uow:
            known = dispositivos.by_serials(uow.conn, {r.serial_number for r in reportes})
            apply_reportes(uow, reportes, known, grace=timedelta(seconds=grace))

    def device(self, serial: str) -> Dispositivo:
        with self.db.reader() as conn:
            return dispositivos.by_serials(conn, [serial])[serial]

    def scalar(self, sql: str) -> Any:
        with self.db.reader() as conn:
            return conn.exec_driver_sql(sql).scalar_one()

    def rows(self, sql: str) -> Sequence[Any]:
        with self.db.reader() as conn:
            return conn.exec_driver_sql(sql).fetchall()


def a_device(id_: int = 1, serial: str | None = None, **fields: Any) -> Dispositivo:
    """A device as a row could hold it."""
    values: dict[str, Any] = {
        "id": id_, "serial_number": serial or f"SER{id_:05}", "nombre": "No definido", "tipo": "generico",
        "modelo": "desconocido", "descripcion": "", "estado": "desconocido", "parametros_json": "{}",
        "configuracion_json": "{}", "reclamado": False, "version": 1, "creado_en": "2026-11-23T14:00:00.000000Z",
        "actualizado_en": "2026-11-23T14:00:00.000000Z", "visto_en": None, "deseada_version": 0,
        "deseada_confirmada": 0, "estado_reportado": None, "deseo_en": None,
    }  # fmt: skip
    return Dispositivo(**(values | fields))
