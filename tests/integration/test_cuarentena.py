"""Unclaimed devices: who is let in, who is ignored, who goes by itself; and that claimed ones never are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import dispositivos, ignorados, limpieza, propiedad
from app.domain.errors import DemasiadosNombrados, NombreRepetido, RecursoNotFound
from app.domain.ignorado import Ignorados
from app.domain.peticiones import Alta, Reclamo
from app.limpieza import Limpieza, Plazos
from tests.support.linea import line, message
from tests.support.nucleo import FakeClock, House, fast_folder
from tests.support.procesos import wait_until

DAY = 86_400.0
SERIALS = st.text("AB", min_size=1, max_size=5)


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        yield found


def ignore(house, patron, prefijo=False):
    with house.db.unit_of_work(orphans=True) as uow:
        return ignorados.ignorar(uow, patron, prefijo=prefijo)


def serials(house):
    return [s for (s,) in house.rows("SELECT serial_number FROM dispositivo ORDER BY id")]


# --- ignoring ---------------------------------------------------------------------------------------------------------
@given(st.sets(SERIALS, max_size=4), st.sets(SERIALS, max_size=4), SERIALS)
def test_what_is_ignored(whole, beginnings, serial):
    found = Ignorados(frozenset(whole), tuple(beginnings))
    assert (serial in found) == (serial in whole or any(serial[: len(b)] == b for b in beginnings))


def test_ignored_devices_are_never_rows_are_counted_and_acknowledged(tmp_path):
    with line(tmp_path) as it:
        ignore(it.house, "VEC", prefijo=True)
        ignore(it.house, "UNO")
        for n in range(30):
            it.offer(message(n, f"VEC{n}"))
            it.offer(message(n, "UNO"))
            it.offer(message(n, "UNO2"))
        wait_until(lambda: len(it.acked) == 90)
        assert serials(it.house) == ["UNO2"]
        assert (it.stats("ignorados"), it.stats("guardados"), it.stats("rechazados")) == (60, 30, 0)
        assert it.house.scalar("SELECT count(*) FROM mensaje_rechazado") == 0
        with it.house.db.unit_of_work() as uow:
            ignorados.atender(uow, 2)
        it.offer(message(1, "UNO"))
        wait_until(lambda: len(it.acked) == 91)
        assert serials(it.house) == ["UNO2", "UNO"]


def test_what_is_known_costs_no_statement_more(house):
    """However long the list is: it is read only when a serial has no row."""
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("INSERT INTO ignorado (patron, prefijo, creado_en) VALUES ('VEC', 1, 'x')")
    with line(house.folder, FakeClock(), start=False) as it:
        it.ingest.take_in([])
        house.report({"serial_number": "A"})
        with it.house.statements() as seen:
            it.offer(message(1, "A"))
            it.ingest.start()
            wait_until(lambda: len(it.acked) == 1)
        assert not [sql for sql in seen if "ignorado" in sql]


def test_those_that_are_there_go_but_nobody_who_is_claimed(house):
    house.report(*({"serial_number": f"VEC{n:03}"} for n in range(120)), {"serial_number": "OTRO"})
    with house.db.unit_of_work() as uow:
        propiedad.reclamar(uow, Reclamo("VEC007"))
    made, gone = ignore(house, "VEC", prefijo=True)
    assert (made.patron, made.prefijo, gone) == ("VEC", True, 119)
    assert len(serials(house)) == 121 - ignorados.SLICE, "the first of them at once"
    work = Limpieza(house.db, house.clock, Plazos(0, 1000))
    while work.tick() < limpieza.LOOK_S:
        pass
    assert serials(house) == ["VEC007", "OTRO"]
    assert work.stats()["ignorados"] == 119 - ignorados.SLICE
    house.report({"serial_number": "VEC007", "parametros": {"n": 2}})
    assert house.device("VEC007").parametros_json == '{"n":2}'


@settings(max_examples=50, deadline=None)
@given(st.sets(SERIALS, min_size=1), st.sets(SERIALS), st.lists(st.tuples(SERIALS, st.booleans()), max_size=3))
def test_whatever_is_ignored_claimed_devices_stay(found, claimed, patterns):
    with fast_folder() as folder, House(Path(folder)) as house:
        house.report(*({"serial_number": s} for s in sorted(found)))
        with house.db.unit_of_work() as uow:
            for serial in claimed & found:
                propiedad.reclamar(uow, Reclamo(serial))
        for patron, prefijo in dict.fromkeys(patterns):
            ignore(house, patron, prefijo)
        with house.db.reader() as conn:
            silenced = ignorados.leer(conn)
        assert set(serials(house)) == {s for s in found if s in claimed or s not in silenced}


def test_the_list_is_bounded_and_names_nothing_twice(house, monkeypatch):
    monkeypatch.setattr(ignorados, "MAX_IGNORADOS", 2)
    ignore(house, "AAA")
    ignore(house, "AAA", prefijo=True)
    with pytest.raises(NombreRepetido):
        ignore(house, "AAA")
    with pytest.raises(DemasiadosNombrados):
        ignore(house, "BBB")
    with house.db.unit_of_work() as uow, pytest.raises(RecursoNotFound):
        ignorados.atender(uow, 9)


# --- newcomers --------------------------------------------------------------------------------------------------------
def test_newcomers_are_let_in_by_the_minute_known_ones_are_not_touched(tmp_path):
    clock = FakeClock()
    with line(tmp_path, clock, new_per_min=10.0) as it:
        for n in range(25):
            it.offer(message(n, f"N{n:02}"))
        wait_until(lambda: len(it.acked) == 25)
        assert serials(it.house) == [f"N{n:02}" for n in range(10)]
        assert it.house.rows("SELECT DISTINCT motivo FROM mensaje_rechazado") == [("demasiados_nuevos",)]
        assert (it.stats("rechazados"), it.stats("guardados")) == (15, 10)
        for n in range(40):
            it.offer(message(n, f"N{n % 10:02}"))
        wait_until(lambda: len(it.acked) == 65)
        assert it.stats("guardados") == 50
        clock.advance(30)
        for n in range(25):
            it.offer(message(n, f"N{n:02}"))
        wait_until(lambda: len(it.acked) == 90)
        assert len(serials(it.house)) == 15, "half a minute later half as many more"


# --- silence ----------------------------------------------------------------------------------------------------------
def silent(house, dias=30.0):
    work = Limpieza(house.db, house.clock, Plazos(dias, 1000))
    house.bus.subscribe(work.on_events)
    return work


def settled(house, work):
    """The cleaning after it has listened for an hour, once."""
    work.tick()
    house.clock.advance(limpieza.SETTLE_S)
    return work.tick()


def test_the_silent_go_by_their_last_word(house):
    house.report({"serial_number": "CALLADO"}, {"serial_number": "HABLA"}, {"serial_number": "MIO"})
    with house.db.unit_of_work() as uow:
        propiedad.reclamar(uow, Reclamo("MIO"))
        dispositivos.agregar(uow, Alta("A-MANO"))
    house.clock.advance(29 * DAY)
    house.report({"serial_number": "HABLA"})
    house.clock.advance(2 * DAY)
    work = silent(house)
    settled(house, work)
    assert serials(house) == ["HABLA", "MIO", "A-MANO"]
    assert work.stats()["caducados"] == 1
    assert house.scalar("SELECT detalle FROM auditoria WHERE accion = 'dispositivos_caducados'").endswith(
        '["CALLADO"]}'
    )


def test_zero_is_for_ever(house):
    house.report({"serial_number": "A"})
    house.clock.advance(5000 * DAY)
    settled(house, silent(house, 0))
    assert serials(house) == ["A"]


def test_a_clock_that_was_set_makes_nobody_silent(house):
    """Forward by a year: nobody goes until everybody had an hour to speak; one who did stays."""
    house.report({"serial_number": "A"}, {"serial_number": "B"})
    work = silent(house)
    settled(house, work)
    house.clock.jump(365 * DAY)
    work.tick()
    assert serials(house) == ["A", "B"]
    house.report({"serial_number": "A"})
    house.clock.advance(limpieza.SETTLE_S - 1)
    work.tick()
    assert serials(house) == ["A", "B"]
    house.clock.advance(1)
    work.tick()
    assert serials(house) == ["A"]


def test_a_clock_before_its_time_makes_nobody_silent(house):
    house.report({"serial_number": "A"})
    house.clock.jump(-20_000 * DAY)
    work = silent(house, 1)
    settled(house, work)
    assert serials(house) == ["A"]


def test_many_go_in_slices(house):
    house.report(*({"serial_number": f"S{n}"} for n in range(120)))
    house.clock.advance(31 * DAY)
    work = silent(house)
    assert settled(house, work) == limpieza.BREATH_S
    assert len(serials(house)) == 120 - limpieza.DEVICE_SLICE
    while work.tick() < limpieza.LOOK_S:
        pass
    assert (serials(house), house.scalar("SELECT count(*) FROM estado_log")) == ([], 0)
