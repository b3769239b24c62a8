"""Use-cases of devices over a real database file: claims, edits, batches of reports, lists, snapshots."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import dispositivos
from app.clock import iso_z
from app.db import bulk_insert
from app.domain.errors import (
    DatosInvalidos,
    DispositivoNotDetected,
    DispositivoNotFound,
    DispositivoYaReclamado,
    SerialDuplicado,
    VersionConflict,
)
from app.domain.events import CambioDeseada, device_updates
from app.domain.filtro import FiltroLista, FiltroStream
from app.domain.peticiones import Alta, Cambios, Reclamo
from app.models import dispositivo, row_of
from app.representacion import device_json
from tests.support.nucleo import House, a_device, fast_folder


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as house:
        yield house


def put(house, device, **fields):
    if_match = fields.pop("if_match", None)
    with house.db.unit_of_work() as uow:
        return dispositivos.actualizar(uow, device.id, Cambios(**fields), if_match=if_match)


def claim(house, serial, **fields):
    with house.db.unit_of_work() as uow:
        return dispositivos.reclamar(uow, Reclamo(serial, **fields))


def add(house, serial, **fields):
    with house.db.unit_of_work() as uow:
        return dispositivos.agregar(uow, Alta(serial, **fields))


# --- detection --------------------------------------------------------------------------------------------------------
def test_an_unknown_serial_becomes_the_row_of_the_contract(house):
    house.report({"serial_number": "NUEVO1", "parametros": {"temperatura": 21.5}})
    d = house.device("NUEVO1")
    assert (d.nombre, d.tipo, d.modelo, d.descripcion) == ("No definido", "generico", "desconocido", "")
    assert (d.reclamado, d.estado, d.parametros, d.configuracion) == (False, "desconocido", {"temperatura": 21.5}, {})
    assert d.version == 1
    assert d.creado_en == d.actualizado_en == d.visto_en == "2026-11-23T14:00:00.000000Z"
    (event,) = house.events
    assert (event.secuencia, event.dispositivo, event.reclamado_antes, event.deseada) == (1, d, None, CambioDeseada.NO)


def test_one_batch_each_message_a_log_row_and_an_event_each_device_one_row(house):
    house.report(
        {"serial_number": "A", "estado": "activo"},
        {"serial_number": "B", "parametros": {"t": 1}},
        {"serial_number": "A", "parametros": {"t": 2}},
        {"serial_number": "A", "estado": "inactivo"},
    )
    assert house.rows("SELECT d.serial_number, l.estado, l.parametros FROM estado_log l JOIN dispositivo d ON "
                      "d.id = l.dispositivo_id ORDER BY l.id") == [
        ("A", "activo", "{}"), ("B", "desconocido", '{"t":1}'), ("A", "activo", '{"t":2}'),
        ("A", "inactivo", '{"t":2}'),
    ]  # fmt: skip
    events = [
        (e.secuencia, e.dispositivo.serial_number, e.dispositivo.version, e.reclamado_antes) for e in house.events
    ]
    assert events == [(1, "A", 1, None), (2, "B", 1, None), (3, "A", 2, False), (4, "A", 3, False)]
    assert house.device("A") == house.events[-1].dispositivo


def test_a_batch_writes_each_device_and_each_log_row_once_and_asks_for_all_at_once(house):
    """500 messages of 50 devices: one unit, 50 rows of devices and 500 of the log, a bounded number of questions."""
    messages = [{"serial_number": f"S{i % 50:03}", "estado": "activo", "parametros": {"t": i}} for i in range(500)]
    house.report(*messages)
    with house.statements() as statements:
        house.report(*messages)
    written = Counter(s.split("(")[0].strip() for s in statements if s.startswith("INSERT"))
    assert written["INSERT INTO dispositivo"] == 50
    assert written["INSERT INTO estado_log"] == 500
    assert len(statements) - written.total() <= 8, statements
    assert statements.count("BEGIN IMMEDIATE") == statements.count("COMMIT") == 1


def test_new_devices_cost_two_statements_each_and_no_more(house):
    with house.statements() as statements:
        house.report(*({"serial_number": f"N{i:03}", "estado": "activo"} for i in range(100)))
    devices = [s for s in statements if s.startswith("INSERT INTO dispositivo")]
    assert len(devices) == 200, "one to get the id, one with what it said"
    assert len(statements) <= 200 + 100 + 8


def test_the_size_of_a_house_is_its_history_not_its_updates(house):
    """The same device reporting ten thousand times leaves ten thousand small log rows and nothing else."""
    for _ in range(20):
        house.report(*({"serial_number": "A", "parametros": {"t": i}} for i in range(500)))
    house.db.close()
    assert house.db.size() < 10_000 * 80 + 100_000


# --- claim, add, edit -------------------------------------------------------------------------------------------------
def test_claiming_overwrites_texts_and_merges_the_configuration(house):
    house.report({"serial_number": "A", "configuracion": {"modo": "manual", "encendido": True, "x": 1}})
    d = claim(house, "A", nombre="Lámpara", configuracion={"x": 2, "y": {"z": []}})
    assert (d.reclamado, d.nombre, d.tipo, d.version) == (True, "Lámpara", "generico", 2)
    assert d.configuracion == {"modo": "manual", "encendido": True, "x": 2, "y": {"z": []}}
    assert house.events[-1].reclamado_antes is False
    assert house.events[-1].deseada is CambioDeseada.PEDIDA
    assert house.device("A") == d


def test_a_claim_needs_a_detected_and_free_device(house):
    with pytest.raises(DispositivoNotDetected):
        claim(house, "A")
    house.report({"serial_number": "A"})
    claim(house, "A")
    with pytest.raises(DispositivoYaReclamado):
        claim(house, "A", nombre="otro")
    assert house.device("A").nombre == "No definido"
    assert len(house.events) == 2


def test_of_many_who_claim_at_once_one_wins(house):
    house.report({"serial_number": "A"})
    won, lost, gate = [], [], threading.Barrier(8)

    def race(who):
        gate.wait()
        try:
            won.append(claim(house, "A", nombre=who).nombre)
        except DispositivoYaReclamado:
            lost.append(who)

    threads = [threading.Thread(target=race, args=(f"p{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 7
    assert house.device("A").nombre == won[0]


def test_of_two_edits_of_one_version_one_wins(house):
    house.report({"serial_number": "A"})
    device = house.device("A")
    put(house, device, nombre="uno", if_match=1)
    with pytest.raises(VersionConflict) as caught:
        put(house, device, nombre="dos", if_match=1)
    assert caught.value.actual == 2
    assert house.device("A").nombre == "uno"
    put(house, device, nombre="dos", if_match=2)
    assert house.device("A").version == 3


def test_adding_by_hand(house):
    d = add(house, "A", nombre="Riego", estado="activo", parametros={"p": 1})
    assert (d.reclamado, d.estado, d.configuracion, d.visto_en) == (False, "activo", {"encendido": True}, None)
    assert house.rows("SELECT estado, parametros FROM estado_log") == [("activo", '{"p":1}')]
    assert (house.events[-1].reclamado_antes, house.events[-1].deseada) == (None, CambioDeseada.PEDIDA)
    with pytest.raises(SerialDuplicado):
        add(house, "A")
    house.clock.advance(1)
    house.report({"serial_number": "A", "estado": "inactivo"})
    assert house.device("A").version == 2


def test_the_readmes_put_switches_the_device(house):
    house.report({"serial_number": "A", "estado": "activo"})
    d = put(house, house.device("A"), configuracion={"modo": "manual", "encendido": False})
    assert (d.estado, d.configuracion) == ("inactivo", {"encendido": False, "modo": "manual"})
    assert house.rows("SELECT estado FROM estado_log ORDER BY id") == [("activo",), ("inactivo",)]


def test_an_edit_that_changes_no_state_adds_no_log_row_but_an_event(house):
    house.report({"serial_number": "A", "estado": "activo"})
    put(house, house.device("A"), nombre="Sala")
    put(house, house.device("A"))
    assert house.scalar("SELECT count(*) FROM estado_log") == 1
    assert [e.secuencia for e in house.events] == [1, 2, 3]
    assert house.events[-1].deseada is CambioDeseada.NO


@pytest.mark.parametrize("device_id", [0, -1, 1, 2**63 - 1, 2**63, 2**70])
def test_ids_that_nobody_has(house, device_id):
    with pytest.raises(DispositivoNotFound), house.db.reader() as conn:
        dispositivos.obtener(conn, device_id)


def test_edits_cannot_grow_a_configuration_without_bound(house):
    """Each edit is within the bounds of a body; all of them together must be too."""
    house.report({"serial_number": "A"})
    device = house.device("A")
    with pytest.raises(DatosInvalidos, match="256 claves"):
        for i in range(10):
            put(house, device, configuracion={f"k{i}_{j}": 0 for j in range(100)})
    with pytest.raises(DatosInvalidos, match="65536 bytes"):
        for i in range(100):
            put(house, device, configuracion={f"largo{i}": "x" * 4000})
    after = house.device("A")
    assert len(after.configuracion_json) <= 65536
    assert after.version == len(device_updates(house.events)), "a refused edit leaves no trace"
    put(house, device, encendido=True)
    with pytest.raises(DatosInvalidos):
        claim(house, "A", configuracion={f"m{j}": "x" * 200 for j in range(250)})
    assert not house.device("A").reclamado


def test_what_an_old_database_holds_can_still_be_switched(house):
    big = {f"k{i}": i for i in range(400)} | {"encendido": True}
    with house.db.unit_of_work() as uow:
        from app.domain.dispositivo import dump_object

        row = row_of(a_device(1, "A", estado="activo", configuracion_json=dump_object(big)))
        bulk_insert(uow, dispositivo, [row], upsert=True)
    off = put(house, a_device(1), encendido=False)
    assert (off.estado, off.configuracion["encendido"]) == ("inactivo", False)
    assert put(house, a_device(1), encendido=True).estado == "activo"
    with pytest.raises(DatosInvalidos):
        put(house, a_device(1), configuracion={"una más": 1})


# --- lists and snapshots ----------------------------------------------------------------------------------------------
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
some_devices = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["sensor", "Sensor", "ACTUADOR", "ñandú"]),
              st.sampled_from(["activo", "inactivo", "desconocido"]), texts, texts),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(some_devices, st.none() | st.booleans(), st.none() | st.sampled_from(["sensor", "actuador"]),
       st.none() | st.just("activo"), st.none() | texts)  # fmt: skip
def test_the_filters_of_the_list_are_what_they_say(rows, reclamado, tipo, estado, q):
    """Laid over the whole list, by id; q looks everywhere, whatever the case, and % or _ are only characters."""
    devices = [
        a_device(i, reclamado=r, tipo=t, estado=e, nombre=n, descripcion=x) for i, (r, t, e, n, x) in enumerate(rows, 1)
    ]
    with fast_folder() as folder:
        from pathlib import Path

        with House(Path(folder)) as house:
            with house.db.unit_of_work() as uow:
                bulk_insert(uow, dispositivo, [row_of(d) for d in devices], upsert=True)
            with house.db.reader() as conn:
                found = dispositivos.listar(conn, FiltroLista(reclamado, tipo, estado, q))
                free = dispositivos.no_reclamados(conn)
                whole = dispositivos.listar(conn, FiltroLista())
    assert whole == devices
    assert free == [d for d in reversed(devices) if not d.reclamado]
    assert found == [
        d for d in devices
        if (reclamado is None or d.reclamado is reclamado)
        and (tipo is None or d.tipo.lower() == tipo)
        and (estado is None or d.estado == estado)
        and (q is None or any(
            q.casefold() in t.casefold() for t in (d.serial_number, d.nombre, d.modelo, d.descripcion)
        ))
    ]  # fmt: skip


def test_a_snapshot_says_at_which_event_it_is_true(house):
    house.report({"serial_number": "A"}, {"serial_number": "B"})
    claim(house, "B")
    with house.db.reader() as conn:
        upto, devices = dispositivos.snapshot(conn, FiltroStream(reclamado=True))
        house.report({"serial_number": "C"})
        assert dispositivos.snapshot(conn, FiltroStream())[0] == upto == 3, "the reader's transaction is one snapshot"
    assert [d.serial_number for d in devices] == ["B"]
    with house.db.reader() as conn:
        assert [d.serial_number for d in dispositivos.snapshot(conn, FiltroStream(serial="A"))[1]] == ["A"]
        assert dispositivos.snapshot(conn, dispositivos.NADIE) == (4, [])


# --- desired configuration --------------------------------------------------------------------------------------------
def test_confirmed_versions_are_remembered_and_never_go_back(house):
    for serial in "ABC":
        house.report({"serial_number": serial})
    a, b = house.device("A"), house.device("B")
    put(house, a, encendido=True)
    put(house, a, encendido=False)
    put(house, b, encendido=True)

    def pending(*, todas=False):
        with house.db.reader() as conn:
            found = dispositivos.deseadas_pendientes(conn, todas=todas)
        return [(d.serial_number, d.deseada_version) for d in found]

    assert pending() == [("A", 2), ("B", 1)]
    for confirmed, left in [
        ([(a.id, 1), (b.id, 1)], [("A", 2)]),
        ([(a.id, 2)], []),
        ([(a.id, 1)], []),
        ([], []),
        ([(99, 5)], []),
    ]:
        before = house.device("A").version
        with house.db.unit_of_work() as uow:
            dispositivos.confirmar_deseadas(uow, confirmed)
        assert pending() == left
        assert house.device("A").version == before, "no new version, no event"
    assert pending(todas=True) == [("A", 2), ("B", 1)]


def test_a_broker_that_forgot_everything_is_told_again_after_a_crash_too(house):
    """The news that the session is lost is stored at once: who starts next finds every wish unconfirmed."""
    house.report({"serial_number": "A", "estado": "activo"})
    with house.db.unit_of_work() as uow:
        dispositivos.confirmar_deseadas(uow, [(1, 1)])
    with house.db.reader() as conn:
        assert dispositivos.deseadas_pendientes(conn, todas=False) == []
    with house.db.unit_of_work() as uow:
        dispositivos.olvidar_confirmadas(uow)
    with house.db.reader() as conn:
        assert [d.serial_number for d in dispositivos.deseadas_pendientes(conn, todas=False)] == ["A"]


def test_each_thing_has_its_own_time(house):
    """``tiempos``: when the state, the readings and each key of the configuration changed last (issue 3, point 1)."""
    stamps = []

    def then(act):
        house.clock.advance(60)
        act()
        stamps.append(iso_z(house.clock.now()))
        d = house.device("TMP0603IF1WD")
        return json.loads(device_json(d))["tiempos"]

    def say(**body):
        return lambda: house.report({"serial_number": "TMP0603IF1WD", **body})

    def edit(**cambios):
        return lambda: put(house, house.device("TMP0603IF1WD"), **cambios)

    first = then(say(estado="inactivo", parametros={"t": 1}))
    assert first == {"estado": stamps[0], "parametros": stamps[0], "configuracion": {"encendido": stamps[0]}}
    assert then(say(parametros={"t": 1})) == first | {"parametros": stamps[1]}
    two = then(edit(configuracion={"brillo": 3, "modo": "manual"}))
    assert two["configuracion"] == {"encendido": stamps[0], "brillo": stamps[2], "modo": stamps[2]}
    three = then(edit(configuracion={"brillo": 3, "modo": "manual", "color": "rojo"}))
    assert three["configuracion"] == {**two["configuracion"], "color": stamps[3]}
    four = then(edit(encendido=True))
    assert four["estado"] == four["configuracion"]["encendido"] == stamps[4]
    assert four["parametros"] == stamps[1]
    assert then(edit(nombre="otro")) == four
    assert then(say(estado="activo")) == four
