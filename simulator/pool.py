"""Legacy devices share one scheduler heap and a few worker threads; nobody waits in an unbounded queue."""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.legacy import LegacyDevice
    from simulator.stats import Stats

logger = logging.getLogger(__name__)
_WORKERS_MAX = 12


class Pool:
    """Calls every device's ``step`` when it is due, from one of at most 12 threads.

    The queue before the workers holds four devices per worker; while it is full the scheduler waits, so a slow broker
    or backend makes devices late, never the process large.
    """

    def __init__(self, devices: Iterable[LegacyDevice], stats: Stats) -> None:
        self._stats = stats
        self._heap = [(device.due, number, device) for number, device in enumerate(devices)]
        heapq.heapify(self._heap)
        self._changed = threading.Condition()
        self._stopping = False
        workers = min(_WORKERS_MAX, len(self._heap))
        self._work: queue.Queue[tuple[int, LegacyDevice] | None] = queue.Queue(maxsize=4 * workers)
        self._threads = [
            threading.Thread(target=self._worker, name=f"sim-legado-{number}", daemon=True) for number in range(workers)
        ]
        self._threads.append(threading.Thread(target=self._schedule, name="sim-legado-reloj", daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, deadline: float) -> None:
        """Let the steps under way end; ``deadline`` in monotonic seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.1))

    def _schedule(self) -> None:
        while (task := self._wait_for_due()) is not None:
            self._work.put(task)
        for _ in self._threads[:-1]:
            self._work.put(None)

    def _wait_for_due(self) -> tuple[int, LegacyDevice] | None:
        with self._changed:
            while not self._stopping:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    _, number, device = heapq.heappop(self._heap)
                    return number, device
                self._changed.wait(wait)
        return None

    def _worker(self) -> None:
        while (task := self._work.get()) is not None:
            number, device = task
            try:
                if not self._stopping:
                    device.step(time.monotonic())
            except Exception:
                logger.exception("a simulated device stumbled")
                self._stats.failed("fallos", "error interno del simulador")
            with self._changed:
                heapq.heappush(self._heap, (device.due, number, device))
                self._changed.notify()
