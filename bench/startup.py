"""From `python run.py` to the first answer, and the memory of the process when nothing happens."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.children import Lab, Target, answers, memory, wait_for
from bench.report import Row

if TYPE_CHECKING:
    from bench.runs import Context

NAME = "arranque"
GOAL_SECONDS, GOAL_MB = 1.5, 80.0
IDLE_SECONDS = 5.0


def run(context: Context) -> None:
    found = {which: application(context, which) for which in ("plain", "ours") if getattr(context.options, which)}
    context.report.detail(NAME, found)
    values = {
        name: {**result, "rss": result["memory"]["rss"], "pss": result["memory"]["pss"]}
        for name, result in found.items()
    }
    for key, label, unit, goal in (
        ("fresh", "primer arranque, hasta el primer 200", "s", GOAL_SECONDS),
        ("again", "segundo arranque, hasta el primer 200", "s", GOAL_SECONDS),
        ("rss", "memoria en reposo (RSS)", "MB", GOAL_MB),
        ("pss", "memoria en reposo (PSS)", "MB", 0.0),
    ):
        ours = values.get("ours", {}).get(key)
        context.report.add(
            Row(
                NAME,
                label,
                unit,
                ours,
                values.get("plain", {}).get(key),
                goal_text=f"<= {goal:g} {unit}".replace(".", ",") if goal else "",
                reached=ours <= goal if goal and ours is not None else None,
            )
        )


def application(context: Context, which: str) -> dict[str, Any]:
    """Medians over several starts; a fresh instance each time, then the same one again."""
    fresh: list[float] = []
    again: list[float] = []
    stops: list[float] = []
    resting: dict[str, float] = {}
    rounds = context.options.rounds
    for turn in range(rounds):
        with context.lab() as lab:
            broker = lab.mosquitto()
            fresh.append(start(lab, which, broker, stops))
            again.append(start(lab, which, broker, stops, rest=resting if turn == rounds - 1 else None))
    return {
        "fresh": median(fresh),
        "again": median(again),
        "memory": resting,
        "all_fresh": fresh,
        "all_again": again,
        "stop_seconds": stops,
    }


def start(lab: Lab, which: str, broker: int, stops: list[float], rest: dict[str, float] | None = None) -> float:
    target = lab.backend(broker, wait=False) if which == "ours" else lab.plain(broker)
    seconds = first_answer(target)
    if rest is not None:
        time.sleep(IDLE_SECONDS)
        rest.update(memory(target.child.pid))
    stops.append(lab.end(target.child)[1])
    return seconds


def first_answer(target: Target) -> float:
    wait_for(
        lambda: answers(target.port, "/dispositivos"),
        30,
        lambda: target.child.failure("no contesta"),
        target.child,
        pause=0.002,
    )
    return time.monotonic() - target.child.started
