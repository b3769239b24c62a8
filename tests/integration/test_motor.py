"""The engine of rules in virtual time on a real database file: restarts, loops, lost devices, clocks that are set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import avisos, casa, dispositivos, escenas, reglas
from app.db import bulk_insert, raw
from app.dispositivos import announce
from app.domain.aviso import FiltroAvisos
from app.domain.errors import StorageBusy
from app.domain.events import CambioDeseada
from app.models import dispositivo, row_of
from app.motor import MAX_COLA, MAX_DISPAROS, Motor
from tests.support.nucleo import FakeClock, House

A, B, C = "AAA0000001", "BBB0000001", "CCC0000001"
AVISO = {"tipo": "aviso", "texto": "¡ya!"}


class Ruled(House):
    """A house with three devices whose rules are followed."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeClock()
        super().__init__(folder, self.fake)
        for serial in (A, B, C):
            self.say(serial, estado="inactivo", parametros={"x": 0})
        self.follow()

    def follow(self) -> None:
        self.motor = Motor(self.db, self.fake)
        self._unsubscribe = self.bus.subscribe(self.motor.on_events)

    def die(self) -> None:
        """As kill -9 leaves it; the next one starts from what is stored."""
        self._unsubscribe()
        self.follow()

    def say(self, serial: str, **fields: Any) -> None:
        self.report({"serial_number": serial, **fields})

    def x(self, value: Any, serial: str = A) -> None:
        """A report, followed at once."""
        self.say(serial, parametros={"x": value})
        self.settle()

    def settle(self) -> None:
        for _ in range(20):
            if self.motor.tick() > 0:
                return
        raise AssertionError("it never comes to rest")

    def go(self, seconds: float) -> None:
        """Time passes, one look a second."""
        for _ in range(int(seconds)):
            self.fake.advance(1)
            self.motor.tick()

    def id(self, serial: str) -> int:
        return self.device(serial).id

    def lay(self, condicion: dict[str, Any], *acciones: dict[str, Any], nombre: str = "regla") -> int:
        with self.db.unit_of_work() as uow:
            return reglas.crear(uow, nombre, True, condicion, list(acciones) or [AVISO]).id

    def when(self, condicion: dict[str, Any], *acciones: dict[str, Any], nombre: str = "regla") -> int:
        made = self.lay(condicion, *acciones, nombre=nombre)
        self.settle()
        return made

    def above(self, valor: float = 10, serial: str = A, **more: Any) -> dict[str, Any]:
        return {"dispositivo_id": self.id(serial), "parametro": "x", "operador": ">", "valor": valor, **more}

    def is_(self, serial: str, estado: str, **more: Any) -> dict[str, Any]:
        return {"dispositivo_id": self.id(serial), "estado": estado, **more}

    def order(self, serial: str, on: bool) -> dict[str, Any]:
        return {"tipo": "orden", "dispositivo_id": self.id(serial), "configuracion": {"encendido": on}}

    def fired(self, regla_id: int) -> int:
        with self.db.reader() as conn:
            return reglas.obtener(conn, regla_id).disparos

    def notices(self, tipo: str = "regla") -> list[dict[str, Any]]:
        with self.db.reader() as conn:
            found = map(json.loads, avisos.listar(conn, FiltroAvisos(), page=1, per_page=200).data)
            return [a for a in found if a["tipo"] == tipo]


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


def test_for_ten_minutes(house: Ruled) -> None:
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    house.go(599)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1
    house.x(0)
    house.x(50)
    house.go(300)
    house.x(0)
    house.go(600)
    assert house.fired(rule) == 1


@pytest.mark.parametrize("at", [1, 60, 300, 598])
def test_for_ten_minutes_over_a_restart(house: Ruled, at: int) -> None:
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    house.go(at)
    house.die()
    house.fake.advance(1)
    house.go(600 - at - 2)
    assert house.fired(rule) == 0
    house.go(2)
    assert house.fired(rule) == 1


def test_a_restart_repeats_nothing_and_sees_what_changed_meanwhile(house: Ruled) -> None:
    rule = house.when(house.above())
    house.x(50)
    for _ in range(5):
        house.die()
        house.settle()
    assert house.fired(rule) == 1
    house._unsubscribe()
    house.say(A, parametros={"x": 0})
    house.follow()
    house.settle()
    house.go(2)
    house._unsubscribe()
    house.say(A, parametros={"x": 50})
    house.follow()
    house.settle()
    assert house.fired(rule) == 2


