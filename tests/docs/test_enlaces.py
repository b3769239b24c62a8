"""Links lead somewhere, pictures are there, and no page names what it must not."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.paginas import anchors, links, pages
from tests.support.procesos import ROOT

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in links(text):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leads out of the project"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page.name}: no heading for {link}"


def test_the_diagram_is_self_contained() -> None:
    """One SVG for light and dark, without scripts, with a title and a description."""
    root = ET.parse(ROOT / "docs/capturas/casa.svg").getroot()
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert {"title", "desc", "style"} <= names
    assert not names & {"script", "foreignObject", "image"}
    assert "prefers-color-scheme: dark" in (ROOT / "docs/capturas/casa.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["terminal.png", "docs.png"])
def test_pictures_are_pictures(name: str) -> None:
    assert (ROOT / "docs/capturas" / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("path", sorted((ROOT / "docs/capturas").glob("*.webp")), ids=lambda p: p.stem)
def test_pictures_of_the_page_are_small(path: Path) -> None:
    assert path.read_bytes()[:4] + path.read_bytes()[8:12] == b"RIFFWEBP"
    assert path.stat().st_size < 80_000
