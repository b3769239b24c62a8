"""History that goes by itself: what stays is exactly what was, and nothing that is read breaks where it begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import bloques, instante, retencion
from app.db import raw
from app.domain.niveles import CINCO, DIA, HORA, instante_us, sello_de
from app.domain.resumen import US
from app.limpieza import KEEP_ALL, SETTLE_S, Limpieza, Plazos
from app.retencion import Conservar, Retencion, horizontes
from app.series import Peticion, leer_series
from tests.integration.test_resumidor import same
from tests.support.historial import HouseWithHistory, expected, stored
from tests.support.nucleo import BEGINNING, fast_folder

ZONA = "Europe/Madrid"
BEGIN = int(BEGINNING.timestamp()) - 60 * DIA
NOW = datetime.fromtimestamp(BEGIN + 60 * DIA, UTC)


@pytest.fixture
def house(tmp_path):
    with HouseWithHistory(tmp_path) as found:
        yield found


def fill(house, rows, devices=3, step=600):
    house.log(
        (1 + i % devices, "activo" if i % 5 else "inactivo", {"t": i % 13}, sello_de(BEGIN + i * step))
        for i in range(rows)
    )
    house.settle()


def purge(house, now=NOW, **keep):
    work = Retencion(house.db, Conservar(**keep))
    slices = 0
    while work.tick(now):
        slices += 1
    return slices


def rows(house, device):
    return [when for (when,) in house.rows(f"SELECT timestamp FROM estado_log WHERE dispositivo_id = {device}")]


def test_rows_go_and_summaries_stay_as_they_were(house):
    fill(house, 6000)
    before = stored(house)
    slices = purge(house, crudo_dias=30)
    assert slices > 3, "in slices"
    for device in (1, 2, 3):
        left = rows(house, device)
        assert 0 < len(left) < 2000
        assert min(left) > sello_de(BEGIN + 25 * DIA), "blocks that reach into what is kept stay whole"
    same(stored(house), before)
    same(before, expected_with_gone(house, before))


def expected_with_gone(house, before):
    return before | {k: v for k, v in expected(house, ZONA).items() if k in before and k[3] > BEGIN + 40 * DIA}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 50 * DIA), min_size=300, max_size=900),
    st.lists(st.integers(50 * DIA, 59 * DIA), max_size=200),
    st.integers(1, 40),
)
def test_what_comes_after_a_purge_is_summarised_exactly(first, after, days):
    """Rows of a device in any order, a purge, more rows: each summary of what is kept is that of all the rows there
    ever were."""
    with fast_folder() as folder, HouseWithHistory(folder_of(folder), devices=1, zona=ZONA) as house:
        house.log((1, "activo", {"t": s % 7}, sello_de(BEGIN + s)) for s in sorted(first))
        house.settle()
        whole = expected(house, ZONA)
        purge(house, crudo_dias=days)
        new = [(1, "inactivo", {"t": s % 5}, sello_de(BEGIN + s)) for s in sorted(after)]
        house.log(new)
        house.settle()
        found = stored(house)
        assert whole.keys() <= found.keys()
        limit = min((BEGIN + s for s in after), default=2**40)
        untouched = {k: v for k, v in whole.items() if k[3] + (k[2] if k[2] != DIA else 26 * HORA) < limit}
        same({k: found[k] for k in untouched}, untouched)
        again = {k: v for k, v in expected(house, ZONA).items() if k[3] >= limit and k not in whole}
        same({k: found[k] for k in again}, again)


def folder_of(name):
    from pathlib import Path

    return Path(name)


def test_a_point_that_comes_late_for_what_is_gone_changes_no_summary(house):
    fill(house, 6000)
    purge(house, crudo_dias=30)
    before = stored(house)
    house.log([(1, "activo", {"t": 99}, sello_de(BEGIN + 3 * DIA))])
    house.settle()
    same(stored(house), before)
    assert sello_de(BEGIN + 3 * DIA) in rows(house, 1), "it is in the log"


def test_pages_cursors_and_the_past_hold_where_the_log_begins(house):
    fill(house, 6000)
    purge(house, crudo_dias=30)
    with house.db.reader() as conn:
        left = len(rows(house, 1))
        page = bloques.pagina(conn, 1, page=1, per_page=50)
        assert (page.total, page.pages) == (left, -(-left // 50))
        last = bloques.pagina(conn, 1, page=page.pages, per_page=50)
        assert last.data[-1].timestamp == rows(house, 1)[0].replace(" ", "T") + "Z"
        seen, at = 0, None
        while True:
            data, at = bloques.desde_cursor(conn, 1, at, per_page=200)
            seen += len(data)
            if at is None:
                break
        assert seen == left
        devices = [house.device("SER00001")]
        (then,) = instante.en_instante(conn, devices, NOW - timedelta(days=50))
        assert (then["estado"], then["timestamp"]) == ("desconocido", None)
        (then,) = instante.en_instante(conn, devices, NOW)
        assert then["parametros"]


def test_the_last_value_stays_however_old(house):
    fill(house, 900)
    purge(house, crudo_dias=1, now=NOW + timedelta(days=400))
    with house.db.reader() as conn:
        for device in (1, 2, 3):
            assert 0 < bloques.pagina(conn, device, page=1, per_page=50).total <= 300


def test_series_of_what_is_gone_are_drawn_from_what_is_kept(house):
    fill(house, 6000)
    purge(house, crudo_dias=20, cinco_dias=30, hora_dias=40)
    with house.db.reader() as conn:
        kept = horizontes(conn)
        assert 0 < kept.hora < kept.cinco < kept.crudo
        shown = {}
        for days in (45, 35, 25, 5):
            start = NOW - timedelta(days=days)
            que = Peticion(start, start + timedelta(hours=6), 2000, house_zone(), NOW)
            shown[days] = leer_series(conn, [(1, ["t"])], que)
    assert [shown[d]["paso"] for d in (45, 35, 25, 5)] == ["P1D", "PT1H", "PT5M", "PT5M"]
    assert [shown[d]["series"][0]["crudo"] for d in (45, 35, 25, 5)] == [False, False, False, True]
    assert all(any(b["media"] is not None for b in shown[d]["series"][0]["datos"]) for d in (45, 35, 25))
    assert set(shown[45]["conservado_desde"]) == {"filas", "PT5M", "PT1H", "P1D"}
    assert shown[45]["conservado_desde"]["P1D"] is None


def house_zone():
    from zoneinfo import ZoneInfo

    return ZoneInfo(ZONA)


def test_days_outlive_a_move_of_the_house_when_no_hours_are_left(house):
    fill(house, 6000)
    purge(house, crudo_dias=5, cinco_dias=10, hora_dias=20)
    with house.db.reader() as conn:
        limit = horizontes(conn).hora
    kept = {k: v for k, v in stored(house).items() if k[2] == DIA and k[3] < limit}
    assert kept
    house.move("Asia/Kathmandu")
    house.settle()
    same({k: v for k, v in stored(house).items() if k[2] == DIA and k in kept}, kept)


def test_the_database_stays_within_its_bound_and_gives_room_back(house, tmp_path):
    house.log((1 + i % 3, "activo", {"t": i % 13, "x": "y" * 150}, sello_de(BEGIN + i * 60)) for i in range(30_000))
    house.settle()
    whole = stored(house)
    full = size(house)
    bound = int(full * 0.7)
    work = Retencion(house.db, Conservar(max_bytes=bound))
    slices, longest = 0, 0
    while done := work.tick(None):
        slices, longest = slices + 1, max(longest, done)
    assert longest <= retencion.BLOCKS * bloques.BLOQUE
    with house.db.reader() as conn:
        assert retencion._used(conn) <= bound
    same({k: v for k, v in stored(house).items() if k[2] != CINCO}, {k: v for k, v in whole.items() if k[2] != CINCO})
    house.db.close()
    assert (tmp_path / "iot.db").stat().st_size < full * 0.8, "given back to the file system"
    with HouseWithHistory.__mro__[1](tmp_path) as again:
        assert again.scalar("PRAGMA integrity_check") == "ok"


def size(house):
    with house.db.reader() as conn:
        return raw(conn).execute("PRAGMA page_count").fetchone()[0] * 4096


def test_nothing_goes_because_somebody_set_the_clock(house):
    fill(house, 6000)
    work = Limpieza(house.db, house.clock, Plazos(0, 1000), Conservar(crudo_dias=30))
    house.clock.jump(400 * DIA)
    for _ in range(3):
        work.tick()
    assert len(rows(house, 1)) == 2000
    house.clock.advance(SETTLE_S - 60)
    work.tick()
    assert len(rows(house, 1)) == 2000
    house.clock.advance(120)
    while work.tick() < 1:
        pass
    assert len(rows(house, 1)) < 2000


def test_by_default_every_row_stays(house):
    fill(house, 900)
    assert purge(house) == 0
    assert Conservar() == KEEP_ALL
    assert instante_us(rows(house, 1)[0]) == BEGIN * US


def test_a_purge_by_age_waits_for_the_rows_that_are_not_summarised(house, monkeypatch):
    """A house that was just brought up to date has years of them."""
    monkeypatch.setattr("app.resumidor.SLICE_ROWS", 100)
    house.log((1, "activo", {"t": n % 7}, sello_de(BEGIN + n * 3600)) for n in range(1000))
    house.resumidor.slice()
    purge(house, cinco_dias=5, hora_dias=10)
    house.settle()
    days = {k: v for k, v in stored(house).items() if k[2] == DIA}
    same(days, {k: v for k, v in expected(house, ZONA).items() if k[2] == DIA})


def test_what_is_said_to_be_kept_is_kept_also_when_room_is_short(house):
    """With no rows left to go the five minutes go: from ``conservado_desde`` on every series has all of them."""
    fill(house, 900)
    whole = stored(house)
    work = Retencion(house.db, Conservar(max_bytes=1))
    for _ in range(40):
        if not work.tick(None):
            break
    with house.db.reader() as conn:
        kept = horizontes(conn).cinco
    assert kept
    fives = {k: v for k, v in whole.items() if k[2] == CINCO and k[3] >= kept}
    found = stored(house)
    assert {k: found.get(k) for k in fives} == fives


def test_a_look_that_finds_nothing_writes_nothing(house):
    fill(house, 6000)
    keep = Conservar(crudo_dias=30, cinco_dias=30, hora_dias=30, dia_dias=50)
    work = Retencion(house.db, keep)
    while work.tick(NOW):
        pass
    before = house.db.commits
    assert work.tick(NOW + timedelta(minutes=1)) == 0
    assert Retencion(house.db, keep).tick(NOW) == 0
    assert house.db.commits == before


def test_a_parameter_goes_before_the_others(house):
    """HISTORY_PARAM_DAYS: its summaries of all levels, that of no other; what is newer stays, and stays exact."""
    said = ((1, "activo", {"t": i % 7, "ruido": i % 3}, sello_de(BEGIN + i * HORA)) for i in range(600))
    house.log(said)
    house.settle()
    keep = Retencion(house.db, Conservar(parametros={"ruido": 5}))
    now = datetime.fromtimestamp(BEGIN + 600 * HORA, UTC)
    before = stored(house)
    while keep.tick(now):
        pass
    cut = BEGIN + 600 * HORA - 5 * DIA
    after = stored(house)
    gone = before.keys() - after.keys()
    assert gone
    assert {name for _, name, _, _ in gone} == {"ruido"}
    assert all(begin + nivel <= cut + HORA for _, _, nivel, begin in gone)
    assert all(begin + nivel > cut - DIA for _, name, nivel, begin in after if name == "ruido")
    assert {key: before[key] for key in after} == after
