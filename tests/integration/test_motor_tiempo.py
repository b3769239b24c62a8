"""Rules over time on a real database file: durations, restarts, kills, lost devices, clocks that are set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import avisos, casa, reglas
from app.db import bulk_insert
from app.dispositivos import announce
from app.domain.errors import StorageBusy
from app.domain.events import CambioDeseada
from app.models import dispositivo, row_of
from tests.support.reglas import AVISO, A, B, Ruled


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Ruled]:
    with Ruled(tmp_path) as made:
        yield made


def test_for_ten_minutes(house: Ruled) -> None:
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    house.go(599)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1
    house.x(0)
    house.x(50)
    house.go(300)
    house.x(0)
    house.go(600)
    assert house.fired(rule) == 1


def steady(house: Ruled, seconds: int) -> None:
    """Time passes, and the device says the same every half a minute."""
    for second in range(1, seconds + 1):
        house.go(1)
        if second % 30 == 0:
            house.x(50)


@pytest.mark.parametrize("at", [1, 60, 300, 598])
def test_for_ten_minutes_over_a_restart(house: Ruled, at: int) -> None:
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    steady(house, at)
    house.die()
    house.fake.advance(1)
    steady(house, 600 - at - 2)
    assert house.fired(rule) == 0
    steady(house, 2)
    assert house.fired(rule) == 1


def test_a_long_time_off_proves_no_duration(house: Ruled) -> None:
    """Off for an hour: what was so before is not known to have lasted until the device says so."""
    lasting = house.when(house.above(durante_s=600), nombre="dura")
    other = house.when(house.above(durante_s=600), nombre="dura también")
    at_once = house.when(house.above(60), nombre="al momento")
    house.x(50)
    steady(house, 300)
    house.say(A, parametros={"x": 70})  # and the kill comes before the engine has looked
    house.fake.advance(3600)
    house.die()
    house.settle()
    house.go(20)
    assert [house.fired(r) for r in (lasting, other, at_once)] == [0, 0, 1]
    house.x(0)
    house.go(20)
    assert house.fired(lasting) == 0


def test_after_a_long_time_off_the_count_goes_on(house: Ruled) -> None:
    """It still is so: what was known to have lasted counts, the hour in which nobody listened does not."""
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    steady(house, 300)
    house.fake.advance(3600)
    house.die()
    house.settle()
    house.x(50)
    steady(house, 298)
    assert house.fired(rule) == 0
    steady(house, 32)
    assert house.fired(rule) == 1


def test_a_duration_that_is_no_round_number_is_looked_at_in_time(house: Ruled) -> None:
    """What is waited for and what is compared are the same sum, to the last bit."""
    for n in range(40):
        house.fake.advance(0.123457)
        rule = house.when(house.above(durante_s=0.1), nombre=f"r{n}")
        house.x(50)
        for _ in range(3):
            house.fake.advance(max(house.motor.tick(), 1e-6))
        assert house.fired(rule) == 1, n
        house.x(0)
        with house.db.unit_of_work() as uow:
            reglas.borrar(uow, rule)


def test_a_restart_repeats_nothing_and_sees_what_changed_meanwhile(house: Ruled) -> None:
    rule = house.when(house.above())
    house.x(50)
    for _ in range(5):
        house.die()
        house.settle()
    assert house.fired(rule) == 1
    house._unsubscribe()
    house.say(A, parametros={"x": 0})
    house.follow()
    house.settle()
    house.go(2)
    house._unsubscribe()
    house.say(A, parametros={"x": 50})
    house.follow()
    house.settle()
    assert house.fired(rule) == 2


def test_a_kill_between_the_report_and_the_rule_loses_nothing(house: Ruled) -> None:
    rule = house.when(house.above())
    house.say(A, parametros={"x": 50})
    house.die()
    house.settle()
    assert house.fired(rule) == 1


def test_a_full_disk_makes_it_late(house: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it owes stays owed, over a kill too, and is done once."""
    rule = house.when(house.above(), AVISO, house.order(B, on=True))
    real = avisos.avisar
    monkeypatch.setattr(avisos, "avisar", lambda *_, **__: (_ for _ in ()).throw(StorageBusy()))
    house.say(A, parametros={"x": 50})
    for _ in range(3):
        with pytest.raises(StorageBusy):
            house.motor.tick()
    house.motor.guardar()
    house.die()
    with pytest.raises(StorageBusy):
        house.motor.tick()
    monkeypatch.setattr(avisos, "avisar", real)
    house.settle()
    assert house.fired(rule) == 1
    assert house.notices()[0]["veces"] == 1
    assert house.scalar("SELECT count(*) FROM orden") == 1


def _live(house: Ruled, serial: str, estado: str, motivo: str) -> None:
    with house.db.unit_of_work() as uow:
        antes = house.device(serial)
        despues = replace(antes, conectividad=estado, conectividad_motivo=motivo, version=antes.version + 1)
        bulk_insert(uow, dispositivo, [row_of(despues)], upsert=True)
        announce(uow, despues, antes.reclamado, CambioDeseada.NO)
    house.settle()


def test_of_a_lost_device_nothing_is_known(house: Ruled) -> None:
    """Time without news does not count, and resets nothing."""
    rule = house.when(house.above(durante_s=100))
    house.x(50)
    house.go(50)
    _live(house, A, "fuera", "silencio")
    house.go(500)
    assert house.fired(rule) == 0
    _live(house, A, "en_linea", "senal")
    house.go(49)
    assert house.fired(rule) == 0
    house.go(3)
    assert house.fired(rule) == 1


def test_liveness_fires(house: Ruled) -> None:
    rule = house.when({"dispositivo_id": house.id(A), "conectividad": "fuera", "durante_s": 10})
    _live(house, A, "fuera", "silencio")
    house.go(9)
    assert house.fired(rule) == 0
    house.go(2)
    assert house.fired(rule) == 1


def test_at_a_time_of_day_in_the_house_and_only_then(house: Ruled) -> None:
    """14:00 UTC is 15:00 in Madrid, which the house is in; the window is daily."""
    with house.db.unit_of_work() as uow:
        casa.cambiar(uow, {"zona": "Europe/Madrid"})
    night = {"horario": [{"inicio": "16:00", "fin": "16:30"}]}
    rule = house.when({"todas": [night, house.above()]})
    house.x(50)
    house.go(3599)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1
    house.go(7200)
    assert house.fired(rule) == 1
    house.go(86400 - 7200)
    assert house.fired(rule) == 2


@pytest.mark.parametrize("step", [-86400.0, -3600.0, 3600.0, 86400.0, -20_000 * 86400.0])
def test_a_clock_that_is_set_changes_no_duration(house: Ruled, step: float) -> None:
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    house.go(300)
    house.fake.jump(step)
    house.go(299)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1


def test_a_clock_that_starts_in_1970(house: Ruled) -> None:
    """Windows wait, readings and durations do not; the step to the present fires nothing early."""
    window = house.when({"horario": [{"inicio": "00:00", "fin": "23:59"}]}, nombre="ventana")
    smoke = house.when(house.above(), nombre="humo")
    lasting = house.when(house.above(durante_s=600), nombre="largo")
    assert house.fired(window) == 1
    years = 20_780 * 86400.0
    house.fake.jump(-years)
    house.die()
    house.settle()
    house.x(50)
    assert house.fired(smoke) == 1
    house.go(300)
    house.fake.jump(years)
    house.go(299)
    assert house.fired(lasting) == 0
    house.go(2)
    assert house.fired(lasting) == 1
    assert house.fired(window) == 1
