"""The watcher of silence in virtual time on a real database file: broker down, restarts, wills, clock steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app import dispositivos
from app.domain.dispositivo import dump_object
from app.domain.events import DeviceUpdated, Suceso
from app.domain.reporte import parse
from app.reportes import apply_reportes
from app.vigia import Vigia
from tests.support.nucleo import FakeClock, House

SERIALS = [f"LGT{n:09d}" for n in range(4)]
TWENTY = [f"PLG{n:09d}" for n in range(20)]


class Watched(House):
    """A house whose devices report every ten seconds and are watched."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeClock()
        super().__init__(folder, self.fake)
        self.broker = True
        self.watch()

    def watch(self) -> None:
        self.vigia = Vigia(self.db, self.fake, lambda: self.broker)
        self._unsubscribe = self.bus.subscribe(self.vigia.on_events)

    def restart(self) -> None:
        self._unsubscribe()
        self.watch()

    def say(self, *serials: str) -> None:
        self.report(*[{"serial_number": s, "estado": "activo", "parametros": {"n": 1}} for s in serials])

    def go(self, seconds: int, *talking: str) -> None:
        """Time passes, second by second; every tenth those who talk do."""
        for second in range(1, seconds + 1):
            self.fake.advance(1)
            if talking and second % 10 == 0:
                self.say(*talking)
            self.vigia.tick()

    def states(self) -> list[str]:
        return [self.device(s).conectividad for s in SERIALS]

    def notices(self, tipo: str) -> list[str]:
        return [row[0] for row in self.rows(f"SELECT estado FROM aviso WHERE tipo = '{tipo}'")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Watched]:
    with Watched(tmp_path) as made:
        made.say(*SERIALS)
        made.go(60, *SERIALS)
        yield made


def test_silence_of_one_is_told_and_the_others_live(house: Watched) -> None:
    house.go(30, *SERIALS[1:])
    assert house.states() == ["dudoso", "en_linea", "en_linea", "en_linea"]
    house.go(20, *SERIALS[1:])
    assert house.states() == ["fuera", "en_linea", "en_linea", "en_linea"]
    house.say(SERIALS[0])
    house.vigia.tick()
    assert house.states() == ["en_linea"] * 4


def test_a_broker_that_is_down_is_one_incident(house: Watched) -> None:
    """An hour without it: one notice, nobody lost; after it a new grace, and only who stays silent is lost."""
    house.broker = False
    house.go(3600)
    assert house.states() == ["en_linea"] * 4
    assert house.notices("broker_caido") == ["nuevo"]
    assert house.notices("dispositivo_perdido") == []
    house.broker = True
    house.go(20)
    assert house.states() == ["en_linea"] * 4
    assert house.notices("broker_caido") == ["resuelto"]
    house.go(30, *SERIALS[1:])
    assert house.states() == ["fuera", "en_linea", "en_linea", "en_linea"]


def test_twenty_devices_and_an_hour_without_broker(house: Watched) -> None:
    """One notice in all, and not one event or row of a device."""
    house.say(*TWENTY)
    house.go(60, *SERIALS, *TWENTY)
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("UPDATE dispositivo SET reclamado = 1")
    house.broker = False
    house.events.clear()
    house.go(3600)
    house.broker = True
    house.go(5)
    house.go(120, *SERIALS, *TWENTY)
    assert [e.tipo for e in house.events if isinstance(e, Suceso)] == ["aviso", "aviso"]
    assert house.notices("dispositivo_perdido") == []
    assert set(house.states()) == {"en_linea"}


def test_a_device_that_comes_and_goes_is_told_once(house: Watched) -> None:
    """Claimed, and away for a minute in every five: after the third time one notice, open until it stays."""
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("UPDATE dispositivo SET reclamado = 1")
    for _ in range(5):
        house.go(60, *SERIALS[1:])
        house.go(240, *SERIALS)
    assert house.rows("SELECT estado, veces FROM aviso ORDER BY id") == [
        ("resuelto", 1), ("resuelto", 1), ("nuevo", 1),
    ]  # fmt: skip
    assert house.states()[0] == "dudoso"
    house.go(600, *SERIALS)
    assert house.states()[0] == "en_linea"
    assert house.notices("dispositivo_perdido") == ["resuelto"] * 3


