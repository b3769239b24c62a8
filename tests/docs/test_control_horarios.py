"""The page on schedules: what it says to write is accepted, and its numbers are the program's."""

from __future__ import annotations

import json
import re

import pytest

from app.domain.horario import compilar
from app.domain.horario_tipos import Casa
from app.domain.reloj import PLAUSIBLE_YEAR
from app.programador import BACKOFF_S, MAX_ASKS
from app.schemas import parse_cambios
from app.schemas_plazo import MAX_DURANTE_S
from tests.support.procesos import ROOT

PAGE = (ROOT / "docs" / "control-horarios.md").read_text(encoding="utf-8")
BODIES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", BODIES)
def test_the_bodies_are_good(text: str) -> None:
    """Each is a PUT that the program accepts; its schedule means something."""
    found = parse_cambios(json.loads(text), 1).cambios
    if found.configuracion is not None:
        assert compilar(found.configuracion, Casa("UTC", 40.0, -3.0)) is not None


def test_the_numbers_are_the_programs() -> None:
    """Pauses, how often, until which year."""
    names = {10: "10 s", 30: "30 s", 120: "2 min", 600: "10 min", 1800: "30 min", 3600: "1 h", 10800: "3 h"}
    words = [names[int(s)] for s in BACKOFF_S]
    plain = " ".join(PAGE.split())
    assert f"a los {', '.join(words[:-1])} y {words[-1]}" in plain
    assert MAX_ASKS == 8
    assert "hasta ocho veces" in plain
    assert f"anterior a {PLAUSIBLE_YEAR}" in plain
    assert f"de 1 a {MAX_DURANTE_S}" in plain
