"""`./iot`: one command per thing a person does. Every command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli_es import HELP_NAMES, SpanishGroup, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.config_load import Settings

ROOT = Path(__file__).resolve().parent.parent
_PASS_ALL: dict[str, Any] = {
    "context_settings": {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
    "add_help_option": False,
}

_demo = click.option(
    "--demo", is_flag=True, help="Añade una casa simulada pequeña, para ver algo vivo desde el principio."
)
_json = click.option("--json", "as_json", is_flag=True, help="Escribe JSON, para otros programas.")


def main(argv: Sequence[str] | None = None, *, program: str = "./iot") -> int:
    """Run one command line; the exit code."""
    try:
        return run(iot, sys.argv[1:] if argv is None else argv, program)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `./iot config | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@click.group(
    cls=SpanishGroup,
    invoke_without_command=True,
    context_settings=HELP_NAMES,
    subcommand_metavar="[orden [argumentos]]",
)
@_demo
@click.pass_context
def iot(ctx: click.Context, demo: bool) -> int:
    """Backend doméstico para dispositivos IoT. Sin orden, arranca todo."""
    if ctx.invoked_subcommand is not None:
        if demo:
            raise click.UsageError("--demo va detrás de run, o solo", ctx)
        return 0
    return _start(demo=demo)


@iot.command("run")
@_demo
def run_command(demo: bool) -> int:
    """Arranca todo (lo mismo que sin orden)."""
    return _start(demo=demo)


@iot.command("config")
@_json
def config_command(as_json: bool) -> int:
    """Enseña cada ajuste: valor, origen, unidad y significado."""
    from app.cli_config import show

    return _with_settings(lambda settings: show(settings, as_json=as_json), write=False)


@iot.command("doctor")
@_json
def doctor_command(as_json: bool) -> int:
    """Busca lo que está mal y dice cómo arreglarlo."""
    from app.doctor import run_doctor

    return run_doctor(os.environ, as_json=as_json)


@iot.command("rechazados")
@click.option("--pagina", default=1, type=click.IntRange(1, 1_000_000), help="Página; la 1 es la más reciente.")
@click.option("--por-pagina", default=20, type=click.IntRange(1, 200), help="Mensajes por página.")
@_json
def rejected_command(pagina: int, por_pagina: int, as_json: bool) -> int:
    """Enseña los mensajes MQTT rechazados y por qué lo fueron."""
    from app.cli_rechazados import show

    return _with_settings(lambda settings: show(settings, pagina, por_pagina, as_json=as_json), write=False)


@iot.group("dispositivo", cls=SpanishGroup, context_settings=HELP_NAMES, subcommand_metavar="orden [argumentos]")
def device_group() -> None:
    """Usuarios y permisos de los dispositivos en el broker."""


@device_group.command("credencial")
@click.argument("serial")
def credential_command(serial: str) -> int:
    """Da al dispositivo usuario y contraseña en el broker (otra, si ya tenía)."""
    from app.cli_dispositivo import credencial

    return _with_settings(lambda settings: credencial(settings, serial), write=False)


@device_group.command("revocar")
@click.argument("serial")
def revoke_command(serial: str) -> int:
    """Se los quita, y corta su conexión."""
    from app.cli_dispositivo import revocar

    return _with_settings(lambda settings: revocar(settings, serial), write=False)


@device_group.command("listar")
@_json
def credentials_command(as_json: bool) -> int:
    """Enseña los dispositivos que tienen usuario propio."""
    from app.cli_dispositivo import listar

    return _with_settings(lambda settings: listar(settings, as_json=as_json), write=False)


@device_group.command("acl")
@click.option(
    "--con-anonimos", is_flag=True, help="Deja entrar también a dispositivos sin usuario, como los de siempre."
)
def acl_command(con_anonimos: bool) -> int:
    """Escribe lo que hay que poner en un Mosquitto que lleve usted."""
    from app.cli_dispositivo import acl

    return _with_settings(lambda settings: acl(settings, anonymous=con_anonimos), write=False)


@iot.command("test", **_PASS_ALL)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def test_command(args: tuple[str, ...]) -> int:
    """Pasa las pruebas; los argumentos son los de pytest."""
    from app.cli_test import run_tests

    return run_tests(ROOT, args)


@iot.command("simular", **_PASS_ALL)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def simulate_command(args: tuple[str, ...]) -> int:
    """Simula dispositivos (./iot simular --help)."""
    from simulator.cli import simular_main

    return simular_main(list(args))


@iot.command("qr", **_PASS_ALL)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def qr_command(args: tuple[str, ...]) -> int:
    """Hace el QR de un dispositivo (./iot qr --help)."""
    from simulator.cli import qr_main

    return qr_main(list(args))


@iot.command("bench", **_PASS_ALL)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def bench_command(args: tuple[str, ...]) -> int:
    """Mide el rendimiento en esta máquina (./iot bench --help)."""
    from bench.__main__ import main as bench_main

    return bench_main(list(args))


def _start(*, demo: bool) -> int:
    from app.banner import show_banner
    from app.runtime import run_forever

    return _with_settings(lambda settings: run_forever(settings, demo=demo, banner=show_banner), write=True)


def _with_settings(action: Callable[[Settings], int], *, write: bool) -> int:
    """Load the settings and act; a faulty configuration is explained, all of it, and is exit code 2."""
    from app.config_load import ConfigError, load_settings

    try:
        settings = load_settings(os.environ, create_secret=write)
    except ConfigError as error:
        click.echo("La configuración tiene errores:", err=True)
        for fault in error.faults:
            click.echo(f"  - {fault}", err=True)
        click.echo("Corríjalos y repita la orden. Cada ajuste, con su significado, está en config.py.", err=True)
        return 2
    return action(settings)


if __name__ == "__main__":
    sys.exit(main())
