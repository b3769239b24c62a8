"""One patience for everybody: after a failure nobody tries the same peer again before a growing, jittered pause."""

from __future__ import annotations

import random
import threading
import time

_FIRST_S, _LAST_S = 1.0, 30.0


class Gate:
    """Closed from a failure until its pause (1 to 30 s, doubling, with jitter) is over; a success opens it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pause = 0.0
        self._until = 0.0

    def wait(self) -> float:
        """Seconds until somebody may try; 0 when the gate is open."""
        with self._lock:
            return max(self._until - time.monotonic(), 0.0)

    def failed(self) -> None:
        """Close. Failures while it is already closed (others were on their way) count once."""
        now = time.monotonic()
        with self._lock:
            if now < self._until:
                return
            self._pause = min(max(self._pause * 2, _FIRST_S), _LAST_S)
            self._until = now + self._pause * random.uniform(0.75, 1.25)

    def ok(self) -> None:
        with self._lock:
            self._pause = self._until = 0.0
