"""What has to go by itself, in slices: history without a device, silent unclaimed devices, ignored ones, old audit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app import auditoria, borrado, historial, ignorados
from app.clock import Clock, iso_z
from app.db import Database, UnitOfWork
from app.domain.causa import Causa
from app.domain.errors import DomainError
from app.domain.events import DeviceRemoved, Event
from app.domain.reloj import puesto
from app.models import DEVICE_FIELDS, device_of
from app.retencion import Conservar, Retencion

log = logging.getLogger(__name__)

LOOK_S = 60.0
BREATH_S = 0.05
"""Between two slices: reports come first."""
RETRY_S = 5.0
STOP_S = 1.5
SETTLE_S = 3600.0
"""Nobody is held to be silent before the program has listened so long by a clock that nobody set."""
STEP_S = 60.0
LOG_SLICE = 1000
DEVICE_SLICE = 50
CADUCADOS = "dispositivos_caducados"
KEEP_ALL = Conservar()


@dataclass(frozen=True, slots=True)
class Plazos:
    """The settings UNCLAIMED_TTL_DAYS (0: for ever) and AUDIT_MAX."""

    sin_reclamar_dias: float
    auditoria: int


class Limpieza:
    """The thread ``limpieza``; :meth:`tick` is all it does, so that a test drives it in virtual time."""

    def __init__(self, db: Database, clock: Clock, plazos: Plazos, conservar: Conservar = KEEP_ALL) -> None:
        self._db = db
        self._clock = clock
        self._plazos = plazos
        self._retencion = Retencion(db, conservar)
        self._wall, self._passed = clock.now(), clock.monotonic()
        self._since = self._passed
        self._orphans = True
        self._counts = {"filas": 0, "caducados": 0, "ignorados": 0, "anotaciones": 0}
        self._fault: str | None = None
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="limpieza", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """End; the next start goes on."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def stats(self) -> dict[str, Any]:
        """Whether it runs, what went since the start, and what keeps it from storing."""
        return {
            "viva": self._thread.is_alive(),
            "fallo": self._fault,
            **self._counts,
            "historial": self._retencion.stats(),
        }

    def on_events(self, events: Sequence[Event]) -> None:
        """A listener of the bus: a device that goes leaves its history, and perhaps more of its kind."""
        if any(type(e) is DeviceRemoved for e in events):
            self._orphans = True
            self._wake.set()

    def tick(self) -> float:
        """Take one slice of each; answers after how many seconds to look again.

        Raises:
            DomainError: the database could not be written; the next look goes on.
        """
        now = self._believed()
        orphans, self._orphans = self._orphans, False  # one that comes from here on is looked for by the next tick
        try:
            done = [
                self._slice("ignorados", ignorados.barrer),
                self._expire(now),
                self._retencion.tick(now),
                self._slice("filas", _prune_orphans) if orphans else 0,
                self._slice("anotaciones", lambda uow: auditoria.podar(uow, self._plazos.auditoria)),
            ]
        except BaseException:
            self._orphans = True
            raise
        self._orphans = self._orphans or done[3] > 0
        return BREATH_S if any(done) else LOOK_S

    def _slice(self, name: str, work: Callable[[UnitOfWork], int]) -> int:
        with self._db.unit_of_work(Causa("sistema", detalle="limpieza"), orphans=True) as uow:
            done = work(uow)
        self._counts[name] += done
        return done

    def _believed(self) -> datetime | None:
        """The time, if the clock went on as it should for a while: nothing goes because somebody set it."""
        now, passed = self._clock.now(), self._clock.monotonic()
        if abs((now - self._wall).total_seconds() - (passed - self._passed)) > STEP_S:
            self._since = passed
        self._wall, self._passed = now, passed
        return now if puesto(now) and passed - self._since >= SETTLE_S else None

    def _expire(self, now: datetime | None) -> int:
        """By the last word. A clock that was set makes silences that were none: then everybody has time to speak."""
        days = self._plazos.sin_reclamar_dias
        if now is None or not days:
            return 0
        before = iso_z(now - timedelta(days=days))
        return self._slice("caducados", lambda uow: caducar(uow, before))

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.is_set():
            self._wake.wait(wait)
            self._wake.clear()
            if self._ending.is_set():
                return
            try:
                wait = self.tick()
                self._fault = None
            except DomainError as error:  # locked or full: later
                self._fault, wait = error.mensaje, RETRY_S
            except Exception:
                log.exception("the cleaning failed")
                self._fault, wait = "fallo inesperado; véase el registro", RETRY_S
            if wait == BREATH_S and self._ending.wait(BREATH_S):
                return


def caducar(uow: UnitOfWork, before: str, limit: int = DEVICE_SLICE) -> int:
    """Delete unclaimed devices that were heard and then neither spoke nor were touched since ``before`` (ISO, ``Z``);
    how many went. One that somebody added by hand and was never heard waits for its first word. In a unit of work that
    admits orphans."""
    query = (
        f"SELECT {','.join(DEVICE_FIELDS)} FROM dispositivo WHERE NOT reclamado AND visto_en IS NOT NULL "
        "AND actualizado_en < ? ORDER BY id LIMIT ?"
    )
    found = [device_of(row) for row in uow.file.execute(query, (before, limit))]
    for device in found:
        borrado.retirar(uow, device)
    if found:
        auditoria.apuntar(uow, CADUCADOS, detalle={"antes_de": before, "series": [d.serial_number for d in found]})
    return len(found)


def _prune_orphans(uow: UnitOfWork) -> int:
    return historial.podar_huerfanas(uow, LOG_SLICE)
