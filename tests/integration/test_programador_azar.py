"""Whatever happens to a house, in any order: after each look its device is at the level of its schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.horario import estado_deseado
from app.domain.horario_tipos import Casa
from tests.support.horarios import HorarioHouse, at
from tests.support.nucleo import fast_folder

LAMP = "LGT0AAAAAAAA"
ZONES = ("Europe/Madrid", "America/Santiago", "America/Caracas", "Australia/Lord_Howe")
TIMES = st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")
WINDOWS = st.lists(st.fixed_dictionaries({"inicio": TIMES, "fin": TIMES}), max_size=4)
EVENTS = st.dictionaries(
    st.sampled_from(["diario", "lunes", "domingo"]),
    st.lists(st.tuples(TIMES, st.sampled_from(["on", "off"])).map(list), min_size=1, max_size=3),
    min_size=1,
)
STEPS = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 200_000)),
    st.tuples(st.just("clock"), st.integers(-100_000, 100_000)),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("edit"), st.one_of(WINDOWS, EVENTS)),
    st.tuples(st.just("house"), st.sampled_from(ZONES)),
    st.tuples(st.just("device"), st.sampled_from((*ZONES, None))),
    st.tuples(st.just("override"), st.tuples(st.booleans(), st.one_of(st.none(), st.integers(1, 90_000)))),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("mode"), st.sampled_from(["manual", "horario"])),
)


def happen(house: HorarioHouse, what: str, value: Any) -> None:
    """One thing that people, machines and devices do."""
    match what:
        case "pass":
            house.fake.advance(value)
        case "clock":
            house.fake.jump(value)
            house.fake.advance(60)  # by then it is noticed
        case "restart":
            house.restart()
        case "edit":
            house.ask(LAMP, configuracion={"horarios": value})
        case "house":
            house.set_house(zona=value)
        case "device":
            house.ask(LAMP, configuracion={"zona": value})
        case "override":
            c = house.device(LAMP).configuracion
            scheduled = c["modo"] == "horario" and c["horarios"]
            house.ask(LAMP, encendido=value[0], durante_s=value[1] if scheduled else None)
        case "cancel":
            house.ask(LAMP, configuracion={"anulacion": None})
        case "mode":
            house.ask(LAMP, configuracion={"modo": value})


@given(st.sampled_from(["2026-03-28", "2026-10-24", "2026-04-04", "2026-09-05"]), st.lists(STEPS, max_size=12))
@settings(max_examples=120, deadline=None)
def test_after_each_look_the_level_holds(day: str, steps: list[tuple[str, Any]]) -> None:
    """With a device that obeys."""
    with fast_folder() as folder, HorarioHouse(Path(folder), at(f"{day}T20:00:00"), ZONES[0]) as house:
        house.scheduled(LAMP, [{"inicio": "22:00", "fin": "02:30"}])
        zona = ZONES[0]
        for what, value in [("pass", 1), *steps]:
            happen(house, what, value)
            zona = value if what == "house" else zona
            house.tick()
            house.obey(LAMP)
            c = house.device(LAMP).configuracion
            level = estado_deseado(c, house.fake.now(), Casa(zona)) if c["modo"] == "horario" else None
            assert level is None or house.on(LAMP) is level, (what, value, c)
