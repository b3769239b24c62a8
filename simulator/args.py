"""Command lines that speak Spanish: argparse with its own sentences translated."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_SENTENCES = (
    (r"unrecognized arguments: (.*)", r"argumentos desconocidos: \1"),
    (r"the following arguments are required: (.*)", r"faltan argumentos: \1"),
    (r"argument (.*?): expected one argument", r"\1: falta el valor"),
    (r"argument (.*?): not allowed with argument (.*)", r"\1 no puede ir junto con \2"),
    (r"argument (.*?): invalid choice: (.*?) \(choose from (.*)\)", r"\1: \2 no es uno de \3"),
    (r"ambiguous option: (.*?) could match (.*)", r"opción ambigua \1: puede ser \2"),
    (r"argument (.*?): (.*)", r"\1: \2"),
)


class Parser(argparse.ArgumentParser):
    """Explains its faults in Spanish and ends with status 2."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, add_help=False, allow_abbrev=False)
        self._positionals.title, self._optionals.title = "argumentos", "opciones"
        self.add_argument("-h", "--help", "--ayuda", action="help", help="muestra esta ayuda y termina")

    def format_usage(self) -> str:
        return super().format_usage().replace("usage:", "uso:", 1)

    def format_help(self) -> str:
        return super().format_help().replace("usage:", "uso:", 1)

    def error(self, message: str) -> NoReturn:
        for pattern, spanish in _SENTENCES:
            found = re.fullmatch(pattern, message)
            if found:
                message = found.expand(spanish)
                break
        print(f"{self.prog}: {message}\nPruebe «{self.prog} --help».", file=sys.stderr)
        raise SystemExit(2)


def number(low: float, high: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """An argument type: a number from ``low`` to ``high``."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"«{text}» no es un número entre {low:g} y {high:g}")
        return value

    return convert
