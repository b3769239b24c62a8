"""Series to draw against a slow reading of every row; the past of a house against the same."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app import bloques, dispositivos, series
from app.domain.cubos import cortar
from app.domain.filtro import FiltroLista
from app.domain.niveles import instante_us, sello_de, valores
from app.domain.resumen import US, Punto, es_contador
from app.instante import en_instante, lista
from app.series import Peticion, leer_series
from tests.support.historial import HouseWithHistory
from tests.support.nucleo import fast_folder
from tests.support.resumen_oraculo import oraculo

NIGHT = 1792890000  # the clocks of Madrid go back, 2026-10-25 01:00 UTC
SPREAD = st.one_of(st.integers(-3600, 3600), st.integers(-40 * 86_400, 40 * 86_400))
ROWS = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.sampled_from(["activo", "inactivo", None]),
        st.dictionaries(st.sampled_from(["t", "on", "agua_total"]), st.sampled_from([1, 2.5, -4, 7, True, False])),
        SPREAD.map(lambda s: sello_de(NIGHT + s)),
    ),
    max_size=30,
)


# A row that comes late, into five minutes before the last that are told of, of the hour before what is asked for.
LATE = (
    [(1, "activo", {}, sello_de(NIGHT)), (1, "activo", {"agua_total": 2.5}, sello_de(NIGHT + 300))],
    [(1, "activo", {"agua_total": 1}, sello_de(NIGHT))],
)


def points_of(house, device, name):
    rows = house.rows(
        f"SELECT estado, parametros, timestamp FROM estado_log WHERE dispositivo_id = {device} ORDER BY id"
    )
    found = [
        Punto(instante_us(t), value)
        for estado, parametros, t in rows
        for n, value, _ in valores(estado, json.loads(parametros))
        if n == name
    ]
    return sorted(found, key=lambda p: p.en)


def of(second):
    return datetime.fromtimestamp(second, UTC)


def ask(house, que, device=1):
    with house.db.reader() as conn:
        return leer_series(conn, [(device, [])], que)


def risen(points, start, end):
    """How much a counter went up in a stretch: each reading against the one before it, wherever that was."""
    pairs = [(a.valor, b.valor) for a, b in itertools.pairwise(points) if start <= b.en < end]
    return sum(now - before if now >= before else max(now, 0) for before, now in pairs)


def check(house, que, answer):
    cut = cortar(int(que.desde.timestamp()), int(que.hasta.timestamp()), que.puntos, que.zona)
    assert answer["paso"] == cut.paso
    for serie in answer["series"]:
        points = points_of(house, serie["dispositivo_id"], serie["parametro"])
        if serie["crudo"]:
            first, end = (int(d.timestamp()) * US for d in (que.desde, que.hasta))
            wanted = [p.valor for p in points if first <= p.en < end]
            assert [float(d["valor"]) for d in serie["datos"]] == wanted
            continue
        starts = {datetime.fromisoformat(d["inicio"]).timestamp(): d for d in serie["datos"]}
        for start, end in zip(cut.limites, cut.limites[1:], strict=False):
            now = int(que.ahora.timestamp()) * US
            if start * US >= now:
                continue
            wanted = oraculo(points, start * US, min(end * US, now))
            found = starts.pop(start, None)
            if found is None:
                assert (wanted.n, wanted.cubierto) == (0, 0)
            elif serie["tipo"] == "numero":
                assert (found["n"], found["min"], found["max"]) == (wanted.n, wanted.minimo, wanted.maximo)
                if es_contador(serie["parametro"]):
                    assert math.isclose(found["subida"], risen(points, start * US, end * US), abs_tol=1e-9)
                if wanted.cubierto:
                    assert math.isclose(found["media"], wanted.integral / wanted.cubierto, abs_tol=1e-9)
            else:
                assert (found["n"], found["cambios"]) == (wanted.n, wanted.cambios)
                assert (found["activo_s"], found["conocido_s"]) == (wanted.integral / US, wanted.cubierto / US)
        assert starts == {}


@settings(max_examples=40, deadline=None)
@example(*LATE, 3600, 1800, 1, "Europe/Madrid", False)
@given(
    ROWS, ROWS, SPREAD, st.sampled_from([1800, 86_400, 20 * 86_400, 60 * 86_400]), st.integers(1, 40),
    st.sampled_from(["Europe/Madrid", "Asia/Kathmandu"]), st.booleans(),
)  # fmt: skip
def test_series_are_what_the_rows_say(early, tail, offset, span, puntos, zona, ready):
    """Whatever the summaries tell of yet, and whether days are ready or are put together from hours."""
    with pytest.MonkeyPatch.context() as patch, fast_folder() as folder:
        patch.setattr(bloques, "BLOQUE", 4)
        patch.setattr(series, "_CHEAP", 0 if puntos % 2 else 8)
        with HouseWithHistory(Path(folder), zona=zona if ready else "UTC") as house:
            house.log(early)
            house.settle()
            house.log(tail)
            desde = of(NIGHT + offset)
            que = Peticion(desde, desde + timedelta(seconds=span), puntos, ZoneInfo(zona), of(NIGHT + 50 * 86_400))
            for device in (1, 2):
                check(house, que, ask(house, que, device))


def test_a_month_and_two_years(tmp_path):
    with HouseWithHistory(tmp_path) as house:
        begin = NIGHT - 730 * 86_400
        house.log((1, "activo", {"t": i % 50}, sello_de(begin + i * 3600)) for i in range(730 * 24))
        house.settle()
        for days, paso in ((30, "PT3H"), (730, "P3D")):
            que = Peticion(of(NIGHT - days * 86_400), of(NIGHT), 300, ZoneInfo("Europe/Madrid"), of(NIGHT))
            answer = ask(house, que)
            assert (answer["paso"], answer["completo"]) == (paso, True)
            assert all(100 < len(s["datos"]) <= 300 and not s["crudo"] for s in answer["series"])
            check(house, que, answer)


def test_too_much_that_is_not_summarised_yet_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(series, "MAX_TAIL", 10)
    with HouseWithHistory(tmp_path) as house:
        house.log((1, "activo", {"t": 1}, sello_de(NIGHT + i)) for i in range(11))
        que = Peticion(of(NIGHT), of(NIGHT + 60), 300, ZoneInfo("UTC"), of(NIGHT + 60))
        assert ask(house, que)["completo"] is False
        house.settle()
        answer = ask(house, que)
        assert answer["completo"] is True
        assert len(answer["series"][0]["datos"]) == 11


@settings(max_examples=40)
@given(ROWS, ROWS, st.lists(SPREAD, min_size=1, max_size=5), st.booleans())
def test_the_past_is_what_the_last_row_before_said(early, tail, offsets, ordered):
    early = sorted(early, key=lambda r: r[3]) if ordered else early
    with pytest.MonkeyPatch.context() as patch, fast_folder() as folder:
        patch.setattr(bloques, "BLOQUE", 4)
        with HouseWithHistory(Path(folder)) as house:
            house.log(early)
            house.settle()
            house.log(tail)
            for offset in offsets:
                stamp = sello_de(NIGHT + offset)
                with house.db.reader() as conn:
                    found = en_instante(conn, dispositivos.listar(conn, FiltroLista()), of(NIGHT + offset))
                    on = lista(conn, FiltroLista(estado="activo"), of(NIGHT + offset))
                for each in found:
                    told = house.rows(
                        "SELECT estado, parametros FROM estado_log WHERE timestamp <= "
                        f"'{stamp}' AND dispositivo_id = {each['id']} ORDER BY timestamp DESC, id DESC LIMIT 1"
                    )
                    estado, parametros = told[0] if told else (None, "{}")
                    assert (each["estado"], each["parametros"]) == (estado or "desconocido", json.loads(parametros))
                    assert (each["timestamp"] is None) == (not told)
                assert on == [each for each in found if each["estado"] == "activo"]
