"""The log as a file: all of it, as the pages have it, whoever asks for it and however slowly they read."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow.parquet
import pytest

from app import bloques, exportacion, exportacion_parquet
from app.db import raw
from app.domain.filtro import FiltroLog
from app.domain.identidad import Alcance, Rol
from app.exportacion import COLUMNAS, CSV, NDJSON, PARQUET, Exportacion, archivo
from tests.support.credenciales import an_account
from tests.support.edge import Edge, running
from tests.support.historial import HouseWithHistory
from tests.support.http import Http, problem

NASTY = {"a": 'dijo "hola"', "b": "línea\nnueva", "ñ": "=1+1", "c": [1, {"d": None}]}


@pytest.fixture
def house(tmp_path) -> Iterator[HouseWithHistory]:
    with HouseWithHistory(tmp_path) as found:
        found.log(
            (1 + n % 3, ("activo", "inactivo", "=2+2")[n % 3], {"n": n, **(NASTY if n % 50 == 0 else {})}, stamp(n))
            for n in range(5000)
        )
        found.settle()
        found.log((1 + n % 3, "activo", {"n": n}, stamp(n)) for n in range(5000, 5200))
        yield found


def stamp(n):
    return f"2026-11-{1 + n // 1440:02} {n % 1440 // 60:02}:{n % 60:02}:00.{n:06}"


def rows(house, que):
    text = b"".join(archivo(house.db.reader, que)).decode()
    if que.formato == NDJSON:
        return [json.loads(line) for line in text.splitlines()]
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    return [{**r, "parametros": json.loads(r["parametros"]), "causa": json.loads(r["causa"])} for r in found]


def numbers(found):
    return [r["parametros"]["n"] for r in found]


def test_all_of_it_in_both_forms(house):
    objects, cells = rows(house, Exportacion(NDJSON, FiltroLog())), rows(house, Exportacion(CSV, FiltroLog()))
    assert numbers(objects) == numbers(cells) == list(range(5200))
    assert tuple(objects[0]) == tuple(cells[0]) == COLUMNAS
    assert objects[0]["parametros"] == cells[0]["parametros"] == {"n": 0, **NASTY}
    assert (objects[2]["estado"], cells[2]["estado"]) == ("=2+2", "'=2+2"), "no spreadsheet calculates it"
    assert objects[0]["timestamp"] == cells[0]["timestamp"] == "2026-11-01T00:00:00.000000Z"
    assert objects[0]["causa"] == {"tipo": "dispositivo"}


@pytest.mark.parametrize("slice_", [13, 4000])
@pytest.mark.parametrize(
    ("desde", "hasta", "estado"),
    [(None, None, "inactivo"), (stamp(1000), stamp(1700), None), (stamp(4900), None, "activo"), (None, stamp(3), None),
     (stamp(5199), None, None), ("2027", None, None)],
)  # fmt: skip
def test_a_stretch_is_what_the_pages_say(house, monkeypatch, slice_, desde, hasta, estado):
    monkeypatch.setattr(exportacion, "SLICE", slice_)
    filtro = FiltroLog(desde, hasta, estado)
    for device in (1, 2):
        found = rows(house, Exportacion(NDJSON, filtro, frozenset({device})))
        with house.db.reader() as conn:
            shown = bloques.pagina(conn, device, page=1, per_page=10_000, filtro=filtro).data
        assert numbers(found) == [json.loads(r.parametros_json)["n"] for r in reversed(shown)]
    assert {r["dispositivo_id"] for r in rows(house, Exportacion(NDJSON, filtro, frozenset({1, 3})))} <= {1, 3}


def test_no_snapshot_is_held_between_two_pieces(house):
    """Whoever stops reading keeps nobody's checkpoint from its end; what is stored meanwhile is not in the file."""
    pieces = archivo(house.db.reader, Exportacion(NDJSON, FiltroLog()))
    first = next(pieces)
    house.log([(1, "activo", {"n": 9999}, stamp(1))])
    with house.db.unit_of_work() as uow:
        pass
    busy, _, _ = uow.file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    rest = b"".join(pieces)
    assert (first + rest).count(b"\n") == 5200


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def edge(tmp_path) -> Iterator[Edge]:
    with running(None, tmp_path) as found:
        http = Http(found.port)
        for n in range(3):
            http.post("/dispositivos", {"serial_number": f"EXP{n}", "configuracion": {"encendido": True}})
        yield found


def test_over_http(edge):
    http = Http(edge.port)
    answer = http.get("/exportar")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="historial-')
    serials = [r["serial_number"] for r in csv.DictReader(io.StringIO(answer.text, newline=""))]
    assert serials == ["EXP0", "EXP1", "EXP2"]
    one = http.get("/dispositivos/2/exportar?formato=ndjson&estado=activo")
    assert one.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line)["serial_number"] for line in one.text.splitlines()] == ["EXP1"]
    assert len(http.get("/exportar?dispositivos=1,3").text.splitlines()) == 3
    for query in ("formato=xml", "desde=ayer", "dispositivos=x", "desde=2026-01-02&hasta=2026-01-01"):
        problem(http.get(f"/exportar?{query}"), 422)
    problem(http.get("/dispositivos/9/exportar"), 404)
    problem(http.get("/exportar?dispositivos=9"), 404)


