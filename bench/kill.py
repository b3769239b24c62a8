"""Kill -9 under load, again and again: what the broker acknowledged must be stored exactly once.

The end-to-end tests run the same code: `kill.campaign(lab, kills=..., rate=..., seed=...)`.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.children import Lab, Target, wait_ready
from bench.load import Plan
from bench.report import Row
from bench.store import Verdict, audit, last_row, probe, wait_rows

if TYPE_CHECKING:
    from bench.runs import Context

NAME = "muertes"
RATE = 3500
GOAL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Campaign:
    """Outcome of a series of kills. ready: seconds from the kill until /salud/lista answered 200 again."""

    kills: int
    seed: int
    seconds: float
    rate: float
    ready: list[float]
    stored_at_kill: list[int]
    verdict: Verdict
    stop_code: int
    stop_seconds: float

    def summary(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "ready_max": max(self.ready, default=0.0),
            "ready_median": median(self.ready) if self.ready else 0.0,
        }


def run(context: Context) -> None:
    if not context.options.ours:
        return
    with context.lab() as lab:
        found = campaign(lab, kills=context.options.kills, seed=context.options.seed).summary()
    context.report.detail(NAME, found)
    verdict = found["verdict"]
    report = context.report
    title = f"{found['kills']} x kill -9 a {number(found['rate'])} msg/s"
    for key, label in (
        ("lost", "confirmados y perdidos"),
        ("doubled", "guardados dos veces"),
        ("unknown", "guardados sin haberse enviado"),
    ):
        report.add(Row(NAME, f"{title}: {label}", "msg", float(verdict[key]), goal_text="0", reached=not verdict[key]))
    report.add(
        Row(
            NAME,
            "integridad de la base (1 = ok)",
            "",
            float(verdict["integrity"] == "ok"),
            goal_text="ok",
            reached=verdict["integrity"] == "ok",
        )
    )
    report.add(
        Row(
            NAME,
            "listo de nuevo, máximo",
            "s",
            found["ready_max"],
            goal_text=f"< {GOAL_SECONDS:.0f} s",
            reached=found["ready_max"] < GOAL_SECONDS,
        )
    )
    report.add(Row(NAME, "listo de nuevo, mediana", "s", found["ready_median"]))
    if verdict["lost"] or verdict["doubled"] or verdict["unknown"] or verdict["integrity"] != "ok":
        report.failures.append(f"muertes: {verdict}")


def number(value: float) -> str:
    return f"{value:.0f}"


def campaign(lab: Lab, *, kills: int, rate: float = RATE, seed: int = 1) -> Campaign:
    """Kills a real backend `kills` times while a load generator publishes at `rate`, then audits the database."""
    chance = random.Random(seed)
    broker = lab.mosquitto()
    target = lab.backend(broker)
    probe(lab, target, broker)
    before = last_row(target.database)
    load = lab.load(Plan(broker, boot=3, rate=rate))
    started = time.monotonic()
    load.tell("go")
    ready, counts = [], []
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.5))
        counts.append(last_row(target.database))
        target, seconds = kill_and_restart(lab, target, broker)
        ready.append(seconds)
    time.sleep(1)
    load.tell("stop")
    sent = load.hear(120)
    wait_rows(target.database, before + sent["sent"], 60, pause=0.05)
    code, stop_seconds = lab.end(target.child)
    return Campaign(
        kills,
        seed,
        time.monotonic() - started,
        sent["sent"] / (sent["last_sent"] - sent["first"]),
        ready,
        counts,
        audit(target.database, sent),
        code,
        stop_seconds,
    )


def kill_and_restart(lab: Lab, target: Target, broker: int) -> tuple[Target, float]:
    """SIGKILL, the same command again at once, and the seconds until it says that it is ready."""
    lab.children.remove(target.child)
    at = time.monotonic()
    target.child.kill()
    again = lab.backend(broker, name=target.database.parent.name, port=target.port, wait=False)
    wait_ready(again)
    return again, time.monotonic() - at
