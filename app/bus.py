"""Committed events, to whoever listens. The writer publishes; a listener that fails never breaks the writer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from app.domain.events import Event

log = logging.getLogger(__name__)

Listener = Callable[[Sequence[Event]], None]


class Bus:
    """Calls each listener in the writer's thread, in commit order; a listener only hands over and returns."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self.failures = 0

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the answer takes it out again."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(x for x in self._listeners if x is not listener)

        return unsubscribe

    def publish(self, events: Sequence[Event]) -> None:
        """Hand the events of one commit to every listener."""
        for listener in self._listeners:
            try:
                listener(events)
            except Exception:
                self.failures += 1
                log.exception("a listener of committed events failed")
