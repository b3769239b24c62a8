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

    from app.cli_casa import Puerta
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


@iot.command("auditoria")
@click.option("--quien", default="", help="Solo de esta cuenta, con cualquiera de sus credenciales.")
@click.option("--accion", default="", help="Solo de esta clase, como dispositivo_borrado.")
@click.option("--desde", default="", help="Desde este instante, hora o fecha de la casa.")
@click.option("--hasta", default="", help="Hasta entonces; de una fecha, el día entero.")
@click.option("--pagina", default=1, type=click.IntRange(1, 1_000_000), help="Página; la 1 es la más reciente.")
@click.option("--por-pagina", default=20, type=click.IntRange(1, 200), help="Anotaciones por página.")
@_json
def audit_command(pagina: int, por_pagina: int, as_json: bool, **filtros: str) -> int:
    """Enseña quién hizo qué: accesos, reclamos, borrados..."""
    from app.cli_auditoria import show

    return _with_settings(lambda settings: show(settings, pagina, por_pagina, filtros, as_json=as_json), write=False)


@iot.command("https")
@click.option("--quitar", is_flag=True, help="Deja de servir HTTPS; la autoridad se conserva.")
@click.option("--nueva", is_flag=True, help="Hace otra autoridad: habrá que instalarla de nuevo en cada aparato.")
def https_command(quitar: bool, nueva: bool) -> int:
    """Activa HTTPS con una autoridad propia de la casa, y dice cómo instalarla."""
    from app.cli_https import switch_off, switch_on

    if quitar and nueva:
        raise click.UsageError("--quitar y --nueva se contradicen")
    return _with_settings(switch_off if quitar else lambda s: switch_on(s, new_authority=nueva), write=False)


@iot.command("sbom")
def sbom_command() -> int:
    """Escribe la lista de materiales del programa (CycloneDX, JSON)."""
    from app.cli_sbom import show

    return show(ROOT)


@iot.command("respaldo")
@click.option("--listar", "what", flag_value="listar", help="Enseña los que hay.")
@click.option("--verificar", "name", metavar="FICHERO", help="Lee uno entero y dice qué tiene.")
@click.option("--despacio", is_flag=True, help="Cede el paso a todo lo demás.")
@_json
def backup_command(what: str | None, name: str | None, despacio: bool, as_json: bool) -> int:
    """Hace un respaldo de la casa y lo comprueba; con el programa en marcha o sin él."""
    from app import cli_respaldo

    if name is not None:
        return _with_settings(lambda settings: cli_respaldo.check(settings, name), write=False)
    if what is not None:
        return _with_settings(lambda settings: cli_respaldo.show(settings, as_json=as_json), write=False)
    return _with_settings(lambda s: cli_respaldo.make(s, slowly=despacio, as_json=as_json), write=False)


@iot.command("exportar")
@click.option("--formato", default="csv", type=click.Choice(("csv", "ndjson", "parquet")), help="Cómo.")
@click.option("--dispositivo", "seriales", multiple=True, help="Solo de este número de serie; se puede repetir.")
@click.option("--parametros", default="", help="Solo estos, con comas, y las filas que traen alguno.")
@click.option("--desde", default="", help="Desde este instante, hora o fecha de la casa.")
@click.option("--hasta", default="", help="Hasta entonces; de una fecha, el día entero.")
def export_command(formato: str, seriales: tuple[str, ...], parametros: str, desde: str, hasta: str) -> int:
    """Escribe el historial como CSV, NDJSON o Parquet; con el programa en marcha o sin él."""
    from app.cli_exportar import write

    wanted = {"formato": formato, "desde": desde, "hasta": hasta, "parametros": parametros}
    return _with_settings(lambda settings: write(settings, wanted, seriales), write=False)


@iot.command("importar")
@click.argument("fichero")
def import_command(fichero: str) -> int:
    """Añade lo que hay en otra base de datos, también del programa original, con el programa parado."""
    from app import cli_respaldo

    return _with_settings(lambda settings: cli_respaldo.import_from(settings, fichero), write=False)


