"""Committed facts, to whoever listens. The writer publishes; a listener that fails never breaks the writer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Bus(Generic[T]):
    """Calls each listener in the writer's thread, in commit order; a listener only hands over and returns."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[Sequence[T]], None], ...] = ()
        self.failures = 0

    def subscribe(self, listener: Callable[[Sequence[T]], None]) -> Callable[[], None]:
        """Add a listener; the answer takes it out again."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(x for x in self._listeners if x is not listener)

        return unsubscribe

    def publish(self, facts: Sequence[T]) -> None:
        """Hand the facts of one commit to every listener."""
        for listener in self._listeners:
            try:
                listener(facts)
            except Exception:
                self.failures += 1
                log.exception("a listener of committed facts failed")
