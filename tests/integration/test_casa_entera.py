"""A whole house lives through both nights of a clock change, restarts, a day without broker and a clock of 1970."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.casa_entera import WholeHouse
from tests.support.horario_oraculo import Oracle
from tests.support.horarios import at
from tests.support.nucleo import fast_folder

MADRID = "Europe/Madrid"
SCHEDULES: dict[str, Any] = {
    "LGT0AAAAAAAA": [{"inicio": "02:30", "fin": "03:30"}, {"inicio": "22:00", "fin": "23:30"}],
    "LGT0BBBBBBBB": [{"inicio": "23:00", "fin": "02:15"}],
    "LGT0CCCCCCCC": {"diario": [["00:30", "on"], ["02:45", "off"], ["05:00", "on"], ["07:00", "off"]]},
}
SENSOR = "TMP0SSSSSSSS"
NOTICE = {"tipo": "aviso", "texto": "¡ya!"}


@contextmanager
def house_at(start: datetime, zona: str = MADRID) -> Iterator[tuple[WholeHouse, dict[str, int]]]:
    """Three scheduled lamps, a sensor, and a rule of each kind: at a time, of a duration, of liveness."""
    with fast_folder() as folder, WholeHouse(Path(folder), start, zona) as house:
        for serial, horarios in SCHEDULES.items():
            house.add(serial, modo="horario", horarios=horarios)
        sensor = house.add(SENSOR)
        hot = {"dispositivo_id": sensor, "parametro": "x", "operador": ">", "valor": 30}
        rules = {
            "at a time": house.rule("hora", {"horario": [{"inicio": "02:30", "fin": "03:10"}]}, NOTICE),
            "lasting": house.rule("dura", {**hot, "durante_s": 3600}, NOTICE),
            "lost": house.rule("perdido", {"dispositivo_id": sensor, "conectividad": "fuera"}, NOTICE),
        }
        house.step()
        yield house, rules


def expected(day: date, serial: str, zona: str = MADRID) -> Oracle:
    return Oracle({"horarios": SCHEDULES[serial]}, day, zona=zona, lugar=(0.0, 0.0), festivos=set())


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted-each-minute"])
@pytest.mark.parametrize("day", [date(2026, 3, 28), date(2026, 10, 24)], ids=["spring", "autumn"])
def test_the_night_of_a_clock_change(day: date, restarts: bool) -> None:
    """Each minute every lamp says itself that it is as a slow reading of its schedule says; rules fire once."""
    oracles = {serial: expected(day, serial) for serial in SCHEDULES}
    start = at(f"{day}T20:00:00")
    with house_at(start) as (house, rules):
        house.devices[SENSOR]["parametros"] = {"x": 31}
        for minute in range(1, 9 * 60):
            if restarts:
                house.restart()
            house.until(start + timedelta(minutes=minute))
            now = house.fake.now()
            for serial, oracle in oracles.items():
                assert house.on(serial) is bool(oracle.level(int(now.timestamp()) // 60)), (serial, now)
        assert {name: house.fired(rule) for name, rule in rules.items()} == {"at a time": 1, "lasting": 1, "lost": 0}
        for serial in SCHEDULES:
            assert {state for state, _ in house.orders(serial)} == {"aplicada"}
        assert set(house.open_notices()) == {"regla"}


def test_a_day_without_broker() -> None:
    """One incident; what only needs the time goes on; nothing old fires; after it every lamp is right at once."""
    start = at("2026-11-23T12:00:00")
    with house_at(start) as (house, rules):
        house.until(at("2026-11-23T13:00:00"))
        house.broker = False
        for hour in range(1, 25):
            house.until(at("2026-11-23T13:00:00") + timedelta(hours=hour))
            if hour % 6 == 0:
                house.restart()
        assert house.open_notices().count("broker_caido") == 1
        assert house.told("broker_caido") == 1
        assert house.told("dispositivo_perdido") == 0
        assert house.told("orden_expirada") == len(SCHEDULES)  # one of each lamp, told again while it lasts
        assert {name: house.fired(rule) for name, rule in rules.items()} == {"at a time": 1, "lasting": 0, "lost": 0}
        assert not any(house.device(s).configuracion["encendido"] for s in SCHEDULES)
        house.until(at("2026-11-24T22:10:00"))  # 23:10 there: two of them should be on
        house.broker = True
        for _ in range(4):
            house.step()
        minute = int(house.fake.now().timestamp()) // 60
        wanted = {s: bool(expected(date(2026, 11, 23), s).level(minute)) for s in SCHEDULES}
        assert {s: house.on(s) for s in SCHEDULES} == wanted
        assert sum(wanted.values()) == 2
        house.until(house.fake.now() + timedelta(minutes=10))
        assert set(house.open_notices()) <= {"regla"} | {"orden_expirada"}
        assert house.told("dispositivo_perdido") == 0


def test_a_clock_that_starts_in_1970() -> None:
    """Nobody is lost, no schedule acts, what is asked for by hand is done; the clock is set, and all is right."""
    with house_at(at("2026-11-23T20:00:00")) as (house, rules):
        house.until(at("2026-11-23T22:30:00"))
        assert [house.on(s) for s in SCHEDULES] == [False, True, False]
        house.fake.jump((at("1970-01-01T02:00:00") - house.fake.now()).total_seconds())
        house.restart()
        house.devices[SENSOR]["parametros"] = {"x": 31}
        before = {s: len(house.orders(s)) for s in SCHEDULES}
        for _ in range(30):
            house.step()
        assert house.open_notices() == ["reloj"]
        assert {s: len(house.orders(s)) for s in SCHEDULES} == before
        house.ask(SENSOR, encendido=True)
        house.step()
        assert house.orders(SENSOR)[-1] == ("aplicada", "http")
        house.fake.jump((at("2026-11-24T01:35:00") - house.fake.now()).total_seconds())
        for _ in range(4):
            house.step()
        minute = int(house.fake.now().timestamp()) // 60
        for serial in SCHEDULES:
            assert house.on(serial) is bool(expected(date(2026, 11, 23), serial).level(minute)), serial
        assert house.fired(rules["at a time"]) == 1
        assert house.fired(rules["lasting"]) == 0  # half an hour of the hour
        house.until(at("2026-11-24T02:10:00"))
        assert house.fired(rules["lasting"]) == 1
        assert set(house.open_notices()) == {"regla"}
        assert house.told("dispositivo_perdido") == 0
