"""Pages of the log by blocks against a slow reading of all rows, however much of the log the blocks tell of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import bloques
from app.db import raw
from app.domain.filtro import FiltroLog
from app.domain.niveles import sello_de
from tests.support.historial import HouseWithHistory
from tests.support.nucleo import fast_folder

DAY = 1790000000
SECONDS = st.integers(0, 40)
STAMPS = st.one_of(st.none(), SECONDS.map(lambda s: sello_de(DAY + s)), SECONDS.map(lambda s: f"{sello_de(DAY + s)}.5"))
STATES = st.sampled_from(["activo", "inactivo", "desconocido", None])
ROWS = st.lists(st.tuples(st.integers(1, 2), STATES, st.just({}), STAMPS), max_size=40)
BOUNDS = st.one_of(st.none(), SECONDS.map(lambda s: sello_de(DAY + s)))
FILTERS = st.builds(FiltroLog, BOUNDS, BOUNDS, st.sampled_from([None, "activo", "inactivo", "desconocido"]))


def slowly(house, filtro):
    rows = house.rows("SELECT id, estado, timestamp FROM estado_log WHERE dispositivo_id = 1 ORDER BY id DESC")
    return [
        (estado, stamp)
        for _, estado, stamp in rows
        if (filtro.desde is None or (stamp or "") >= filtro.desde)
        and (filtro.hasta is None or (stamp is not None and stamp < filtro.hasta))
        and filtro.estado in (None, estado)
    ]


def seen(rows):
    return [(r.estado, r.timestamp and r.timestamp.replace("T", " ").removesuffix("Z")) for r in rows]


@settings(max_examples=100)
@given(ROWS, ROWS, st.booleans(), FILTERS, st.integers(1, 9))
def test_pages_and_cursors_are_the_whole_log_without_gap_or_overlap(early, tail, ordered, filtro, per_page):
    if ordered:
        early = sorted(early, key=lambda r: r[3] or "")
    with pytest.MonkeyPatch.context() as patch, fast_folder() as folder:
        patch.setattr(bloques, "BLOQUE", 4)
        with HouseWithHistory(Path(folder)) as house:
            house.log(early)
            house.settle()
            house.log(tail)
            for asked in (filtro, FiltroLog()):
                wanted = slowly(house, asked)
                with house.db.reader() as conn:
                    found = []
                    for page in range(1, len(wanted) // per_page + 3):
                        answer = bloques.pagina(conn, 1, page=page, per_page=per_page, filtro=asked)
                        assert (answer.total, answer.pages) == (len(wanted), -(-len(wanted) // per_page))
                        found += answer.data
                    assert seen(found) == wanted
                    found, place = [], None
                    while found == [] or place is not None:
                        rows, place = bloques.desde_cursor(conn, 1, place, per_page=per_page, filtro=asked)
                        assert len(rows) == per_page or place is None
                        found += rows
                        if not rows:
                            break
                    assert seen(found) == wanted


def test_a_deep_page_costs_what_the_first_one_costs(tmp_path):
    """In steps of SQLite's machine, not in time: first, middle and last page of a long log."""
    with HouseWithHistory(tmp_path) as house:
        house.log((1 + i % 3, "activo", {}, sello_de(DAY + i)) for i in range(30_000))
        house.settle()
        steps = {}
        with house.db.reader() as conn:
            for page in (1, 100, 200):
                count = [0]
                raw(conn).set_progress_handler(lambda count=count: count.__setitem__(0, count[0] + 1), 10)
                assert len(bloques.pagina(conn, 1, page=page, per_page=50).data) == 50
                steps[page] = count[0]
            raw(conn).set_progress_handler(None, 0)
        assert max(steps.values()) < 4 * min(steps.values()) < 2000


def test_rows_that_come_between_two_pages_move_no_cursor(tmp_path):
    with HouseWithHistory(tmp_path) as house:
        house.log((1, f"e{i}", {}, sello_de(DAY)) for i in range(20))
        with house.db.reader() as conn:
            first, place = bloques.desde_cursor(conn, 1, None, per_page=8)
        house.log([(1, "nueva", {}, sello_de(DAY))])
        with house.db.reader() as conn:
            second, _ = bloques.desde_cursor(conn, 1, place, per_page=8)
        assert [r.estado for r in first + second] == [f"e{i}" for i in range(19, 3, -1)]
