"""Another database taken in: every row of it, once, and summarised like any other."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from app.importacion import Importado, importar
from app.migrations import DatabaseFault
from tests.integration.test_resumidor import same
from tests.support.historial import HouseWithHistory, expected, stored
from tests.support.nucleo import BEGINNING, House
from tests.support.original import make_original, rows_of

NOW = BEGINNING + timedelta(days=1)


@pytest.fixture
def house(tmp_path):
    with HouseWithHistory(tmp_path) as found:
        yield found


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "otra" / "vieja.db"
    make_original(path, 2000)
    return path


def test_the_originals_devices_and_every_row_once(house, original):
    before = original.read_bytes()
    house.report({"serial_number": "TMP000000001", "parametros": {"t": 5}})
    mine = house.device("TMP000000001")
    house.settle()
    count = len(rows_of(original, "SELECT id FROM dispositivo"))
    assert importar(house.db, original, NOW) == Importado(count - 1, count, 2000, 2000)
    assert house.scalar("SELECT count(*) FROM estado_log") == 2001
    assert house.device("TMP000000001") == mine, "what it is now, it knows better"
    assert house.device("TMP000000002").nombre == "Sensor 2"
    pairs = "SELECT serial_number, count(*) FROM estado_log l JOIN dispositivo d ON d.id = l.dispositivo_id "
    there = dict(rows_of(original, f"{pairs} GROUP BY serial_number"))
    there["TMP000000001"] += 1
    assert dict(tuple(r) for r in house.rows(f"{pairs} GROUP BY serial_number")) == there
    assert house.rows("PRAGMA foreign_key_check") == []
    house.settle()
    same(stored(house), expected(house, "Europe/Madrid"))
    assert original.read_bytes() == before
    assert importar(house.db, original, NOW) == Importado(0, count, 0, 2000), "a second time adds nothing"
    assert house.rows("SELECT accion FROM auditoria") == [("base_importada",)] * 2


def test_two_houses_of_this_program(house, tmp_path):
    (tmp_path / "ajena").mkdir()
    with House(tmp_path / "ajena") as other:
        for n in range(3):
            other.report({"serial_number": "AJENO", "parametros": {"n": n}})
            other.clock.advance(60)
    house.report({"serial_number": "MIO"})
    assert importar(house.db, tmp_path / "ajena" / "iot.db", NOW) == Importado(1, 1, 3, 3)
    assert house.device("AJENO").id != house.device("MIO").id
    assert house.device("AJENO").parametros_json == '{"n":2}'


def test_what_is_no_such_database_is_refused_and_nothing_changes(house, tmp_path):
    foreign = tmp_path / "recetas.db"
    with sqlite3.connect(foreign) as conn:
        conn.execute("CREATE TABLE recetas (id INTEGER)")
    (tmp_path / "vacia.db").write_bytes(b"")
    (tmp_path / "texto.db").write_bytes(b"hola" * 2000)
    for name in ("recetas.db", "vacia.db", "texto.db", "nada.db"):
        with pytest.raises(DatabaseFault):
            importar(house.db, tmp_path / name, NOW)
    assert house.scalar("SELECT count(*) FROM estado_log") == 0


def test_equal_rows_count(house, tmp_path):
    """Three alike there, one of them here already: two are missing, the first time and never again."""
    (tmp_path / "ajena").mkdir()
    alike = [(1, "activo", {"n": 1}, "2026-11-01 00:00:00")] * 3
    with HouseWithHistory(tmp_path / "ajena", devices=1) as other:
        other.log(alike)
    house.log(alike[:1])
    assert importar(house.db, tmp_path / "ajena" / "iot.db", NOW).filas_nuevas == 2
    assert importar(house.db, tmp_path / "ajena" / "iot.db", NOW).filas_nuevas == 0
    assert house.scalar("SELECT count(*) FROM estado_log") == 3
    assert not list(tmp_path.glob(".importar-*"))