@iot.command("compactar")
def compact_command() -> int:
    """Devuelve al disco el sitio que la base de datos ya no usa, con el programa parado."""
    from app import cli_respaldo

    return _with_settings(cli_respaldo.compact, write=False)


@iot.command("restaurar")
@click.argument("fichero")
def restore_command(fichero: str) -> int:
    """Devuelve la casa a como estaba en un respaldo, con el programa parado; lo que había se aparta."""
    from app import cli_respaldo

    return _with_settings(lambda settings: cli_respaldo.restore(settings, fichero), write=False)


@iot.group("usuario", context_settings=HELP_NAMES, subcommand_metavar="orden [argumentos]")
def user_group() -> None:
    """Cuentas: quién entra y qué puede."""


_roles = click.Choice(("administrador", "miembro", "invitado"))


@user_group.command("crear")
@click.argument("nombre")
@click.option("--rol", type=_roles, help="Sin decirlo: administrador el primero, miembro los demás.")
def create_user_command(nombre: str, rol: str | None) -> int:
    """Crea una cuenta; pide la contraseña (o la lee de la entrada)."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.create_user(nombre, rol))


@user_group.command("listar")
@_json
def list_users_command(as_json: bool) -> int:
    """Enseña las cuentas."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.list_users(as_json))


@user_group.command("rol")
@click.argument("nombre")
@click.argument("rol", type=_roles)
def role_command(nombre: str, rol: str) -> int:
    """Cambia lo que puede una cuenta."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.change_user(nombre, {"rol": rol}, f"{nombre} es {rol}."))


@user_group.command("clave")
@click.argument("nombre")
def password_command(nombre: str) -> int:
    """Pone otra contraseña y cierra sus sesiones."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.set_password(nombre))


@user_group.command("desactivar")
@click.argument("nombre")
@click.option("--no", "undo", is_flag=True, help="Deja que vuelva a entrar.")
def deactivate_command(nombre: str, undo: bool) -> int:
    """No deja entrar a una cuenta, y cierra lo que tenga abierto."""
    from app import cli_cuentas

    done = f"{nombre} puede entrar otra vez." if undo else f"{nombre} ya no entra."
    return _on_accounts(cli_cuentas.change_user(nombre, {"activo": undo}, done))


@user_group.command("borrar")
@click.argument("nombre")
def delete_user_command(nombre: str) -> int:
    """Borra una cuenta con sus sesiones y tokens."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.delete_user(nombre))


@iot.group("token", context_settings=HELP_NAMES, subcommand_metavar="orden [argumentos]")
def token_group() -> None:
    """Tokens: lo que enseña un programa en vez de una contraseña."""


@token_group.command("crear")
@click.argument("usuario")
@click.option("--nombre", default="consola", help="Para qué es.")
@click.option("--ambito", default="todo", type=click.Choice(("leer", "controlar", "todo")), help="Lo más que permite.")
@click.option("--dias", type=click.IntRange(1, 3650), help="Cuánto vale. Sin decirlo, no caduca.")
def create_token_command(usuario: str, nombre: str, ambito: str, dias: int | None) -> int:
    """Crea un token de una cuenta y lo enseña, una sola vez."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.create_token(usuario, nombre, ambito, dias))


@token_group.command("listar")
@click.argument("usuario", required=False)
@_json
def list_tokens_command(usuario: str | None, as_json: bool) -> int:
    """Enseña los tokens, de una cuenta o de todas."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.list_tokens(usuario, as_json))


@token_group.command("revocar")
@click.argument("numero", type=click.IntRange(1, 2**63 - 1))
def revoke_token_command(numero: int) -> int:
    """Quita un token; deja de valer en el acto."""
    from app import cli_cuentas

    return _on_accounts(cli_cuentas.revoke_token(numero))


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


def _on_accounts(action: Callable[[Puerta], None]) -> int:
    from app.cli_cuentas import run as run_on_accounts

    return _with_settings(lambda settings: run_on_accounts(settings, action), write=False)


def _start(*, demo: bool) -> int:
    from app.arranque import run_forever
    from app.banner import show_banner

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
