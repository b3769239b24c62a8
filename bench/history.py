"""History: pages of a log however deep, series to draw, the past of the house; beside a plain table with an index."""

from __future__ import annotations

import csv
import http.client
import io
import random
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.clock import Clock
from app.db import Database
from app.resumidor import Resumidor
from bench import history_live
from bench.history_made import BEGIN, DAYS, DEVICES, END, make, make_plain
from bench.report import Row
from bench.rest import Client
from bench.stats import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.children import Target
    from bench.runs import Context

NAME = "historial"
PER_PAGE = 50
EXPORT_ROWS = 300_000
DENSE_ROWS = 100_000
PAGE_MS, SERIES_MS, INSTANT_MS, RATIO = 10.0, 30.0, 50.0, 2.0
MARK = "+00:00"


def run(context: Context) -> None:
    """Make the house, summarise it as the thread does but without rests; ask it over HTTP, the plain table directly."""
    rows = context.options.rows
    with context.lab() as lab:
        database = lab.folder / "ours" / "iot.db"
        database.parent.mkdir()
        started = time.monotonic()
        make(database, rows, context.options.seed)
        print(f"  {rows:,} filas hechas en {time.monotonic() - started:.0f} s".replace(",", "."))
        raw_bytes = database.stat().st_size
        told = summarise(database)
        report_keeping(context, rows, raw_bytes, database.stat().st_size, told)
        plain = lab.folder / "sencilla.db"
        make_plain(database, plain)
        broker = lab.mosquitto()
        backend = lab.backend(broker)
        client = Client(backend.port)
        with closing(sqlite3.connect(plain)) as conn:
            ask_all(context, client, conn, rows // DEVICES)
            export(context, backend, conn)
        client.close()
        dense = lab.folder / "densa" / "iot.db"
        dense.parent.mkdir()
        make(dense, DENSE_ROWS, context.options.seed, days=DENSE_ROWS / DEVICES * 10 / 86_400)
        history_live.run(context, lab, backend, broker, summarise(dense)["cpu"] / DENSE_ROWS * 1e6)


def summarise(database: Path) -> dict[str, Any]:
    """Seconds in all, and how long each slice held the writer (ms)."""
    db = Database(f"sqlite:///{database.name}", database.parent, Clock(), lambda _: None)
    worker, cpu, started = Resumidor(db, Clock()), time.process_time(), time.monotonic()
    held: list[float] = []
    unit = db.unit_of_work

    def timed(*args: Any, **kwargs: Any) -> Any:
        return _Timed(unit(*args, **kwargs), held)

    db.unit_of_work = timed  # type: ignore[method-assign]
    while worker.tick(all_now=True) == 0.0:
        pass
    found = {
        "segundos": time.monotonic() - started,
        "cpu": time.process_time() - cpu,
        "escritor_ms": summary(held, 1e3),
    }
    db.close()
    return found


class _Timed:
    """A unit of work, and how long it had the writer."""

    def __init__(self, inner: Any, held: list[float]) -> None:
        self._inner, self._held = inner, held

    def __enter__(self) -> Any:
        found = self._inner.__enter__()
        self._started = time.perf_counter()
        return found

    def __exit__(self, *exc: Any) -> Any:
        found = self._inner.__exit__(*exc)
        self._held.append(time.perf_counter() - self._started)
        return found


def report_keeping(context: Context, rows: int, raw_bytes: int, all_bytes: int, told: dict[str, Any]) -> None:
    add = context.report.add
    held = told["escritor_ms"]["p99"]
    context.report.detail(f"{NAME}.resumir", told)
    add(Row(NAME, "filas resumidas por segundo (sin descansos)", "filas/s", rows / told["segundos"]))
    add(Row(NAME, "CPU de resumir una fila", "us", told["cpu"] / rows * 1e6))
    add(Row(NAME, "un turno del escritor, p99", "ms", held, goal_text="< 20 ms", reached=held < 20))
    add(Row(NAME, "disco por fila, sin resúmenes", "bytes", raw_bytes / rows))
    add(Row(NAME, "disco por fila, con resúmenes y bloques", "bytes", all_bytes / rows))


def ask_all(context: Context, client: Client, plain: sqlite3.Connection, per_device: int) -> None:
    times = 60 if context.options.quick else 200
    chance = random.Random(context.options.seed)
    last = -(-per_device // PER_PAGE)
    pages = {"primera": 1, "central": last // 2, "última": last}
    ours, theirs = {}, {}
    for name, page in pages.items():
        ours[name] = timed(times, lambda p=page: client.get(_page(chance, p)))  # type: ignore[misc]
        theirs[name] = timed(max(5, times // 10), lambda p=page: plain_page(plain, chance, p))  # type: ignore[misc]
        _row(context, f"página {name} de {last}, p99", ours[name]["p99"], theirs[name]["p99"], PAGE_MS)
    spread = max(o["p99"] for o in ours.values()) / min(o["p99"] for o in ours.values())
    wide = max(o["p99"] for o in theirs.values()) / min(o["p99"] for o in theirs.values())
    context.report.add(
        Row(
            NAME, "la más cara entre la más barata, p99", "veces", spread, wide, goal_text="< 2", reached=spread < RATIO
        )
    )
    for name, days in (("un mes", 30), ("dos años", DAYS - 1)):
        mine = timed(times, lambda d=days: client.get(_series(chance, d)))  # type: ignore[misc]
        other = timed(5, lambda d=days: plain_series(plain, chance, d))  # type: ignore[misc]
        _row(context, f"{name} de un parámetro en 300 puntos, p99", mine["p99"], other["p99"], SERIES_MS)
    mine = timed(times, lambda: client.get(f"/dispositivos?instante={_moment(chance)}"))
    other = timed(times, lambda: plain_instant(plain, _moment(chance)))
    _row(context, f"un instante de {DEVICES} dispositivos, p99", mine["p99"], other["p99"], INSTANT_MS)


def export(context: Context, target: Target, plain: sqlite3.Connection) -> None:
    """All of it as CSV, over HTTP; beside it what a program writes that reads row after row, into nothing."""
    before = resident(target.child.pid)
    for kind in ("csv", "ndjson"):
        started, rows = time.perf_counter(), 0
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=600)
        connection.request("GET", f"/exportar?formato={kind}")
        answer = connection.getresponse()
        while piece := answer.read(1 << 18):
            rows += piece.count(b"\n")
        connection.close()
        ours = rows / (time.perf_counter() - started)
        theirs = plain_export(plain) if kind == "csv" else None
        goal = f">= {EXPORT_ROWS:,}".replace(",", ".")
        context.report.add(
            Row(NAME, f"exportar {kind}", "filas/s", ours, theirs, goal_text=goal, reached=ours >= EXPORT_ROWS)
        )

    grown = resident(target.child.pid) - before
    context.report.add(Row(NAME, "memoria que crece al exportarlo todo dos veces", "MB", grown / 1e6))


def resident(pid: int) -> int:
    """The most memory that the process has had, bytes (VmHWM of proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def plain_export(conn: sqlite3.Connection) -> float:
    started, rows, out = time.perf_counter(), 0, io.StringIO()
    writer = csv.writer(out)
    for row in conn.execute("SELECT dispositivo_id, timestamp, estado, parametros FROM log ORDER BY rowid"):
        writer.writerow(row)
        rows += 1
        if not rows % 1000:
            out.seek(0)
            out.truncate()
    return rows / (time.perf_counter() - started)


def timed(times: int, ask: Callable[[], object]) -> dict[str, Any]:
    ask()  # once for what is looked up once
    values = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        values.append(time.perf_counter() - start)
    return summary(values, 1000.0)


def _row(context: Context, name: str, ours: float, plain: float, goal: float) -> None:
    context.report.add(Row(NAME, name, "ms", ours, plain, goal_text=f"< {goal:g} ms", reached=ours < goal))


def _page(chance: random.Random, page: int) -> str:
    return f"/dispositivos/{chance.randrange(DEVICES) + 1}/logs?page={page}&per_page={PER_PAGE}"


def _series(chance: random.Random, days: int) -> str:
    begin = BEGIN + timedelta(days=chance.randrange(DAYS - days))
    span = f"desde={_iso(begin)}&hasta={_iso(begin + timedelta(days=days))}"
    return f"/dispositivos/{chance.randrange(DEVICES) + 1}/historial?parametro=temperatura&puntos=300&{span}"


def _moment(chance: random.Random) -> str:
    return _iso(BEGIN + timedelta(seconds=chance.randrange(int((END - BEGIN).total_seconds()))))


def _iso(moment: Any) -> str:
    return str(moment.isoformat()).removesuffix(MARK) + "Z"


# --- the same of the plain table: SQL only, without HTTP and without JSON -------------------------------------------


def plain_page(conn: sqlite3.Connection, chance: random.Random, page: int) -> object:
    device = chance.randrange(DEVICES) + 1
    conn.execute("SELECT count(*) FROM log WHERE dispositivo_id = ?", (device,)).fetchone()
    sql = (
        "SELECT estado, parametros, timestamp FROM log WHERE dispositivo_id = ? "
        "ORDER BY timestamp DESC LIMIT ? OFFSET ?"
    )
    return conn.execute(sql, (device, PER_PAGE, (page - 1) * PER_PAGE)).fetchall()


def plain_series(conn: sqlite3.Connection, chance: random.Random, days: int) -> object:
    """Extremes and the mean of the rows, not weighted by time, in 300 stretches."""
    begin = BEGIN + timedelta(days=chance.randrange(DAYS - days))
    seconds = days * 86_400 / 300
    sql = (
        "SELECT CAST((strftime('%s', timestamp) - ?) / ? AS INTEGER) AS b, min(v), avg(v), max(v), count(*) FROM "
        "(SELECT timestamp, json_extract(parametros, '$.temperatura') AS v FROM log "
        "WHERE dispositivo_id = ? AND timestamp >= ? AND timestamp < ?) GROUP BY b"
    )
    span = (begin.isoformat(" ")[:19], (begin + timedelta(days=days)).isoformat(" ")[:19])
    values = (begin.timestamp(), seconds, chance.randrange(DEVICES) + 1, *span)
    return conn.execute(sql, values).fetchall()


def plain_instant(conn: sqlite3.Connection, moment: str) -> object:
    sql = (
        "SELECT estado, parametros, timestamp FROM log WHERE dispositivo_id = ? AND timestamp <= ? "
        "ORDER BY timestamp DESC LIMIT 1"
    )
    stamp = moment.replace("T", " ").removesuffix("Z")
    return [conn.execute(sql, (device, stamp)).fetchone() for device in range(1, DEVICES + 1)]
