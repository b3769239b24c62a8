"""`./iot doctor`: every check says what it found, what that means and how to mend it. Nothing is changed."""

from __future__ import annotations

import importlib.metadata
import json
import resource
import sys
import textwrap
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.clock import Clock
from app.config_load import (
    DEFAULT_SOURCE,
    GENERATED_SOURCE,
    SECRET_FILE,
    ConfigError,
    Settings,
    load_settings,
    resolve_instance_path,
)
from app.doctor_base import Hallazgo, Nivel, aviso, bien, mal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ROOT = Path(__file__).resolve().parent.parent
_YEARS = range(2025, 2100)
_SPARE_FILES = 200  # database, logs, broker, libraries
_WIDTH = 100
_MARKS = {Nivel.BIEN: "  bien ", Nivel.AVISO: " aviso ", Nivel.MAL: "   MAL "}


def run_doctor(environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the findings; 1 when something is broken, else 0."""
    findings = []
    for finding in examine(environ):
        findings.append(finding)
        if not as_json:
            _print(finding)
    broken = sum(finding.nivel is Nivel.MAL for finding in findings)
    if as_json:
        print(
            json.dumps({"sano": not broken, "hallazgos": [asdict(f) for f in findings]}, ensure_ascii=False, indent=2)
        )
    elif broken:
        print(f"\nHay que arreglar {broken} cosa{'s' if broken > 1 else ''}.")
    else:
        print("\nNada está roto.")
    return 1 if broken else 0


def examine(environ: Mapping[str, str]) -> Iterator[Hallazgo]:
    """Every check, in the order in which a fault would be met."""
    from app.doctor_datos import check_folder, check_sqlite

    yield check_python()
    yield check_packages(_ROOT / "requirements.txt")
    settings = None
    try:
        settings = load_settings(environ, create_secret=False)
    except ConfigError as error:
        yield from _config_faults(error)
    else:
        yield from _config_ok(settings)
    yield check_clock()
    yield from check_folder(resolve_instance_path(environ))
    yield check_sqlite()
    if settings is not None:
        yield from _examine_with(settings)
    else:
        yield aviso(
            "Lo demás", "no se ha comprobado", "La base de datos, los puertos y el broker dependen de lo anterior."
        )


def _examine_with(settings: Settings) -> Iterator[Hallazgo]:
    from app.doctor_datos import check_database
    from app.doctor_red import check_broker, check_http
    from app.doctor_tls import check_https

    yield from check_database(settings)
    yield from check_http(settings)
    yield from check_https(settings)
    yield from check_broker(settings)
    yield check_descriptors(settings.http_max_connections)


def check_python() -> Hallazgo:
    """The version that runs this."""
    version = sys.version.split()[0]
    if sys.version_info < (3, 11):  # noqa: UP036 - the check itself
        return mal("Python", version, "Es demasiado antiguo.", "Instale Python 3.11 o más nuevo y borre .venv.")
    return bien("Python", f"{version} ({sys.executable})")


def check_packages(requirements: Path) -> Hallazgo:
    """Every pinned package is installed, in its pinned version."""
    try:
        pins = dict(_pins(requirements.read_text()))
    except OSError as error:
        return mal(
            "Paquetes",
            f"no se puede leer {requirements}: {error.strerror}",
            "Falta parte del programa.",
            "Vuelva a descargarlo.",
        )
    wrong = [f"{name} {have or 'falta'} (se espera {want})" for name, want, have in _compare(pins) if have != want]
    if not wrong:
        return bien("Paquetes", f"{len(pins)}, en las versiones de {requirements.name}")
    missing = any(" falta " in text for text in wrong)
    found = ", ".join(wrong[:5]) + (f" y {len(wrong) - 5} más" if len(wrong) > 5 else "")
    how = "Arranque con ./iot, o repita  pip install --require-hashes -r requirements.txt"
    if missing:
        return mal("Paquetes", found, "Sin ellos no se puede arrancar.", how)
    return aviso("Paquetes", found, "No son las versiones con las que se probó el programa.", how)


def check_clock(clock: Clock | None = None) -> Hallazgo:
    """A plausible year, not behind this program's own files, and the time zone that schedules use."""
    now = (clock or Clock()).now()
    local = now.astimezone()
    found = f"{local:%Y-%m-%d %H:%M:%S}, zona {local.tzname()} (UTC{local:%z})"
    mend = "Póngalo en hora (sudo timedatectl set-ntp true) y repita."
    newest = datetime.fromtimestamp(max(path.stat().st_mtime for path in _ROOT.glob("*.py")), UTC)
    if now.year not in _YEARS or now < newest - timedelta(days=1):
        meaning = "El reloj de esta máquina no puede ir bien: los horarios y las fechas del historial saldrían mal."
        return mal("Reloj", found, meaning, mend)
    if local.utcoffset() == timedelta(0):
        note = (
            "Los horarios siguen la hora de esta máquina, que es UTC; si su casa va por otra, timedatectl set-timezone."
        )
        return bien("Reloj", found, note)
    return bien("Reloj", found, "Los horarios siguen esta hora.")


def check_descriptors(connections: int) -> Hallazgo:
    """The program raises its own soft limit; the hard one is what counts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"hasta {'sin límite' if hard == resource.RLIM_INFINITY else hard} (ahora {soft})"
    if hard != resource.RLIM_INFINITY and hard < connections + _SPARE_FILES:
        return aviso(
            "Ficheros abiertos",
            found,
            f"No llega para las {connections} conexiones de HTTP_MAX_CONNECTIONS; las que sobren reciben un 503.",
            "Suba el límite (LimitNOFILE= en systemd, ulimit -Hn) "
            f"o baje HTTP_MAX_CONNECTIONS a {max(10, hard - _SPARE_FILES)}.",
        )
    return bien("Ficheros abiertos", found)


def _config_faults(error: ConfigError) -> Iterator[Hallazgo]:
    for fault in error.faults:
        yield mal(
            "Configuración",
            f"{fault.clave}: {fault.mensaje}",
            "El programa no arranca con una configuración que no entiende.",
            f"Corríjalo en: {fault.origen}",
        )


def _config_ok(settings: Settings) -> Iterator[Hallazgo]:
    own = {DEFAULT_SOURCE, GENERATED_SOURCE, str(settings.instance_path / SECRET_FILE)}
    changed = sum(source not in own for source in settings.origenes.values())
    yield bien("Configuración", f"sin errores; ajustes cambiados: {changed} (./iot config los enseña)")
    for text in settings.avisos:
        yield aviso("Configuración", text, "Funciona, pero conviene que lo haya querido usted así.")


def _pins(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, version = line.removesuffix(" \\").partition("==")
        if equals and not line.startswith((" ", "#")) and ";" not in version:
            yield name, version.strip()


def _compare(pins: Mapping[str, str]) -> Iterator[tuple[str, str, str | None]]:
    for name, want in pins.items():
        try:
            yield name, want, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, want, None


def _print(finding: Hallazgo) -> None:
    print(f"[{_MARKS[finding.nivel]}] {finding.que}: {finding.hallado}")
    for text in (finding.significa, f"Arreglo: {finding.arreglo}" if finding.arreglo else ""):
        if text:
            print(
                textwrap.fill(text, _WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 10, break_on_hyphens=False)
            )
