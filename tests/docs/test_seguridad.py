"""docs/seguridad.md: each requirement names tests that exist, and says the same in both languages."""

from __future__ import annotations

import re

import pytest

from tests.docs.paginas import read
from tests.support.procesos import ROOT

PAGES = ("docs/seguridad.md", "docs/seguridad.en.md")


def rows(page: str) -> list[list[str]]:
    lines = [line for line in read(page).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize("page", PAGES)
def test_every_requirement_names_tests_that_exist(page: str) -> None:
    assert len(rows(page)) > 15
    for norma, _, _, named in rows(page):
        tests = re.findall(r"`(tests/[\w/]+\.py)`", named)
        assert tests, norma
        assert not [name for name in tests if not (ROOT / name).is_file()], norma


def test_both_languages_have_the_same_rows() -> None:
    spanish, english = (rows(page) for page in PAGES)
    assert [(r[0], r[3]) for r in spanish] == [(r[0], r[3]) for r in english]


def test_the_ten_risks_of_apis_are_all_there() -> None:
    named = set(re.findall(r"API(\d+)", " ".join(row[0] for row in rows("docs/seguridad.md"))))
    assert named == {str(n) for n in range(1, 11)}
