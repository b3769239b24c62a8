"""Percentiles and ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(ordered: Sequence[float], q: float) -> float:
    """Nearest-rank percentile of sorted values; nan of none."""
    if not ordered:
        return float("nan")
    rank = max(1, -(-len(ordered) * q // 100))
    return float(ordered[int(rank) - 1])


def summary(values: Sequence[float], scale: float = 1.0) -> dict[str, Any]:
    """n, p50, p90, p99 and max of `values`, each multiplied by `scale`."""
    ordered = sorted(values)
    marks = {f"p{q}": round(percentile(ordered, q) * scale, 4) for q in (50, 90, 99)}
    return {"n": len(ordered), **marks, "max": round(ordered[-1] * scale, 4) if ordered else float("nan")}


def ratio(ours: float | None, other: float | None) -> float | None:
    """ours / other, or None when one of them was not measured."""
    if ours is None or not other or other != other or ours != ours:
        return None
    return ours / other
