"""Click, in Spanish: usage, headings and errors. Nothing here knows any command."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP_NAMES = {"max_content_width": 100, "help_option_names": ["-h", "--help", "--ayuda"]}
_HEADINGS = {"Options": "Opciones", "Commands": "Órdenes", "Arguments": "Argumentos"}


class _SpanishFormatter(click.HelpFormatter):
    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args.replace("[OPTIONS]", "[opciones]"), prefix or "Uso: ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(_HEADINGS.get(heading, heading))


class _SpanishContext(click.Context):
    formatter_class = _SpanishFormatter


class SpanishCommand(click.Command):
    """A command whose help is in Spanish."""

    context_class = _SpanishContext

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _in_spanish(super().get_help_option(ctx))


class SpanishGroup(click.Group):
    """The same for a group."""

    context_class = _SpanishContext
    command_class = SpanishCommand

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _in_spanish(super().get_help_option(ctx))

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)  # as declared: the everyday ones first

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"no existe la orden {args[0]!r}{self._closest(ctx, args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def _closest(self, ctx: click.Context, word: str) -> str:
        near = difflib.get_close_matches(word, self.list_commands(ctx), n=1)
        return f"; ¿quiso decir {near[0]}?" if near else ""


def run(command: click.Command, argv: Sequence[str], program: str) -> int:
    """Run the command; its exit code. Mistakes in the command line are one sentence, never a traceback."""
    try:
        result: Any = command.main(list(argv), prog_name=program, standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        click.echo(f"{program}: {_explain(error)}", err=True)
        click.echo(f"La ayuda está en:  {program} --help", err=True)
        return 2
    return result if isinstance(result, int) else 0


def _explain(error: click.ClickException) -> str:
    match error:
        case click.NoSuchOption():
            return f"no existe la opción {error.option_name}"
        case click.MissingParameter():
            return f"falta {error.param.human_readable_name if error.param else 'un argumento'}"
        case click.BadOptionUsage():
            return f"la opción {error.option_name} está mal usada (¿le falta el valor?)"
        case click.BadParameter():
            return f"valor no válido en {error.param.human_readable_name if error.param else 'un argumento'}"
        case _:
            return error.format_message()


def _in_spanish(option: click.Option | None) -> click.Option | None:
    if option is not None:
        option.help = "Muestra esta ayuda."
    return option
