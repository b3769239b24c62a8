"""Collects measurements and writes them: a table in Spanish for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.children import program
from bench.stats import ratio, summary

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = ("flask", "gevent", "sqlalchemy", "paho-mqtt", "pydantic")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement beside its references. `goal` decides on it and `goal_text` says it in Spanish."""

    bench: str
    name: str
    unit: str
    ours: float | None
    plain: float | None = None
    limit: float | None = None
    goal_text: str = ""
    reached: bool | None = None
    note: str = ""
    limit_name: str = "suscriptor"

    @property
    def to_plain(self) -> float | None:
        return ratio(self.ours, self.plain)

    @property
    def to_limit(self) -> float | None:
        return ratio(self.ours, self.limit)


@dataclass(slots=True)
class Report:
    """Everything measured in one run."""

    machine: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    echo: Callable[[str], None] = print

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.echo("  " + line(row))

    def detail(self, key: str, value: Any) -> None:
        self.details[key] = value

    def as_json(self) -> dict[str, Any]:
        rows = [{**asdict(row), "to_plain": row.to_plain, "to_limit": row.to_limit} for row in self.rows]
        return {"machine": self.machine, "rows": rows, "details": self.details, "failures": self.failures}

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def number(value: float | None) -> str:
    """Spanish: decimal comma, thousands apart; three figures are enough."""
    if value is None or value != value:
        return "-"
    digits = 0 if abs(value) >= 100 or value == 0 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", " ").replace(".", ",")


def times(value: float | None) -> str:
    return "" if value is None else f"x {number(value)}"


def verdict(row: Row) -> str:
    mark = {None: "", True: "  sí", False: "  NO"}[row.reached]
    return f"{row.goal_text}{mark}"


def line(row: Row) -> str:
    parts = [f"{row.name}: {number(row.ours)} {row.unit}"]
    if row.plain is not None:
        parts.append(f"app sencilla {number(row.plain)} ({times(row.to_plain)})")
    if row.limit is not None:
        parts.append(f"{row.limit_name} {number(row.limit)} ({times(row.to_limit)})")
    if row.goal_text:
        parts.append(f"meta: {verdict(row)}")
    if row.note:
        parts.append(row.note)
    return " | ".join(parts)


HEADER = ("Prueba", "Medida", "Unidad", "Nuestro", "App sencilla", "Razón", "Solo MQTT", "Razón", "Meta")


def cells(row: Row) -> tuple[str, ...]:
    return (
        row.bench,
        row.name,
        row.unit,
        number(row.ours),
        number(row.plain),
        times(row.to_plain),
        number(row.limit),
        times(row.to_limit),
        verdict(row),
    )


def table(rows: list[Row]) -> str:
    """A table in Markdown that also reads well in a terminal."""
    grid = [HEADER, *(cells(row) for row in rows)]
    widths = [max(len(row[k]) for row in grid) for k in range(len(HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in grid
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def describe_machine(folder: str) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "mosquitto": mosquitto_version(),
        "filesystem": filesystem(folder),
        "busy_before": busy(),
        "fsync_ms": fsync_ms(folder),
        "packages": {name: package(name) for name in PACKAGES},
        "executable": Path(sys.executable).name,
    }


def busy(seconds: float = 1.0) -> float:
    """Share of the processors that others use while we sleep: a busy machine gives figures that mean little."""
    before = ticks()
    time.sleep(seconds)
    total, idle = (now - then for now, then in zip(ticks(), before, strict=True))
    return round(1 - idle / max(1, total), 2)


class Neighbours:
    """How much of the processors programs other than this benchmark and its (ended) children used meanwhile."""

    def __init__(self) -> None:
        self.before, self.own = ticks(), own_seconds()

    def share(self) -> float:
        total, idle = (now - then for now, then in zip(ticks(), self.before, strict=True))
        ours = (own_seconds() - self.own) * os.sysconf("SC_CLK_TCK")
        return round(max(0.0, (total - idle - ours) / max(1, total)), 2)


def own_seconds() -> float:
    return sum(os.times()[:4])


def ticks() -> tuple[int, int]:
    """All, and idle, ticks of all processors."""
    values = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(values), values[3] + values[4]


def fsync_ms(folder: str, times: int = 100) -> dict[str, Any]:
    """What a durable write of one page costs here."""
    values = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            values.append(time.perf_counter() - start)
    return summary(values, 1000.0)


def processor() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.machine()


def package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def mosquitto_version() -> str:
    try:
        args = [program("mosquitto") or "mosquitto", "-h"]
        out = subprocess.run(args, capture_output=True, text=True, timeout=10, check=False).stdout
    except OSError:
        return "-"
    return out.splitlines()[0].removeprefix("mosquitto version ").strip() if out else "-"


def filesystem(folder: str) -> str:
    """The type of the file system that holds `folder`: fsync costs nothing on a tmpfs."""
    best, kind = "", "-"
    for text in Path("/proc/mounts").read_text().splitlines():
        _, mount, name, *_ = text.split()
        if (folder + "/").startswith(mount.rstrip("/") + "/") and len(mount) >= len(best):
            best, kind = mount, name
    return kind
