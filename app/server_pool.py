"""Native threads that run the WSGI app for greenlets; the answer comes back whole, or as an iterator to be streamed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from gevent import get_hub
from gevent.hub import Waiter

from app.descarga import Trozos
from app.espera import EnEspera
from app.problems import RETRY_AFTER_S, Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

T = TypeVar("T")
STREAM_TYPE = "text/event-stream"


@dataclass(slots=True)
class Answer:
    """What the app answered. With ``stream`` the body is yet to be iterated, and ``stream.close()`` called after it;
    with ``pieces`` it is long, see :mod:`app.server_descarga`;
    with ``held`` it is yet to be waited for and made (:func:`finish`)."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    pieces: Trozos | None = None
    held: EnEspera | None = None


def call_app(app: Callable[..., Any], environ: dict[str, Any]) -> Answer:
    """Run a WSGI app to its end; only an event stream is handed back unread."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        del exc_info
        started[:] = [status, headers]
        return _no_write

    result = app(environ, start_response)
    status, headers = started
    if isinstance(result, EnEspera):
        return Answer(status, headers, held=result)
    if isinstance(result, Trozos):
        return Answer(status, headers, pieces=result)
    if not hasattr(result, "__len__") and any(
        k.lower() == "content-type" and v.startswith(STREAM_TYPE) for k, v in headers
    ):
        return Answer(status, headers, stream=iter(result))
    try:
        return Answer(status, headers, b"".join(result))
    finally:
        if hasattr(result, "close"):
            result.close()


def finish(answer: Answer) -> Answer:
    """The answer that was held, made at last."""
    assert answer.held is not None
    changed, body = answer.held.finish()
    kept = [(k, v) for k, v in answer.headers if k not in changed]
    return Answer(answer.status, [*kept, *changed.items()], body)


def _no_write(_data: bytes) -> None:
    raise NotImplementedError("the write() callable of WSGI's early days is not offered")


class Workers:
    """A bounded pool: ``threads`` run, at most ``queue_max`` wait, the rest is refused with a 503.

    Made and used in the hub's thread, so its counters need no lock.
    """

    def __init__(self, threads: int, queue_max: int) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Waiter[Any]] | None] = SimpleQueue()
        self._loop = get_hub().loop
        self._bound = threads + queue_max
        self._threads = [threading.Thread(target=self._work, name=f"http-{n}", daemon=True) for n in range(threads)]
        self.pending = 0
        self.refused = 0
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that wait for a thread."""
        return max(0, self.pending - len(self._threads))

    def run(self, job: Callable[[], T], *, admitted: bool = False) -> T:
        """Run ``job`` in a native thread while this greenlet waits; ``admitted`` for the rest of a request that has
        changed something already and must be answered.

        Raises:
            ProblemError: 503, too many wait already.
        """
        if self.pending >= self._bound and not admitted:
            self.refused += 1
            raise saturated()
        self.pending += 1
        waiter: Waiter[T] = Waiter()
        self._jobs.put((job, waiter))
        outcome: T = waiter.get()
        return outcome

    def stop(self) -> None:
        """Let the threads go once they have done what they are at."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, waiter = item
            try:
                hand_over, outcome = waiter.switch, job()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the greenlet that asked
                hand_over, outcome = waiter.throw, error
            try:
                self._loop.run_callback_threadsafe(self._done, hand_over, outcome)
            except ValueError:  # the loop is gone: the process is on its way out
                return
            del item, job, waiter, hand_over, outcome

    def _done(self, hand_over: Callable[[Any], None], outcome: object) -> None:
        self.pending -= 1
        hand_over(outcome)


def saturated() -> ProblemError:
    """Too much to do; come back shortly."""
    return ProblemError(
        Problem(
            503,
            "servicio_ocupado",
            "El servidor está ocupado; inténtelo de nuevo en unos segundos",
            headers=[("Retry-After", str(RETRY_AFTER_S))],
        )
    )