def test_a_kill_between_the_report_and_the_rule_loses_nothing(house: Ruled) -> None:
    rule = house.when(house.above())
    house.say(A, parametros={"x": 50})
    house.die()
    house.settle()
    assert house.fired(rule) == 1


def test_a_full_disk_makes_it_late(house: Ruled, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it owes stays owed, over a kill too, and is done once."""
    rule = house.when(house.above(), AVISO, house.order(B, on=True))
    real = avisos.avisar
    monkeypatch.setattr(avisos, "avisar", lambda *_, **__: (_ for _ in ()).throw(StorageBusy()))
    house.say(A, parametros={"x": 50})
    for _ in range(3):
        with pytest.raises(StorageBusy):
            house.motor.tick()
    house.motor.guardar()
    house.die()
    with pytest.raises(StorageBusy):
        house.motor.tick()
    monkeypatch.setattr(avisos, "avisar", real)
    house.settle()
    assert house.fired(rule) == 1
    assert house.notices()[0]["veces"] == 1
    assert house.scalar("SELECT count(*) FROM orden") == 1


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
        raw(uow.conn).execute(
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


def _live(house: Ruled, serial: str, estado: str, motivo: str) -> None:
    with house.db.unit_of_work() as uow:
        antes = house.device(serial)
        despues = replace(antes, conectividad=estado, conectividad_motivo=motivo, version=antes.version + 1)
        bulk_insert(uow.conn, dispositivo, [row_of(despues)], upsert=True)
        announce(uow, despues, antes.reclamado, CambioDeseada.NO)
    house.settle()


def test_of_a_lost_device_nothing_is_known(house: Ruled) -> None:
    """Time without news does not count, and resets nothing."""
    rule = house.when(house.above(durante_s=100))
    house.x(50)
    house.go(50)
    _live(house, A, "fuera", "silencio")
    house.go(500)
    assert house.fired(rule) == 0
    _live(house, A, "en_linea", "senal")
    house.go(49)
    assert house.fired(rule) == 0
    house.go(3)
    assert house.fired(rule) == 1


def test_liveness_fires(house: Ruled) -> None:
    rule = house.when({"dispositivo_id": house.id(A), "conectividad": "fuera", "durante_s": 10})
    _live(house, A, "fuera", "silencio")
    house.go(9)
    assert house.fired(rule) == 0
    house.go(2)
    assert house.fired(rule) == 1


def test_at_a_time_of_day_in_the_house_and_only_then(house: Ruled) -> None:
    """14:00 UTC is 15:00 in Madrid, which the house is in; the window is daily."""
    with house.db.unit_of_work() as uow:
        casa.cambiar(uow, {"zona": "Europe/Madrid"})
    night = {"horario": [{"inicio": "16:00", "fin": "16:30"}]}
    rule = house.when({"todas": [night, house.above()]})
    house.x(50)
    house.go(3599)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1
    house.go(7200)
    assert house.fired(rule) == 1
    house.go(86400 - 7200)
    assert house.fired(rule) == 2


@pytest.mark.parametrize("step", [-86400.0, -3600.0, 3600.0, 86400.0, -20_000 * 86400.0])
def test_a_clock_that_is_set_changes_no_duration(house: Ruled, step: float) -> None:
    rule = house.when(house.above(durante_s=600))
    house.x(50)
    house.go(300)
    house.fake.jump(step)
    house.go(299)
    assert house.fired(rule) == 0
    house.go(1)
    assert house.fired(rule) == 1


def test_a_clock_that_starts_in_1970(house: Ruled) -> None:
    """Windows wait, readings and durations do not; the step to the present fires nothing early."""
    window = house.when({"horario": [{"inicio": "00:00", "fin": "23:59"}]}, nombre="ventana")
    smoke = house.when(house.above(), nombre="humo")
    lasting = house.when(house.above(durante_s=600), nombre="largo")
    assert house.fired(window) == 1
    years = 20_780 * 86400.0
    house.fake.jump(-years)
    house.die()
    house.settle()
    house.x(50)
    assert house.fired(smoke) == 1
    house.go(300)
    house.fake.jump(years)
    house.go(299)
    assert house.fired(lasting) == 0
    house.go(2)
    assert house.fired(lasting) == 1
    assert house.fired(window) == 1


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
