"""Tickets for the live stream: what a page of another origin, whose ``EventSource`` can send no header, shows in the
address instead of its token. One use, 30 seconds, kept in memory only."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.errors import DemasiadosNombrados

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.clock import Clock
    from app.domain.events import AccesoRevocado
    from app.domain.identidad import Identidad

PARAMETRO = "entrada"
DURA_S = 30
MAX_ENTRADAS = 1000
MAX_DE_UNO = 20
"""One more of the same account takes the place of its oldest."""
_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Pase:
    quien: Identidad
    hasta: float


class Pases:
    """The tickets that were given out and not used; any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._given: dict[bytes, _Pase] = {}  # by its digest, oldest first

    def dar(self, quien: Identidad) -> str:
        """A ticket for who asks.

        Raises:
            DemasiadosNombrados: too many are given out.
        """
        text, now = secrets.token_urlsafe(_BYTES), self._clock.monotonic()
        with self._lock:
            self._keep(lambda e: e.hasta > now)
            mine = [key for key, e in self._given.items() if e.quien.quien == quien.quien]
            if len(mine) >= MAX_DE_UNO:
                del self._given[mine[0]]
            if len(self._given) >= MAX_ENTRADAS:
                raise DemasiadosNombrados("Hay demasiadas entradas sin usar; inténtelo en unos segundos")
            self._given[_digest(text)] = _Pase(quien, now + DURA_S)
        return text

    def usar(self, text: str) -> Identidad | None:
        """Whose it is; never twice."""
        with self._lock:
            found = self._given.pop(_digest(text), None)
        return found.quien if found is not None and found.hasta > self._clock.monotonic() else None

    def revocar(self, facts: Sequence[AccesoRevocado]) -> None:
        """A listener of revocations: what was given to who may not go on is worth nothing."""
        with self._lock:
            self._keep(lambda e: not any(e.quien.is_of(fact.usuario_id, fact.credencial) for fact in facts))

    def _keep(self, wanted: Callable[[_Pase], bool]) -> None:
        self._given = {key: e for key, e in self._given.items() if wanted(e)}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
