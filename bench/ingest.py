"""Durable ingest: messages stored per second, without and with five SSE readers, all of them checked afterwards."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from bench.children import Lab, Talker, Target, cpu
from bench.load import Plan
from bench.readers import Plan as ReadersPlan
from bench.report import Row
from bench.runs import Context, settled
from bench.store import audit, last_row, probe, require, run_load, wait_rows

NAME = "ingesta"
READERS = 5
GOAL = 25.0
WINDOW = {"ours": 5000, "plain": 200}


def run(context: Context) -> None:
    limit = subscriber(context)
    context.report.detail("ingesta.suscriptor", limit)
    for readers in (0, READERS):
        found: dict[str, float | None] = {"ours": None, "plain": None}
        for which in ("plain", "ours"):
            if getattr(context.options, which):
                result = stored(context, which, readers)
                context.report.detail(f"ingesta.{which}.{readers}", result)
                found[which] = result["rate"]
        row(context, readers, found, limit["rate"])


def row(context: Context, readers: int, found: dict[str, float | None], limit: float) -> None:
    ours, plain = found["ours"], found["plain"]
    goal = readers > 0
    context.report.add(
        Row(
            NAME,
            f"guardados con {readers} lectores SSE" if readers else "guardados sin lectores",
            "msg/s",
            ours,
            plain,
            limit,
            goal_text=f">= {GOAL:.0f} x app sencilla" if goal else "",
            reached=ours >= GOAL * plain if goal and ours and plain else None,
        )
    )


def subscriber(context: Context) -> dict[str, Any]:
    """The limit: the same load into one QoS 1 subscriber that only counts."""
    with context.lab() as lab:
        broker = lab.mosquitto()
        crowd = lab.readers(ReadersPlan(broker, kind="mqtt", count=1, qos=1, sample=16))
        crowd.ask("reset")
        load = run_load(lab, Plan(broker, seconds=context.options.seconds))
        end, got, at = time.monotonic() + 60, 0, load["first"]
        while got < load["sent"] and time.monotonic() < end:
            got, at = crowd.ask("report")["events"], time.monotonic()
        span = at - load["first"]
        return {
            "rate": got / span,
            "sent": load["sent"],
            "got": got,
            "seconds": span,
            "load_cpu": load["cpu"],
            "offered": load["acked"] / (load["last_ack"] - load["first"]),
        }


def stored(context: Context, which: str, readers: int) -> dict[str, Any]:
    """One application under a saturated but steady load."""
    with context.lab() as lab:
        broker = lab.mosquitto()
        target = lab.backend(broker) if which == "ours" else lab.plain(broker)
        probe(lab, target, broker)
        crowd = None
        if readers:
            crowd = lab.readers(ReadersPlan(target.port, count=readers, sample=8, keep=True))
        warm = load_plan(context, broker, target, which, boot=2, seconds=1.0)
        before = last_row(target.database)
        wait_rows(target.database, before + run_load(lab, warm)["sent"], 60)
        return measure(lab, target, crowd, load_plan(context, broker, target, which))


def load_plan(
    context: Context, broker: int, target: Target, which: str, *, boot: int = 1, seconds: float = 0.0
) -> Plan:
    return Plan(
        broker,
        boot=boot,
        seconds=seconds or context.options.seconds,
        window=WINDOW[which],
        database=str(target.database),
        chunk=40 if which == "ours" else 10,
    )


def measure(lab: Lab, target: Target, crowd: Talker | None, plan: Plan) -> dict[str, Any]:
    before, used = last_row(target.database), cpu(target.child.pid)
    if crowd:
        crowd.ask("reset")
    load = run_load(lab, plan)
    reached, at = wait_rows(target.database, before + load["sent"], 90)
    span = at - load["first"]
    result: dict[str, Any] = {
        "rate": (reached - before) / span,
        "sent": load["sent"],
        "seconds": span,
        "load_cpu": load["cpu"] / span,
        "app_cpu": (cpu(target.child.pid) - used) / span,
    }
    if crowd:
        result["sse"] = streams(crowd, load)
    result["verdict"] = asdict(require(audit(target.database, load), target.name))
    return result


def streams(crowd: Talker, load: dict[str, Any]) -> dict[str, Any]:
    """What the SSE readers saw: events may be coalesced, the last state of every device may not be missing."""
    report = settled(crowd, load["sent"] * READERS)
    wanted = {serial: load["seq_base"] + top - 1 for serial, top in load["sent_by"].items()}
    finals = crowd.ask("final")["final"]
    right = sum(all(final.get(serial) == seq for serial, seq in wanted.items()) for final in finals)
    return {
        "per_reader_least": report["least"],
        "per_reader_most": report["most"],
        "latency": report["latency"],
        "readers_with_final_state": right,
        "readers": len(finals),
        "closed": report["closed"],
    }
