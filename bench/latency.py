"""Publish -> SSE at 100 messages per second with five readers, each event already on disk."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from bench.readers import Plan as ReadersPlan
from bench.report import Row
from bench.runs import Context, paced
from bench.store import probe

if TYPE_CHECKING:
    from bench.children import Lab, Talker

NAME = "latencia"
RATE = 100
READERS = 5
WARM_SECONDS = 3.0
"""Until the write-ahead log has reached its full length: appending to a file that grows costs twice the fsync."""
GOALS = {"p50": 4.0, "p99": 8.0}


def run(context: Context) -> None:
    """Interleaved rounds, each system on its own broker; the median of the rounds counts."""
    with context.lab() as lab:
        systems = {"limit": subscriber(lab, "paho"), "bare": subscriber(lab, "mqtt")}
        for which in ("plain", "ours"):
            if getattr(context.options, which):
                systems[which] = application(lab, which)
        for system in systems.values():
            measure(lab, *system, seconds=WARM_SECONDS)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
        for _ in range(context.options.rounds):
            for name, system in systems.items():
                rounds[name].append(measure(lab, *system, seconds=context.options.seconds))
    context.report.detail("latencia.rondas", rounds)
    rows(context, rounds)


def subscriber(lab: Lab, kind: str) -> tuple[int, Talker, int]:
    broker = lab.mosquitto()
    return broker, lab.readers(ReadersPlan(broker, kind=kind, count=1, qos=1)), 1


def application(lab: Lab, which: str) -> tuple[int, Talker, int]:
    broker = lab.mosquitto()
    target = lab.backend(broker) if which == "ours" else lab.plain(broker)
    probe(lab, target, broker)
    return broker, lab.readers(ReadersPlan(target.port, count=READERS)), READERS


def measure(lab: Lab, broker: int, crowd: Talker, readers: int, *, seconds: float) -> dict[str, Any]:
    return paced(lab, broker, crowd, rate=RATE, seconds=seconds, readers=readers)


def rows(context: Context, rounds: dict[str, list[dict[str, Any]]]) -> None:
    for mark, goal in GOALS.items():
        value = {name: median(turn[mark] for turn in turns) for name, turns in rounds.items()}
        ours, limit = value.get("ours"), value["limit"]
        name = f"publicar -> SSE, {RATE}/s, {READERS} lectores, {mark}"
        context.report.add(
            Row(
                NAME,
                name,
                "ms",
                ours,
                value.get("plain"),
                limit,
                goal_text=f"<= {goal:.0f} x suscriptor",
                reached=None if ours is None else ours <= goal * limit,
            )
        )
        context.report.add(Row(NAME, f"{name}; suscriptor sin biblioteca", "ms", ours, None, value["bare"]))
