"""The manual override: asking a device that follows a schedule to be otherwise."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app import dispositivos
from app.domain.causa import Causa
from app.domain.errors import DatosInvalidos
from app.domain.peticiones import Cambios
from tests.support.horarios import HorarioHouse, at

LAMP = "LGT0AAAAAAAA"
DAY = [{"inicio": "07:00", "fin": "09:00"}, {"inicio": "19:00", "fin": "22:00"}]
NOON = at("2026-11-23T12:00:00")


@pytest.fixture
def house(tmp_path: Path) -> Any:
    with HorarioHouse(tmp_path, NOON) as house:
        house.scheduled(LAMP, DAY)
        house.tick()
        yield house


def override(house: HorarioHouse) -> Any:
    return house.device(LAMP).configuracion.get("anulacion")


@pytest.mark.parametrize("ask", [{"encendido": True}, {"estado": "activo"}, {"configuracion": {"encendido": True}}])
def test_an_ask_against_the_schedule_lasts_until_its_next_transition(house: HorarioHouse, ask: dict[str, Any]) -> None:
    """On at noon: on until 19:00, when the schedule says on itself; off at 22:00 as always."""
    house.ask(LAMP, **ask)
    assert override(house)["hasta"] == "2026-11-23T19:00:00Z"
    house.until(at("2026-11-23T21:59:00"))
    assert house.on(LAMP)
    house.until(at("2026-11-23T22:00:00"))
    assert not house.on(LAMP)
    assert override(house) is None  # the write that ended it cleared what was over


def test_for_a_given_time(house: HorarioHouse) -> None:
    """For an hour, then as the schedule says."""
    house.ask(LAMP, encendido=True, durante_s=3600)
    house.until(NOON + timedelta(minutes=59))
    assert house.on(LAMP)
    house.until(NOON + timedelta(minutes=60))
    assert not house.on(LAMP)


def test_until_an_instant_past_transitions(house: HorarioHouse) -> None:
    """Off until tomorrow at eight, the evening's window included."""
    house.ask(LAMP, encendido=False, hasta=at("2026-11-24T08:00:00"))
    house.until(at("2026-11-24T07:59:00"))
    assert not any('"tipo":"horario"' in causa for _, causa in house.orders(LAMP))
    house.until(at("2026-11-24T08:00:00"))
    assert house.on(LAMP)


def test_asking_what_the_schedule_says_ends_it(house: HorarioHouse) -> None:
    """On and off again at noon: the schedule rules as if nothing had been."""
    house.ask(LAMP, encendido=True)
    house.ask(LAMP, encendido=False)
    assert override(house) is None
    house.until(at("2026-11-23T19:00:00"))
    assert house.on(LAMP)


def test_null_cancels(house: HorarioHouse) -> None:
    """``{"anulacion": null}``: the schedule rules at once; the key stays null, so that no late report revives it."""
    house.ask(LAMP, encendido=True)
    stale = house.device(LAMP).configuracion
    house.ask(LAMP, configuracion={"anulacion": None})
    house.tick()
    assert not house.on(LAMP)
    house.say(LAMP, estado="activo", configuracion=stale)  # under way when it was cancelled
    house.tick()
    assert override(house) is None
    assert not house.on(LAMP)


def test_survives_a_restart(house: HorarioHouse) -> None:
    """It is in the configuration, not in a thread's memory."""
    house.ask(LAMP, encendido=True)
    house.restart()
    house.until(NOON + timedelta(hours=3))
    assert house.on(LAMP)


def test_the_whole_object_sent_back_keeps_it(house: HorarioHouse) -> None:
    """A client that reads the device, changes its name and sends all of it back changes no override."""
    house.ask(LAMP, encendido=True, durante_s=600)
    before = override(house)
    d = house.device(LAMP)
    house.ask(LAMP, nombre="Farol", configuracion=d.configuracion, estado=d.estado)
    assert override(house) == before


def test_editing_the_schedule_is_no_override(house: HorarioHouse) -> None:
    """New slots with an ``encendido`` beside them: the new schedule rules."""
    house.ask(LAMP, configuracion={"horarios": [{"inicio": "13:00", "fin": "14:00"}], "encendido": True})
    assert override(house) is None
    house.tick()
    assert not house.on(LAMP)


def test_switching_to_the_mode_is_no_override(house: HorarioHouse) -> None:
    """From manual and on to ``horario``: off, as it says."""
    house.ask(LAMP, configuracion={"modo": "manual"}, encendido=True)
    house.ask(LAMP, configuracion={"modo": "horario"}, encendido=True)
    house.tick()
    assert not house.on(LAMP)
    assert override(house) is None


def test_a_legacy_device_has_none(tmp_path: Path) -> None:
    """It flips itself with a PUT (WIRE §2); that is what it is, not an override."""
    with HorarioHouse(tmp_path, NOON) as house:
        house.scheduled(LAMP, DAY, own=False)
        house.ask(LAMP, configuracion={"modo": "horario"}, encendido=True, estado="activo")
        assert "anulacion" not in house.device(LAMP).configuracion
        with pytest.raises(DatosInvalidos):
            house.ask(LAMP, encendido=False, durante_s=60)


