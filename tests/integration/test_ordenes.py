"""Orders over a real database: made by any change of desired state, proven by the device only, ended once, in time."""

from __future__ import annotations

import json

import pytest

from app import dispositivos, ordenes
from app.domain.events import Suceso
from app.domain.filtro import FiltroLista
from app.domain.orden import deriva_of
from app.domain.peticiones import Cambios
from app.domain.reporte import parse
from app.reportes import apply_reportes
from app.vencimientos import Vencimientos
from tests.support.nucleo import House

LAMP = "LGT0ABCD1234"


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as house:
        yield house


def put(house, **cambios):
    with house.db.unit_of_work() as uow:
        return dispositivos.actualizar(uow, house.device(LAMP).id, Cambios(**cambios), if_match=None)


def sent(house):
    d = house.device(LAMP)
    with house.db.unit_of_work() as uow:
        dispositivos.confirmar_deseadas(uow, [(d.id, d.deseada_version)])


def own(house, body):
    """A report on the device's own topic."""
    from datetime import timedelta

    reporte = parse(f"dispositivos/{LAMP}/estado", json.dumps(body).encode())
    with house.db.unit_of_work() as uow:
        known = dispositivos.by_serials(uow.conn, [LAMP])
        apply_reportes(uow, [reporte], known, grace=timedelta(seconds=10))


def orders(house):
    with house.db.reader() as conn:
        return ordenes.pagina(conn, house.device(LAMP).id, estado=None, page=1, per_page=50).data


def last(house):
    return orders(house)[0]


def test_a_switch_is_pending_then_sent_then_applied_by_the_device_only(house):
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    assert (last(house).estado, last(house).enviada_en) == ("pendiente", None)
    sent(house)
    assert last(house).estado == "enviada"
    assert house.device(LAMP).estado == "activo"
    assert deriva_of(house.device(LAMP))["encendido"]["reportado"] is False
    house.report({"serial_number": LAMP, "estado": "inactivo"})  # it had not heard yet
    assert last(house).estado == "enviada"
    house.report({"serial_number": LAMP, "estado": "activo"})
    assert last(house).estado == "aplicada"
    assert deriva_of(house.device(LAMP)) == {}
    told = [json.loads(e.datos_json)["estado"] for e in house.events if isinstance(e, Suceso) and e.tipo == "orden"]
    assert told == ["pendiente", "enviada", "aplicada"]


def test_a_modern_device_proves_by_the_version_that_it_echoes(house):
    own(house, {"estado": "activo"})
    put(house, configuracion={"brillo": 40})
    sent(house)
    own(house, {"estado": "activo", "version": house.device(LAMP).deseada_version - 1})
    assert last(house).estado == "enviada"
    own(house, {"estado": "activo", "version": house.device(LAMP).deseada_version})
    assert last(house).estado == "aplicada"


def test_an_echo_with_the_old_state_is_a_refusal(house):
    own(house, {"estado": "inactivo"})
    put(house, encendido=True)
    sent(house)
    own(house, {"estado": "inactivo", "version": house.device(LAMP).deseada_version})
    assert (last(house).estado, last(house).motivo) == ("rechazada", "el dispositivo sigue inactivo")
    device = house.device(LAMP)
    assert (device.estado, device.configuracion["encendido"]) == ("inactivo", False)
    assert deriva_of(device)["encendido"]["estado_orden"] == "rechazada"


def test_a_refusal_says_why(house):
    own(house, {"estado": "inactivo"})
    put(house, encendido=True)
    version = house.device(LAMP).deseada_version
    own(house, {"estado": "inactivo", "rechazo": {"version": version, "motivo": "tapa abierta"}})
    assert (last(house).estado, last(house).motivo) == ("rechazada", "tapa abierta")


def test_a_disagreement_after_the_grace_is_a_refusal_and_people_are_told(house):
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    sent(house)
    house.clock.advance(11)
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    assert last(house).estado == "rechazada"
    assert house.scalar("SELECT count(*) FROM aviso WHERE tipo = 'orden_rechazada' AND estado = 'nuevo'") == 1


def test_the_newest_wins_and_the_overtaken_order_says_by_which(house):
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    put(house, encendido=False)
    newest, older = orders(house)[:2]
    assert (older.estado, older.motivo) == ("sustituida", f"por la orden {newest.id}")
    house.report({"serial_number": LAMP, "estado": "activo"})  # its answer to the first
    assert house.device(LAMP).estado == "inactivo"


