"""When backups are made by themselves, and what people are told when one can't be."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import pytest

from app import avisos
from app.domain.causa import Causa
from app.respaldador import HECHO, RESPALDO_FALLIDO, RETRY_S, SETTLE_S, Respaldador, Ritmo
from app.respaldo import STAMP
from tests.support.nucleo import House

MADE = json.dumps({"nombre": "casa-x", "bytes": 10, "filas": 3})
GOOD = (sys.executable, "-c", f"print('{MADE}')")
DAMAGED = (sys.executable, "-c", "import sys; print('dañada', file=sys.stderr); sys.exit(3)")
BAD = (sys.executable, "-c", "import sys; sys.exit('no hay sitio')")


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        yield found


def maker(house, order=GOOD, every_h=24.0):
    folder = house.folder / "respaldos"
    folder.mkdir(exist_ok=True)
    return Respaldador(house.db, house.clock, Ritmo(folder, every_h), order)


def done(house):
    return house.scalar(f"SELECT count(*) FROM auditoria WHERE accion = '{HECHO}'")


def a_file(house, hours_ago):
    when = house.clock.now() - timedelta(hours=hours_ago)
    (house.folder / "respaldos" / f"casa-{when:{STAMP}}.tar.gz").write_bytes(b"x")


def test_the_first_is_made_a_while_after_the_start_and_the_next_in_time(house):
    work = maker(house)
    work.tick()
    assert done(house) == 0, "a house that is started again and again makes no backup each time"
    house.clock.advance(SETTLE_S)
    work.tick()
    assert done(house) == 1
    a_file(house, 0)
    for hours, expected in ((23, 1), (2, 2)):
        house.clock.advance(hours * 3600)
        work.tick()
        assert done(house) == expected


def test_a_backup_of_the_future_keeps_none_from_being_made(house):
    work = maker(house)
    a_file(house, -48)
    house.clock.advance(SETTLE_S)
    work.tick()
    assert done(house) == 1


def test_none_by_itself_when_nobody_wants_that_nor_by_a_clock_that_was_never_set(house):
    never, unset = maker(house, every_h=0.0), maker(house)
    house.clock.advance(SETTLE_S)
    never.tick()
    house.clock.jump(-50 * 365 * 86_400)
    unset.tick()
    assert done(house) == 0
    never.pedir(Causa("http", quien="ana"))
    never.tick()
    assert house.rows("SELECT quien FROM auditoria") == [("ana",)]


def test_a_failure_is_told_once_tried_again_later_and_ends_with_a_success(house):
    work = maker(house, BAD)
    house.clock.advance(SETTLE_S)
    for _ in range(2):
        work.tick()
        house.clock.advance(RETRY_S)
    assert work.stats()["fallo"] == "no hay sitio"
    (text, times) = house.rows(f"SELECT texto, veces FROM aviso WHERE clave = '{RESPALDO_FALLIDO}'")[0]
    assert text.endswith("no hay sitio")
    assert times == 1
    again = maker(house, GOOD)
    house.clock.advance(SETTLE_S)
    again.tick()
    with house.db.reader() as conn:
        assert not avisos.abierto(conn, RESPALDO_FALLIDO)
    assert again.stats()["fallo"] is None


def test_a_database_that_is_found_damaged_is_mended_and_a_bad_disk_of_backups_is_not_its_fault(house):
    """The whole file is read for a backup: what nobody else has met yet leads to the same as when it is met."""
    met = []
    house.db.on_damaged = lambda: met.append(1)
    for order, expected in ((BAD, 0), (DAMAGED, 1)):
        work = maker(house, order)
        house.clock.advance(SETTLE_S)
        work.tick()
        assert len(met) == expected
