"""The dearest schedules that are read (MAX_FRANJAS; an old database may hold them, what comes in today is bounded to
less) cost little: the scheduler plans them, and the writer waits while one is edited."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.domain.horario import Casa, compilar, revisar

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
CASA = Casa("Europe/Madrid", 40.4, -3.7, tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(400)))
MINUTES = [{"inicio": f"{h:02}:{m:02}", "fin": f"{h:02}:{m + 1:02}"} for h in range(24) for m in range(0, 50, 2)]
SUNS = [{"inicio": f"amanecer+{n}", "fin": f"amanecer+{n + 1}"} for n in range(256)]
DEAREST: dict[str, Any] = {
    "windows": {"horarios": MINUTES},
    "windows that overlap": {"horarios": [{"inicio": "00:00", "fin": "23:59"}] * 255 + MINUTES[:1]},
    "sun windows": {"horarios": SUNS},
    "events that change nothing": {"horarios": {"diario": [[w["inicio"], "on"] for w in MINUTES]}},
    "sun events that change nothing": {"horarios": {"diario": [[w["inicio"], "on"] for w in SUNS]}},
    "layers": {
        "horarios": MINUTES[:10],
        "excepciones": [{"desde": f"2027-01-0{1 + n % 9}", "horarios": MINUTES[:30]} for n in range(60)],
    },
    "sun layers": {
        "horarios": MINUTES[:10],
        "excepciones": [{"desde": f"2027-01-0{1 + n % 9}", "horarios": SUNS[:64]} for n in range(20)],
    },
}


def cost(work: Callable[[], object]) -> float:
    """Seconds of CPU."""
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize("name", DEAREST)
def test_the_dearest_schedules(name: str) -> None:
    """Seconds would be a way to stop a house. Seen on a quiet machine: at most 0.9 s, and 0.1 s for the linter."""
    configuracion = DEAREST[name]
    plan = compilar(configuracion, CASA)
    assert plan is not None
    assert cost(lambda: (plan.nivel(NOW), plan.siguiente(NOW))) < 4
    assert cost(lambda: plan.transiciones(NOW, NOW + timedelta(days=400), 1001)) < 4
    assert cost(lambda: revisar(configuracion, CASA, NOW)) < 0.6
