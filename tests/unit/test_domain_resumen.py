"""Summaries of series against a slow reading of the same points, one microsecond stretch after another."""

from __future__ import annotations

import math
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.niveles import CINCO, DIA, HORA, Calendario, instante_us, sello_de, valores
from app.domain.partes import desempaquetar, empaquetar
from app.domain.resumen import SOSTEN_US, Punto, cubo, de_punto, plegar, unir, unir_todos
from tests.support.resumen_oraculo import oraculo

HOUR = 3600 * 1_000_000
INSTANTS = st.one_of(st.integers(0, 40), st.integers(0, 5 * HOUR), st.integers(0, 3 * SOSTEN_US))
POINTS = st.lists(st.builds(Punto, INSTANTS, st.sampled_from([0.0, 1.0, -3.5, 20.25])), min_size=1, max_size=12).map(
    lambda points: sorted(points, key=lambda p: p.en)
)


@given(POINTS, st.data())
def test_joining_does_not_depend_on_where_it_is_cut(points, data):
    """Associative: cut anywhere, joined from either side, the summary is that of all points."""
    i = data.draw(st.integers(0, len(points)))
    j = data.draw(st.integers(i, len(points)))
    parts = [plegar(part) for part in (points[:i], points[i:j], points[j:]) if part]
    left = parts[0]
    for part in parts[1:]:
        left = unir(left, part)
    right = parts[-1]
    for part in reversed(parts[:-1]):
        right = unir(part, right)
    assert left == right == plegar(points) == unir_todos(de_punto(p) for p in points)


@given(POINTS, INSTANTS, INSTANTS)
def test_a_bucket_is_what_a_slow_reading_of_the_signal_says(points, one, other):
    inicio, fin = min(one, other), max(one, other) + 1
    inside = [p for p in points if inicio <= p.en < fin]
    before = next((p for p in reversed(points) if p.en < inicio), None)
    found = cubo(before, [plegar([p]) for p in inside], inicio, fin)
    wanted = oraculo(points, inicio, fin)
    assert (found.n, found.cambios, found.cubierto) == (wanted.n, wanted.cambios, wanted.cubierto)
    assert (found.minimo, found.maximo) == (wanted.minimo, wanted.maximo)
    assert math.isclose(found.integral, wanted.integral, rel_tol=1e-12, abs_tol=1e-6)
    if found.media is not None:
        assert found.minimo <= found.media + 1e-9
        assert found.media <= found.maximo + 1e-9
        assert not found.cubierto or math.isclose(found.media, Fraction(wanted.integral) / wanted.cubierto)


def test_a_dead_thing_is_not_drawn_for_ever():
    found = cubo(Punto(0, 1.0), [], 0, 10 * SOSTEN_US)
    assert (found.cubierto, found.integral, found.media, found.n) == (SOSTEN_US, SOSTEN_US, 1.0, 0)
    assert cubo(Punto(0, 1.0), [], SOSTEN_US, SOSTEN_US + 5).media is None


ZONES = ["Europe/Madrid", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC",
         "Africa/Cairo", "Pacific/Apia", "America/St_Johns", "Asia/Beirut"]  # fmt: skip


@given(st.sampled_from(ZONES), st.integers(86_400 * 365 * 2, 86_400 * 365 * 80))
def test_days_follow_each_other_without_gap_and_are_local(zona, second):
    """Also where midnight does not exist or comes twice, and where a whole day is left out."""
    days = Calendario(ZoneInfo(zona))
    begin, end = days.dia(second)
    assert begin <= second < end
    assert begin % CINCO == end % CINCO == 0
    assert Calendario(ZoneInfo(zona)).dia(begin) == (begin, end)
    assert Calendario(ZoneInfo(zona)).dia(end)[0] == end
    assert Calendario(ZoneInfo(zona)).dia(begin - 1)[1] == begin
    assert 22 * HORA <= end - begin <= 2 * DIA
    below, first, last = days.partes(begin)
    assert (first, last) == (begin, end)
    assert below in (CINCO, HORA)
    assert first % below == last % below == 0


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ("1970-01-01 00:00:01.000002", 1_000_002),
        ("1970-01-01 00:00:01", 1_000_000),
        ("1970-01-01T00:00:01", None),
        ("1970-01-01 00:00:01+02:00", None),
        ("2026-13-01 00:00:00", None),
        ("", None),
        (None, None),
        ("9999-12-31 23:59:59.999999", 253402300799999999),
    ],
)
def test_timestamps_of_the_log(stamp, wanted):
    assert instante_us(stamp) == wanted


@given(st.integers(0, 4_000_000_000))
def test_a_second_is_written_as_it_is_read(second):
    assert instante_us(sello_de(second)) == second * 1_000_000


def test_what_a_row_says_of_which_series():
    told = {"t": 20.5, "on": True, "n": 3, "texto": "x", "nada": None, "lista": [1], "estado": 7, "inf": 1e300}
    found = list(valores("activo", told))
    assert found == [("estado", 1.0, True), ("t", 20.5, False), ("on", 1.0, True), ("n", 3.0, False)]
    assert list(valores("desconocido", {})) == list(valores(None, {})) == []


@given(POINTS, st.sampled_from([0, 3600 * 400_000]))
def test_the_parts_of_an_hour_are_read_as_they_were_written(points, hour):
    parts = {}
    for p in points:
        if p.en < HOUR:
            moved = Punto(p.en + hour * 1_000_000, p.valor)
            parts.setdefault(hour + p.en // 1_000_000 // CINCO * CINCO, []).append(moved)
    told = {begin: plegar(some) for begin, some in parts.items()}
    assert desempaquetar(hour, empaquetar(hour, told)) == told
    assert list(desempaquetar(hour, empaquetar(hour, told))) == sorted(told)
