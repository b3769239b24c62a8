"""Summaries kept in slices equal those folded from all the rows at once, whatever the order, the zone or the moment of
a kill."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import bloques, borrado, resumidor
from app.db import raw
from app.domain.causa import Causa
from app.domain.niveles import sello_de
from app.historial import podar_huerfanas
from app.resumidor import Resumidor
from tests.support.historial import HouseWithHistory, expected, stored
from tests.support.nucleo import fast_folder

NIGHTS = [1774746000, 1792890000, 1790000000]  # Madrid: clocks go on, go back; an ordinary one
STAMPS = st.one_of(
    st.none(),
    st.builds(lambda s, d: sello_de(s + d), st.sampled_from(NIGHTS), st.integers(-90_000, 90_000)),
    st.builds(lambda s, d: sello_de(s) + f".{d:06}", st.sampled_from(NIGHTS), st.integers(0, 999_999)),
    st.just("nunca"),
)
ROWS = st.tuples(
    st.integers(1, 3),
    st.sampled_from(["activo", "inactivo", "desconocido", None]),
    st.dictionaries(st.sampled_from(["t", "on", "estado", "luz_kwh"]), st.sampled_from([1, 2.5, -4, True, False, "x"])),
    STAMPS,
)


@pytest.fixture
def house(tmp_path):
    with HouseWithHistory(tmp_path) as house:
        yield house


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for key, one in found.items():
        other = wanted[key]
        assert one[:8] == other[:8], key
        assert one.cubierto == other.cubierto, key
        assert math.isclose(one.integral, other.integral, rel_tol=1e-12, abs_tol=1e-6), key


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(ROWS, max_size=30), min_size=1, max_size=5),
    st.sampled_from(["Europe/Madrid", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.integers(1, 6),
)
def test_summaries_are_exact_whatever_comes_late(batches, zona, stretches):
    with pytest.MonkeyPatch.context() as patch, fast_folder() as folder:
        patch.setattr(resumidor, "SLICE_HOURS", stretches)
        patch.setattr(resumidor, "SLICE_ROWS", 7)
        patch.setattr(bloques, "BLOQUE", 4)
        with HouseWithHistory(Path(folder), zona=zona) as house:
            for batch in batches:
                house.log(batch)
                house.settle()
                same(stored(house), expected(house, zona))
            for device in (1, 2, 3):
                ids = house.rows(f"SELECT id FROM estado_log WHERE dispositivo_id = {device} ORDER BY id")
                blocks = house.rows(f"SELECT * FROM log_bloque WHERE dispositivo_id = {device} ORDER BY numero")
                assert sum(b.filas for b in blocks) == len(ids)
                assert all(b.filas == 4 for b in blocks[:-1])


def hours(device, begin, count, step, **parametros):
    return [(device, "activo", {"t": i % 7, **parametros}, sello_de(begin + i * step)) for i in range(count)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.booleans())
def test_a_house_that_moves_has_days_of_its_new_zone(slices, late):
    """Days are made anew while rows go on coming, killed between any two slices."""
    with pytest.MonkeyPatch.context() as patch, fast_folder() as folder:
        patch.setattr("app.dias.DAYS", 2)
        patch.setattr("app.dias.PRUNED", 3)
        with HouseWithHistory(Path(folder)) as house:
            house.log(hours(1, NIGHTS[0] - 300_000, 200, 3000))
            house.settle()
            for i, count in enumerate(slices):
                house.move(["Asia/Kathmandu", "America/Havana"][i % 2])
                house.resumidor = Resumidor(house.db, house.clock)
                for _ in range(count):
                    house.resumidor.tick(all_now=True)
                house.log(hours(1 + i % 2, NIGHTS[0] - i * 1000 * (-1 if late else 1), 3, 900))
            house.settle()
            zona = ["Asia/Kathmandu", "America/Havana"][(len(slices) - 1) % 2]
            same(stored(house), expected(house, zona))


def test_a_slice_that_is_not_committed_leaves_no_trace(house, monkeypatch):
    """As a kill in the middle of it: the same slice is taken again, and nothing is counted twice."""
    house.log(hours(1, NIGHTS[2], 100, 60))

    def die(*_):
        raise KeyboardInterrupt

    for victim in ("resumenes.guardar", "_store_blocks", "_advance"):
        with monkeypatch.context() as patch:
            patch.setattr(f"app.resumidor.{victim}", die)
            with pytest.raises(KeyboardInterrupt):
                house.resumidor.tick(all_now=True)
        assert stored(house) == {}
        assert house.scalar("SELECT count(*) FROM log_bloque") == 0
    house.settle()
    house.log(hours(1, NIGHTS[2] + 9000, 100, 60))
    house.settle()
    same(stored(house), expected(house, "Europe/Madrid"))


def test_few_rows_wait_and_many_do_not(house):
    house.settle()
    house.log(hours(1, NIGHTS[2], 10, 60))
    assert house.resumidor.tick() == 0.0
    assert stored(house) != {}  # the first look after a start takes what there is
    house.log(hours(1, NIGHTS[2] + 6000, 10, 60))
    before = stored(house)
    assert house.resumidor.tick() == resumidor.LOOK_S
    assert stored(house) == before
    assert house.resumidor.stats()["pendientes"] == 10
    house.clock.advance(resumidor.PERIOD_S)
    house.resumidor.tick()
    same(stored(house), expected(house, "Europe/Madrid"))
    house.log(hours(2, NIGHTS[2], resumidor.SLICE_ROWS, 1))
    assert house.resumidor.tick() == 0.0


def test_nothing_is_kept_of_a_device_that_is_deleted(house):
    house.log([*hours(1, NIGHTS[2], 300, 60), *hours(2, NIGHTS[2], 300, 60)])
    house.settle()
    with house.db.unit_of_work(Causa("http"), orphans=True) as uow:
        borrado.borrar(uow, 2)
    house.settle()
    assert {key[0] for key in stored(house)} == {1}
    assert house.scalar("SELECT count(*) FROM serie WHERE dispositivo_id = 2") == 0
    assert house.scalar("SELECT count(DISTINCT dispositivo_id) FROM log_bloque") == 1


def test_ids_that_are_given_again_are_not_missed(house):
    """The newest rows were a deleted device's: SQLite gives their ids to the next ones."""
    house.log([*hours(1, NIGHTS[2], 50, 60), *hours(2, NIGHTS[2], 70, 60)])
    house.settle()
    with house.db.unit_of_work(Causa("http"), orphans=True) as uow:
        borrado.borrar(uow, 2)
    pruned = 1
    while pruned:
        with house.db.unit_of_work(orphans=True) as uow:
            pruned = podar_huerfanas(uow, 30)
    house.log(hours(1, NIGHTS[2] + 5000, 40, 60))
    assert house.scalar("SELECT max(id) FROM estado_log") == 90
    house.settle()
    same(stored(house), expected(house, "Europe/Madrid"))
    with house.db.reader() as conn:
        assert bloques.pagina(conn, 1, page=1, per_page=10).total == 90


def test_the_rows_of_a_flood_of_parameters_are_bounded(house):
    flood = [(1, None, {f"p{i}": 1 for i in range(200)}, sello_de(NIGHTS[2]))]
    house.log(flood)
    house.settle()
    assert house.scalar("SELECT count(*) FROM serie") == 64


def test_the_writer_is_held_for_the_storing_only(house):
    """What a slice writes: blocks, series, summaries, and one value of the house, each by one statement many times."""
    house.log(hours(1, NIGHTS[2], 3000, 60))
    house.settle()
    house.log(hours(1, NIGHTS[2] + 180_000, 3000, 60))
    with house.statements() as seen:
        house.resumidor.slice()
    kinds = {s.split("(")[0].split("VALUES")[0].strip() for s in seen}
    assert not [k for k in kinds if k.startswith("SELECT") and " FROM casa" not in k]
    assert len(seen) < 3 * resumidor.SLICE_HOURS + 40
    with house.db.reader() as conn:
        assert raw(conn).execute("SELECT max(logica) FROM serie WHERE nombre = 't'").fetchone() == (0,)
