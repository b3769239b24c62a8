"""The audit: pages are those of a plain list, the oldest go and that is told, names cannot forge lines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import auditoria
from app.auditoria import Anotacion, FiltroAuditoria
from app.db import raw
from app.domain.causa import Causa
from tests.support.nucleo import House, fast_folder

WHO = ("ana", "ana (token movil)", "anabel", "red de confianza")
WHAT = ("usuario_creado", "dispositivo_borrado")


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        yield found


def note(house, quien, accion, objeto=None):
    with house.db.unit_of_work(Causa("http", quien=quien, desde="192.0.2.1")) as uow:
        auditoria.apuntar(uow, accion, objeto)
    house.clock.advance(60)


def page(house, page=1, per_page=50, **filtro):
    with house.db.reader() as conn:
        return auditoria.listar(conn, FiltroAuditoria(**filtro), page=page, per_page=per_page)


def matches(line: Anotacion, quien, accion, desde, hasta):
    return (
        (quien is None or line.quien == quien or line.quien.startswith(f"{quien} ("))
        and (accion is None or line.accion == accion)
        and (desde is None or line.instante >= desde)
        and (hasta is None or line.instante < hasta)
    )


MOMENTS = st.none() | st.integers(0, 40).map(lambda m: f"2026-11-23T14:{m:02}:00.000000Z")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(WHO), st.sampled_from(WHAT)), max_size=40),
    st.none() | st.sampled_from(WHO),
    st.none() | st.sampled_from(WHAT),
    MOMENTS,
    MOMENTS,
    st.integers(1, 7),
    st.integers(0, 20),
)
def test_pages_are_those_of_a_plain_list(noted, quien, accion, desde, hasta, per_page, gone):
    with fast_folder() as folder, House(Path(folder)) as house:
        for who, what in noted:
            note(house, who, what)
        with house.db.unit_of_work() as uow:
            uow.file.execute("DELETE FROM auditoria WHERE id <= ?", (gone,))
        everything = [Anotacion(*row) for row in house.rows("SELECT * FROM auditoria ORDER BY id DESC")]
        wanted = [line for line in everything if matches(line, quien, accion, desde, hasta)]
        filtro = {"quien": quien, "accion": accion, "desde": desde, "hasta": hasta}
        pages = -(-len(wanted) // per_page)
        for n in range(1, pages + 2):
            found = page(house, n, per_page, **filtro)
            assert (found.total, found.pages) == (len(wanted), pages)
            assert found.data == wanted[(n - 1) * per_page : n * per_page]
        assert page(house, 10**15 - 1, 200, **filtro).data == []


def prune(house, keep):
    with house.db.unit_of_work() as uow:
        return auditoria.podar(uow, keep)


def test_the_oldest_go_in_slices_and_that_is_told(house, monkeypatch):
    monkeypatch.setattr(auditoria, "SLICE", 7)
    for n in range(130):
        note(house, "ana", "usuario_creado", f"u{n}")
    gone = list(iter(lambda: prune(house, 100), 0))
    assert max(gone) == 7
    assert house.scalar("SELECT count(*) FROM auditoria") <= 100
    told = page(house, accion="auditoria_podada").data
    assert sum(line.as_object()["detalle"]["filas"] for line in told) == sum(gone)
    assert told[0].as_object()["detalle"]["hasta"].startswith("2026-11-23T14:")
    assert page(house).data[0].accion == "auditoria_podada"


def test_they_do_not_go_again_for_each_new_line(house):
    pruned = 0
    for n in range(600):
        note(house, "ana", "usuario_creado", f"u{n}")
        pruned += prune(house, 300) > 0
        assert house.scalar("SELECT count(*) FROM auditoria") <= 300
    assert 0 < pruned <= 300 / (300 // 100) + 1


def test_names_cannot_forge_lines(house):
    """Neither a new line, nor an order of writing turned round, nor an escape for the terminal."""
    note(house, "ana\n2026-11-23 jefa: todo\x1b[2J", "usuario_creado", "x\u202egnp\u2028\x00" + "y" * 500)
    (line,) = page(house).data
    assert line.quien == "ana\\u000a2026-11-23 jefa: todo\\u001b[2J"
    assert line.objeto is not None
    assert line.objeto.startswith("x\\u202egnp\\u2028\\u0000yyy")
    assert len(line.objeto) == 120
    assert (line.desde, line.instante[:16]) == ("192.0.2.1", "2026-11-23T14:00")


def test_a_deep_page_of_a_long_audit_costs_what_the_first_one_does(house):
    """By keys, not by counting past a hundred thousand lines: what SQLite itself says it will do."""
    with house.db.unit_of_work() as uow:
        row = ("2026-11-23T14:00:00.000000Z", "ana", None, "usuario_creado", None, "hecho", "{}")
        uow.file.executemany(
            "INSERT INTO auditoria (instante, quien, desde, accion, objeto, resultado, detalle) VALUES (?,?,?,?,?,?,?)",
            [row] * 100_000,
        )
    with house.db.reader() as conn:
        steps: list[int] = []

        def cost(n: int) -> int:
            steps.append(0)
            raw(conn).set_progress_handler(lambda: steps.__setitem__(-1, steps[-1] + 1), 10)
            found = auditoria.listar(conn, FiltroAuditoria(), page=n, per_page=50)
            raw(conn).set_progress_handler(None, 0)
            assert len(found.data) == 50
            assert found.total == 100_000
            return steps[-1]

        assert cost(2000) <= 2 * cost(1) + 5


def test_instants_of_the_filter_are_utc():
    made = FiltroAuditoria.make("ana", None, datetime(2026, 11, 24, tzinfo=UTC), None)
    assert made == FiltroAuditoria("ana", None, "2026-11-24T00:00:00.000000Z", None)
