"""``./iot simular``, ``./iot qr`` and the demo house."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.args import Parser, number
from simulator.backend import Backend
from simulator.broker import Broker
from simulator.catalogue import KINDS, Kind, kind_of
from simulator.demo import prepare_demo
from simulator.device import Spec
from simulator.faults import DEFAULT_PROB, FalloInvalido, parse_fault
from simulator.fleet import Fleet, make_specs, specs_of
from simulator.house import SEED, claim_demo, demo_faults, demo_specs
from simulator.qr import SERIAL_RE, is_code, new_code, qr_text, save_png, save_svg, terminal_text
from simulator.status import Status
from simulator.templates import PlantillaInvalida, load_templates

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType


class Imposible(Exception):
    """What was asked cannot be done; the message (Spanish) says why and what to do."""


def simular_main(argv: list[str]) -> int:
    """``./iot simular``: run a fleet until --duracion, Ctrl+C or SIGTERM. 1: nothing could be sent, 2: misuse."""
    options = _simular_parser().parse_args(argv)
    try:
        return _simular(options)
    except (Imposible, PlantillaInvalida, FalloInvalido) as err:
        print(f"./iot simular: {err}", file=sys.stderr)
        return 2


def _simular_parser() -> Parser:
    parser = Parser("./iot simular", "Simula dispositivos que hablan MQTT y HTTP como los de verdad.")
    add = parser.add_argument
    add("--dispositivos", type=number(1, 20_000, int), metavar="N", help="cuántos (13, o los de --credenciales)")
    add("--tipo", metavar="PREFIJOS", help="solo estos, p. ej. TMP0,LGT0 (todos, por turno)")
    add("--estilo", choices=("moderno", "legado", "mezcla"), default="mezcla", help="cómo hablan (mezcla)")
    add("--intervalo", type=number(0.05, 3600), metavar="S", help="segundos entre informes (según el tipo)")
    add("--duracion", type=number(0.1, 1e9), metavar="S", help="termina pasados estos segundos (nunca)")
    add("--semilla", metavar="TEXTO", help="misma semilla, mismos seriales y valores (al azar)")
    add("--plantillas", type=Path, metavar="RUTA", help="archivo o carpeta de plantillas JSON en lugar del catálogo")
    add("--fallo", action="append", default=[], metavar="TIPO[=S][:prob=P][:dispositivos=N]",
        help=f"fallo a propósito, se puede repetir: {', '.join(DEFAULT_PROB)}")  # fmt: skip
    add(
        "--credenciales",
        type=Path,
        metavar="ARCHIVO",
        help="JSON {serial: clave} (./iot dispositivo credencial): simula esos, modernos, cada uno con su usuario",
    )
    _add_connection(parser)
    return parser


def _add_connection(parser: Parser) -> None:
    add = parser.add_argument
    add("--broker", default="127.0.0.1:1883", metavar="HOST:PUERTO", help="broker MQTT (127.0.0.1:1883)")
    add("--usuario", default=os.environ.get("IOT_MQTT_USERNAME"), help="usuario de MQTT (o IOT_MQTT_USERNAME)")
    add("--clave", default=os.environ.get("IOT_MQTT_PASSWORD"), help="clave de MQTT (o IOT_MQTT_PASSWORD)")
    add("--tls", action="store_true", help="MQTT sobre TLS")
    add("--tls-ca", default="", metavar="ARCHIVO", help="autoridad que firma el certificado del broker (supone --tls)")
    add("--backend", default="http://127.0.0.1:5000", metavar="URL", help="backend (http://127.0.0.1:5000)")
    add("--token", default=os.environ.get("IOT_TOKEN"), help="token del backend (o IOT_TOKEN)")


def _simular(options: argparse.Namespace) -> int:
    seed = options.semilla if options.semilla is not None else f"{random.SystemRandom().getrandbits(32):08x}"
    claves = _claves(options.credenciales)
    specs = _specs(options, claves, seed)
    faults = [parse_fault(text) for text in options.fallo]
    _reserve_descriptors(len(specs))
    broker = replace(_broker(options), claves=claves)
    fleet = Fleet(specs, broker, _backend(options), seed=seed, intervalo=options.intervalo, faults=faults)
    with _until_signal() as stop:  # from here on it is true that it ends with Ctrl+C
        print(f"Simulando {len(specs)} dispositivos (estilo {options.estilo}, semilla {seed}). Ctrl+C para terminar.")
        for spec in specs if len(specs) <= 20 else ():
            print(f"  {spec.serial}  {spec.estilo:8} {spec.kind.nombre}")
        sys.stdout.flush()
        status = Status(fleet, sys.stdout)
        with fleet:
            _watch(stop, status, options.duracion)
        status.summary()
    return 0 if fleet.stats["enviados"] else 1


def _specs(options: argparse.Namespace, claves: Mapping[str, str], seed: str) -> list[Spec]:
    """Those that have a user of their own, then others up to the number that was asked for."""
    kinds = _kinds(options.plantillas, options.tipo)
    own = specs_of(claves, kinds if options.plantillas else KINDS)
    wanted = options.dispositivos or (len(own) or 13)
    others = make_specs(int(wanted) - len(own), options.estilo, seed, kinds)
    return own + [spec for spec in others if spec.serial not in claves]


def _claves(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as err:
        raise Imposible(f"--credenciales: no se puede leer {path}: {err}") from err
    if (
        not isinstance(found, dict)
        or not found
        or not all(SERIAL_RE.fullmatch(serial) and isinstance(clave, str) for serial, clave in found.items())
    ):
        raise Imposible(f"--credenciales: {path} debe ser un objeto JSON de serial a clave")
    return found


def _watch(stop: threading.Event, status: Status, duration: float | None) -> None:
    deadline = time.monotonic() + (duration if duration is not None else float("inf"))
    while (left := deadline - time.monotonic()) > 0 and not stop.wait(min(1.0, left)):
        status.line()


def _kinds(path: Path | None, wanted: str | None) -> Sequence[Kind]:
    kinds: Sequence[Kind] = KINDS if path is None else load_templates(path)
    if not wanted:
        return kinds
    known = {kind.prefix: kind for kind in kinds}
    prefixes = [prefix.strip().upper() for prefix in wanted.split(",") if prefix.strip()]
    unknown = [prefix for prefix in prefixes if prefix not in known]
    if unknown or not prefixes:
        raise Imposible(f"--tipo: no existe «{', '.join(unknown)}»; los tipos son {', '.join(known)}")
    return [known[prefix] for prefix in prefixes]


def _broker(options: argparse.Namespace) -> Broker:
    host, colon, port = options.broker.removeprefix("mqtt://").rpartition(":")
    if not colon:
        host, port = port, "8883" if options.tls or options.tls_ca else "1883"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Imposible(f"--broker: se esperaba HOST:PUERTO y se leyó «{options.broker}»")
    if options.tls_ca and not Path(options.tls_ca).is_file():
        raise Imposible(f"--tls-ca: no existe el archivo «{options.tls_ca}»")
    tls = options.tls or bool(options.tls_ca)
    return Broker(host.strip("[]"), int(port), options.usuario or None, options.clave, tls, options.tls_ca)


def _backend(options: argparse.Namespace) -> Backend | None:
    if options.backend in ("", "no"):
        return None
    try:
        return Backend(options.backend, options.token)
    except ValueError as err:
        raise Imposible(f"--backend: {err}") from err


def _reserve_descriptors(devices: int) -> None:
    """A modern device is one open socket; the usual soft limit is 1,024."""
    import resource

    needed = devices + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise Imposible(
                f"hacen falta {needed} archivos abiertos y el límite es {hard}: pruebe «ulimit -n {needed}»"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextmanager
def _until_signal() -> Iterator[threading.Event]:
    """An event that Ctrl+C or SIGTERM sets (only the main thread of a process may catch signals).

    The handler runs in the main thread, between any two of its instructions: ``Event.set`` there waits for ever for a
    lock that the main thread's own ``Event.wait``, or the handler of the signal before, holds. So it only writes a
    byte, and a thread that reads it sets the event.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    told, tell = os.pipe()
    os.set_blocking(tell, False)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(tell, b"x")

    def watch() -> None:
        os.read(told, 1)
        stop.set()

    watcher = threading.Thread(target=watch, name="sim-avisos", daemon=True)
    watcher.start()
    before = [(number, signal.signal(number, on_signal)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        with suppress(BlockingIOError):
            os.write(tell, b"x")
        watcher.join()
        os.close(told)
        os.close(tell)


def demo_main(argv: list[str]) -> int:
    """The demo house, quiet, until a signal or until the process that started it is gone. 0, or 1 with a reason."""
    parser = Parser("./iot --demo", "La casa de demostración: trece dispositivos, siempre los mismos.")
    _add_connection(parser)
    parser.add_argument("--reclamar", action="store_true", help="los reclama, menos dos, y prepara la casa")
    options = parser.parse_args(argv)
    try:
        broker, backend = _broker(options), _backend(options)
    except Imposible as err:
        print(f"./iot --demo: {err}", file=sys.stderr)
        return 2
    with _until_signal() as stop, Fleet(demo_specs(), broker, backend, seed=SEED, faults=demo_faults()):
        claims: threading.Thread | None = None
        if options.reclamar and backend is not None:
            claims = threading.Thread(target=_claim, args=(backend, stop), name="sim-reclamos", daemon=True)
            claims.start()
        parent = os.getppid()
        while not stop.wait(1.0) and os.getppid() == parent:
            pass
        stop.set()
        if claims is not None:
            claims.join(timeout=6)
    return 0


def _claim(backend: Backend, stop: threading.Event) -> None:
    def say(words: str) -> None:
        print(f"./iot --demo: {words}", file=sys.stderr, flush=True)

    trouble = claim_demo(backend, stop)
    if trouble:
        say(trouble)
    if not stop.is_set():
        prepare_demo(backend, datetime.now(UTC), say)


def qr_main(argv: list[str]) -> int:
    """``./iot qr SERIAL``: the device's QR on the screen, or in a PNG or SVG file."""
    parser = Parser("./iot qr", "Muestra el QR de un dispositivo para pegarlo en él o reclamarlo.")
    parser.add_argument("serial", metavar="SERIAL", help="número de serie, p. ej. TMP0603IF1WD")
    parser.add_argument("--nombre", help="nombre que propone el QR")
    parser.add_argument("--plantillas", type=Path, metavar="RUTA", help="plantillas JSON donde buscar el tipo")
    code = parser.add_mutually_exclusive_group()
    code.add_argument(
        "--codigo",
        action="store_true",
        help="le pone un código nuevo: quien no lo tenga no podrá reclamarlo",
    )
    code.add_argument("--con-codigo", metavar="CODIGO", help="le pone este, para imprimir otra vez una etiqueta")
    out = parser.add_mutually_exclusive_group()
    out.add_argument("--png", type=Path, metavar="ARCHIVO", help="guarda una imagen PNG")
    out.add_argument("--svg", type=Path, metavar="ARCHIVO", help="guarda una imagen SVG")
    out.add_argument("--texto", action="store_true", help="lo dibuja en la pantalla (lo que se hace sin opciones)")
    options = parser.parse_args(argv)
    try:
        return _qr(options)
    except (Imposible, PlantillaInvalida) as err:
        print(f"./iot qr: {err}", file=sys.stderr)
        return 2


def _qr(options: argparse.Namespace) -> int:
    if not SERIAL_RE.fullmatch(options.serial):
        raise Imposible(f"«{options.serial}» no es un serial: de 1 a 100 letras, cifras o . _ : -")
    if options.nombre is not None and len(options.nombre) > 80:
        raise Imposible("--nombre: no puede pasar de 80 caracteres")
    kinds = [*load_templates(options.plantillas), *KINDS] if options.plantillas else KINDS
    spec = Spec(options.serial, kind_of(options.serial, kinds), "", options.nombre or "")
    codigo = new_code() if options.codigo else options.con_codigo
    if codigo is not None and not is_code(codigo):
        raise Imposible("--con-codigo: debe tener 16 caracteres o más, sin contar guiones ni espacios")
    target = options.png or options.svg
    if target is None:
        print(terminal_text(spec, codigo), qr_text(spec, codigo), sep="\n")
        return 0
    try:
        (save_png if options.png else save_svg)(spec, target, codigo)
    except OSError as err:
        raise Imposible(f"no se puede escribir {target}: {err.strerror or err}") from err
    print(f"QR de {spec.serial} guardado en {target}")
    if codigo:
        print(qr_text(spec, codigo))
    return 0
