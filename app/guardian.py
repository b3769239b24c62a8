"""The guardian of the machine: tells when the disk of the data fills up, and when there is room again."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from app import avisos
from app.db import Database
from app.domain.errors import DomainError
from app.salud import poco_disco

log = logging.getLogger(__name__)

LOOK_S = 60.0
STOP_S = 1.5
DISCO = "disco"
ROOM = 1.25
"""The notice ends when there is this much more than what made it."""


def free_and_total(folder: Path) -> tuple[int, int]:
    """Bytes on the disk of a folder."""
    found = shutil.disk_usage(folder)
    return found.free, found.total


class Guardian:
    """The thread ``guardian``; :meth:`tick` is all it does.

    Args:
        disk: answers (free, total) bytes.
    """

    def __init__(self, db: Database, disk: Callable[[], tuple[int, int]]) -> None:
        self._db = db
        self._disk = disk
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
        if self._low is None:
            with self._db.reader() as conn:
                self._low = avisos.abierto(conn, DISCO)
        free, total = self._disk()
        if not self._low and poco_disco(free, total):
            texto = f"Quedan {free >> 20} MiB libres en el disco de los datos; sin sitio no se puede guardar nada."
            with self._db.unit_of_work() as uow:
                avisos.avisar(uow, tipo=DISCO, clave=DISCO, gravedad="grave", texto=texto, datos={"libre_bytes": free})
            self._low = True
        elif self._low and not poco_disco(int(free / ROOM), total):
            with self._db.unit_of_work() as uow:
                avisos.resolver(uow, DISCO)
            self._low = False

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.tick()
            except (DomainError, OSError) as error:  # full already: /salud tells it
                log.warning("no se pudo avisar del disco: %s", error)
            self._ending.wait(LOOK_S)
