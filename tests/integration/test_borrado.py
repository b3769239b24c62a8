"""A device that is no more: nothing of it stays, nothing that named it goes on as if it were there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import avisos, borrado, credenciales, dispositivos, escenas, grupos, limpieza, propiedad, reglas, usuarios
from app.domain.errors import DispositivoNotFound
from app.domain.events import AccesoRevocado, CredencialCambiada, DeviceRemoved, Suceso
from app.domain.identidad import Alcance, Rol
from app.domain.peticiones import Alta, Cambios, Reclamo
from app.limpieza import Limpieza, Plazos
from app.motor import Motor
from app.programador import Programador
from app.vigia import Vigia
from tests.support.nucleo import House, fast_folder

TABLES = ("estado_log", "orden", "reclamacion")


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as found:
        yield found


def delete(house, device_id):
    with house.db.unit_of_work(orphans=True) as uow:
        return borrado.borrar(uow, device_id)


def clean(house, dias=0.0):
    """A cleaning that has gone as far as it can."""
    work = Limpieza(house.db, house.clock, Plazos(dias, 1000))
    while work.tick() < limpieza.LOOK_S:
        pass
    return work


def left(house, device_id):
    return {t: house.scalar(f"SELECT count(*) FROM {t} WHERE dispositivo_id = {device_id}") for t in TABLES}


def test_everything_of_it_goes_the_others_keep_theirs(house):
    for n in range(40):
        house.report({"serial_number": "A", "parametros": {"n": n}}, {"serial_number": "B", "parametros": {"n": n}})
    a, b = house.device("A"), house.device("B")
    with house.db.unit_of_work() as uow:
        for serial in "AB":
            propiedad.reclamar(uow, Reclamo(serial, configuracion={"encendido": True}))
        for d in (a, b):
            avisos.avisar(uow, tipo="dispositivo_perdido", clave=f"perdido:{d.id}", texto="x", dispositivo=d)
    before = left(house, b.id)
    house.events.clear()
    assert delete(house, a.id) == borrado.Rastro()
    assert house.events[-1] == DeviceRemoved(house.events[-1].secuencia, house.events[-1].dispositivo)
    assert house.events[-1].dispositivo.serial_number == "A"
    assert [e.secuencia for e in house.events] == list(range(house.events[0].secuencia, house.events[-1].secuencia + 1))
    with house.db.reader() as conn, pytest.raises(DispositivoNotFound):
        dispositivos.obtener(conn, a.id)
    clean(house)
    assert left(house, a.id) == {"estado_log": 0, "orden": 0, "reclamacion": 0}
    assert left(house, b.id) == before
    assert house.rows("SELECT estado, dispositivo_id FROM aviso WHERE clave = 'perdido:1'") == [("resuelto", None)]
    assert house.rows("SELECT estado, dispositivo_id FROM aviso WHERE clave = 'perdido:2'") == [("nuevo", b.id)]
    assert house.rows("PRAGMA foreign_key_check") == []
    assert house.rows("SELECT serial_number FROM borrado") == [("A",)]
    with house.db.unit_of_work() as uow:
        dispositivos.confirmar_deseadas(uow, [(a.id, -1), (b.id, 1)])
    assert house.rows("SELECT * FROM borrado") == []


def test_without_the_admission_a_device_with_history_cannot_go(house):
    """Foreign keys are on again after a unit that admits orphans, whether it commits or not."""
    house.report({"serial_number": "A"}, {"serial_number": "B"}, {"serial_number": "C"})
    delete(house, 1)
    with pytest.raises(DispositivoNotFound):
        delete(house, 77)
    with pytest.raises(Exception, match="FOREIGN KEY"), house.db.unit_of_work() as uow:
        borrado.borrar(uow, 2)
    assert house.device("B").id == 2
    delete(house, 2)


def test_an_id_is_never_given_again(house):
    house.report({"serial_number": "A"}, {"serial_number": "B"})
    delete(house, 2)
    house.report({"serial_number": "B"}, {"serial_number": "C"})
    assert [house.device(s).id for s in "ABC"] == [1, 3, 4]
    delete(house, 4)
    delete(house, 3)
    with house.db.unit_of_work() as uow:
        assert dispositivos.agregar(uow, Alta("B")).id == 5
    with house.db.reader() as conn:
        assert dispositivos.obtener(conn, 5).serial_number == "B"


def rule(uow, nombre, mira, pide, **mas):
    acciones = [{"tipo": "orden", "dispositivo_id": i, "configuracion": {"encendido": True}} for i in pide]
    condicion = {"todas": [{"dispositivo_id": i, "estado": "activo"} for i in mira]}
    return reglas.crear(uow, nombre, True, condicion, acciones + mas.get("otras", []))


def test_groups_scenes_and_rules_go_on_without_it_and_people_are_told(house):
    house.report(*({"serial_number": s, "estado": "inactivo"} for s in "ABC"))
    with house.db.unit_of_work() as uow:
        grupos.crear(uow, "los dos", [1, 2])
        grupos.crear(uow, "otros", [2, 3])
        escenas.crear(uow, "noche", [{"dispositivo_id": i, "configuracion": {"encendido": True}} for i in (1, 3)])
        escenas.crear(uow, "sola", [{"dispositivo_id": 1, "configuracion": {"encendido": True}}])
        rule(uow, "mira", [1, 2], [3])
        rule(uow, "pide", [2], [1, 3])
        rule(uow, "solo pide", [2], [1])
        rule(uow, "ajena", [2], [3])
    house.events.clear()
    rastro = delete(house, 1).as_object()
    assert rastro == {
        "grupos": [{"id": 1, "nombre": "los dos"}],
        "escenas": [{"id": 1, "nombre": "noche"}, {"id": 2, "nombre": "sola"}],
        "reglas": [
            {"id": 1, "nombre": "mira", "activa": False},
            {"id": 2, "nombre": "pide", "activa": True},
            {"id": 3, "nombre": "solo pide", "activa": False},
        ],
    }
    with house.db.reader() as conn:
        assert [g.dispositivos for g in grupos.listar(conn)] == [[2], [2, 3]]
        assert [[a["dispositivo_id"] for a in e.acciones] for e in escenas.listar(conn)] == [[3], []]
        kept = {r.nombre: (r.activa, [a["dispositivo_id"] for a in r.acciones]) for r in reglas.listar(conn)}
    assert kept == {"mira": (False, [3]), "pide": (True, [3]), "solo pide": (False, [1]), "ajena": (True, [3])}
    assert {e.tipo for e in house.events if isinstance(e, Suceso)} == {"regla", "aviso"}
    ((tipo, gravedad, texto),) = house.rows("SELECT tipo, gravedad, texto FROM aviso")
    assert (tipo, gravedad) == ("dispositivo_borrado", "advertencia")
    assert all(name in texto for name in ("A", "«noche»", "«mira» (desactivada)", "«pide»"))
    with house.db.unit_of_work() as uow:
        assert escenas.aplicar(uow, 2) == []


def test_a_device_that_is_like_another_number_is_not_meant(house):
    """Device 1 goes, 11 stays in everything."""
    house.report(*({"serial_number": f"S{n:02}", "estado": "inactivo"} for n in range(1, 13)))
    with house.db.unit_of_work() as uow:
        grupos.crear(uow, "g", [11])
        escenas.crear(uow, "e", [{"dispositivo_id": 11, "configuracion": {"encendido": True}}])
        rule(uow, "r", [11], [12])
    assert delete(house, 1).as_object() == borrado.Rastro().as_object()
    with house.db.reader() as conn:
        assert grupos.obtener(conn, 1).dispositivos == [11]
        assert reglas.obtener(conn, 1).activa


def test_the_threads_forget_it(house):
    """Watcher, scheduler and rules go on after a device of theirs went."""
    house.report({"serial_number": "A", "estado": "activo"}, {"serial_number": "B", "estado": "inactivo"})
    with house.db.unit_of_work() as uow:
        rule(uow, "mira", [1], [2])
    parts = Vigia(house.db, house.clock, lambda: True), Programador(house.db, house.clock), Motor(house.db, house.clock)
    for part in parts:
        house.bus.subscribe(part.on_events)
        part.tick()
    delete(house, 1)
    house.clock.advance(500)
    for part in parts:
        part.tick()
        part.tick()
    parts[0].on_will("A", b"offline", False)
    house.report({"serial_number": "A", "estado": "activo"})
    for part in parts:
        part.tick()
    assert parts[0].stats()["fuera"] == 1
    assert [part.stats()["fallo"] for part in parts] == [None] * 3
    assert parts[2].stats() | {"activas": 0, "fallos": 0} == parts[2].stats()


class Interrupted:
    """Says no after so many units of work, as a kill would."""

    def __init__(self, db, units):
        self._db, self.left, self.reader = db, units, db.reader

    def unit_of_work(self, *args, **kw):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self._db.unit_of_work(*args, **kw)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["A", "B", "C", "delete A", "delete B", "clean", "cut"]), max_size=40))
def test_whatever_the_order_no_history_is_anybody_elses(steps):
    """A new device of the same serial never shows the old one's rows; cleaning cut anywhere is finished later."""
    with fast_folder() as folder, House(Path(folder)) as house:
        mine: dict[str, int] = {}
        limpieza_rows = limpieza.LOG_SLICE
        limpieza.LOG_SLICE = 2
        try:
            for step in steps:
                if step in ("clean", "cut"):
                    db = Interrupted(house.db, 2 if step == "cut" else 1000)
                    work = Limpieza(db, house.clock, Plazos(0, 1000))  # type: ignore[arg-type]
                    try:
                        while work.tick() < limpieza.LOOK_S:
                            pass
                    except KeyboardInterrupt:
                        pass
                elif step.startswith("delete"):
                    if mine.pop(step[-1], None) is not None:
                        delete(house, house.device(step[-1]).id)
                else:
                    house.report({"serial_number": step})
                    mine[step] = mine.get(step, 0) + 1
                for serial, count in mine.items():
                    assert left(house, house.device(serial).id)["estado_log"] == count
            clean(house)
            assert house.scalar("SELECT count(*) FROM estado_log") == sum(mine.values())
        finally:
            limpieza.LOG_SLICE = limpieza_rows