def test_a_device_that_was_tried_once_and_put_up_the_next_day(house: Watched) -> None:
    """It dies minutes after it was put up, and is not taken for alive for two days."""
    house.say(TWENTY[0])
    house.fake.advance(70_000)
    house.go(200, *SERIALS, TWENTY[0])
    house.go(60, *SERIALS)
    assert house.device(TWENTY[0]).conectividad == "fuera"


def test_what_the_broker_kept_is_no_sign_of_life(house: Watched) -> None:
    """It shows no last sign, and the first real message teaches no cadence: how long ago it was said is not known."""
    serial = TWENTY[0]
    body = dump_object({"serial_number": serial, "estado": "activo", "parametros": {"n": 1}}).encode()
    kept = parse(f"dispositivos/{serial}/estado", body)._replace(retenido=True)
    fresh = parse(f"dispositivos/{serial}/estado", body)
    with house.db.unit_of_work() as uow:
        apply_reportes(uow, [kept], dispositivos.by_serials(uow.conn, [serial]), grace=timedelta(seconds=10))
    house.go(5000, *SERIALS)
    device = house.device(serial)
    assert (device.conectividad, device.visto_en, device.version) == ("desconocido", None, 1)
    with house.db.unit_of_work() as uow:
        apply_reportes(uow, [fresh, fresh], dispositivos.by_serials(uow.conn, [serial]), grace=timedelta(seconds=10))
    device = house.device(serial)
    assert (device.conectividad, device.version) == ("en_linea", 3)
    assert (device.cadencia_s or 0) < 1


def test_kept_and_fresh_in_one_batch_are_two_versions(house: Watched) -> None:
    body = dump_object({"serial_number": TWENTY[1], "estado": "activo"}).encode()
    pair = [parse(f"dispositivos/{TWENTY[1]}/estado", body)._replace(retenido=kept) for kept in (True, False)]
    with house.db.unit_of_work() as uow:
        apply_reportes(uow, pair, {}, grace=timedelta(seconds=10))
    told = [e.dispositivo for e in house.events if isinstance(e, DeviceUpdated)][-2:]
    assert [d.version for d in told] == [1, 2]
    assert [d.conectividad for d in told] == ["desconocido", "en_linea"]


def test_one_that_is_gone_keeps_nobody_from_being_judged(house: Watched) -> None:
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("DELETE FROM estado_log WHERE dispositivo_id = 1")
        uow.conn.exec_driver_sql("DELETE FROM dispositivo WHERE id = 1")
    house.go(50, *SERIALS[2:])
    assert [house.device(s).conectividad for s in SERIALS[1:]] == ["fuera", "en_linea", "en_linea"]
    assert house.vigia.stats()["en_linea"] == 2
    assert house.vigia.stats()["fuera"] == 1


def test_a_restart_at_any_second_gives_a_grace_and_forgets_no_loss(house: Watched) -> None:
    house.go(50, *SERIALS[1:])
    for _ in range(30):
        house.restart()
        house.go(1, *SERIALS[1:])
        assert house.states()[0] == "fuera"
        assert "fuera" not in house.states()[1:]
    house.go(20, *SERIALS[1:])
    assert house.states() == ["fuera", "en_linea", "en_linea", "en_linea"]


def test_a_wall_clock_that_is_set_judges_nobody(house: Watched) -> None:
    for jump in (-86400 * 365, 86400 * 400, 7200):
        house.fake.jump(jump)
        house.go(20, *SERIALS)
        assert house.states() == ["en_linea"] * 4


def test_a_will_is_overruled_and_nothing_is_written_while_nothing_changes(house: Watched) -> None:
    commits = house.db.commits
    house.vigia.on_will(SERIALS[0], b"offline", False)
    house.go(1)
    assert house.states()[0] == "dudoso"
    house.say(SERIALS[0])
    house.go(5)
    assert house.states() == ["en_linea"] * 4
    house.vigia.on_will("NADIE", b"offline", False)
    house.vigia.on_will(SERIALS[0], b"online", False)
    house.go(5)
    assert house.db.commits == commits + 3  # doubt, the report, in line again


def test_every_change_is_in_the_log_with_its_cause(house: Watched) -> None:
    house.go(50)
    rows = house.rows(
        "SELECT causa FROM estado_log WHERE causa LIKE '%conectividad%' AND dispositivo_id = 1 ORDER BY id"
    )
    assert [row[0] for row in rows] == [
        '{"tipo":"conectividad","detalle":"en_linea → dudoso: silencio"}',
        '{"tipo":"conectividad","detalle":"dudoso → fuera: silencio"}',
    ]
