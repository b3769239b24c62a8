"""How a simulated measurement moves: rules as data, and a walk that a seed makes repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

Value = float | int | bool

NUMERIC_TYPES = ("float", "double", "int")
_DECIMALS = {"float": 2, "double": 4}


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """One parameter of a template (WIRE section 6).

    ``tipo`` is float, double, int or boolean. Numbers use ``min``, ``max`` and ``variacion`` (largest step between two
    reports); booleans use ``prob_flip`` (chance of changing at each report). ``apagado`` is the value while the device
    is off, ``None`` to let it go on walking.
    """

    nombre: str
    tipo: str
    min: float = 0
    max: float = 0
    variacion: float = 0
    prob_flip: float = 0
    apagado: Value | None = None

    @property
    def numeric(self) -> bool:
        return self.tipo in NUMERIC_TYPES

    def out_of_range(self) -> Value:
        """A value that a healthy device never reports (a boolean has none: it stays at ``True``)."""
        if not self.numeric:
            return True
        value = self.max + max(self.max - self.min, 1)
        return int(value) if self.tipo == "int" else round(value, _DECIMALS[self.tipo])


class Walk:
    """The current values of one device's parameters; ``step`` moves them all once."""

    __slots__ = ("_random", "_raw", "rules")

    def __init__(self, rules: tuple[ParameterRule, ...], rng: random.Random) -> None:
        self.rules = rules
        self._random = rng
        self._raw: list[Value] = [_start(rule, rng) for rule in rules]

    def step(self) -> None:
        """Move every parameter by one step of its rule."""
        self._raw = [_next(rule, raw, self._random) for rule, raw in zip(self.rules, self._raw, strict=True)]

    def values(self, *, encendido: bool = True) -> dict[str, Value]:
        """What the device reports now, rounded, always inside the rule's range."""
        return {
            rule.nombre: rule.apagado if rule.apagado is not None and not encendido else _shown(rule, raw)
            for rule, raw in zip(self.rules, self._raw, strict=True)
        }


def _start(rule: ParameterRule, rng: random.Random) -> Value:
    """Begin in the middle half of the range, so that a fresh house looks like a lived-in one."""
    if not rule.numeric:
        return False
    quarter = (rule.max - rule.min) / 4
    value = rng.uniform(rule.min + quarter, rule.max - quarter)
    return _clamp(rule, round(value)) if rule.tipo == "int" else value


def _next(rule: ParameterRule, raw: Value, rng: random.Random) -> Value:
    if not rule.numeric:
        return (not raw) if rng.random() < rule.prob_flip else raw
    if rule.tipo == "int":
        step = int(rule.variacion)
        return _clamp(rule, int(raw) + rng.randint(-step, step))
    return _clamp(rule, raw + rng.uniform(-rule.variacion, rule.variacion))


def _shown(rule: ParameterRule, raw: Value) -> Value:
    if not rule.numeric or rule.tipo == "int":
        return raw
    return _clamp(rule, round(float(raw), _DECIMALS[rule.tipo]))


def _clamp(rule: ParameterRule, value: float) -> float:
    if rule.tipo != "int":
        return min(max(value, rule.min), rule.max)
    return int(min(max(value, rule.min), rule.max))
