"""Brakes on callers, in memory: a token bucket each, and tries at a secret that cost more and more time.

Bounded: of the callers the one quiet for longest is forgotten first. Nothing here locks anybody out for ever, and what
one caller does never slows another.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from app.clock import Clock
from app.domain.errors import DemasiadasPeticiones

MAX_LLAMANTES = 10_000
INTENTOS, VENTANA_S = 5, 900.0
MAX_BLOQUEO_S = 86_400.0


class Freno:
    """A bucket of one minute's worth for each caller; ``per_min`` 0 = no limit."""

    def __init__(self, per_min: float) -> None:
        self._per_s = per_min / 60.0
        self._burst = max(1.0, per_min)
        self._lock = threading.Lock()
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, caller: Hashable, now: float) -> float:
        """0 when it may go on, else after how many seconds it may; ``now`` is monotonic, in seconds."""
        if not self._per_s:
            return 0.0
        with self._lock:
            tokens, since = self._buckets.pop(caller, (self._burst, now))
            tokens = min(self._burst, tokens + (now - since) * self._per_s)
            goes = tokens >= 1.0
            self._buckets[caller] = (tokens - 1.0 if goes else tokens, now)
            if len(self._buckets) > MAX_LLAMANTES:
                self._buckets.popitem(last=False)
        return 0.0 if goes else (1.0 - tokens) / self._per_s

    def pasar(self, caller: Hashable, now: float) -> None:
        """Go on.

        Raises:
            DemasiadasPeticiones: too many of this caller, one after another.
        """
        wait = self.take(caller, now)
        if wait:
            raise DemasiadasPeticiones(wait)


@dataclass(slots=True)
class _Fallos:
    count: int
    since: float
    until: float = 0.0
    blocks: int = 0


class Tanteos:
    """Wrong tries by (secret, caller): five in a quarter of an hour, then a wait of as long, twice as long each further
    time and at most a day. A day of quiet, or a right try, and all is forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._fallos: OrderedDict[Hashable, _Fallos] = OrderedDict()

    def comenzar(self, key: Hashable) -> None:
        """Before a try is looked at.

        Raises:
            DemasiadasPeticiones: it is not looked at, right or wrong.
        """
        now = self._clock.monotonic()
        with self._lock:
            found = self._fallos.get(key)
            if found is not None and now < found.until:
                raise DemasiadasPeticiones(found.until - now, "Demasiados códigos equivocados; espere antes de repetir")

    def fallar(self, key: Hashable) -> None:
        """It was wrong."""
        now = self._clock.monotonic()
        with self._lock:
            found = self._fallos.pop(key, None)
            if found is None or now - max(found.since, found.until) > MAX_BLOQUEO_S:
                found = _Fallos(0, now)
            elif now - found.since > VENTANA_S:
                found.count, found.since = 0, now
            found.count += 1
            if found.count >= INTENTOS:
                found.until = now + min(MAX_BLOQUEO_S, VENTANA_S * 2**found.blocks)
                found.blocks, found.count, found.since = found.blocks + 1, 0, found.until
            self._fallos[key] = found
            if len(self._fallos) > MAX_LLAMANTES:
                self._fallos.popitem(last=False)

    def acertar(self, key: Hashable) -> None:
        """It was right."""
        with self._lock:
            self._fallos.pop(key, None)

    def de(self, key: Hashable) -> Tanteo:
        """The tries of one caller at one secret."""
        return Tanteo(self, key)


@dataclass(frozen=True, slots=True)
class Tanteo:
    """One caller's tries at one secret; see :class:`Tanteos`."""

    intentos: Tanteos
    key: Hashable

    def comenzar(self) -> None:
        """See :meth:`Tanteos.comenzar`."""
        self.intentos.comenzar(self.key)

    def fallar(self) -> None:
        """See :meth:`Tanteos.fallar`."""
        self.intentos.fallar(self.key)

    def acertar(self) -> None:
        """See :meth:`Tanteos.acertar`."""
        self.intentos.acertar(self.key)
