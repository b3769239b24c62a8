"""The scheduler keeps devices at the level of their schedules, in virtual time on a real database file."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.domain.dispositivo import load_object
from app.domain.errors import StorageBusy
from app.domain.horario import estado_deseado
from app.domain.horario_tipos import Casa
from tests.support.horarios import HorarioHouse, at
from tests.support.nucleo import fast_folder

LAMP = "LGT0AAAAAAAA"
DAY = [{"inicio": "07:00", "fin": "09:00"}, {"inicio": "19:30", "fin": "23:00"}]
NIGHT = [{"inicio": "00:10", "fin": "00:40"}, {"inicio": "02:30", "fin": "03:20"}, {"inicio": "22:00", "fin": "23:30"}]


def test_a_boundary_makes_an_order_with_its_layer(tmp_path: Path) -> None:
    """At the start of a window the device is asked to be on, by an order that says which slot wants it."""
    with HorarioHouse(tmp_path, at("2026-11-23T06:59:00")) as house:
        house.scheduled(LAMP, DAY)
        house.until(at("2026-11-23T06:59:59"))
        assert not house.on(LAMP)
        house.until(at("2026-11-23T07:00:00"))
        assert house.on(LAMP)
        assert house.device(LAMP).estado == "activo"
        causa = json.loads(house.orders(LAMP)[-1][1])
        assert causa["tipo"] == "horario"
        assert causa["detalle"].startswith("semana: ")
        assert "07:00" in causa["detalle"]


def test_sleeps_until_the_next_boundary(tmp_path: Path) -> None:
    """The scheduler wakes at the boundary, and once a minute to look at the wall clock."""
    with HorarioHouse(tmp_path, at("2026-11-23T06:59:30")) as house:
        house.scheduled(LAMP, DAY)
        assert house.tick() == 30.0
        house.fake.advance(30)
        house.tick()
        house.fake.advance(1)
        assert house.tick() == 60.0


def test_nothing_is_written_while_nothing_changes(tmp_path: Path) -> None:
    """A day's minutes cost no commits but those of the four boundaries (and two events of house and clock)."""
    with HorarioHouse(tmp_path, at("2026-11-23T00:00:00")) as house:
        house.scheduled(LAMP, DAY)
        house.tick()
        before = house.db.commits
        house.until(at("2026-11-24T00:00:00"))
        assert house.db.commits - before == 4


@pytest.mark.parametrize(
    ("zona", "night", "changes"),
    [
        ("Europe/Madrid", "2026-03-28", 6),  # 02:30 does not exist: on at 03:00
        ("Europe/Madrid", "2026-10-24", 6),  # 02:30 twice: on at the first
        ("America/Santiago", "2026-04-04", 6),  # 23:30 twice
        ("America/Santiago", "2026-09-05", 4),  # neither 00:10 nor 00:40 exists
        ("Australia/Lord_Howe", "2026-04-04", 6),  # half an hour back
        ("Australia/Lord_Howe", "2026-10-03", 6),  # half an hour on
    ],
)
def test_a_house_through_a_clock_change(tmp_path: Path, zona: str, night: str, changes: int) -> None:
    """Both nights of each zone, minute by minute: what is wanted is what the pure schedule says of that instant."""
    start = datetime.fromisoformat(f"{night}T20:00:00").replace(tzinfo=ZoneInfo(zona)).astimezone(ZoneInfo("UTC"))
    with HorarioHouse(tmp_path, start, zona) as house:
        configuracion = house.scheduled(LAMP, NIGHT).configuracion
        seen = []
        for minute in range(12 * 60):
            now = start + timedelta(minutes=minute)
            house.until(now)
            level = estado_deseado(configuracion, now, Casa(zona))
            assert house.on(LAMP) is bool(level), now.astimezone(ZoneInfo(zona))
            seen.append(house.on(LAMP))
        assert sum(a is not b for a, b in pairwise(seen)) == changes


def test_a_restart_at_each_minute() -> None:
    """However the program is restarted, right after it every device is as its schedule says."""
    busy = [{"inicio": f"{h:02}:{m:02}", "fin": f"{h:02}:{m + 9:02}"} for h in range(24) for m in (3, 21, 44)]
    start = at("2026-11-23T00:00:00")
    with fast_folder() as folder, HorarioHouse(Path(folder), start) as house:
        configuracion = house.scheduled(LAMP, busy).configuracion
        for minute in range(24 * 60):
            house.set_clock(start + timedelta(minutes=minute))
            house.restart()
            house.tick()
            assert house.on(LAMP) is estado_deseado(configuracion, house.fake.now(), Casa()), minute


def test_a_clock_that_starts_in_1970(tmp_path: Path) -> None:
    """Nothing is driven by a clock that is wrong; it is told; once the clock is set all levels are put right."""
    with HorarioHouse(tmp_path, at("2026-11-23T12:00:00")) as house:
        house.scheduled(LAMP, DAY)
        house.tick()
    with HorarioHouse(tmp_path, at("1970-01-01T08:00:00")) as house:
        house.until(at("1970-01-01T08:10:00"))
        assert not house.on(LAMP)
        assert house.rows("SELECT tipo, gravedad, estado, veces FROM aviso") == [("reloj", "grave", "nuevo", 1)]
        house.set_clock(at("2026-11-24T08:00:00"))
        house.fake.advance(60)
        house.tick()
        assert house.on(LAMP)
        assert house.rows("SELECT tipo, estado FROM aviso") == [("reloj", "resuelto")]


def test_a_first_start_in_1970(tmp_path: Path) -> None:
    """A fresh house on a machine without a clock: what it stores in 1970 makes that clock no better."""
    with HorarioHouse(tmp_path, at("1970-01-01T00:00:10")) as house:
        house.scheduled(LAMP, [{"inicio": "00:00", "fin": "00:00"}])
        house.restart()
        house.until(at("1970-01-01T00:05:00"))
        assert not house.on(LAMP)


