"""The size budget of the page: bytes that a browser may have to load, lines of each script and of each function in it.

Used by tools/presupuesto.py. Scripts are not parsed, only read well enough to know strings, comments and regular
expressions from code, and which brackets are the body of a function.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app import ligero

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = Path(__file__).resolve().parent.parent / "app" / "web"
OTHER_PAGES = {"docs.css", "docs.html", "autoridad.css", "autoridad.html"}
FIRST_BYTES, FAMILY_BYTES, WHOLE_BYTES = 75_000, 150_000, 190_000
"""What a browser loads for the house; for all that a family uses (house, devices, schedules, notices, signing in,
"Más"); for that and what is set up now and then. In one language, as it is served (app/ligero.py), uncompressed."""
LATER = ("pantallas", "textos", "css")  # screens, their words and their looks are loaded when they are gone to
FIRST = {"pantallas/casa", "textos/base.es", "css/base", "css/casa"}
PARTS = {"elementos/grafica", "elementos/trazo", "elementos/tira", "elementos/semana", "js/horario", "js/formulario"}
RARE = {"pantallas/" + name for name in (
    "accesos", "anadir", "cuentas", "escenas", "habitaciones", "lugar", "registro", "respaldos", "salud", "telefono",
)} | {"textos/anadir.es", "css/anadir", "js/qr", "static/sw"}  # fmt: skip
FILE_MAX, FUNCTION_MAX, CHART_MAX = 420, 50, 300
CHART = ("grafica.js", "trazo.js")
"""The chart: what hears fingers and keys, and what it is drawn from."""

_CONTROL = {"if", "for", "while", "switch", "catch", "with"}
_HEAD = re.compile(r"(?:(?P<word>[\w$#]+)\s*)?\((?P<args>[^()]*(?:\([^()]*\)[^()]*)*)\)\s*$|(?P<arrow>=>)\s*$")


class Function(NamedTuple):
    """Where it begins (the line of its opening bracket), what it is called as far as that is seen, its lines."""

    line: int
    name: str
    size: int


def page_files() -> list[Path]:
    """Everything that belongs to the page, whichever screen and language needs it; the pictures for a home screen are
    asked for by the telephone that puts it there, not by the page."""
    found = [path for path in sorted(WEB.rglob("*")) if path.is_file() and path.suffix not in (".ts", ".png")]
    return [path for path in found if path.name not in OTHER_PAGES and "__pycache__" not in path.parts]


def served(path: Path) -> int:
    """Bytes of a file as a browser gets it."""
    lighter = {".js": ligero.script, ".css": ligero.style}.get(path.suffix, str)
    return len(lighter(path.read_text()).encode())


def weights(files: list[Path]) -> tuple[int, int, int]:
    """Bytes for the house, for what a family uses, and for all, in one language."""
    names = {path: f"{path.parent.name}/{path.stem}" for path in files if ".en." not in path.name}
    family = {path: name for path, name in names.items() if name not in RARE}
    later = {name for name in family.values() if name in PARTS or (name.split("/")[0] in LATER and name not in FIRST)}
    first = [path for path, name in family.items() if name not in later]
    return sum(map(served, first)), sum(map(served, family)), sum(map(served, names))


def measure() -> tuple[str, list[str]]:
    """A line that says how large the page is, and what is over its limit."""
    files = page_files()
    found = weights(files)
    faults = [
        f"the page has {size} bytes {what}, {allowed} are allowed"
        for size, what, allowed in zip(
            found, ("at first sight", "for a family", "in all"), (FIRST_BYTES, FAMILY_BYTES, WHOLE_BYTES), strict=True
        )
        if size > allowed
    ]
    for path in files:
        if path.suffix != ".js":
            continue
        name, source = str(path.relative_to(WEB)), path.read_text()
        if (lines := len(source.splitlines())) > FILE_MAX:
            faults.append(f"{name}: {lines} lines, {FILE_MAX} are allowed")
        faults += [f"{name}:{f.line}: {f.name} has {f.size} lines" for f in functions(source) if f.size > FUNCTION_MAX]
    chart = sum(code_lines(path.read_text()) for path in files if path.name in CHART)
    if chart > CHART_MAX:
        faults.append(f"the chart has {chart} lines of code, {CHART_MAX} are allowed")
    sizes = ", ".join(map(str, found))
    return f"page: {len(files)} files, {chart} lines of chart; bytes for the house, a family, in all: {sizes}", faults


def code_lines(source: str) -> int:
    """Lines on which there is more than a comment."""
    code = "".join("\n" * text.count("\n") if clase == "comentario" else text for clase, text in ligero.trozos(source))
    return sum(bool(line.strip()) for line in code.splitlines())


# --- scripts ----------------------------------------------------------------------------------------------------------
def functions(source: str) -> Iterator[Function]:
    """Functions, methods and arrows with a body in brackets, in the order of their ends; empty lines do not count."""
    code = blank(source)
    opened: list[int] = []
    for at, sign in ((m.start(), m[0]) for m in re.finditer(r"[{}()\[\]]", code)):
        if sign in "{([":
            opened.append(at)
        elif opened:
            begin = opened.pop()
            name = _function_name(code[max(0, begin - 400) : begin], code[begin])
            if name:
                body = source[begin : at + 1].splitlines()
                yield Function(source.count("\n", 0, begin) + 1, name, sum(bool(line.strip()) for line in body))


def _function_name(before: str, bracket: str) -> str:
    head = _HEAD.search(before)
    if head is None:
        return ""
    if head["arrow"]:
        named = re.search(r"([\w$.#]+)\s*=\s*(?:async\s*)?(?:\([^=]*\)|[\w$]+)\s*=>\s*$", before)
        return named[1] if named else "=>"
    word = head["word"] or "function"
    return word if bracket == "{" and word not in _CONTROL else ""


def blank(source: str) -> str:
    """The same text with everything that is not code (strings, templates, comments, regular expressions) made blank;
    what a template computes (``${...}``) is code."""
    return "".join(text if clase == "codigo" else re.sub(r"[^\n]", " ", text) for clase, text in ligero.trozos(source))
