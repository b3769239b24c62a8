"""The guardian of the machine: tells of a disk that fills up, or has room again, and of a clock that jumps."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from app import avisos, casa, historial, pronostico
from app.clock import Clock, iso_z
from app.db import Database
from app.domain.errors import DomainError
from app.domain.reloj import Salto, puesto, salto, salto_parado
from app.horarios import zone_of
from app.lastre import Lastre
from app.salud import poco_disco, sitio

log = logging.getLogger(__name__)

LOOK_S = 60.0
STOP_S = 1.5
DISCO, SALTO_RELOJ = "disco", "reloj_salto"
ROOM = 1.25
"""The notice ends when there is this much more than what made it."""


def free_and_total(folder: Path) -> tuple[int, int]:
    """Bytes on the disk of a folder."""
    found = shutil.disk_usage(folder)
    return found.free, found.total


class Guardian:
    """The thread ``guardian``; :meth:`tick` is all it does.

    Made before anything is stored: it compares the clock with what an earlier start stored last.

    Args:
        disk: answers (free, total) bytes.
        lastre: given up when the disk is full, made again when there is room.
    """

    def __init__(
        self, db: Database, clock: Clock, disk: Callable[[], tuple[int, int]], lastre: Lastre | None = None
    ) -> None:
        self._db = db
        self._lastre = lastre
        if lastre is not None:
            db.on_full = lastre.soltar
        self._clock = clock
        self._disk = disk
        self._wall, self._passed = clock.now(), clock.monotonic()
        with db.reader() as conn:
            stored = historial.ultima_hora(conn)
        self._jump = None if stored is None else salto_parado(stored, self._wall)
        self._low: bool | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guardian", daemon=True)

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def tick(self) -> None:
        """Look once.

        Raises:
            DomainError: the notice could not be stored; the next look tells it.
        """
        self._look_at_clock()
        if self._lastre is not None:
            self._lastre.poner(self._disk()[0])
        self._look_at_disk()
        self._look_at_growth()

    def _look_at_clock(self) -> None:
        """The wall clock must go as far as the one that nobody can set; a machine that slept has missed some of it."""
        now, passed = self._clock.now(), self._clock.monotonic()
        jump = salto(self._wall + timedelta(seconds=passed - self._passed), now)
        self._wall, self._passed = now, passed
        self._jump = jump or self._jump
        if self._jump is not None:
            self._tell(self._jump)
            self._jump = None

    def _tell(self, jump: Salto) -> None:
        gravedad = "advertencia" if jump.grave else "info"
        datos = {"antes": iso_z(jump.antes), "ahora": iso_z(jump.ahora)}
        with self._db.unit_of_work() as uow:
            texto = jump.texto(zone_of({}, casa.leer(uow.conn, uow.casa).casa))
            avisos.avisar(uow, tipo=SALTO_RELOJ, clave=SALTO_RELOJ, gravedad=gravedad, texto=texto, datos=datos)
        log.warning("el reloj de la máquina ha saltado: %s", texto)

    def _look_at_disk(self) -> None:
        if self._low is None:
            with self._db.reader() as conn:
                self._low = avisos.abierto(conn, DISCO)
        free, total = self._disk()
        if not self._low and poco_disco(free, total):
            texto = f"Quedan {sitio(free)} libres en el disco de los datos; sin sitio no se puede guardar nada."
            with self._db.unit_of_work() as uow:
                loud = [each["serial_number"] for each in pronostico.habladores(uow.conn)]
                texto += f" Los que más guardan: {', '.join(loud)}." if loud else ""
                avisos.avisar(uow, tipo=DISCO, clave=DISCO, gravedad="grave", texto=texto, datos={"libre_bytes": free})
            self._low = True
        elif self._low and not poco_disco(int(free / ROOM), total):
            with self._db.unit_of_work() as uow:
                avisos.resolver(uow, DISCO)
            self._low = False

    def _look_at_growth(self) -> None:
        now = self._clock.now()
        if not puesto(now):
            return
        with self._db.reader() as conn:
            due = pronostico.toca(conn, now)
        if due:
            size = self._db.size()
            with self._db.unit_of_work() as uow:
                pronostico.muestrear(uow, size)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.tick()
            except (DomainError, OSError) as error:  # full already: /salud tells it
                log.warning("no se pudo avisar del disco o del reloj: %s", error)
            self._ending.wait(LOOK_S)