@pytest.mark.parametrize("step", [1, -1])
def test_a_clock_step_of_a_day(tmp_path: Path, step: int) -> None:
    """The clock is set by a day: within a minute the level is that of the new time, and stays right after."""
    horarios = [{"dias": ["lunes"], "inicio": "06:00", "fin": "22:00"}]
    with HorarioHouse(tmp_path, at("2026-11-23T12:00:00")) as house:  # a Monday
        configuracion = house.scheduled(LAMP, horarios).configuracion
        house.tick()
        assert house.on(LAMP)
        house.fake.jump(step * 86_400)
        house.fake.advance(60)
        house.tick()
        assert not house.on(LAMP)
        for _ in range(72):
            house.until(house.fake.now() + timedelta(hours=1))
            assert house.on(LAMP) is estado_deseado(configuracion, house.fake.now(), Casa())


def test_a_machine_that_slept(tmp_path: Path) -> None:
    """Suspended over three boundaries: the first look after it finds the level of now, with one order."""
    with HorarioHouse(tmp_path, at("2026-11-23T08:00:00")) as house:
        house.scheduled(LAMP, DAY)
        house.tick()
        orders = len(house.orders(LAMP))
        house.fake.jump(12 * 3600)
        house.tick()
        assert house.on(LAMP)  # it was on already: 08:00 and 20:00 are both inside a window
        house.fake.jump(5 * 3600)
        house.tick()
        assert not house.on(LAMP)
        assert len(house.orders(LAMP)) == orders + 1


def test_a_legacy_device_is_only_observed(tmp_path: Path) -> None:
    """One that speaks on the shared topic evaluates its schedule itself: the backend never asks it for anything."""
    with HorarioHouse(tmp_path, at("2026-11-23T06:00:00")) as house:
        house.scheduled(LAMP, DAY, own=False)
        orders = len(house.orders(LAMP))
        house.until(at("2026-11-23T08:00:00"))
        assert not house.on(LAMP)
        assert len(house.orders(LAMP)) == orders
        assert house.programador.stats()["guiados"] == 0
        house.say(LAMP, estado="inactivo")  # the same device, on a topic of its own now
        house.tick()
        assert house.on(LAMP)


def test_manual_mode_is_not_driven(tmp_path: Path) -> None:
    """Leaving the mode ends the driving at once; coming back to it brings the level."""
    with HorarioHouse(tmp_path, at("2026-11-23T08:00:00")) as house:
        house.scheduled(LAMP, DAY)
        house.tick()
        house.ask(LAMP, configuracion={"modo": "manual"}, encendido=False)
        house.until(at("2026-11-23T20:00:00"))
        assert not house.on(LAMP)
        house.ask(LAMP, configuracion={"modo": "horario"})
        house.tick()
        assert house.on(LAMP)


def test_the_house_moves(tmp_path: Path) -> None:
    """A new time zone plans everything anew; a device's own zone wins over it."""
    with HorarioHouse(tmp_path, at("2026-11-23T06:30:00")) as house:
        house.scheduled(LAMP, DAY)
        house.scheduled("LGT0BBBBBBBB", DAY, zona="UTC")
        house.tick()
        assert not house.on(LAMP)
        house.set_house(zona="Europe/Madrid")  # 07:30 there
        house.tick()
        assert house.on(LAMP)
        assert not house.on("LGT0BBBBBBBB")


def test_one_bad_schedule_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a plan fail, its device is left out, counted, and the next one is driven."""
    from app import programador

    real = programador.compilar

    def compilar(configuracion: dict[str, object], hogar: Casa) -> object:
        if configuracion.get("mala"):
            raise RuntimeError("no")
        return real(configuracion, hogar)

    monkeypatch.setattr(programador, "compilar", compilar)
    with HorarioHouse(tmp_path, at("2026-11-23T08:00:00")) as house:
        house.scheduled(LAMP, DAY, mala=True)
        house.scheduled("LGT0BBBBBBBB", DAY)
        house.tick()
        assert house.on("LGT0BBBBBBBB")
        assert house.programador.stats()["fallos"] == 1


def test_the_mode_invariant_holds(tmp_path: Path) -> None:
    """estado and encendido agree at every version that the scheduler makes."""
    with HorarioHouse(tmp_path, at("2026-11-23T06:00:00")) as house:
        house.scheduled(LAMP, DAY)
        house.until(at("2026-11-25T06:00:00"))
        for event in house.events:
            d = getattr(event, "dispositivo", None)
            if d is not None and "encendido" in (c := load_object(d.configuracion_json)):
                assert (d.estado == "activo") is c["encendido"]


@pytest.mark.parametrize("part", ["reader", "unit_of_work"])
def test_a_locked_database_makes_it_late_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """What could not be read or written is done by the next look, the first one after a start included."""
    with HorarioHouse(tmp_path, at("2026-11-23T08:00:00")) as house:
        house.scheduled(LAMP, DAY)
        house.restart()
        house.programador.tick()  # the clock is known to be good; the schedule is not looked at twice
        house.ask(LAMP, configuracion={"horarios": [{"inicio": "10:00", "fin": "11:00"}]})
        house.set_house(zona="Europe/Paris")  # everything is read again

        def locked(*_: object) -> object:
            raise StorageBusy

        with monkeypatch.context() as patch:
            patch.setattr(house.db, part, locked)
            for _ in range(3):
                with pytest.raises(StorageBusy):
                    house.programador.tick()
        assert house.on(LAMP)
        house.tick()
        assert not house.on(LAMP)  # 09:00 in Paris
