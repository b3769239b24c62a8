"""Publish -> SSE while 20 people sign in at once: Argon2 must not delay a stream."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.children import BenchError
from bench.latency import RATE, READERS, WARM_SECONDS, measure
from bench.readers import Plan as ReadersPlan
from bench.report import Row
from bench.store import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.runs import Context

NAME = "accesos"
PEOPLE = 20
GOAL = 2.0
CLAVE = "tres palabras sueltas"


def run(context: Context) -> None:
    """Interleaved rounds with and without; the ratio of the medians counts."""
    if not context.options.ours:
        return
    with context.lab() as lab:
        broker = lab.mosquitto()
        target = lab.backend(broker)
        port = target.port
        probe(lab, target, broker)
        crowd = lab.readers(ReadersPlan(port, count=READERS))
        for n in range(PEOPLE):
            status, _ = post(port, "/usuarios", {"nombre": f"persona{n}", "clave": CLAVE, "rol": "invitado"})
            if status != 201:
                raise BenchError(f"no se pudo crear la cuenta {n}: {status}")
        measure(lab, broker, crowd, READERS, seconds=WARM_SECONDS)
        rounds: dict[str, list[dict[str, Any]]] = {"sin": [], "con": []}
        for _ in range(context.options.rounds):
            rounds["sin"].append(measure(lab, broker, crowd, READERS, seconds=context.options.seconds))
            with signing_in(port) as counts:
                found = measure(lab, broker, crowd, READERS, seconds=context.options.seconds)
            rounds["con"].append({**found, **counts})
    context.report.detail("accesos.rondas", rounds)
    rows(context, rounds)


def rows(context: Context, rounds: dict[str, list[dict[str, Any]]]) -> None:
    entered = sum(turn["entered"] for turn in rounds["con"])
    if entered < PEOPLE:
        context.report.failures.append(f"{NAME}: solo entraron {entered}")
    for mark in ("p50", "p99"):
        without, during = (median(turn[mark] for turn in rounds[which]) for which in ("sin", "con"))
        name = f"publicar -> SSE, {RATE}/s, {READERS} lectores, mientras entran {PEOPLE} ({entered} entraron), {mark}"
        context.report.add(
            Row(
                NAME,
                name,
                "ms",
                during,
                None,
                without,
                goal_text=f"<= {GOAL:.0f} x sin nadie",
                reached=during <= GOAL * without if mark == "p99" else None,
            )
        )


@contextmanager
def signing_in(port: int) -> Iterator[dict[str, int]]:
    """Twenty people who sign in again and again, each as soon as he is in or may try again."""
    counts = {"entered": 0, "turned_away": 0}
    stop, lock = threading.Event(), threading.Lock()

    def person(n: int) -> None:
        while not stop.is_set():
            status, wait = post(port, "/sesion", {"usuario": f"persona{n}", "clave": CLAVE})
            with lock:
                counts["entered" if status == 201 else "turned_away"] += 1
            if status != 201:
                stop.wait(wait)

    threads = [threading.Thread(target=person, args=(n,), daemon=True) for n in range(PEOPLE)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def post(port: int, path: str, body: dict[str, Any]) -> tuple[int, float]:
    """Status and Retry-After."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, float(answer.headers.get("Retry-After", 0.1))
    finally:
        connection.close()
