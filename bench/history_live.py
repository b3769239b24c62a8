"""What a long history costs who writes: speed of ingest beside an empty database and while a backup is made, the share
of summarising in its CPU, and the bytes that a card has to write for each message."""

from __future__ import annotations

import http.client
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.children import Lab, Target, cpu
from bench.load import Plan
from bench.report import Row
from bench.store import last_row, probe, run_load, wait_rows

if TYPE_CHECKING:
    from bench.runs import Context

NAME = "historial"
WINDOW, CHUNK = 5000, 40
KEPT, SHARE = 0.8, 0.15
QUIET_RATE = 20.0
"""Messages a second of a house with a lot going on; each is a commit of its own."""


def run(context: Context, lab: Lab, full: Target, broker: int, row_us: float) -> None:
    """``row_us``: CPU of summarising a row of a device that speaks every ten seconds, microseconds."""
    other = lab.mosquitto()
    empty = lab.backend(other, name="vacia")
    probe(lab, full, broker)
    probe(lab, empty, other)
    rounds = [(_load(context, lab, full, broker, n), _load(context, lab, empty, other, n)) for n in (2, 4)]
    ours, bare = (_together([pair[i] for pair in rounds]) for i in (0, 1))
    kept = ours["rate"] / bare["rate"]
    add, detail = context.report.add, context.report.detail
    add(Row(NAME, "ingesta con la base llena", "msg/s", ours["rate"], limit=bare["rate"], limit_name="base vacía"))
    add(Row(NAME, "ingesta, llena entre vacía", "veces", kept, goal_text=f">= {KEPT:g}", reached=kept >= KEPT))
    quiet = _together([_load(context, lab, full, broker, 6, rate=QUIET_RATE)])
    calm = f"{QUIET_RATE:.0f} por segundo"
    add(Row(NAME, "CPU de resumir un mensaje, si habla cada 10 s", "us", row_us))
    for name, found in ((calm, quiet), ("a rachas", ours)):
        share = row_us / found["cpu_us"]
        add(Row(NAME, f"CPU de guardar un mensaje, {name}", "us", found["cpu_us"]))
        add(
            Row(
                NAME,
                f"resumir entre guardar, {name}",
                "veces",
                share,
                goal_text=f"<= {SHARE:g}",
                reached=share <= SHARE,
            )
        )
        add(Row(NAME, f"bytes escritos por mensaje, {name}", "bytes", found["written"]))
    saver = lab.mosquitto()
    careful = lab.backend(saver, name="tarjeta", INGEST_LINGER_MS=1000)
    probe(lab, careful, saver)
    sparing = _together([_load(context, lab, careful, saver, 2, rate=QUIET_RATE)])
    times = sparing["written"] / quiet["written"]
    note = f"x {times:.2f} de lo que sin él"
    add(Row(NAME, f"los mismos, {calm}, con INGEST_LINGER_MS = 1000", "bytes", sparing["written"], note=note))
    _backup(context, lab, full, broker, ours["rate"])
    detail(f"{NAME}.vivo", {"llena": ours, "vacia": bare, "tranquila": quiet})


def _load(
    context: Context, lab: Lab, target: Target, broker: int, boot: int, *, rate: float = 0.0, seconds: float = 0.0
) -> dict[str, Any]:
    """Messages until all are stored: per second, CPU (us) and bytes given to the disk for each."""
    seconds = seconds or context.options.seconds
    plan = Plan(broker, boot=boot, seconds=seconds, window=WINDOW, database=str(target.database), chunk=CHUNK)
    if rate:
        plan = replace(plan, rate=rate, count=round(rate * seconds), seconds=0.0)
    pid = target.child.pid
    before, used, wrote = last_row(target.database), cpu(pid), _written(pid)
    load = run_load(lab, plan)
    reached, at = wait_rows(target.database, before + load["sent"], 90)
    rows = reached - before
    return {
        "rows": rows,
        "seconds": at - load["first"],
        "cpu": cpu(pid) - used,
        "bytes": _written(pid) - wrote,
        "rate": rows / (at - load["first"]),
        "written": (_written(pid) - wrote) / rows,
    }


def _together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rows, seconds, used, size = (sum(run[key] for run in runs) for key in ("rows", "seconds", "cpu", "bytes"))
    return {"rate": rows / seconds, "cpu_us": used / rows * 1e6, "written": size / rows, "rows": rows}


def _backup(context: Context, lab: Lab, target: Target, broker: int, usual: float) -> None:
    """As many as get through while one is being made, if that takes long enough to tell."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    connection.request("POST", "/respaldos", headers={"Content-Length": "0"})
    connection.getresponse().read()
    found = _load(context, lab, target, broker, 8, seconds=min(3.0, context.options.seconds))
    connection.request("GET", "/respaldos")
    still = b'"haciendo":true' in connection.getresponse().read()
    connection.close()
    note = "" if still else "acabó antes que la medida"
    during = Row(
        NAME, "ingesta durante un respaldo", "msg/s", found["rate"], limit=usual, limit_name="sin él", note=note
    )
    context.report.add(during)


def _written(pid: int) -> int:
    """Bytes that the process caused to be sent to the disk (write_bytes of proc(5)): whole pages of the cache."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"])
