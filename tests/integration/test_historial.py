"""Pages of the log and of the rejected messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import rechazos
from app.bloques import pagina
from app.db import bulk_insert
from app.domain.causa import Causa
from app.historial import append_logs
from app.models import dispositivo, estado_log, row_of
from app.rechazos import NuevoRechazo
from tests.support.nucleo import House, a_device


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with House(tmp_path_factory.mktemp("casa")) as house:
        with house.db.unit_of_work() as uow:
            bulk_insert(uow, dispositivo, [row_of(a_device(1)), row_of(a_device(2)), row_of(a_device(3))], upsert=True)
            append_logs(uow, [(1 + i % 2, f"e{i}", "{}", None) for i in range(46)])
        yield house


def page(house, device_id, number, per_page):
    with house.db.reader() as conn:
        return pagina(conn, device_id, page=number, per_page=per_page)


@given(st.integers(1, 200))
def test_the_pages_are_the_whole_log_newest_first_without_gap_or_overlap(house, per_page):
    first = page(house, 1, 1, per_page)
    assert (first.total, first.pages, first.page, first.per_page) == (23, -(-23 // per_page), 1, per_page)
    rows = [row for n in range(1, first.pages + 1) for row in page(house, 1, n, per_page).data]
    assert [r.estado for r in rows] == [f"e{i}" for i in range(44, -1, -2)]


@pytest.mark.parametrize("number", [2, 10**9, 10**15, 2**62])
def test_past_the_end_there_is_nothing(house, number):
    assert page(house, 1, number, 200).data == []


def test_a_device_without_history(house):
    empty = page(house, 3, 1, 50)
    assert (empty.total, empty.pages, empty.data) == (0, 0, [])


def test_a_page_takes_two_statements_whatever_its_size_and_uses_the_index(house):
    with house.db.reader() as conn:
        plan = conn.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT estado FROM estado_log WHERE dispositivo_id = 1 ORDER BY id DESC LIMIT 50"
        ).fetchall()
    assert "ix_estado_log_dispositivo" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_rows_of_the_original_program_are_read_as_they_are(house):
    """NULLs, a timestamp without fraction; order is by id, whatever the clock said."""
    with house.db.unit_of_work() as uow:
        bulk_insert(
            uow,
            estado_log,
            [
                (2, None, None, None, None),
                (2, "activo", '{"t":1}', "1970-01-01 00:00:05", None),
                (2, "x", "{}", "2026-01-01 00:00:00.5", None),
            ],
        )
    newest = page(house, 2, 1, 3).data
    assert [(r.estado, r.parametros_json, r.timestamp) for r in newest] == [
        ("x", "{}", "2026-01-01T00:00:00.5Z"),
        ("activo", '{"t":1}', "1970-01-01T00:00:05Z"),
        (None, "{}", None),
    ]


def test_the_log_is_written_as_the_original_program_wrote_it(house):
    assert house.scalar("SELECT timestamp FROM estado_log ORDER BY id LIMIT 1") == "2026-11-23 14:00:00.000000"
    assert page(house, 1, 1, 1).data[0].timestamp == "2026-11-23T14:00:00.000000Z"


def test_each_row_says_why_and_no_cause_is_the_devices_own_word(house):
    """A cause of NULL, as every row of the original program has, reads as the device's own report."""
    with house.db.unit_of_work() as uow:
        append_logs(uow, [(3, "activo", "{}", None), (3, "inactivo", "{}", Causa("http", desde="::1").json())])
    assert [r.causa_json for r in page(house, 3, 1, 2).data] == [
        '{"tipo":"http","desde":"::1"}',
        '{"tipo":"dispositivo"}',
    ]


# --- rejected messages ------------------------------------------------------------------------------------------------
def reject(house, *nuevos, keep=5):
    with house.db.unit_of_work() as uow:
        rechazos.registrar(uow, nuevos, keep=keep)


def kept(house, number=1, per_page=200):
    with house.db.reader() as conn:
        return rechazos.listar(conn, page=number, per_page=per_page)


@pytest.fixture
def bin_(tmp_path):
    with House(tmp_path) as house:
        yield house


@pytest.mark.parametrize("batches", [[1] * 12, [12], [3, 9], [5, 5, 2], [100], [0, 7, 0]])
def test_the_newest_are_kept_and_all_are_counted(bin_, batches):
    n = 0
    for size in batches:
        reject(bin_, *(NuevoRechazo("t", b"%d" % i, "m", "d") for i in range(n, n + size)))
        n += size
    assert [r.payload for r in kept(bin_).data] == [str(i) for i in range(n - 1, max(-1, n - 6), -1)]
    assert bin_.scalar("SELECT valor FROM casa WHERE clave = 'rechazados'") == n


def test_pages_of_rejections(bin_):
    reject(bin_, *(NuevoRechazo("t", b"%d" % i, "m", "d") for i in range(7)), keep=100)
    assert [r.payload for r in kept(bin_, 2, 3).data] == ["3", "2", "1"]
    assert kept(bin_, 4, 3).data == []
    assert (kept(bin_, 1, 3).total, kept(bin_, 1, 3).pages) == (7, 3)


@given(st.binary(max_size=700), st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_came_can_be_shown(payload, topic):
    """What an operator's terminal prints holds no control characters; what is kept is bounded."""
    from pathlib import Path

    from tests.support.nucleo import fast_folder

    with fast_folder() as folder, House(Path(folder)) as house:
        reject(house, NuevoRechazo(topic, payload, "m", topic))
        (row,) = kept(house).data
    for text in (row.payload, row.topic, row.detalle):
        assert text.isprintable()
        text.encode()
    assert row.bytes == len(payload)
    assert len(row.payload) <= 512 * 6


def test_a_long_reason_is_cut(bin_):
    """The path in a reason names the sender's own keys, which may be 64 KiB long."""
    from app.domain.reporte import ReporteRechazado, parse

    with pytest.raises(ReporteRechazado) as caught:
        parse("dispositivos/estado", b'{"serial_number":"A","' + b"k" * 60_000 + b'":"\\u0000"}')
    reject(bin_, NuevoRechazo("t" * 70_000, b"x" * 65_536, caught.value.motivo, caught.value.detalle))
    (row,) = kept(bin_).data
    assert len(row.detalle) <= 300
    assert len(row.topic) <= 256
    assert len(row.payload) <= 512
    assert bin_.db.size() < 250_000
