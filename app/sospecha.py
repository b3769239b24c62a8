"""Damage that is met while the house runs: the program starts anew, looks at the whole file, and mends it.

A start checks small files whole and of large ones only the beginning; SQLite meets the rest when it is read. Whoever
meets it leaves a mark beside the database, so that the start that follows checks all of it whatever its size. Bounded:
after ``TRIES`` starts within ``WITHIN`` it is left running as it is, refusing what it can't store, as it does without
any backup to go back to.
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.archivos import creado
from app.clock import iso_z

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.clock import Clock

log = logging.getLogger(__name__)

TRIES, WITHIN = 2, timedelta(hours=1)


def marca(database: Path) -> Path:
    """Where the mark is."""
    return database.with_name(f"{database.name}.sospecha")


def hay(database: Path) -> bool:
    """Whether the next start is to check the whole file."""
    return bool(_leer(database).get("mirar"))


def mirada(database: Path) -> None:
    """It was checked; the count of starts stays, so that what no check finds does not start it for ever."""
    found = _leer(database)
    if found:
        _escribir(database, {**found, "mirar": False})


class Sospecha:
    """Called with each damage that is met, from any thread; does something once.

    Args:
        puede: whether there is a backup to go back to.
        reiniciar: has the program start anew.
    """

    def __init__(
        self, database: Path, clock: Clock, puede: Callable[[], bool], reiniciar: Callable[[], object]
    ) -> None:
        self._database, self._clock = database, clock
        self._puede, self._reiniciar = puede, reiniciar
        self._once = threading.Lock()

    def __call__(self) -> None:
        if not self._once.acquire(blocking=False):
            return
        log.error("la base de datos está dañada: %s", self._database)
        now = self._clock.now()
        if not self._puede():
            log.error("no hay ningún respaldo al que volver; se sigue como se pueda. Vea ./iot doctor")
        elif not self._count(now):
            log.error("ya se volvió a arrancar por eso hace poco; se sigue como se pueda. Vea ./iot doctor")
        else:
            self._reiniciar()

    def _count(self, now: datetime) -> bool:
        """Whether this start is one of the few that are allowed; then it is written down."""
        times = [each for each in _leer(self._database).get("veces", []) if _recent(each, now)]
        if len(times) >= TRIES:
            return False
        try:
            _escribir(self._database, {"mirar": True, "veces": [*times, iso_z(now)]})
        except OSError as error:
            log.error("no se puede apuntar el daño: %s", error)
            return False
        return True


def _recent(stamp: Any, now: datetime) -> bool:
    try:
        return abs(now - datetime.fromisoformat(str(stamp))) < WITHIN
    except ValueError:
        return False


def _leer(database: Path) -> dict[str, Any]:
    try:
        found = json.loads(marca(database).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _escribir(database: Path, told: dict[str, Any]) -> None:
    with creado(marca(database)) as file:
        file.write(json.dumps(told).encode())
