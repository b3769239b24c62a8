"""Only changes are recorded: what a reader of the rows that are left can still say of everything that was reported."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.criba import Criba, Fila

BEGIN = datetime(2026, 11, 26, tzinfo=UTC)
GAP = timedelta(seconds=900)
BANDS = {"temperatura": 0.5, "*": 0.0}


def report(value, seconds, *, estado="activo", causa=None, name="temperatura"):
    now = BEGIN + timedelta(seconds=seconds)
    return Fila(1, estado, json.dumps({name: value}), now.isoformat(" "), causa), now


def rows(reports, criba=None):
    """The (value, seconds) of the rows that these reports make, each stored."""
    criba = criba or Criba(BANDS, GAP)
    found, estado = [], "activo"
    for fila, now in reports:
        found += criba.elegir(fila, now, estado_de_ahora=estado)
        criba.confirmar()
        estado = fila.estado
    return [
        (next(iter(json.loads(f.parametros_json).values())), (datetime.fromisoformat(f.sello) - BEGIN).seconds)
        for f in found
    ]


def test_within_the_band_nothing_and_the_corner_before_what_leaves_it():
    assert rows([report(20.0, 0), report(20.3, 10), report(20.4, 20), report(21.0, 30)]) == [
        (20.0, 0), (20.4, 20), (21.0, 30),
    ]  # fmt: skip


def test_the_band_is_around_the_last_row_so_a_slow_drift_is_seen():
    drift = [report(20 + n / 10, n) for n in range(21)]
    assert [value for value, _ in rows(drift)] == [20.0, 20.5, 20.6, 21.1, 21.2, 21.7, 21.8]


def test_a_quiet_device_is_a_row_again_after_the_gap():
    assert rows([report(20.0, s) for s in range(0, 2001, 100)]) == [(20.0, 0), (20.0, 900), (20.0, 1800)]


def test_state_cause_and_what_others_changed_are_rows():
    """An answer to an order, a switch by hand, and a report that contradicts what was asked meanwhile."""
    criba = Criba(BANDS, GAP)
    first, now = report(20.0, 0)
    assert criba.elegir(first, now, estado_de_ahora="activo")
    criba.confirmar()
    for fila, at, before in (
        (*report(20.0, 10, causa='{"tipo":"dispositivo","orden":7}'), "activo"),
        (*report(20.0, 20, estado="inactivo"), "activo"),
        (*report(20.0, 30, estado="inactivo"), "activo"),  # somebody asked for "activo" since
    ):
        assert criba.elegir(fila, at, estado_de_ahora=before)[-1] == fila
        criba.confirmar()


def test_texts_yes_and_no_and_new_parameters_have_no_band():
    criba = Criba({"*": 100.0}, GAP)
    for n, value in enumerate((True, False, "a", "b", 1, {"x": 1}, {"x": 2}, None)):
        fila, now = report(value, n)
        assert criba.elegir(fila, now, estado_de_ahora="activo"), value
        criba.confirmar()
    fila, now = report(None, 99, name="otro")
    assert criba.elegir(fila, now, estado_de_ahora="activo")


def test_a_parameter_without_a_band_makes_each_report_a_row():
    assert len(rows([report(1, n) for n in range(5)], Criba({"humedad": 1.0}, GAP))) == 5


def test_what_is_not_stored_is_chosen_again():
    """A commit that failed leaves no trace: the same report is a row at the next try."""
    criba = Criba(BANDS, GAP)
    fila, now = report(20.0, 0)
    assert criba.elegir(fila, now, estado_de_ahora="activo") == [fila]
    criba.olvidar()
    assert criba.elegir(fila, now, estado_de_ahora="activo") == [fila]
    criba.confirmar()
    assert criba.elegir(fila, now, estado_de_ahora="activo") == []
    assert criba.omitidas == 0
    criba.confirmar()
    assert criba.omitidas == 1


@given(
    st.lists(
        st.tuples(st.floats(-50, 50), st.integers(1, 400), st.sampled_from(["activo", "inactivo"])),
        min_size=1,
        max_size=60,
    )
)
def test_every_report_is_within_the_band_of_the_row_before_it(said):
    """Whatever was reported, the newest row not after it has the same state and a value no further away than the band;
    rows are in the order of time, and no gap between two is longer than allowed and one report's silence."""
    seconds, reports = 0, []
    for value, step, estado in said:
        seconds += step
        reports.append(report(value, seconds, estado=estado))
    criba, kept, estado = Criba(BANDS, GAP), [], said[0][2]
    for fila, now in reports:
        kept += criba.elegir(fila, now, estado_de_ahora=estado)
        criba.confirmar()
        estado = fila.estado
    assert [f.sello for f in kept] == sorted(f.sello for f in kept)
    for fila, _ in reports:
        told = [f for f in kept if f.sello <= fila.sello][-1]
        assert told.estado == fila.estado
        assert (
            abs(json.loads(told.parametros_json)["temperatura"] - json.loads(fila.parametros_json)["temperatura"])
            <= 0.5
        )
    stamps = [datetime.fromisoformat(f.sello) for f in kept]
    for before, after in itertools.pairwise(stamps):
        assert after - before < GAP + timedelta(seconds=400)
