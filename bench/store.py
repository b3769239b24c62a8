"""What an application has really stored, read from its database file with read-only connections."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.children import BenchError, Lab, Target
from bench.load import Plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Key = tuple[str, int, int]


def connect(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5.0, isolation_level=None)


def last_row(database: Path) -> int:
    """The id of the newest row of the history; 0 when there is none, or no table yet."""
    if not database.exists():
        return 0
    conn = connect(database)
    try:
        return int(conn.execute("SELECT max(id) FROM estado_log").fetchone()[0] or 0)
    except sqlite3.OperationalError:
        return 0
    finally:
        conn.close()


def wait_rows(database: Path, rows: int, seconds: float, pause: float = 0.01) -> tuple[int, float]:
    """Waits until the newest id is `rows`; returns the id reached and when (monotonic)."""
    end = time.monotonic() + seconds
    while True:
        top, now = last_row(database), time.monotonic()
        if top >= rows or now > end:
            return top, now
        time.sleep(pause)


def probe(lab: Lab, target: Target, broker: int) -> None:
    """Publishes until the application stores: after this its subscription is known to be there."""
    before, end = last_row(target.database), time.monotonic() + 20
    while last_row(target.database) <= before:
        if time.monotonic() > end:
            raise target.child.failure("no guarda lo que se publica")
        run_load(lab, Plan(broker, devices=1, connections=1, count=1, prefix="PRBE", topics="own"))
        wait_rows(target.database, before + 1, 0.3)
    settle(target.database)


def settle(database: Path, pause: float = 0.2, seconds: float = 20.0) -> int:
    """Waits until nothing more arrives; returns the newest id."""
    top, end = -1, time.monotonic() + seconds
    while top != (top := last_row(database)) and time.monotonic() < end:
        time.sleep(pause)
    return top


def run_load(lab: Lab, plan: Plan, timeout: float = 300.0, during: Callable[[], None] | None = None) -> dict[str, Any]:
    """One load from start to end; `during` runs right after the start."""
    child = lab.load(plan)
    try:
        child.tell("go")
        if during:
            during()
        return child.hear(timeout)
    finally:
        lab.end(child)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The invariant: acked is a subset of stored, stored of sent, each exactly once."""

    sent: int
    acked: int
    stored: int
    lost: int
    doubled: int
    unknown: int
    integrity: str

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.unknown) and self.integrity == "ok"


def audit(database: Path, load: dict[str, Any]) -> Verdict:
    """Compares the history with what a load generator sent and the broker acknowledged to it."""
    boot, base = load["boot"], load["seq_base"]
    conn = connect(database)
    try:
        rows = conn.execute(
            "SELECT d.serial_number, l.parametros FROM estado_log l JOIN dispositivo d ON d.id = l.dispositivo_id"
        )
        found: Counter[tuple[str, int]] = Counter()
        for serial, text in rows:
            values = json.loads(text or "{}")
            if values.get("boot") == boot and serial in load["sent_by"]:
                found[serial, values["seq"] - base] += 1
        (integrity,) = conn.execute("PRAGMA integrity_check").fetchone()
    finally:
        conn.close()
    return Verdict(
        sent=load["sent"],
        acked=load["acked"],
        stored=len(found),
        lost=sum((serial, seq) not in found for serial, top in load["acked_by"].items() for seq in range(top)),
        doubled=sum(times - 1 for times in found.values()),
        unknown=sum(seq >= load["sent_by"][serial] for serial, seq in found),
        integrity=integrity,
    )


def require(verdict: Verdict, name: str) -> Verdict:
    if not verdict.ok:
        raise BenchError(f"{name}: lo guardado no coincide con lo publicado: {verdict}")
    return verdict
