"""The messenger of one door: each notice goes out in order, at least once, and is given up after a day."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app import avisos, casa
from app.clock import Clock
from app.db import Database
from app.domain.aviso import Aviso
from app.domain.errors import DomainError
from app.domain.events import Event, Suceso
from app.puertas import Fallo, Puerta, nombre

log = logging.getLogger(__name__)

RETRY_S = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Pauses after the tries that fail, the last one from then on."""
MAX_TRIES = 30
GIVE_UP_S = 86_400.0
PACE_S = 3.0
"""Between two notices, after the first ten: what is told again meanwhile goes out once."""
BURST = 10
IDLE_S = 60.0
STOP_S = 1.5


class Mensajero:
    """The thread ``aviso-<door>``; :meth:`tick` is all it does.

    Args:
        gravedades: the gravities that go out; the others stay in the inbox.
    """

    def __init__(self, db: Database, clock: Clock, puerta: Puerta, gravedades: Sequence[str]) -> None:
        self._db = db
        self._clock = clock
        self._puerta = puerta
        self._gravedades = gravedades
        self.nombre = nombre(puerta)
        self._after = 0.0
        self._tries: tuple[tuple[int, int], int] = ((0, 0), 0)
        self._tokens, self._filled = float(BURST), clock.monotonic()
        self._waiting = 0
        self._counts = {"enviados": 0, "reintentos": 0, "abandonados": 0}
        self._fault: str | None = None
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"aviso-{self.nombre}", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def stop(self) -> None:
        """End; what has not gone out does so after the next start."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def stats(self) -> dict[str, Any]:
        """Whether it runs, what waits, what went out since the start, and what the last try met."""
        return {
            "viva": self._thread.is_alive(),
            "por_enviar": self._waiting,
            "fallo": self._fault,
            **self._counts,
        }

    def on_events(self, events: Sequence[Event]) -> None:
        """A listener of the bus: there is news."""
        if any(isinstance(e, Suceso) and e.tipo == "aviso" for e in events):
            self._wake.set()

    def tick(self) -> float:
        """Send what is next; answers after how many seconds to look again.

        Raises:
            DomainError: the database could not be read or written; what went out may go out again.
        """
        wait = self._pause()
        if wait > 0:
            return wait
        with self._db.reader() as conn:
            self._waiting = avisos.por_enviar(conn, self._puerta.bit, self._gravedades)
            found = avisos.siguiente(conn, self._puerta.bit, self._gravedades)
            house = casa.leer(conn, self._db.casa).nombre
        if found is None:
            self._fault = None
            return IDLE_S
        aviso, serial = found
        self._tokens -= 1.0
        try:
            self._puerta.enviar(aviso.as_object(serial), f"{aviso.id}-{aviso.secuencia}", house)
        except Fallo as error:
            return self._failed(aviso, error)
        except Exception:  # given up in its time as any other, so that it cannot bar the way of the next
            log.exception("sending a notice through %s failed", self.nombre)
            return self._failed(aviso, Fallo("fallo inesperado; véase el registro"))
        self._done(aviso, abandonado=False)
        self._fault = None
        return 0.0

    def _pause(self) -> float:
        now = self._clock.monotonic()
        self._tokens = min(float(BURST), self._tokens + (now - self._filled) / PACE_S)
        self._filled = now
        return max(self._after - now, (1.0 - self._tokens) * PACE_S if self._tokens < 1.0 - 1e-6 else 0.0)

    def _failed(self, aviso: Aviso, error: Fallo) -> float:
        key = (aviso.id, aviso.secuencia)
        tries = self._tries[1] + 1 if self._tries[0] == key else 1
        self._tries = (key, tries)
        self._fault = error.motivo
        age = (self._clock.now() - datetime.fromisoformat(aviso.actualizado_en)).total_seconds()
        if error.definitivo or tries >= MAX_TRIES or age > GIVE_UP_S:
            log.warning("el aviso %s no salió por %s: %s", aviso.id, self.nombre, error.motivo)
            self._done(aviso, abandonado=True)
            return 0.0
        self._counts["reintentos"] += 1
        pause = RETRY_S[min(tries, len(RETRY_S)) - 1]
        self._after = self._clock.monotonic() + pause
        return pause

    def _done(self, aviso: Aviso, *, abandonado: bool) -> None:
        with self._db.unit_of_work() as uow:
            avisos.enviado(uow, aviso, self._puerta.bit, abandonado=abandonado)
        self._counts["abandonados" if abandonado else "enviados"] += 1
        self._waiting = max(0, self._waiting - 1)

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.is_set():
            self._wake.wait(wait)
            self._wake.clear()
            if self._ending.is_set():
                return
            try:
                wait = self.tick()
            except DomainError as error:
                self._fault, wait = error.mensaje, RETRY_S[0]
            except Exception:
                log.exception("sending a notice through %s failed", self.nombre)
                self._fault, wait = "fallo inesperado; véase el registro", RETRY_S[2]
