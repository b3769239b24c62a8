"""What a series did in a stretch, read slowly: the value at every moment at which it can change."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from app.domain.resumen import SOSTEN_US, Cubo, Punto


def oraculo(points: Sequence[Punto], inicio: int, fin: int) -> Cubo:
    """Of all the points of a series, in the order in which they count."""
    inside = [p for p in points if inicio <= p.en < fin]
    moments = sorted({inicio, fin, *(t for p in points for t in (p.en, p.en + SOSTEN_US) if inicio < t < fin)})
    integral, known, seen = 0.0, 0, [p.valor for p in inside]
    for start, end in itertools.pairwise(moments):
        value = _value(points, start)
        if value is not None:
            integral += value * (end - start)
            known += end - start
            seen.append(value)
    changes = sum(a.valor != b.valor for a, b in itertools.pairwise(points) if inicio <= b.en < fin)
    low, high = (min(seen), max(seen)) if seen else (None, None)
    return Cubo(inicio, fin, len(inside), changes, low, high, integral, known)


def _value(points: Sequence[Punto], moment: int) -> float | None:
    last = next((p for p in reversed(points) if p.en <= moment), None)
    return None if last is None or moment >= last.en + SOSTEN_US else last.valor
