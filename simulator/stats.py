"""What the simulated house has done so far: named counters that any thread may bump."""

from __future__ import annotations

import threading
from collections import Counter


class Stats:
    """Counters by Spanish name (``enviados``, ``fallos`` ...) and the last failure in words."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last_failure = ""

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[name] += amount

    def failed(self, name: str, reason: str) -> None:
        """Count a failure and keep its reason, newest wins."""
        with self._lock:
            self._counts[name] += 1
            self._last_failure = reason

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    @property
    def last_failure(self) -> str:
        with self._lock:
            return self._last_failure
