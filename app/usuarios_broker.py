"""The devices with a broker user of their own, in memory: for the ingest, and for the broker that we run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app import credenciales

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.broker_base import Broker
    from app.db import Database
    from app.domain.events import CredencialCambiada


class UsuariosBroker:
    """Follows the credentials, commit by commit.

    Args:
        tell: gets the serials that have one, now and after each change.
    """

    def __init__(self, db: Database, tell: Callable[[frozenset[str]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._broker: Broker | None = None
        with db.reader() as conn:
            self._claves = credenciales.claves(conn)
        tell(frozenset(self._claves))

    def __len__(self) -> int:
        return len(self._claves)

    def attach(self, broker: Broker) -> None:
        """The broker of this start, before it starts; it is told every change from now on."""
        with self._lock:
            self._broker = broker
            broker.set_users(self._claves)

    def on_changes(self, facts: Sequence[CredencialCambiada]) -> None:
        """Listener of the bus. Writes the broker's two files (a few ms at the bound) in the writer's thread, so that
        who asked for the change is answered when it counts; people do this by hand, a few times a year."""
        with self._lock:
            for fact in facts:
                if fact.clave is None:
                    self._claves.pop(fact.serial_number, None)
                else:
                    self._claves[fact.serial_number] = fact.clave
            self._tell(frozenset(self._claves))
            if self._broker is not None:
                self._broker.set_users(self._claves)
