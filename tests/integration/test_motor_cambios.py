"""The engine of rules when what it follows changes under it: rules deleted, devices gone, a database that is locked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from app import avisos, dispositivos, escenas, reglas
from app.domain.errors import StorageBusy
from app.domain.peticiones import Cambios
from tests.support.reglas import AVISO, A, B, C, Ruled

ENDS = AVISO | {"texto": "se acaba", "se_resuelve": True}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Ruled]:
    with Ruled(tmp_path) as made:
        yield made


def vanish(house: Ruled, serial: str) -> None:
    """The device is taken out of the database."""
    device_id = house.id(serial)
    with house.db.unit_of_work() as uow:
        for table in ("estado_log", "orden", "aviso"):
            uow.file.execute(f"DELETE FROM {table} WHERE dispositivo_id = ?", (device_id,))
        uow.file.execute("DELETE FROM dispositivo WHERE id = ?", (device_id,))


def busy(*_: Any, **__: Any) -> NoReturn:
    raise StorageBusy


def texts(house: Ruled) -> dict[str, str]:
    return {a["texto"]: a["estado"] for a in house.notices()}


# --- rules ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["deleted", "off", "other"])
def test_what_is_not_wanted_any_more_is_not_done(house: Ruled, how: str) -> None:
    """The report came first, but the answer to the person says that the rule is gone: it stays so."""
    rule = house.when(house.above(), house.order(B, on=True))
    house.say(A, parametros={"x": 50})
    with house.db.unit_of_work() as uow:
        if how == "deleted":
            reglas.borrar(uow, rule)
        else:
            reglas.cambiar(uow, rule, "r", how == "other", house.above(100), [house.order(B, on=True)])
    house.settle()
    assert house.device(B).estado == "inactivo"
    assert house.motor.stats()["disparos"] == 0


def test_a_rule_that_cannot_be_read_stops_no_other(house: Ruled) -> None:
    with house.db.unit_of_work() as uow:
        for n, text in enumerate(('{"condicion":{},"acciones":[]}', "[]", "no es JSON"), 1):
            row = (n, f"rota {n}", text)
            uow.file.execute("INSERT INTO regla VALUES (?, ?, 1, ?, '{}', 0, NULL, 'x')", row)
    good = house.when(house.above())
    house.x(50)
    assert house.fired(good) == 1
    assert house.motor.stats()["activas"] == 1
    assert house.motor.stats()["fallos"] >= 3


def test_the_notices_of_a_rule_that_is_no_more(house: Ruled) -> None:
    """Those that it would have ended are over; the others stay, and a new rule (of the same number) has its own."""
    gone = house.when(house.above(), ENDS, AVISO)
    house.x(50)
    with house.db.unit_of_work() as uow:
        reglas.borrar(uow, gone)
    house.settle()
    assert texts(house) == {"se acaba": "resuelto", "¡ya!": "nuevo"}
    house.when(house.above(), AVISO | {"texto": "otra"}, AVISO | {"texto": "y otra"})
    assert texts(house) == {"se acaba": "resuelto", "¡ya!": "nuevo", "otra": "nuevo", "y otra": "nuevo"}


def test_the_notices_of_a_rule_that_is_changed(house: Ruled) -> None:
    rule = house.when(house.above(), ENDS, AVISO)
    house.x(50)

    def put(*acciones: dict[str, Any], activa: bool = True, nombre: str = "r") -> None:
        with house.db.unit_of_work() as uow:
            reglas.cambiar(uow, rule, nombre, activa, house.above(), list(acciones))
        house.settle()

    put(ENDS, AVISO, nombre="otro nombre")
    assert texts(house) == {"se acaba": "nuevo", "¡ya!": "nuevo"}
    put(ENDS, AVISO | {"texto": "distinto"})
    assert texts(house) == {"se acaba": "nuevo", "¡ya!": "nuevo"}
    put(ENDS, AVISO | {"texto": "distinto"}, activa=False)
    assert texts(house) == {"se acaba": "resuelto", "¡ya!": "nuevo"}
    put(ENDS, AVISO | {"texto": "distinto"})
    assert [a["estado"] for a in house.notices()] == ["nuevo", "nuevo", "resuelto", "nuevo"]
    assert house.fired(rule) == 2


def test_a_notice_of_failure_ends_with_the_next_success_or_with_the_rule(house: Ruled) -> None:
    with house.db.unit_of_work() as uow:
        acciones = [{"dispositivo_id": house.id(s), "configuracion": {"encendido": True}} for s in (B, C)]
        scene = escenas.crear(uow, "Noche", acciones).id
    rule = house.when(house.above(), {"tipo": "escena", "escena_id": scene})
    vanish(house, C)
    house.x(50)
    assert house.device(B).estado == "activo"
    (failure,) = house.notices("regla_fallida")
    assert failure["datos"]["resultados"][0]["error"] == "No existe ese dispositivo"
    with house.db.unit_of_work() as uow:
        escenas.cambiar(uow, scene, "Noche", acciones[:1])
    house.x(0)
    house.x(50)
    assert house.notices("regla_fallida")[0]["estado"] == "resuelto"
    with house.db.unit_of_work() as uow:
        uow.file.execute("UPDATE escena SET acciones = ?", (json.dumps(acciones),))
    house.x(0)
    house.x(50)
    assert house.notices("regla_fallida")[0]["estado"] == "nuevo"
    with house.db.unit_of_work() as uow:
        reglas.borrar(uow, rule)
    assert [a["estado"] for a in house.notices("regla_fallida")] == ["resuelto", "resuelto"]


# --- devices ----------------------------------------------------------------------------------------------------------
def test_a_device_that_is_gone_stops_no_other_rule(house: Ruled) -> None:
    """Nothing is known of it: what looks at it neither becomes met nor ceases to be."""
    lost = house.when(house.above(10, B), AVISO | {"se_resuelve": True}, nombre="del que se va")
    either = house.when({"alguna": [house.above(10, B), house.above()]}, nombre="de uno u otro")
    house.x(50, B)
    vanish(house, B)
    house.die()
    house.settle()
    other = house.when(house.above(), house.order(C, on=True), nombre="otra")
    house.x(50)
    assert [house.fired(r) for r in (lost, either, other)] == [1, 1, 1]
    assert house.device(C).estado == "activo"
    assert house.notices()[0]["estado"] == "nuevo"
    assert house.motor.stats()["fallos"] == 0


def test_an_order_to_a_device_that_is_gone(house: Ruled) -> None:
    house.when(house.above(), house.order(B, on=True), house.order(C, on=True))
    vanish(house, B)
    house.x(50)
    assert house.device(C).estado == "activo"
    assert "No existe ese dispositivo" in house.notices("regla_fallida")[0]["texto"]


def test_a_new_name_and_a_new_room_meet_nothing_and_are_told(house: Ruled) -> None:
    rule = house.when(house.above())
    house.x(50)
    with house.db.unit_of_work() as uow:
        dispositivos.actualizar(uow, house.id(A), Cambios(nombre="Terraza"), if_match=None)
    house.settle()
    assert house.fired(rule) == 1
    house.x(0)
    house.x(50)
    assert house.notices()[0]["datos"]["detalle"] == "Terraza: x > 10"


# --- a database that is locked ----------------------------------------------------------------------------------------
def test_one_rule_that_cannot_be_carried_out_makes_no_other_blind(
    house: Ruled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two look at the same report, which is a pulse; while the first is carried out the database is locked."""
    rules = [house.when(house.above(), nombre=f"r{n}") for n in range(2)]
    house.report(*[{"serial_number": A, "parametros": {"x": x}} for x in (50, 0)])
    with monkeypatch.context() as m:
        m.setattr(avisos, "avisar", busy)
        with pytest.raises(StorageBusy):
            house.motor.tick()
    house.settle()
    assert [house.fired(r) for r in rules] == [1, 1]


def test_a_start_with_a_locked_database_forgets_no_rule(house: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [house.lay(house.above(10, s), nombre=s) for s in (A, B, C)]
    for serial in (A, B, C):
        house.say(serial, parametros={"x": 50})
    house.die()
    with monkeypatch.context() as m:
        m.setattr(avisos, "avisar", busy)
        for _ in range(3):
            with pytest.raises(StorageBusy):
                house.motor.tick()
    house.settle()
    assert [house.fired(r) for r in rules] == [1, 1, 1]


def test_an_end_that_is_owed_is_owed_over_a_restart(house: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    house.when(house.above(), ENDS)
    house.x(50)
    house.say(A, parametros={"x": 0})
    with monkeypatch.context() as m:
        m.setattr(avisos, "resolver", busy)
        with pytest.raises(StorageBusy):
            house.motor.tick()
    house.motor.guardar()
    house.die()
    house.settle()
    assert texts(house) == {"se acaba": "resuelto"}
