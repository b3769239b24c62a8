"""The thread that makes backups in time, each in a process of its own that works when nobody else wants to."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import avisos, respaldo
from app.auditoria import apuntar
from app.clock import iso_z
from app.domain.causa import Causa
from app.domain.errors import DomainError
from app.domain.reloj import puesto

if TYPE_CHECKING:
    from app.clock import Clock
    from app.db import Database

log = logging.getLogger(__name__)

HECHO, RESPALDO_FALLIDO, PEDIDO = "respaldo_hecho", "respaldo_fallido", "respaldo_pedido"
LOOK_S = 60.0
SETTLE_S = 600.0
"""The first look after a start: a house that is started again and again makes no backup each time."""
RETRY_S = 3600.0
LONGEST_S = 4 * 3600.0
STOP_S = 5.0
ROOT = Path(__file__).resolve().parent.parent
ORDER = (sys.executable, "-P", "-m", "app.cli", "respaldo", "--despacio", "--json")


@dataclass(frozen=True, slots=True)
class Ritmo:
    """Where backups go, and how often (hours; 0: only when somebody asks)."""

    folder: Path
    every_h: float


class Respaldador:
    """The thread ``respaldos``; :meth:`tick` is all it does.

    Args:
        order: the command that makes one and prints it as JSON.
    """

    def __init__(self, db: Database, clock: Clock, ritmo: Ritmo, order: Sequence[str] = ORDER) -> None:
        self._db = db
        self._clock = clock
        self._ritmo = ritmo
        self._order = order
        self._not_before = clock.monotonic() + SETTLE_S
        self._asked: Causa | None = None
        self._fault: str | None = None
        self._failed: bool | None = None
        self._damaged = False
        self._running = False
        self._child: subprocess.Popen[str] | None = None
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="respaldos", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """End, with what is at work; what it had written so far goes."""
        self._ending.set()
        self._wake.set()
        child = self._child
        if child is not None:
            child.terminate()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def pedir(self, causa: Causa) -> None:
        """Make one now; if one is being made, that is it."""
        self._asked = causa
        self._wake.set()

    def stats(self) -> dict[str, Any]:
        """When the last was made, whether one is being made, and what went wrong."""
        found = respaldo.listar(self._ritmo.folder)
        return {
            "vivo": self._thread.is_alive(),
            "fallo": self._fault,
            "haciendo": self._running or self._asked is not None,
            "ultimo": iso_z(found[0].creado) if found else None,
            "guardados": len(found),
            "bytes": sum(r.bytes for r in found),
            "cada_h": self._ritmo.every_h,
        }

    def tick(self) -> None:
        """Make one if somebody asked or it is time."""
        causa = self._asked or (Causa("sistema", detalle="respaldo") if self._due() else None)
        if causa is None:
            return
        self._running, self._asked = True, None
        try:
            self._not_before = self._clock.monotonic() + RETRY_S
            self._told(causa, *self._make())
            if self._damaged:
                self._db.on_damaged()
        finally:
            self._running = False

    def _due(self) -> bool:
        now = self._clock.now()
        if not self._ritmo.every_h or not puesto(now) or self._clock.monotonic() < self._not_before:
            return False
        found = respaldo.listar(self._ritmo.folder)
        # One of the future is of a clock that was wrong: it does not keep the next from being made.
        age = now - found[0].creado if found else None
        return age is None or age >= timedelta(hours=self._ritmo.every_h) or age < timedelta(0)

    def _make(self) -> tuple[dict[str, Any] | None, str]:
        """(what was made, why it was not)."""
        command = list(self._order)
        try:
            with subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as child:
                self._child = child
                try:
                    out, err = child.communicate(timeout=LONGEST_S)
                except subprocess.TimeoutExpired:
                    child.kill()
                    return None, f"no terminó en {LONGEST_S / 3600:.0f} horas"
            self._damaged = child.returncode == respaldo.BaseDanada.EXIT
            if child.returncode == 0:
                made: dict[str, Any] = json.loads(out)
                return made, ""
            return None, (err.strip().splitlines() or [f"terminó con {child.returncode}"])[-1]
        except (OSError, ValueError) as error:
            return None, str(error)
        finally:
            self._child = None

    def _told(self, causa: Causa, made: dict[str, Any] | None, why: str) -> None:
        if self._ending.is_set():
            return
        self._fault = why or None
        if made is not None:
            log.info("respaldo hecho: %s (%s bytes)", made["nombre"], made["bytes"])
        else:
            log.error("no se pudo hacer el respaldo: %s", why)
        if self._failed is None:
            with self._db.reader() as conn:
                self._failed = avisos.abierto(conn, RESPALDO_FALLIDO)
        with self._db.unit_of_work(causa) as uow:
            if made is not None:
                apuntar(uow, HECHO, made["nombre"], detalle={"bytes": made["bytes"], "filas": made["filas"]})
                if self._failed:
                    avisos.resolver(uow, RESPALDO_FALLIDO)
            elif not self._failed:
                texto = f"No se pudo hacer el respaldo de la casa: {why}"
                avisos.avisar(
                    uow,
                    tipo=RESPALDO_FALLIDO,
                    clave=RESPALDO_FALLIDO,
                    gravedad="grave",
                    texto=texto,
                    datos={"motivo": why},
                )
        self._failed = made is None

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(LOOK_S)
            self._wake.clear()
            if self._ending.is_set():
                return
            self._safely(self.tick)

    def _safely(self, work: Callable[[], None]) -> None:
        try:
            work()
        except DomainError as error:  # locked or full: told by /salud
            self._fault = error.mensaje
        except Exception:
            log.exception("backups failed")
            self._fault = "fallo inesperado; véase el registro"
