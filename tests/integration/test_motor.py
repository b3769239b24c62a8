"""The engine of rules in virtual time on a real database file: when it fires, what it does, loops, floods, changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import dispositivos, escenas, reglas
from app.motor import MAX_COLA, MAX_DISPAROS
from tests.support.reglas import AVISO, A, B, C, Ruled


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Ruled]:
    with Ruled(tmp_path) as made:
        yield made


def test_it_fires_when_it_becomes_met_and_once(house: Ruled) -> None:
    rule = house.when(house.above(10, histeresis=2))
    for value in (9, 11, 12, 9, 8.5, 11):
        house.x(value)
    assert house.fired(rule) == 1
    house.x(8)
    house.x(11)
    assert house.fired(rule) == 2
    (notice,) = house.notices()
    assert (notice["texto"], notice["veces"], notice["dispositivo_id"]) == ("¡ya!", 2, house.id(A))
    assert notice["datos"]["detalle"] == "No definido: x > 10"


@pytest.mark.parametrize(
    ("operador", "far", "met", "stays", "ends"),
    [(">", 0, 10.1, 8.1, 8), ("<", 99, 9.9, 11.9, 12), (">=", 0, 10, 8, 7.9), ("<=", 99, 10, 12, 12.1)],
)
def test_hysteresis_at_its_very_bounds(
    house: Ruled, operador: str, far: float, met: float, stays: float, ends: float
) -> None:
    """What ended it may not have been met again, over a restart too."""
    house.x(far)
    rule = house.when(house.above(10, operador=operador, histeresis=2))
    for value in (met, stays, met):
        house.x(value)
    house.die()
    house.settle()
    for value in (stays, met):
        house.x(value)
    assert house.fired(rule) == 1
    house.x(ends)
    house.x(met)
    assert house.fired(rule) == 2


@pytest.mark.parametrize("value", [None, "50", True, [], {}, "", "nan"])
def test_a_reading_of_another_kind_is_no_news(house: Ruled, value: object) -> None:
    """It neither meets nor ends anything, and its time does not count."""
    rule = house.when(house.above(durante_s=10))
    house.x(50)
    house.go(5)
    house.x(value)
    house.go(60)
    assert house.fired(rule) == 0
    house.x(50)
    house.go(4)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1


@pytest.mark.parametrize(
    ("operador", "valor", "readings", "times"),
    [
        ("==", "abierta", ["cerrada", "abierta", "ABIERTA", "abierta"], 2),
        ("!=", "abierta", ["abierta", None, 5, "cerrada", "rota"], 1),
        ("==", True, [False, 1, "true", True, True], 1),
        ("!=", False, [False, None, 0, True], 1),
        ("==", 21.5, [21, "21.5", 21.5, None, 21.5], 1),
    ],
)
def test_words_and_switches(house: Ruled, operador: str, valor: object, readings: list[object], times: int) -> None:
    rule = house.when({"dispositivo_id": house.id(A), "parametro": "x", "operador": operador, "valor": valor})
    for value in readings:
        house.x(value)
    assert house.fired(rule) == times


def test_what_is_so_already_fires_a_new_rule(house: Ruled) -> None:
    house.x(50)
    rule = house.when(house.above())
    assert house.fired(rule) == 1
    house.x(60)
    assert house.fired(rule) == 1


def test_a_pulse_between_two_looks_is_seen(house: Ruled) -> None:
    """Both reports are committed, in one batch even, before the engine looks."""
    rule = house.when(house.above())
    house.report(*[{"serial_number": A, "parametros": {"x": x}} for x in (0, 50, 0, 50, 0)])
    house.settle()
    assert house.fired(rule) == 2


def test_an_order_keeps_the_rule_as_its_cause(house: Ruled) -> None:
    rule = house.when(house.above(), house.order(B, on=True), nombre="Ventilar")
    house.x(50)
    cause = json.loads(house.scalar("SELECT causa FROM orden"))
    assert cause == {
        "tipo": "regla", "id": rule, "nombre": "Ventilar", "detalle": "No definido: x > 10",
        "cadena": [f"regla {rule}"],
    }  # fmt: skip
    assert house.device(B).estado == "activo"
    told = [json.loads(e.datos_json) for e in house.events if getattr(e, "tipo", "") == "regla"]
    assert [t["cambio"] for t in told] == ["creada", "disparada"]
    assert told[1]["resultados"][0] | {"orden": 0} == {
        "tipo": "orden", "dispositivo_id": house.id(B), "serial_number": B, "resultado": "creada", "orden": 0,
        "error": None,
    }  # fmt: skip


def test_a_scene_of_a_rule(house: Ruled) -> None:
    acciones = [{"dispositivo_id": house.id(s), "configuracion": {"encendido": True}} for s in (B, C)]
    with house.db.unit_of_work() as uow:
        scene = escenas.crear(uow, "Noche", acciones).id
    rule = house.when(house.above(), {"tipo": "escena", "escena_id": scene})
    house.x(50)
    assert [house.device(s).estado for s in (B, C)] == ["activo", "activo"]
    cause = json.loads(house.rows("SELECT causa FROM orden")[0][0])
    assert (cause["tipo"], cause["nombre"]) == ("escena", "Noche")
    assert cause["cadena"] == [f"regla {rule}", f"escena {scene}"]


def test_what_fails_is_told_and_the_rest_is_done(house: Ruled) -> None:
    with house.db.unit_of_work() as uow:
        uow.file.execute(
            "INSERT INTO regla VALUES (7, 'rota', 1, ?, '{}', 0, NULL, 'x')",
            (json.dumps({"condicion": house.above(), "acciones": [{"tipo": "escena", "escena_id": 99}, AVISO]}),),
        )
    house.die()
    house.x(50)
    assert house.fired(7) == 1
    assert [a["texto"] for a in house.notices()] == ["¡ya!"]
    assert "No existe esa escena" in house.notices("regla_fallida")[0]["texto"]


def test_two_rules_that_undo_each_other_end(house: Ruled) -> None:
    """On switches off, off switches on: four links, then it stops and that is told."""
    on = house.when(house.is_(B, "activo"), house.order(B, on=False), nombre="apaga")
    off = house.when(house.is_(B, "inactivo", durante_s=1), house.order(B, on=True), nombre="enciende")
    for _ in range(300):
        house.fake.advance(1)
        house.motor.tick()
    assert house.fired(on) + house.fired(off) <= 5
    (notice,) = house.notices("regla_en_bucle")
    assert notice["gravedad"] == "grave"
    assert "encadenadas" in notice["texto"]
    assert house.motor.stats()["omitidos"] >= 1


def test_a_loop_through_scenes_and_itself_ends(house: Ruled) -> None:
    """Scenes are no way around the bound, nor are restarts."""
    with house.db.unit_of_work() as uow:
        scenes = [
            escenas.crear(
                uow, f"e{on}", [{"dispositivo_id": house.id(s), "configuracion": {"encendido": on}} for s in (A, B, C)]
            ).id
            for on in (False, True)
        ]
    on = house.when(house.is_(C, "activo"), {"tipo": "escena", "escena_id": scenes[0]}, nombre="apaga")
    off = house.when(house.is_(A, "inactivo"), {"tipo": "escena", "escena_id": scenes[1]}, nombre="enciende")
    house.go(60)
    assert house.fired(on) + house.fired(off) <= 5
    (notice,) = house.notices("regla_en_bucle")
    assert "encadenadas" in notice["texto"]
    for _ in range(30):
        house.die()
        house.go(2)
    assert house.fired(on) + house.fired(off) <= 10


def test_the_echo_of_a_device_belongs_to_the_chain(house: Ruled) -> None:
    """The loop goes through what two devices report when they are switched, too slowly for the bound on a rule."""
    for n, (seen, asked, on) in enumerate(((A, B, False), (B, A, True))):
        house.when(house.above(10, seen), house.order(asked, on), nombre=f"sube {n}")
        below = {"no": house.above(10, seen)}
        house.when(below, house.order(asked, not on), nombre=f"baja {n}")
    last = dict.fromkeys((A, B))
    for _ in range(60):
        house.fake.advance(5)
        for serial in (A, B):
            on = house.device(serial).configuracion.get("encendido")
            if on != last[serial]:
                last[serial] = on
                house.say(serial, estado="activo" if on else "inactivo", parametros={"x": 50 if on else 0})
                house.settle()
    assert "encadenadas" in house.notices("regla_en_bucle")[0]["texto"]


def test_a_loop_through_the_world_is_slowed_and_told_once_a_minute(house: Ruled) -> None:
    rule = house.when(house.above())
    for _ in range(50):
        house.x(50)
        house.x(0)
        house.fake.advance(1)
    assert house.fired(rule) == MAX_DISPAROS
    (notice,) = house.notices("regla_en_bucle")
    assert notice["veces"] == 1
    assert f"{MAX_DISPAROS} veces" in notice["texto"]
    house.fake.advance(120)
    house.x(50)
    assert house.fired(rule) == MAX_DISPAROS + 1
    assert house.notices("regla_en_bucle")[0]["estado"] == "resuelto"


def test_a_notice_that_ends_by_itself(house: Ruled) -> None:
    house.when(house.above(), AVISO | {"se_resuelve": True}, AVISO | {"texto": "queda"})
    house.x(50)
    house.x(0)
    assert {a["texto"]: a["estado"] for a in house.notices()} == {"¡ya!": "resuelto", "queda": "nuevo"}


def test_a_rule_that_is_switched_off_or_changed(house: Ruled) -> None:
    rule = house.when(house.above())

    def put(activa: bool, valor: float, nombre: str = "otra") -> None:
        with house.db.unit_of_work() as uow:
            reglas.cambiar(uow, rule, nombre, activa, house.above(valor), [AVISO])
        house.settle()

    put(activa=False, valor=10)
    house.x(50)
    assert house.fired(rule) == 0
    put(activa=True, valor=10)
    assert house.fired(rule) == 1
    put(activa=True, valor=10, nombre="solo el nombre")
    assert house.fired(rule) == 1
    put(activa=True, valor=20)
    assert house.fired(rule) == 2
    with house.db.unit_of_work() as uow:
        reglas.borrar(uow, rule)
    house.settle()
    house.x(0)
    house.x(50)
    assert house.motor.stats()["activas"] == 0


def test_a_flood_keeps_the_latest_of_each(house: Ruled) -> None:
    rule = house.when(house.above())
    for _ in range(MAX_COLA // 500 + 1):
        house.report(*[{"serial_number": A, "parametros": {"x": 0}}] * 500)
    house.say(A, parametros={"x": 50})
    assert house.motor.stats()["en_cola"] < MAX_COLA
    house.settle()
    assert house.fired(rule) == 1
    assert house.motor.stats()["agrupados"] > 0


def test_what_does_not_matter_writes_nothing(house: Ruled) -> None:
    """Thousands of reports that change no leaf cost no write of the engine."""
    house.when(house.above(durante_s=10))
    house.x(1)
    house.go(3)
    before = house.db.commits
    for n in range(50):
        house.say(A, parametros={"x": n % 10})
        house.go(1)
    assert house.db.commits - before == 50


def test_pulses_while_rules_are_laid_anew(house: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a device says while the engine reads the rules again is seen once: not lost, not twice."""
    rule = house.when(house.above())
    real = reglas.activas

    def meanwhile(conn: Any) -> Any:
        monkeypatch.setattr(reglas, "activas", real)
        for x in (50, 0, 50):
            house.say(A, parametros={"x": x})
        return real(conn)

    monkeypatch.setattr(reglas, "activas", meanwhile)
    other = house.when(house.above(10, B), nombre="otra")
    assert (house.fired(rule), house.fired(other)) == (2, 0)


def test_a_device_that_speaks_while_it_begins_to_be_watched(house: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = house.lay(house.above())
    real = dispositivos.by_ids

    def meanwhile(conn: Any, ids: Any) -> Any:
        monkeypatch.setattr(dispositivos, "by_ids", real)
        for x in (50, 0, 50):
            house.say(A, parametros={"x": x})
        return real(conn, ids)

    monkeypatch.setattr(dispositivos, "by_ids", meanwhile)
    house.settle()
    assert house.fired(rule) == 1


def test_a_rule_that_is_added_sees_what_waits_in_the_queue_once(house: Ruled) -> None:
    rule = house.when(house.above())
    for x in (50, 0, 50):
        house.say(A, parametros={"x": x})
    house.when(house.above(10, B), nombre="otra")
    assert house.fired(rule) == 2
