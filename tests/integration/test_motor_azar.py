"""The engine of rules against a slow reading of the same life: reports, silence, restarts, clocks that are set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.nucleo import fast_folder
from tests.support.reglas import A, B, Ruled

STEPS = st.one_of(
    st.tuples(st.just("x"), st.sampled_from([8, 8.1, 10, 11])),
    st.tuples(st.just("x"), st.sampled_from([0, 8.1, 11, None, "11", True])),
    st.tuples(st.just("y"), st.sampled_from([0, 11, None])),
    st.tuples(st.just("go"), st.integers(1, 40)),
    st.tuples(st.just("die"), st.none()),
    st.tuples(st.just("clock"), st.sampled_from([-86_400, -90, -3, 3, 90, 86_400, -20_000 * 86_400])),
    st.tuples(st.just("lay"), st.none()),
)


@dataclass
class Leaf:
    """One reading of x > 10 (that ends at 8) held for some seconds, second by second."""

    lasts: int
    over: bool = False
    known: bool = False
    held: int = 0

    def read(self, value: Any) -> None:
        self.known = isinstance(value, int | float) and not isinstance(value, bool)
        if self.known:
            was, self.over = self.over, value > (8 if self.over else 10)
            self.held = self.held if self.over and was else 0

    def second(self) -> None:
        self.held += self.over and self.known

    @property
    def met(self) -> bool | None:
        return (self.over and self.held >= self.lasts) if self.known else None


def kleene(kind: str, said: list[bool | None]) -> bool | None:
    decisive = kind == "alguna"
    if decisive in said:
        return decisive
    return None if None in said else not decisive


class Life:
    """What should have happened."""

    def __init__(self, kind: str, lasts: int) -> None:
        self.kind, self.leaves = kind, [Leaf(lasts), Leaf(0)]
        self.counted = self.leaves[:1] if kind == "sola" else self.leaves
        self.met, self.fired = False, 0

    def decide(self) -> None:
        met = kleene(self.kind, [leaf.met for leaf in self.counted])
        if met is not None and met is not self.met:
            self.met, self.fired = met, self.fired + met


@given(
    st.sampled_from(["todas", "alguna", "sola"]),
    st.sampled_from([0, 5, 80, 150]),
    st.lists(STEPS, min_size=4, max_size=25),
)
@settings(max_examples=150, deadline=None)
def test_any_life_of_a_rule(kind: str, lasts: int, steps: list[tuple[str, Any]]) -> None:
    """It was carried out as often as a person with a stopwatch would say."""
    with fast_folder() as folder, Ruled(Path(folder)) as house:
        with house.db.unit_of_work() as uow:  # never silent for too long
            uow.conn.exec_driver_sql("UPDATE dispositivo SET esperado_manual = 1e9")
        house.x(0, B)
        leaves = [house.above(10, A, histeresis=2, durante_s=lasts), house.above(10, B, histeresis=2)]
        rule = house.when(leaves[0] if kind == "sola" else {kind: leaves})
        life = Life(kind, lasts)
        for leaf in life.leaves:
            leaf.read(0)
        for n, (what, value) in enumerate(steps):
            match what:
                case "x" | "y":
                    house.fake.advance(61)  # so that it is never taken for a loop; a minute passes for the leaves too
                    house.settle()
                    for _ in range(61):
                        for leaf in life.leaves:
                            leaf.second()
                        life.decide()
                    house.x(value, A if what == "x" else B)
                    life.leaves[what == "y"].read(value)
                    life.decide()
                case "go":
                    house.go(value)
                    for _ in range(value):
                        for leaf in life.leaves:
                            leaf.second()
                        life.decide()
                case "die":
                    house.motor.guardar()
                    house.die()
                    house.settle()
                case "clock":
                    house.fake.jump(value)
                    house.settle()
                case "lay":
                    house.when(house.above(99), nombre=f"otra {n}")
            assert house.fired(rule) == life.fired, (n, what, value)
