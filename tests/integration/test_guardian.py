"""The guardian: a disk that fills up, and a clock that jumps, in virtual time."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import casa
from app.domain.errors import StorageBusy
from app.guardian import Guardian
from app.salud import LOW_DISK_BYTES
from tests.support.horarios import at
from tests.support.nucleo import FakeClock, House

TOTAL = 64 << 30
MINUTE, HOUR, DAY = 60, 3600, 86_400


class Guarded(House):
    """A house with its guardian; ``restart`` makes a new one."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeClock()
        self.free = TOTAL
        super().__init__(folder, self.fake)
        with self.db.unit_of_work() as uow:
            casa.cambiar(uow, {"zona": "Europe/Madrid"})
        self.restart()

    def restart(self) -> None:
        self.guardian = Guardian(self.db, self.fake, lambda: (self.free, TOTAL))

    def set_clock(self, moment: datetime) -> None:
        self.fake.jump((moment - self.fake.now()).total_seconds())

    def minutes(self, count: int = 1) -> None:
        for _ in range(count):
            self.fake.advance(MINUTE)
            self.guardian.tick()

    def jumps(self) -> list[Any]:
        """(gravedad, estado, veces, texto) of the notice of jumps."""
        return list(self.rows("SELECT gravedad, estado, veces, texto FROM aviso WHERE tipo = 'reloj_salto'"))


@pytest.fixture
def house(tmp_path: Path) -> Any:
    with Guarded(tmp_path) as made:
        yield made


def test_the_disk_fills_up_and_empties(house: Guarded) -> None:
    """One notice while it lasts, over restarts too; a little room does not end it."""
    house.free = LOW_DISK_BYTES - 1
    house.minutes(3)
    house.restart()
    house.minutes()
    assert house.rows("SELECT estado, veces, gravedad FROM aviso WHERE tipo = 'disco'") == [("nuevo", 1, "grave")]
    house.free = int(LOW_DISK_BYTES * 1.1)
    house.minutes()
    assert house.scalar("SELECT estado FROM aviso") == "nuevo"
    house.free = LOW_DISK_BYTES * 2
    house.minutes()
    assert house.scalar("SELECT estado FROM aviso") == "resuelto"
    house.minutes()
    assert house.scalar("SELECT count(*) FROM aviso") == 1


def test_a_clock_that_goes_as_it_should(house: Guarded) -> None:
    """Three weeks with small corrections, the DST night among them: nothing to tell."""
    house.set_clock(at("2027-03-20T00:00:00"))
    house.restart()
    for day in range(21):
        for _ in range(4):
            house.fake.advance(DAY / 4)
            house.fake.jump(60 if day % 2 else -60)
            house.guardian.tick()
    assert house.jumps() == []


@pytest.mark.parametrize(
    ("step", "gravedad", "words"),
    [
        (3 * HOUR, "info", "se ha adelantado 3 h, del 23/11/2026 a las 15:01 al 23/11/2026 a las 18:01: "),
        (-DAY, "advertencia", "se ha atrasado 24 h, del 23/11/2026 a las 15:01 al 22/11/2026 a las 15:01: "),
        (400 * DAY, "info", "se ha adelantado 400 días, "),
        (-120, "advertencia", "se ha atrasado 2 min, "),
    ],
)
def test_a_jump_is_told_once(house: Guarded, step: float, gravedad: str, words: str) -> None:
    """In the house's time; to the inbox, the streams and the doors, with both times for machines."""
    house.fake.jump(step)
    house.minutes(5)
    ((how_bad, estado, veces, texto),) = house.jumps()
    assert (how_bad, estado, veces) == (gravedad, "nuevo", 1)
    assert f"El reloj de la máquina {words}" in texto
    (told,) = [json.loads(e.datos_json) for e in house.events if getattr(e, "tipo", "") == "aviso"]
    antes, ahora = (datetime.fromisoformat(told["datos"][name]) for name in ("antes", "ahora"))
    assert ahora - antes == timedelta(seconds=step)


def test_a_second_jump_is_the_same_notice_again(house: Guarded) -> None:
    house.fake.jump(HOUR)
    house.minutes()
    house.fake.jump(-HOUR)
    house.minutes(2)
    assert [row[:3] for row in house.jumps()] == [("advertencia", "nuevo", 2)]


def test_a_clock_that_is_set_after_a_start_in_1970_is_no_jump(house: Guarded) -> None:
    """Nor is one that falls back to it: the schedules, which wait for the clock, tell of that (notice ``reloj``)."""
    house.report({"serial_number": "A", "estado": "activo"})
    house.set_clock(at("1970-01-01T00:00:10"))
    house.restart()
    house.minutes(2)
    house.report({"serial_number": "A", "estado": "inactivo"})
    house.set_clock(at("2026-11-24T08:00:00"))
    house.minutes(2)
    house.restart()
    house.minutes()
    house.set_clock(at("1970-01-01T00:00:10"))
    house.minutes(2)
    assert house.jumps() == []


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (-5 * HOUR, "va 5 h por detrás: dice 23/11/2026 a las 10:00, y lo último se guardó el 23/11/2026 a las 15:00."),
        (500 * DAY, "dice 06/04/2028 a las 16:00, 500 días después de lo último que se guardó."),
    ],
)
def test_a_jump_that_a_stop_hides(house: Guarded, away: float, words: str) -> None:
    """Seen against the last row that was stored, whatever clock wrote it; told once, not with each start."""
    house.report({"serial_number": "A", "estado": "activo"})
    house.fake.jump(away)
    house.restart()
    house.guardian.tick()
    ((gravedad, _, veces, texto),) = house.jumps()
    assert (gravedad, veces) == ("advertencia", 1)
    assert f"El reloj de la máquina {words}" in texto
    house.report({"serial_number": "A", "estado": "activo"})
    house.restart()
    house.minutes()
    assert house.jumps()[0][2] == 1


@pytest.mark.parametrize("away", [HOUR, 300 * DAY, -60])
def test_an_ordinary_stop(house: Guarded, away: float) -> None:
    house.report({"serial_number": "A", "estado": "activo"})
    house.fake.jump(away)
    house.restart()
    house.minutes()
    assert house.jumps() == []


@pytest.mark.parametrize("stamp", [None, "ayer", ""])
def test_a_last_row_that_says_nothing_of_time(house: Guarded, stamp: str | None) -> None:
    """The original program's column could hold anything."""
    house.report({"serial_number": "A", "estado": "activo"})
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("UPDATE estado_log SET timestamp = ?", (stamp,))
    house.restart()
    house.minutes()
    assert house.jumps() == []


def test_what_could_not_be_stored_is_told_later(house: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is somebody else's for a while; the jump is not forgotten."""
    monkeypatch.setattr("app.db.WRITER_WAIT_S", 0.05)
    other = sqlite3.connect(house.folder / "iot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    house.fake.jump(HOUR)
    with pytest.raises(StorageBusy):
        house.minutes()
    other.execute("ROLLBACK")
    other.close()
    house.minutes()
    assert "se ha adelantado 60 min" in house.jumps()[0][3]