def test_nothing_old_fires(house):
    """A device that is away: the order expires, the desired state goes back to its last word, people are told."""
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    sent(house)
    before = house.device(LAMP)
    thread = Vencimientos(house.db, house.clock, 60.0)
    assert 0 < thread.tick() <= 60
    house.clock.advance(61)
    assert thread.tick() == 0.0
    assert (last(house).estado, last(house).motivo) == ("expirada", "el dispositivo sigue inactivo")
    device = house.device(LAMP)
    assert (device.estado, device.configuracion["encendido"]) == ("inactivo", False)
    assert device.deseada_version == before.deseada_version + 1
    assert deriva_of(device)["encendido"]["deseado"] is True
    with house.db.reader() as conn:
        assert [d.id for d in dispositivos.listar(conn, FiltroLista(deriva=True))] == [device.id]
        assert dispositivos.listar(conn, FiltroLista(deriva=False)) == []
    assert thread.tick() == 60.0, "nothing is open"
    cause = json.loads(house.scalar("SELECT causa FROM estado_log ORDER BY id DESC LIMIT 1"))
    assert (cause["tipo"], cause["orden"]) == ("orden", last(house).id)


def test_what_a_device_never_reports_expires_without_drift(house):
    house.report({"serial_number": LAMP, "estado": "activo"})
    put(house, configuracion={"intervalo_envio": 30})
    house.clock.advance(61)
    Vencimientos(house.db, house.clock, 60.0).tick()
    assert (last(house).estado, last(house).motivo) == ("expirada", "sin_prueba")
    assert deriva_of(house.device(LAMP)) == {}
    assert house.device(LAMP).configuracion["intervalo_envio"] == 30


def test_a_slow_reporter_is_given_three_of_its_reports(house):
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("UPDATE dispositivo SET esperado_s = 300")
    put(house, encendido=True)
    house.clock.advance(899)
    thread = Vencimientos(house.db, house.clock, 60.0)
    assert thread.tick() > 0
    house.clock.advance(2)
    assert thread.tick() == 0.0


def test_ended_orders_are_kept_in_bounds(tmp_path):
    from app.domain.orden import LimitesOrden

    with House(tmp_path) as house:
        house.report({"serial_number": LAMP, "estado": "inactivo"})
        house.db._limites = LimitesOrden(guardadas=5)
        for n in range(20):
            put(house, configuracion={"brillo": n})
        assert len(orders(house)) == 5


def test_one_report_answers_two_orders(house):
    """An order that a report proves does not hide the other that it answers too."""
    house.report({"serial_number": LAMP, "estado": "activo"})
    put(house, encendido=False)
    put(house, configuracion={"brillo": 3})
    sent(house)
    house.report({"serial_number": LAMP, "estado": "inactivo", "parametros": {"brillo": 3}})
    assert [o.estado for o in orders(house)] == ["aplicada", "aplicada"]


def test_an_order_expires_at_its_very_instant(house):
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    thread = Vencimientos(house.db, house.clock, 60.0)
    house.clock.advance(59.999)
    assert 0 < thread.tick() < 0.002
    assert last(house).estado == "pendiente"
    house.clock.advance(0.001)
    assert thread.tick() == 0.0
    assert last(house).estado == "expirada"


def test_a_proof_in_the_last_moment_counts(house):
    """Its time is over, but the report is stored before anybody has looked: it was done."""
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    sent(house)
    house.clock.advance(60)
    house.report({"serial_number": LAMP, "estado": "activo"})
    Vencimientos(house.db, house.clock, 60.0).tick()
    assert last(house).estado == "aplicada"
    assert house.device(LAMP).estado == "activo"


@pytest.mark.parametrize("back", [3600.0, 86_400.0, 20_000 * 86_400.0])
def test_a_clock_that_is_set_back_leaves_no_order_open(house, back):
    """Its age is unknown: it ends within a minute, and not after a day in which it could still fire."""
    house.report({"serial_number": LAMP, "estado": "inactivo"})
    put(house, encendido=True)
    house.clock.advance(30)
    house.clock.jump(-back)
    thread = Vencimientos(house.db, house.clock, 60.0)
    for _ in range(3):
        house.clock.advance(min(60.0, thread.tick()))
    assert last(house).estado == "expirada"
    assert house.device(LAMP).configuracion["encendido"] is False
    put(house, encendido=True)  # and what is asked by the new clock has its own time
    assert thread.tick() == 60.0
    assert last(house).estado == "pendiente"
