"""What a browser loads of our scripts and styles: the same without comments, indentation and spare spaces.

They are written for who reads them, with their types in comments (JSDoc); that is a third of their bytes. Names stay
as they are, so what a browser shows of an error can be found. Why not a library: docs/adr/0004-peso-de-la-pagina.md.
Equal in meaning: tests/pagina/test_ligero.py holds TypeScript's tree and Chromium's rules of both against each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# A slash after one of these begins a regular expression; after anything else it divides.
_BEFORE_REGEX = re.compile(
    r"(?:[(,=:\[!&|?{};+\-*%~^<>]|=>|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$|^\s*$"
)
_SIGNO = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|[`{}()\[\]/]", re.DOTALL)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
_TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{|$)", re.DOTALL)


class Trozo(NamedTuple):
    """A piece of a script. What a template computes (``${...}``) is code, what is around it ``texto``."""

    clase: Literal["codigo", "comentario", "texto", "regex"]
    texto: str


def trozos(script: str) -> Iterator[Trozo]:
    """A script in pieces that joined give it back.

    It is not parsed, only read well enough to tell strings, templates, comments and regular expressions from code.
    """
    depth: list[int] = []  # for each template that we are inside of: brackets open in its ${...}
    at, before = 0, ""
    while match := _SIGNO.search(script, at):
        if code := script[at : match.start()]:
            yield Trozo("codigo", code)
            before += code
        signo, at = match[0], match.end()
        if signo.startswith(("//", "/*")):
            yield Trozo("comentario", signo)
        elif signo == "/" and _BEFORE_REGEX.search(before[-40:]) and (found := _REGEX.match(script, match.start())):
            at, before = found.end(), ")"
            yield Trozo("regex", found[0])
        elif signo == "`" or (signo == "}" and depth and depth[-1] == 0):
            at, opens = _template(script, at, depth, ends=signo == "}")
            before = "(" if opens else ")"
            yield Trozo("texto", script[match.start() : at])
        elif signo[0] in "'\"":
            before = ")"
            yield Trozo("texto", signo)
        else:
            if depth:
                depth[-1] += (signo == "{") - (signo == "}")
            before += signo
            yield Trozo("codigo", signo)
    if rest := script[at:]:
        yield Trozo("codigo", rest)


def _template(script: str, at: int, depth: list[int], *, ends: bool) -> tuple[int, bool]:
    """Where a template's text ends from here, after its backtick or after a ``${``, and whether that is open now."""
    if ends:
        depth.pop()
    match = _TEMPLATE.match(script, at)
    assert match is not None
    opens = match[0].endswith("${")
    if opens:
        depth.append(0)
    return match.end(), opens


# --- lighter ----------------------------------------------------------------------------------------------------------
# No + - / . among them: `a + +b`, `a / /b/`, `1 .x`. Lines are joined only where no statement can end.
_SPACES = ((r"[ \t]*\n\s*", "\n"), (r"[ \t]+", " "), (r" ?([{}()\[\],;:=<>?&|*]) ?", r"\1"), (r"([{(\[,;])\n", r"\1"))
_CODE = [(re.compile(pattern), new) for pattern, new in (*_SPACES, (r"\n(?=[)\]}])", ""))]
_STYLE = [
    (re.compile(pattern, re.DOTALL), new)
    for pattern, new in ((r"/\*.*?\*/", ""), (r"\s+", " "), (r" ?([{};,]) ?", r"\1"), (r":\s", ":"), (r";\}", "}"))
]


def script(source: str) -> str:
    """A script, lighter."""
    out: list[str] = []
    code, last = "", ""
    for clase, text in trozos(source):
        if clase == "codigo":
            code += text
        elif clase == "comentario":
            code += "\n" if "\n" in text else " "
        else:
            out += [_code(code, after=last, before=clase), text]
            code, last = "", clase
    return "".join([*out, _code(code, after=last, before="")]).strip() + "\n"


def _code(code: str, *, after: str, before: str) -> str:
    """Code between two other things: beside a string it needs no space, after a regular expression it does."""
    for pattern, new in _CODE:
        code = pattern.sub(new, code)
    if after == "texto":
        code = code.removeprefix(" ")
    return code.removesuffix(" ") if before == "texto" else code


def style(source: str) -> str:
    """A style sheet, lighter; there are no spaces in its strings."""
    for pattern, new in _STYLE:
        source = pattern.sub(new, source)
    return source.strip() + "\n"
