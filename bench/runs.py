"""What several benchmarks share: options, and one paced run in front of readers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.children import Lab, Talker
from bench.load import Plan
from bench.store import run_load

if TYPE_CHECKING:
    from bench.report import Report


@dataclass(frozen=True, slots=True)
class Options:
    """seconds: length of one measurement. ours/plain: measure them? folder: where the databases go. rows: of the log of
    `historial`."""

    seconds: float = 8.0
    quick: bool = False
    ours: bool = True
    plain: bool = True
    folder: str | None = None
    seed: int = 1
    rounds: int = 3
    kills: int = 20
    calm: float = 0.0
    rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Context:
    options: Options
    report: Report

    def lab(self) -> Lab:
        return Lab(self.options.folder)


def paced(
    lab: Lab, broker: int, crowd: Talker, *, rate: float, seconds: float, readers: int, boot: int = 1
) -> dict[str, Any]:
    """Publishes at `rate` for `seconds` and says what the readers got: latencies in ms, deliveries/s, share."""
    crowd.ask("reset")
    before = crowd.ask("report")["cpu"]
    plan = Plan(broker, boot=boot, rate=rate, count=max(1, round(rate * seconds)))
    load = run_load(lab, plan)
    report = settled(crowd, load["sent"] * readers)
    span = max(report["last_at"] - load["first"], seconds)
    return {
        "p50": report["latency"]["p50"],
        "p99": report["latency"]["p99"],
        "max": report["latency"]["max"],
        "n": report["latency"]["n"],
        "deliveries": report["events"],
        "per_second": report["events"] / span,
        "share": report["events"] / (load["sent"] * readers),
        "readers_cpu": (report["cpu"] - before) / span,
        "open": report["open"],
        "closed": report["closed"],
        "rate": rate,
        "readers": readers,
    }


def settled(crowd: Talker, expected: int, patience: float = 10.0) -> dict[str, Any]:
    """The readers' report once all has come, or nothing more comes."""
    end, events = time.monotonic() + patience, -1
    while True:
        report = crowd.ask("report")
        if report["events"] >= expected or report["events"] == events or time.monotonic() > end:
            return report
        events = report["events"]
        time.sleep(0.5)
