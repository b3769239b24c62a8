"""Whose a device is: who may claim it, with what proof, and who may let it go or hand it on."""

from __future__ import annotations

import pytest

from app import auditoria, dispositivos, ordenes, propiedad
from app.auditoria import FiltroAuditoria
from app.domain.errors import (
    CodigoIncorrecto,
    DatosInvalidos,
    DemasiadasPeticiones,
    DispositivoNoReclamado,
    DispositivoNotDetected,
    DispositivoYaReclamado,
    SerialDuplicado,
    SinPermiso,
)
from app.domain.events import CambioDeseada, DeviceUpdated
from app.domain.identidad import LOCAL, Alcance, Rol
from app.domain.peticiones import Alta, Cambios, Reclamo
from app.frenos import Tanteos
from tests.support.nucleo import House
from tests.support.personas import account, open_accounts

CODE = "MFRG-GZDF-MZTW-Q2LK"


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        yield found


@pytest.fixture
def people(house):
    return open_accounts(house.db, ["ana", "luis"]) | open_accounts(house.db, ["jefa"], Rol.ADMINISTRADOR)


def do(house, verb, *args, **kw):
    with house.db.unit_of_work() as uow:
        return verb(uow, *args, **kw)


def owner(house, serial):
    with house.db.reader() as conn:
        return propiedad.obtener(conn, house.device(serial))


def lines(house, accion=None):
    with house.db.reader() as conn:
        return [
            (line.accion, line.objeto, line.resultado)
            for line in auditoria.listar(conn, FiltroAuditoria(accion=accion), page=1, per_page=200).data
        ]


# --- claiming ---------------------------------------------------------------------------------------------------------
def test_the_first_has_it_may_ask_again_and_nobody_else(house, people):
    house.report({"serial_number": "A"})
    first = do(house, propiedad.reclamar, Reclamo("A", nombre="Luz"), people["ana"])
    told = len(house.events)
    assert do(house, propiedad.reclamar, Reclamo("A", nombre="otra"), people["ana"]) == first
    assert len(house.events) == told, "asking again changes nothing"
    for other in (people["luis"], people["jefa"], LOCAL):
        with pytest.raises(DispositivoYaReclamado):
            do(house, propiedad.reclamar, Reclamo("A"), other)
    assert (owner(house, "A").usuario, owner(house, "A").con_codigo) == ("ana", False)
    assert lines(house) == [("dispositivo_reclamado", "A", "hecho")]


def test_from_the_trusted_network_it_is_the_houses_and_the_second_is_refused(house, people):
    house.report({"serial_number": "A"})
    do(house, propiedad.reclamar, Reclamo("A"))
    assert (owner(house, "A").reclamado, owner(house, "A").usuario) == (True, None)
    for other in (LOCAL, people["ana"]):
        with pytest.raises(DispositivoYaReclamado):
            do(house, propiedad.reclamar, Reclamo("A"), other)


def test_a_device_out_of_the_callers_part_of_the_house_is_not_there(house, people):
    house.report({"serial_number": "A"}, {"serial_number": "B"})
    mine = frozenset({house.device("B").id})
    guest = account(people["ana"].usuario_id, "ana", alcance=Alcance(dispositivos=mine))
    with pytest.raises(DispositivoNotDetected):
        do(house, propiedad.reclamar, Reclamo("A"), guest)
    assert do(house, propiedad.reclamar, Reclamo("B"), guest).reclamado


# --- with a code ------------------------------------------------------------------------------------------------------
def test_a_device_with_a_code_is_claimed_only_with_it(house, people):
    do(house, propiedad.agregar, Alta("A", codigo=CODE))
    for wrong in (None, "", "MFRGGZDFMZTWQ2LX"):
        with pytest.raises(CodigoIncorrecto):
            do(house, propiedad.reclamar, Reclamo("A", codigo=wrong), people["ana"])
    assert not house.device("A").reclamado
    assert do(house, propiedad.reclamar, Reclamo("A", codigo=CODE.lower()), people["ana"]).reclamado
    with pytest.raises(CodigoIncorrecto):  # whoever has not the code is not told whether somebody has the device
        do(house, propiedad.reclamar, Reclamo("A"), people["luis"])
    with pytest.raises(DispositivoYaReclamado):
        do(house, propiedad.reclamar, Reclamo("A", codigo=CODE), people["luis"])
    assert house.scalar("SELECT count(*) FROM posesion WHERE huella LIKE '%MFRG%' OR huella LIKE '%mfrg%'") == 0


def test_guessing_is_stopped_for_the_one_who_guesses_only(house, people):
    do(house, propiedad.agregar, Alta("A", codigo=CODE))
    tries = Tanteos(house.clock)
    for _ in range(5):
        with pytest.raises(CodigoIncorrecto):
            do(house, propiedad.reclamar, Reclamo("A", codigo="x" * 16), people["luis"], tries.de(("A", "luis")))
    with pytest.raises(DemasiadasPeticiones):
        do(house, propiedad.reclamar, Reclamo("A", codigo=CODE), people["luis"], tries.de(("A", "luis")))
    assert do(house, propiedad.reclamar, Reclamo("A", codigo=CODE), people["ana"], tries.de(("A", "ana"))).reclamado


