"""The size budget of the page: bytes that a browser may have to load, lines of each script and of each function in it.

Used by tools/presupuesto.py. Scripts are not parsed, only read well enough to know strings, comments and regular
expressions from code, and which brackets are the body of a function.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = Path(__file__).resolve().parent.parent / "app" / "web"
OTHER_PAGES = {"docs.css", "docs.html", "autoridad.css", "autoridad.html"}
PAGE_BYTES = 150_000
"""What a phone may have to load before it sees the house."""
WHOLE_BYTES = 275_000
"""Every screen in every language: a ceiling, so that growth is decided and not drifted into."""
LATER = ("pantallas", "textos", "css")  # screens, their words and their looks are loaded when they are gone to
AT_ONCE = {"pantallas/casa.js", "textos/base.es.js", "css/base.css", "css/casa.css"}
FILE_MAX, FUNCTION_MAX, CHART_MAX = 420, 50, 300
CHART = "elementos/grafica.js"

# A slash after one of these begins a regular expression; after anything else it divides.
_BEFORE_REGEX = re.compile(
    r"(?:[(,=:\[!&|?{};+\-*%~^<>]|=>|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$|^\s*$"
)
_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|[`{}()\[\]/]", re.DOTALL)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
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


def at_once(path: Path) -> bool:
    """Whether the house's first sight needs the file; an element counts, whichever screen has it."""
    return path.parent.name not in LATER or f"{path.parent.name}/{path.name}" in AT_ONCE


def measure() -> tuple[str, list[str]]:
    """A line that says how large the page is, and what is over its limit."""
    files = page_files()
    first = sum(path.stat().st_size for path in files if at_once(path))
    total = sum(path.stat().st_size for path in files)
    faults = [
        f"the page has {found} bytes {when}, {allowed} are allowed"
        for found, when, allowed in ((first, "at first sight", PAGE_BYTES), (total, "in all", WHOLE_BYTES))
        if found > allowed
    ]
    for path in files:
        if path.suffix != ".js":
            continue
        name, source = str(path.relative_to(WEB)), path.read_text()
        lines, most = len(source.splitlines()), CHART_MAX if name.endswith(CHART) else FILE_MAX
        if lines > most:
            faults.append(f"{name}: {lines} lines, {most} are allowed")
        faults += [f"{name}:{f.line}: {f.name} has {f.size} lines" for f in functions(source) if f.size > FUNCTION_MAX]
    return f"page: {len(files)} files, {first} bytes at first sight, {total} in all", faults


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
    out: list[str] = []
    depth: list[int] = []  # for each template that we are inside of: brackets open in its ${...}
    at = 0
    while match := _TOKEN.search(source, at):
        out.append(source[at : match.start()])
        token, at = match[0], match.end()
        if token == "/":
            found = _REGEX.match(source, match.start()) if _BEFORE_REGEX.search("".join(out[-40:])) else None
            token, at = (found[0], found.end()) if found else ("/", at)
        if token == "`" or (token == "}" and depth and depth[-1] == 0):
            if token == "}":
                depth.pop()
            at = _template(source, at, depth)
            out.append(_spaces(source[match.start() : at]))
            continue
        if depth:
            depth[-1] += (token == "{") - (token == "}")
        out.append(token if len(token) == 1 else _spaces(token))
    return "".join([*out, source[at:]])


def _template(source: str, at: int, depth: list[int]) -> int:
    """The end of a template's text from here: after its backtick, or after a ``${`` that is now open."""
    end = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(`|\$\{|$)", re.DOTALL).match(source, at)
    assert end is not None
    if end[1] == "${":
        depth.append(0)
    return end.end()


def _spaces(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
