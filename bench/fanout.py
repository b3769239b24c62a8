"""Many readers: deliveries per second, how far they go, and what an idle reader costs."""

from __future__ import annotations

import time
from typing import Any

from bench.children import Lab, Talker, Target, memory
from bench.load import Plan
from bench.readers import Plan as ReadersPlan
from bench.report import Row
from bench.runs import Context, paced, settled
from bench.store import probe, run_load

NAME = "abanico"
READERS, RATE = 200, 200
MANY, MANY_RATE = 2000, 20
MOST = 5000
PLAIN_IDLE = 500
DELIVERIES, P99_MS, IDLE_KB = 40_000, 50.0, 32.0
STEP, STEPS = 1.25, 12
PLAIN_FIRST_RATE = 10


def run(context: Context) -> None:
    found: dict[str, dict[str, Any]] = {"limit": subscribers(context)}
    for which in ("plain", "ours"):
        if getattr(context.options, which):
            found[which] = application(context, which)
    context.report.detail(NAME, found)
    rows(context, found)


def subscribers(context: Context) -> dict[str, Any]:
    """The limit: the broker itself, to as many QoS 0 subscribers in the same reading process."""
    with context.lab() as lab:
        broker = lab.mosquitto()
        crowd = lab.readers(ReadersPlan(broker, kind="mqtt", count=READERS, qos=0, sample=4))
        found = {"base": paced(lab, broker, crowd, rate=RATE, seconds=context.options.seconds, readers=READERS)}
        found["best"] = climb(context, lab, broker, crowd, RATE)
        lab.end(crowd)
        crowd = lab.readers(ReadersPlan(broker, kind="mqtt", count=MANY, qos=0, sample=4))
        found["many"] = paced(lab, broker, crowd, rate=MANY_RATE, seconds=context.options.seconds, readers=MANY)
        return found


def application(context: Context, which: str) -> dict[str, Any]:
    with context.lab() as lab:
        broker = lab.mosquitto()
        target = lab.backend(broker) if which == "ours" else lab.plain(broker)
        probe(lab, target, broker)
        found: dict[str, Any] = {"idle": idle(lab, target, MANY if which == "ours" else PLAIN_IDLE)}
        crowd = lab.readers(ReadersPlan(target.port, count=READERS, sample=4))
        found["best"] = climb(context, lab, broker, crowd, RATE if which == "ours" else PLAIN_FIRST_RATE)
        found["base"] = paced(lab, broker, crowd, rate=RATE, seconds=context.options.seconds, readers=READERS)
        lab.end(crowd)
        if which == "ours":
            time.sleep(1)
            crowd = lab.readers(ReadersPlan(target.port, count=MANY, sample=4))
            found["many"] = paced(lab, broker, crowd, rate=MANY_RATE, seconds=context.options.seconds, readers=MANY)
            lab.end(crowd)
            time.sleep(1)
            found["most"] = hold(lab, target, broker)
        found["memory_after"] = memory(target.child.pid)
        return found


def climb(context: Context, lab: Lab, broker: int, crowd: Talker, rate: float) -> dict[str, Any]:
    """The highest rate whose p99 is within the limit and that loses no event: up from `rate`, or down to one."""
    best: dict[str, Any] = {"per_second": 0.0}
    step = STEP
    for _ in range(STEPS):
        found = attempt(context, lab, broker, crowd, rate)
        if good(found):
            best = found
            if step < 1:
                break
        elif best["per_second"]:
            break
        else:
            step = 1 / STEP
        rate *= step
    return best


def attempt(context: Context, lab: Lab, broker: int, crowd: Talker, rate: float) -> dict[str, Any]:
    """One step; a bad one gets a second chance, because a neighbour's burst is not the system's limit."""
    seconds = context.options.seconds / 2
    found = paced(lab, broker, crowd, rate=rate, seconds=seconds, readers=READERS)
    return found if good(found) else paced(lab, broker, crowd, rate=rate, seconds=seconds, readers=READERS)


def good(step: dict[str, Any]) -> bool:
    return bool(step["p99"] <= P99_MS and step["share"] >= 0.99)


def idle(lab: Lab, target: Target, count: int) -> dict[str, Any]:
    """Growth of the process by `count` readers that only wait, after a few that made it allocate what it needs once."""
    lab.end(lab.readers(ReadersPlan(target.port, count=20)))
    time.sleep(1.5)
    before = memory(target.child.pid)
    crowd = lab.readers(ReadersPlan(target.port, count=count), partial=True)
    time.sleep(2)
    after, ready = memory(target.child.pid), lab.connected["ready"]
    lab.end(crowd)
    time.sleep(1)
    return {
        "readers": ready,
        "kb_each": (after["rss"] - before["rss"]) * 1e6 / 1024 / max(1, ready),
        "before": before,
        "after": after,
        "connected": lab.connected,
    }


def hold(lab: Lab, target: Target, broker: int) -> dict[str, Any]:
    """Thousands of readers, and one event that must reach them all."""
    crowd = lab.readers(ReadersPlan(target.port, count=MOST, seconds=90), partial=True)
    connected = lab.connected
    crowd.ask("reset")
    run_load(lab, Plan(broker, devices=1, connections=1, count=1, boot=7))
    report = settled(crowd, connected["ready"])
    return {
        "connected": connected,
        "reached": report["with_any"],
        "latency": report["latency"],
        "memory": memory(target.child.pid),
    }


def rows(context: Context, found: dict[str, dict[str, Any]]) -> None:
    def add(name: str, unit: str, step: str, key: str, *, goal: str = "", reached: bool | None = None) -> None:
        ours, plain, limit = (found.get(which, {}).get(step, {}).get(key) for which in ("ours", "plain", "limit"))
        context.report.add(Row(NAME, name, unit, ours, plain, limit, goal_text=goal, reached=reached))

    reached = goals(found["ours"]) if "ours" in found else {}
    few, many = f"{READERS} lectores x {RATE}/s", f"{MANY} lectores x {MANY_RATE}/s"
    add(f"{few}, entregas", "/s", "base", "per_second")
    add(f"{few}, p99", "ms", "base", "p99")
    add(
        f"máximo con {READERS} lectores y p99 <= {P99_MS:.0f} ms",
        "entregas/s",
        "best",
        "per_second",
        goal=f">= {DELIVERIES}",
        reached=reached.get("best"),
    )
    add(f"{many}, entregas", "/s", "many", "per_second")
    add(f"{many}, p99", "ms", "many", "p99")
    add(
        f"memoria por lector en espera ({MANY}; app sencilla {PLAIN_IDLE})",
        "kB",
        "idle",
        "kb_each",
        goal=f"<= {IDLE_KB:.0f} kB",
        reached=reached.get("idle"),
    )
    add(
        f"lectores a la vez que reciben un suceso (de {MOST})",
        "",
        "most",
        "reached",
        goal=f"{MOST}",
        reached=reached.get("most"),
    )


def goals(ours: dict[str, Any]) -> dict[str, bool]:
    """The rate is judged at the highest that was kept up: at 200 x 200/s exactly the goal is offered, and the span ends
    with the last delivery, so what is found there is always a little below it."""
    return {
        "best": ours["best"]["per_second"] >= DELIVERIES,
        "idle": ours["idle"]["kb_each"] <= IDLE_KB,
        "most": ours["most"]["reached"] >= MOST,
    }
