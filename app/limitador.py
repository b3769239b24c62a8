"""Bounds of the ingest, and a token bucket per device before the database: one gone mad can't drown the others."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

BURST_S = 10.0
"""A bucket holds ten seconds' worth: a device that was away may catch up."""
MAX_BUCKETS = 10_000
MAX_OFFENDERS = 100


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """The bounds, each a setting: see config.py."""

    batch_max: int
    queue_max: int
    device_rate: float
    max_unclaimed: int
    rejected_max: int
    grace_s: float
    new_per_min: float = 0.0
    linger_s: float = 0.0
    bandas: Mapping[str, float] = field(default_factory=dict)
    hueco_s: float = 900.0


class Limitador:
    """Buckets of ``rate`` messages a second; 0 = no limit. Bounded: the device quiet for longest is forgotten first."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * BURST_S)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._offenders: Counter[str] = Counter()

    def allow(self, serial: str, now: float) -> bool:
        """Whether the device may speak now; ``now`` is monotonic, in seconds."""
        if not self._rate:
            return True
        tokens, since = self._buckets.pop(serial, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[serial] = (tokens - 1.0 if allowed else tokens, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            self._blame(serial)
        return allowed

    def stats(self) -> dict[str, object]:
        """The devices that were held back most, with how many messages."""
        return {"mas_limitados": dict(self._offenders.most_common(5))}

    def _blame(self, serial: str) -> None:
        self._offenders[serial] += 1
        if len(self._offenders) > MAX_OFFENDERS:
            self._offenders = Counter(dict(self._offenders.most_common(MAX_OFFENDERS // 2)))
