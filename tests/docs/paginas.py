"""Markdown pages as the tests see them: fenced blocks with their kind, the commands in them, links and inline code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.procesos import ROOT

KINDS = frozenset({"sh", "json", "text", "python"})
_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Bloque:
    """A fenced block: ``kind`` and ``arg`` are the words after the fence, ``line`` is where it starts."""

    kind: str
    arg: str
    text: str
    line: int

    def commands(self) -> list[str]:
        """The commands of a shell block; one that is continued with a backslash is one."""
        joined = self.text.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Bloque]:
    """Every fenced block; a fence that is never closed, or of a kind that no test knows, is an error."""
    found = []
    for match in _FENCE.finditer(text):
        kind, _, arg = match["info"].strip().partition(" ")
        found.append(Bloque(kind, arg.strip(), match["text"], text.count("\n", 0, match.start()) + 1))
    assert len(found) * 2 == len(re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)), (
        "a fence is not closed or indented"
    )
    unknown = [f"line {b.line}: {b.kind or '(no kind)'}" for b in found if b.kind not in KINDS]
    assert not unknown, f"blocks of a kind that no test checks: {unknown}"
    return found


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    return _LINK.findall(prose(text))


def inline_code(text: str) -> list[str]:
    return _CODE.findall(prose(text))


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as forges make them."""
    titles = re.findall(r"^#{1,6} +(.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def control_pages() -> list[str]:
    """The Spanish pages on control and history, by name; each has an English one beside it."""
    english = (ROOT / "docs").glob("*.en.md")
    return sorted(name for p in english if (name := p.name.replace(".en.md", ".md")) != "seguridad.md")


def pages() -> list[Path]:
    """The pages of this project that people read."""
    return [ROOT / "README.md", ROOT / "README.en.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