def test_who_sees_a_part_of_the_house_exports_that_part(edge):
    assert edge.services is not None
    mine = an_account(edge.services.db, "mia", Rol.MIEMBRO, Alcance(dispositivos=frozenset({2}))).bearer()
    http = Http(edge.port)
    told = [json.loads(line) for line in http.get("/exportar?formato=ndjson", headers=mine).text.splitlines()]
    assert [r["serial_number"] for r in told] == ["EXP1"]
    assert told[0]["causa"] == {"tipo": "http"}, "not from where"
    problem(http.get("/exportar?dispositivos=1,2", headers=mine), 404)
    problem(http.get("/dispositivos/1/exportar", headers=mine), 404)


def test_a_short_stretch_of_long_ago_does_not_read_what_came_after(house):
    with house.db.reader() as conn:
        spans = exportacion._spans(exportacion.raw(conn), Exportacion(CSV, FiltroLog(stamp(0), stamp(10))))
        told = bloques.contado_hasta(conn)
    assert spans[0][1] <= 3 * bloques.BLOQUE
    assert spans[1] == (told + 1, 5200)


def test_a_serial_of_the_original_program_is_no_part_of_a_header(edge):
    assert edge.services is not None
    with edge.services.db.unit_of_work() as uow:
        uow.file.execute("UPDATE dispositivo SET serial_number = ? WHERE id = 1", ('raro"; x="☃\r\nX: y',))
    answer = Http(edge.port).get("/dispositivos/1/exportar")
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="dispositivo-1-')


def test_only_some_parameters_and_the_rows_that_have_one(house):
    """As they are: yes and no, objects and texts keep their kind."""
    que = Exportacion(NDJSON, FiltroLog(), parametros=("c", "a"))
    found = rows(house, que)
    assert len(found) == 100
    assert all(r["parametros"] == {"a": NASTY["a"], "c": NASTY["c"]} for r in found)
    assert rows(house, Exportacion(CSV, FiltroLog(), parametros=("no hay",))) == []
    house.log([(1, "activo", {"on": True, "off": 0.30000000000000004, "n": -1}, stamp(6000))])
    (last,) = rows(house, Exportacion(NDJSON, FiltroLog(), parametros=("on", "off")))
    assert last["parametros"] == {"on": True, "off": 0.30000000000000004}


@pytest.mark.parametrize("size", [7, 50, 4000])
def test_few_of_many_devices_are_all_of_theirs_in_order(house, monkeypatch, size):
    """Whatever the slices are, and without reading what is between."""
    monkeypatch.setattr(exportacion, "SLICE", size)
    for wanted in ({2}, {1, 3}, {1, 2, 3}):
        found = rows(house, Exportacion(NDJSON, FiltroLog(), frozenset(wanted)))
        assert numbers(found) == [n for n in range(5200) if 1 + n % 3 in wanted]


def test_few_of_many_devices_do_not_read_the_rows_of_the_others(house):
    """SQLite's own word for it: by the index, not by the whole table."""
    que = Exportacion(NDJSON, FiltroLog(), frozenset({2}))
    sql, values = exportacion._sql(que, "l.id", [2]), exportacion._values(que, 1, 9)
    with house.db.reader() as conn:
        plan = " ".join(row[3] for row in raw(conn).execute(f"EXPLAIN QUERY PLAN {sql}", values))
    assert "INDEX ix_estado_log_dispositivo (dispositivo_id=? AND rowid>? AND rowid<?)" in plan


@pytest.mark.parametrize("group", [700, 32_000])
def test_parquet_says_the_same(house, monkeypatch, group):
    """In groups, whatever a slice is; times are instants."""
    monkeypatch.setattr(exportacion_parquet, "GROUP_ROWS", group)
    monkeypatch.setattr(exportacion, "SLICE", 300)
    house.log([(1, None, {"n": 5200}, "no es una hora")])
    pieces = list(archivo(house.db.reader, Exportacion(PARQUET, FiltroLog())))
    table = pyarrow.parquet.read_table(io.BytesIO(b"".join(pieces)))
    assert tuple(table.column_names) == COLUMNAS
    found = table.to_pylist()
    wanted = rows(house, Exportacion(NDJSON, FiltroLog()))
    assert [json.loads(r["parametros"]) for r in found] == [r["parametros"] for r in wanted]
    assert [r["estado"] for r in found] == [r["estado"] for r in wanted]
    assert found[0]["timestamp"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert found[-1]["timestamp"] is None
    assert max(map(len, pieces)) < len(b"".join(pieces)) or group > 5200


def test_parquet_where_nothing_writes_it(edge, monkeypatch):
    """Said, with what to do; nothing else changes."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = Http(edge.port).get("/exportar?formato=parquet")
    assert answer.status == 406
    assert "pyarrow" in answer.json["error"]


def test_an_export_is_in_the_audit(edge):
    http = Http(edge.port)
    assert http.get("/exportar").status == 200
    last = http.get("/auditoria?accion=historial_exportado").json["data"][0]
    assert (last["objeto"], last["quien"]) == ("historial", "red de confianza")
