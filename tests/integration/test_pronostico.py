"""When the disk will be full: said from what was seen, and not said when it can't be known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import pronostico
from app.guardian import Guardian
from app.salud import documento
from tests.support.nucleo import House

GB = 10**9


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        yield found


def sample(house, size):
    with house.db.unit_of_work() as uow:
        pronostico.muestrear(uow, size)


def told(house, size, free=10 * GB, maximum=0):
    with house.db.reader() as conn:
        return pronostico.pronosticar(conn, house.clock.now(), size, free, maximum)


def test_growth_is_measured_over_days(house):
    assert told(house, 1) == {"crece_bytes_dia": None, "lleno_el": None}
    sample(house, 1 * GB)
    house.clock.advance(3600)
    assert told(house, 2 * GB)["crece_bytes_dia"] is None, "of an hour nothing is said"
    house.clock.advance(10 * 86_400 - 3600)
    found = told(house, 2 * GB)
    assert found["crece_bytes_dia"] == GB / 10
    assert found["lleno_el"][:10] == str((house.clock.now() + timedelta(days=100)).date())
    assert (
        "lleno hacia el"
        in documento({"disco": {"libre_bytes": 10 * GB, "total_bytes": 64 * GB, **found}})["disco"]["detalle"]
    )


def test_what_stops_growing_fills_no_disk(house):
    sample(house, 1 * GB)
    house.clock.advance(10 * 86_400)
    assert told(house, 2 * GB, maximum=3 * GB)["lleno_el"] is None, "its bound comes first"
    assert told(house, 2 * GB, maximum=30 * GB)["lleno_el"] is not None
    assert told(house, 1 * GB) == {"crece_bytes_dia": 0, "lleno_el": None}
    assert told(house, GB // 2)["lleno_el"] is None
    assert told(house, 1 * GB + 10_000)["lleno_el"] is None, "in a hundred years"


def test_the_guardian_samples_now_and_then_and_forgets_the_future(house):
    guardian = Guardian(house.db, house.clock, lambda: (50 * GB, 64 * GB))
    for _ in range(24):
        guardian.tick()
        house.clock.advance(3600)
    with house.db.reader() as conn:
        assert len(pronostico._muestras(conn)) == 4
    house.clock.jump(-40 * 86_400)
    guardian.tick()
    with house.db.reader() as conn:
        assert len(pronostico._muestras(conn)) == 1
    for _ in range(pronostico.MUESTRAS + 20):
        house.clock.advance(6 * 3600)
        guardian.tick()
    with house.db.reader() as conn:
        assert len(pronostico._muestras(conn)) == pronostico.MUESTRAS


def test_the_chattiest_are_named(house):
    for n in range(200):
        house.clock.advance(1)
        house.report({"serial_number": "MUCHO", "parametros": {"x": "y" * 100}})
        if n % 10 == 0:
            house.report({"serial_number": "POCO", "parametros": {"x": "y" * 100}})
        if n % 2 == 0:
            house.report({"serial_number": "CORTO", "parametros": {"x": 1}})
    with house.db.reader() as conn:
        found = pronostico.habladores(conn)
    assert [f["serial_number"] for f in found] == ["MUCHO", "CORTO", "POCO"]
    assert 0.8 < found[0]["mensajes_dia"] / 86_400 < 1.2
    assert found[0]["bytes_dia"] > 100 * found[0]["mensajes_dia"]