def test_an_order_of_a_deleted_device_ends(house):
    house.report({"serial_number": "A", "estado": "inactivo"})
    with house.db.unit_of_work() as uow:
        dispositivos.actualizar(uow, 1, Cambios(encendido=True), if_match=None)
    house.events.clear()
    delete(house, 1)
    told = [e.datos_json for e in house.events if isinstance(e, Suceso) and e.tipo == "orden"]
    assert len(told) == 1
    assert '"estado":"sustituida"' in told[0]
    assert "se borró" in told[0]


def test_its_broker_user_and_its_place_in_what_accounts_see_go_with_it(house):
    with house.db.unit_of_work() as uow:
        gone = dispositivos.agregar(uow, Alta("SEVA1", "SEVA1"))
        kept = dispositivos.agregar(uow, Alta("QUEDA1", "QUEDA1"))
        credenciales.crear(uow, "SEVA1", "una-clave-larga")
        credenciales.crear(uow, "QUEDA1", "otra-clave-larga")
        part = Alcance(frozenset(), frozenset({gone.id, kept.id}))
        guest = usuarios.crear(uow, "abuela", "x", rol=Rol.INVITADO, alcance=part)
    with house.db.unit_of_work(orphans=True) as uow:
        borrado.borrar(uow, gone.id)
        assert uow.credenciales == [CredencialCambiada("SEVA1", None)]
        assert uow.revocados == [AccesoRevocado(guest.id)], "its streams open anew, over what is left"
    with house.db.reader() as conn:
        assert [c.serial_number for c in credenciales.listar(conn)] == ["QUEDA1"]
        assert usuarios.obtener(conn, guest.id).alcance == Alcance(frozenset(), frozenset({kept.id}))
