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
STEP, STEPS = 1.25, 8


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
        found["best"] = climb(context, lab, broker, crowd, found["base"])
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
        found["base"] = paced(lab, broker, crowd, rate=RATE, seconds=context.options.seconds, readers=READERS)
        found["best"] = climb(context, lab, broker, crowd, found["base"])
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


def climb(context: Context, lab: Lab, broker: int, crowd: Talker, base: dict[str, Any]) -> dict[str, Any]:
    """Raises the rate until p99 passes the limit or events go missing; returns the last good step."""
    best, rate = base if good(base) else {**base, "per_second": 0.0}, RATE * STEP
    for _ in range(STEPS if good(base) else 0):
        step = paced(lab, broker, crowd, rate=rate, seconds=context.options.seconds / 2, readers=READERS)
        if not good(step):
            break
        best, rate = step, rate * STEP
    return best


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
    return {"readers": ready, "kb_each": (after["rss"] - before["rss"]) * 1000 / max(1, ready), "before": before,
            "after": after, "connected": lab.connected}


def hold(lab: Lab, target: Target, broker: int) -> dict[str, Any]:
    """Thousands of readers, and one event that must reach them all."""
    crowd = lab.readers(ReadersPlan(target.port, count=MOST, seconds=90), partial=True)
    connected = lab.connected
    crowd.ask("reset")
    run_load(lab, Plan(broker, devices=1, connections=1, count=1, boot=7))
    report = settled(crowd, connected["ready"])
    return {"connected": connected, "reached": report["with_any"], "latency": report["latency"],
            "memory": memory(target.child.pid)}


def rows(context: Context, found: dict[str, dict[str, Any]]) -> None:
    def pick(step: str, key: str) -> dict[str, float | None]:
        values = {name: found.get(name, {}).get(step, {}).get(key) for name in ("ours", "plain", "limit")}
        return values

    base, p99 = pick("base", "per_second"), pick("base", "p99")
    label = f"{READERS} lectores x {RATE}/s"
    ours, ours_p99 = base["ours"], p99["ours"]
    report = context.report
    report.add(Row(NAME, f"{label}, entregas", "/s", **base, goal_text=f">= {DELIVERIES} con p99 < {P99_MS:.0f} ms",
                   reached=None if ours is None or ours_p99 is None
                   else round(ours / 100) * 100 >= DELIVERIES and ours_p99 < P99_MS))
    report.add(Row(NAME, f"{label}, p99", "ms", **p99))
    report.add(Row(NAME, f"máximo con {READERS} lectores y p99 <= {P99_MS:.0f} ms", "entregas/s",
                   **pick("best", "per_second")))
    report.add(Row(NAME, f"{MANY} lectores x {MANY_RATE}/s, entregas", "/s", **pick("many", "per_second")))
    report.add(Row(NAME, f"{MANY} lectores x {MANY_RATE}/s, p99", "ms", **pick("many", "p99")))
    each = pick("idle", "kb_each")
    report.add(Row(NAME, f"memoria por lector en espera ({MANY}; app sencilla {PLAIN_IDLE})", "kB", **each,
                   goal_text=f"<= {IDLE_KB:.0f} kB", reached=None if each["ours"] is None
                   else each["ours"] <= IDLE_KB * 1.024))
    if "ours" in found:
        reached = found["ours"]["most"]["reached"]
        report.add(Row(NAME, f"lectores a la vez que reciben un suceso (de {MOST})", "", reached,
                       goal_text=f"{MOST}", reached=reached >= MOST))
