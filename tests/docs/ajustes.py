"""The table of settings in docs/operacion.md, made from config.py: ``python -m tests.docs.ajustes`` writes it again."""

from __future__ import annotations

import re

from config import AJUSTES, Config
from tests.support.procesos import ROOT

PAGE = ROOT / "docs" / "operacion.md"
_PLACE = re.compile(r"(?<=<!-- ajustes -->\n).*?(?=<!-- /ajustes -->)", re.DOTALL)


def shown(value: object) -> str:
    """A default as instance/config.py would spell it."""
    if value in ("", ()):
        return "*(vacío)*"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def table() -> str:
    """The Markdown rows."""
    rows = ["| ajuste | sin tocar nada | unidad | qué es |", "|---|---|---|---|"]
    for a in AJUSTES:
        text = f"{a.ayuda} Valores: {', '.join(a.opciones)}." if a.opciones else a.ayuda
        rows.append(
            f"| `{a.nombre}` | {shown(getattr(Config, a.nombre))} | {a.unidad} | {text.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows) + "\n"


def in_page() -> str:
    """What the page has now."""
    found = _PLACE.search(PAGE.read_text(encoding="utf-8"))
    assert found, "docs/operacion.md has lost its marks <!-- ajustes -->"
    return found[0]


if __name__ == "__main__":
    PAGE.write_text(_PLACE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
