"""`./iot bench`: runs the benchmarks on this machine and prints ratios beside two references."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import accesos, fanout, history, ingest, kill, latency, ordenes, pagina, rest, schedules, startup
from bench.children import ROOT, BenchError, program, sweep
from bench.report import Neighbours, Report, busy, describe_machine, filesystem, number, table
from bench.runs import Context, Options
from simulator.args import Parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

CASES: dict[str, Callable[[Context], None]] = {
    "ingesta": ingest.run,
    "latencia": latency.run,
    "abanico": fanout.run,
    "rest": rest.run,
    "arranque": startup.run,
    "muertes": kill.run,
    "horario": schedules.run,
    "historial": history.run,
    "ordenes": ordenes.run,
    "accesos": accesos.run,
    "pagina": pagina.run,
}
BUSY = "\nAVISO: hay otros programas trabajando; las cifras, sobre todo las p99, valdrán poco."
CALM_LOOKS, CALM_SHARE = 3, 0.08
ALIASES = {
    "ingest": "ingesta",
    "latency": "latencia",
    "fanout": "abanico",
    "start": "arranque",
    "kill": "muertes",
    "schedule": "horario",
    "history": "historial",
    "orders": "ordenes",
    "page": "pagina",
}


def main(argv: list[str]) -> int:
    """0 when all was measured and nothing was lost; 1 when not; 2 when this machine cannot run it."""
    args = parse(argv)
    if problem := missing():
        print(problem, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = make_options(args)
    sweep(Path(options.folder or tempfile.gettempdir()))
    report = Report(describe_machine(options.folder or tempfile.gettempdir()))
    print(heading(report, options))
    try:
        for name in args.nombres or everything():
            run_case(ALIASES.get(name, name), Context(options, report))
    except KeyboardInterrupt:
        report.failures.append("interrumpido")
    finish(report, args.json)
    return 1 if report.failures else 0


def everything() -> list[str]:
    """All of them; the page only where there is a browser."""
    problem = pagina.missing()
    if problem:
        print(f"\nSin la prueba «{pagina.NAME}»: {problem}.")
    return [name for name in CASES if name != pagina.NAME or not problem]


def parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser("./iot bench", "Mide el sistema real junto a dos referencias.")
    parser.add_argument("nombres", nargs="*", metavar="prueba", help=f"cuáles ({', '.join(CASES)}); sin nombres, todas")
    parser.add_argument("--segundos", type=float, help="duración de cada medida (8; con --rapido, 3)")
    parser.add_argument("--json", type=Path, metavar="ARCHIVO", help="guarda también todos los datos")
    parser.add_argument("--rapido", action="store_true", help="medidas cortas, una ronda y 3 muertes")
    parser.add_argument("--referencias", action="store_true", help="solo las referencias, sin nuestro sistema")
    parser.add_argument("--sin-app-sencilla", action="store_true", help="sin la aplicación sencilla")
    parser.add_argument("--muertes", type=int, metavar="N", help="cuántas veces se mata el proceso (20)")
    parser.add_argument("--semilla", type=int, default=1, help="para las pausas al azar entre muertes")
    parser.add_argument("--filas", type=int, metavar="N", help="filas del historial (1.000.000; con --rapido, 200.000)")
    parser.add_argument("--carpeta", help="dónde poner las bases de datos temporales")
    parser.add_argument(
        "--calma",
        type=float,
        default=0.0,
        metavar="S",
        help="antes de cada prueba, espera hasta S segundos a que la máquina esté desocupada",
    )
    args = parser.parse_args(argv)
    if unknown := [name for name in args.nombres if name not in CASES and name not in ALIASES]:
        parser.error(f"no conozco {', '.join(unknown)}; hay: {', '.join(CASES)}")
    return args


def make_options(args: argparse.Namespace) -> Options:
    quick = args.rapido
    return Options(
        seconds=args.segundos or (3.0 if quick else 8.0),
        quick=quick,
        ours=not args.referencias,
        plain=not args.sin_app_sencilla,
        folder=args.carpeta or disk_folder(),
        seed=args.semilla,
        rounds=1 if quick else 3,
        kills=args.muertes or (3 if quick else 20),
        calm=args.calma,
        rows=args.filas or (200_000 if quick else 1_000_000),
    )


def missing() -> str:
    """Why the benchmarks cannot run here, or nothing."""
    if not sys.platform.startswith("linux"):
        return "Las pruebas de rendimiento necesitan Linux (epoll y /proc)."
    if not program("mosquitto"):
        return "Falta mosquitto: instálelo (por ejemplo, «sudo apt install mosquitto») y repita."
    return ""


def disk_folder() -> str | None:
    """The system's temporary folder, unless it is memory, where fsync costs nothing and the figures would flatter."""
    if filesystem(tempfile.gettempdir()) != "tmpfs":
        return None
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return str(folder)


def heading(report: Report, options: Options) -> str:
    machine = report.machine
    packages = ", ".join(f"{name} {value}" for name, value in machine["packages"].items())
    return (
        f"Máquina: {machine['processor']}, {machine['cores']} núcleos, Linux {machine['kernel']}, "
        f"{machine['filesystem']}, fsync {number(machine['fsync_ms']['p50'])} ms (p99 "
        f"{number(machine['fsync_ms']['p99'])}), ocupada por otros al {100 * machine['busy_before']:.0f} %\n"
        f"Python {machine['python']}, SQLite {machine['sqlite']}, {packages}\n"
        f"Mosquitto {machine['mosquitto']} privado en cada prueba, sin persistencia, cola sin límite; "
        f"{options.seconds:g} s por medida" + (BUSY if machine["busy_before"] > 0.15 else "")
    )


def run_case(name: str, context: Context) -> None:
    wait_for_calm(context.options.calm)
    started, neighbours = time.monotonic(), Neighbours()
    print(f"\n{name}")
    try:
        CASES[name](context)
    except BenchError as error:
        context.report.failures.append(f"{name}: {error}")
        print(f"  No se pudo medir: {error}", file=sys.stderr)
    share = neighbours.share()
    context.report.detail(f"{name}.otros_programas", share)
    seconds = time.monotonic() - started
    print(f"  ({seconds:.0f} s; otros programas ocuparon el {100 * share:.0f} % de los procesadores)")


def wait_for_calm(seconds: float) -> None:
    """Until three looks in a row find the processors all but idle, at most `seconds`."""
    end, calm = time.monotonic() + seconds, 0
    while calm < CALM_LOOKS and time.monotonic() < end:
        calm = calm + 1 if busy() < CALM_SHARE else 0


def finish(report: Report, path: Path | None) -> None:
    print("\n" + table(report.rows))
    print("\nRazón: nuestro dividido por la referencia, medidos en esta misma ejecución.")
    for failure in report.failures:
        print(f"FALLO: {failure}")
    if path:
        report.save(path)
        print(f"Datos completos: {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