def test_claims_without_a_code_are_not_tries(house):
    tries = Tanteos(house.clock)
    house.report({"serial_number": "A"})
    do(house, propiedad.reclamar, Reclamo("A"), LOCAL, tries.de("k"))
    for _ in range(10):
        with pytest.raises(DispositivoYaReclamado):
            do(house, propiedad.reclamar, Reclamo("A", codigo="da igual"), LOCAL, tries.de("k"))


def test_a_code_outlives_the_release_and_a_second_addition_changes_none(house):
    device = do(house, propiedad.agregar, Alta("A", codigo=CODE))
    do(house, propiedad.reclamar, Reclamo("A", codigo=CODE))
    do(house, propiedad.liberar, device.id)
    with pytest.raises(CodigoIncorrecto):
        do(house, propiedad.reclamar, Reclamo("A"))
    with pytest.raises(SerialDuplicado):
        do(house, propiedad.agregar, Alta("A", codigo="OTRO" + CODE))
    assert do(house, propiedad.reclamar, Reclamo("A", codigo=CODE)).reclamado


# --- letting go -------------------------------------------------------------------------------------------------------
def test_release_forgets_what_was_wanted_and_keeps_what_was(house, people):
    house.report({"serial_number": "A", "estado": "inactivo", "parametros": {"n": 1}})
    device = do(
        house, propiedad.reclamar, Reclamo("A", configuracion={"modo": "horario", "horarios": []}), people["ana"]
    )
    do(house, dispositivos.actualizar, device.id, Cambios(estado="activo", esperado=(30.0,)), if_match=None)
    assert house.device("A").estado == "activo"
    history = house.scalar("SELECT count(*) FROM estado_log")
    house.events.clear()
    freed = do(house, propiedad.liberar, device.id, people["ana"])
    assert freed == house.device("A")
    assert (freed.reclamado, freed.estado, freed.configuracion) == (False, "inactivo", {"encendido": False})
    assert (freed.deseos_json, freed.esperado_manual, freed.habitacion_id) == ("{}", None, None)
    assert freed.parametros_json == '{"n":1}'
    assert house.scalar("SELECT count(*) FROM estado_log") == history + 1
    with house.db.reader() as conn:
        assert ordenes.abiertas_de(conn, device.id) == []
    (update,) = [e for e in house.events if isinstance(e, DeviceUpdated)]
    assert (update.reclamado_antes, update.dispositivo, update.deseada) == (True, freed, CambioDeseada.PEDIDA)
    assert owner(house, "A").usuario is None
    assert lines(house)[0] == ("dispositivo_liberado", "A", "hecho")
    assert do(house, propiedad.reclamar, Reclamo("A"), people["luis"]).reclamado
    assert owner(house, "A").usuario == "luis"


def test_only_its_owner_or_an_administrator_gives_a_device_away(house, people):
    house.report({"serial_number": "A"})
    device = house.device("A")
    with pytest.raises(DispositivoNoReclamado):
        do(house, propiedad.liberar, device.id, people["jefa"])
    do(house, propiedad.reclamar, Reclamo("A"), people["ana"])
    with pytest.raises(SinPermiso):
        do(house, propiedad.liberar, device.id, people["luis"])
    with pytest.raises(SinPermiso):
        do(house, propiedad.transferir, device.id, "luis", people["luis"])
    do(house, propiedad.transferir, device.id, " LUIS ", people["ana"])
    assert owner(house, "A").usuario == "luis"
    with pytest.raises(SinPermiso):
        do(house, propiedad.transferir, device.id, "ana", people["ana"])
    do(house, propiedad.transferir, device.id, "ana", people["jefa"])
    do(house, propiedad.liberar, device.id, LOCAL)
    assert [line[0] for line in lines(house)[:3]] == ["dispositivo_liberado", *["dispositivo_transferido"] * 2]


def test_the_houses_own_device_is_given_away_by_an_administrator_only(house, people):
    house.report({"serial_number": "A"})
    device = do(house, propiedad.reclamar, Reclamo("A"))
    with pytest.raises(SinPermiso):
        do(house, propiedad.transferir, device.id, "ana", people["ana"])
    do(house, propiedad.transferir, device.id, "ana", people["jefa"])
    assert owner(house, "A").usuario == "ana"


def test_nobody_can_be_given_a_device_who_cannot_have_one(house, people):
    open_accounts(house.db, ["visita"], Rol.INVITADO)
    house.report({"serial_number": "A"})
    device = do(house, propiedad.reclamar, Reclamo("A"), people["ana"])
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("UPDATE usuario SET activo = 0 WHERE nombre = 'luis'")
    for name in ("visita", "luis", "nadie", "' OR 1=1 --", "\x00"):
        with pytest.raises(DatosInvalidos):
            do(house, propiedad.transferir, device.id, name, people["ana"])
    assert owner(house, "A").usuario == "ana"