@pytest.mark.parametrize("fields", [{"hasta": at("2026-11-23T11:00:00")}, {"hasta": at("2099-01-01T00:00:00")}])
def test_an_end_that_makes_no_sense(house: HorarioHouse, fields: dict[str, Any]) -> None:
    """In the past, or in another century: refused, naming the field."""
    with pytest.raises(DatosInvalidos, match="hasta"):
        house.ask(LAMP, encendido=True, **fields)


def test_a_time_without_an_ask(house: HorarioHouse) -> None:
    """For an hour, but what?"""
    with pytest.raises(DatosInvalidos, match="durante_s"):
        house.ask(LAMP, nombre="Farol", durante_s=3600)


@pytest.mark.parametrize("change", [{"horarios": []}, {"zona": "Europe/Madrid"}, {"anulacion": None, "saltar": []}])
def test_a_time_beside_an_edit_of_the_schedule(house: HorarioHouse, change: dict[str, Any]) -> None:
    """Both at once could mean two things: refused, and nothing is changed."""
    before = house.device(LAMP)
    with pytest.raises(DatosInvalidos, match="durante_s"):
        house.ask(LAMP, configuracion=change, encendido=True, durante_s=60)
    assert house.device(LAMP) == before


def test_a_scene_is_an_override_too(house: HorarioHouse) -> None:
    """Whoever asks, but the schedule itself."""
    with house.db.unit_of_work(Causa("escena", id=1, nombre="Cine")) as uow:
        dispositivos.actualizar(uow, house.device(LAMP).id, Cambios(estado="activo"), if_match=None)
    assert override(house)["encendido"] is True
    house.until(at("2026-11-23T18:59:00"))
    assert house.on(LAMP)


def test_nothing_is_put_aside_where_there_is_no_schedule(tmp_path: Path) -> None:
    """In the mode without slots a switch is just a switch; until when is refused."""
    with HorarioHouse(tmp_path, NOON) as house:
        house.scheduled(LAMP, [])
        house.ask(LAMP, encendido=True)
        assert override(house) is None
        house.until(NOON + timedelta(days=1))
        assert house.on(LAMP)
        with pytest.raises(DatosInvalidos, match="hasta"):
            house.ask(LAMP, encendido=False, hasta=NOON + timedelta(days=2))


NIGHTS = [
    ("Europe/Madrid", "2026-03-29T00:30:00", "spring"),  # 01:30, half an hour before the gap
    ("Europe/Madrid", "2026-10-25T00:30:00", "autumn"),  # 02:30, the first time
    ("America/Santiago", "2026-04-05T02:30:00", "autumn"),
    ("America/Santiago", "2026-09-06T03:30:00", "spring"),
    ("Australia/Lord_Howe", "2026-04-04T14:40:00", "autumn"),
    ("Australia/Lord_Howe", "2026-10-03T15:00:00", "spring"),
]


@pytest.mark.parametrize(("zona", "start", "season"), NIGHTS)
@pytest.mark.parametrize("how", ["durante_s", "hasta"])
def test_a_given_time_is_as_long_in_the_night_of_a_clock_change(
    tmp_path: Path, zona: str, start: str, season: str, how: str
) -> None:
    """Ninety minutes are ninety minutes of anybody's life, whatever the clock on the wall does meanwhile."""
    begin = at(start)
    offsets = {(begin + timedelta(minutes=m)).astimezone(ZoneInfo(zona)).utcoffset() for m in (0, 90)}
    assert len(offsets) == 2, "the clock changes within"
    with HorarioHouse(tmp_path, begin, zona) as house:
        house.scheduled(LAMP, [{"inicio": "12:00", "fin": "13:00"}])
        house.tick()
        end = begin + timedelta(minutes=90)
        house.ask(LAMP, encendido=True, **({"durante_s": 5400.0} if how == "durante_s" else {"hasta": end}))
        for minute in range(100):
            house.until(begin + timedelta(minutes=minute))
            assert house.on(LAMP) is (minute < 90), (minute, season)


@pytest.mark.parametrize(
    ("start", "ends"),
    [
        ("2026-03-29T00:30:00", "2026-03-29T01:00:00Z"),  # 02:30 does not exist: 03:00 summer time
        ("2026-10-24T23:30:00", "2026-10-25T00:30:00Z"),  # 02:30 comes twice: the first time
        ("2026-10-25T00:45:00", "2026-10-25T02:30:00Z"),  # the first 02:30 is over: 03:30, and not 02:30 again
    ],
)
def test_until_the_next_transition_in_the_night_of_a_clock_change(tmp_path: Path, start: str, ends: str) -> None:
    with HorarioHouse(tmp_path, at(start), "Europe/Madrid") as house:
        house.scheduled(LAMP, [{"inicio": "02:30", "fin": "03:30"}])
        house.tick()
        house.ask(LAMP, encendido=not house.on(LAMP))
        assert override(house)["hasta"] == ends
