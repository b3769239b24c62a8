"""The demo house on a real backend: prepared once, each behaviour to be seen, polite where something is in the way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.conectividad import FLAP_WINDOW_S, FLAPS, WILL_GRACE_S
from simulator.backend import Backend as Api
from simulator.demo import prepare_demo, windows
from simulator.faults import Fault
from simulator.house import HOUSE, claim_demo, demo_faults, demo_specs
from simulator.schedule import is_on
from tests.conftest import Parts
from tests.support.backend import Backend
from tests.support.mqtt import own_topic
from tests.support.procesos import Proceso, wait_until

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 23, 20, 58, 30, tzinfo=UTC)
ZONE = "Europe/Madrid"  # an hour later
MADE = ("/habitaciones", "/grupos", "/escenas", "/reglas")
DEMO = [sys.executable, "-c", "import sys; from simulator.cli import demo_main as m; sys.exit(m(sys.argv[1:]))"]
ORDERED = ("Lámpara del dormitorio", "Riego del jardín", "Enchufe del calefactor")


class House:
    """A backend that has seen the demo's devices and on which those with a room are claimed."""

    def __init__(self, parts: Parts, *skip: str) -> None:
        self.backend = parts.backend(parts.mosquitto())
        assert self.backend.http.put("/casa", {"zona": ZONE}).status == 200
        self.mqtt = parts.client(self.backend)
        self.api = Api(f"http://127.0.0.1:{self.backend.port}")
        for spec in demo_specs():
            if spec.nombre not in skip:
                self.mqtt.publish(own_topic(spec.serial), {"estado": "activo", "parametros": {"n": 1}})
                self.backend.wait_device(spec.serial)
                if place(spec.nombre).habitacion:
                    self.api.reclamar(spec.identity())

    def prepare(self, now: datetime = NOW) -> list[str]:
        """What it says."""
        said: list[str] = []
        prepare_demo(self.api, now, said.append)
        return said

    def get(self, path: str) -> Any:
        return self.backend.http.get(path).json

    def named(self, path: str) -> dict[str, dict[str, Any]]:
        return {item["nombre"]: item for item in self.get(path)}

    def snapshot(self) -> dict[str, Any]:
        """Everything that was made, and how often each device was changed or asked for something."""
        devices = self.get("/dispositivos")
        asked = {d["nombre"]: self.get(f"/dispositivos/{d['id']}/ordenes")["total"] for d in devices}
        return {path: self.get(path) for path in MADE} | {"versions": [d["version"] for d in devices], "asked": asked}


def place(nombre: str) -> Any:
    return next(found for found in HOUSE if found.nombre == nombre)


@pytest.fixture
def house(own_parts: Parts) -> Iterator[House]:
    made = House(own_parts)
    yield made
    made.api.close()


def test_the_house_is_prepared_once(house: House) -> None:
    """Rooms for the claimed, a group, scenes, rules, a schedule, orders; a second start changes nothing of it."""
    assert house.prepare() == []
    rooms = {room["id"]: room["nombre"] for room in house.get("/habitaciones")}
    devices = house.named("/dispositivos")
    assert {n: rooms[d["habitacion_id"]] for n, d in devices.items() if d["habitacion_id"]} == {
        found.nombre: found.habitacion for found in HOUSE if found.habitacion
    }
    lights = [devices[name]["id"] for name in ("Luz de la cocina", "Luz del pasillo", "Lámpara del dormitorio")]
    assert house.named("/grupos")["Luces"]["dispositivos"] == lights
    assert list(house.named("/escenas")) == ["Noche", "Bienvenida"]
    before = house.snapshot()
    assert claim_demo(house.api, threading.Event()) == ""
    assert {name for name in ORDERED if before["asked"][name] > 1} == set(ORDERED)
    assert house.prepare(NOW + timedelta(hours=1)) == []
    assert house.snapshot() == before


def test_the_rules_do_what_they_say(house: House) -> None:
    """Somebody in the corridor: a scene. Loaded air: with hysteresis and duration, a notice that ends by itself."""
    house.prepare()
    rules = house.named("/reglas")
    assert len(rules) == 5
    air = rules["Ventilar el dormitorio"]
    assert (air["condicion"]["histeresis"], air["condicion"]["durante_s"]) == (50, 5)
    assert [(a["tipo"], a.get("se_resuelve")) for a in air["acciones"]] == [("aviso", True), ("orden", None)]
    say = {spec.nombre: own_topic(spec.serial) for spec in demo_specs()}
    house.mqtt.publish(say["Movimiento del pasillo"], {"parametros": {"movimiento": True}})
    wait_until(lambda: house.named("/escenas")["Bienvenida"]["aplicada_en"], 5, "the scene is applied")
    lamp = house.named("/dispositivos")["Lámpara del dormitorio"]["id"]
    asked = house.get(f"/dispositivos/{lamp}/ordenes")["data"][0]
    assert (asked["cambios"], asked["causa"]["detalle"]) == ({"encendido": True}, "Alguien en el pasillo")
    why = house.get(f"/dispositivos/{lamp}/porque")["frase"]
    assert "porque lo pidió la escena «Bienvenida», que aplicó la regla «Alguien en el pasillo»" in why
    house.mqtt.publish(say["Aire del dormitorio"], {"parametros": {"co2_ppm": 500}})
    wait_until(lambda: house.named("/reglas")["El dormitorio ya está ventilado"]["disparos"] == 1, 5)
    fan = house.named("/dispositivos")["Ventilador del estudio"]
    assert fan["configuracion"]["encendido"] is False


def test_a_schedule_that_has_run_out_is_laid_anew_but_not_one_that_people_made(house: House) -> None:
    """The demo's own windows are for the next hours, by the clock of the house; anything else stays."""
    light = "Luz del pasillo"

    def laid() -> Any:
        return house.named("/dispositivos")[light]["configuracion"]["horarios"]

    house.prepare()
    assert laid()[0] == {"inicio": "21:55", "fin": "22:00"}
    house.prepare(NOW + timedelta(hours=9))
    assert laid()[0] == {"inicio": "06:55", "fin": "07:00"}
    mine = [{"dias": ["todos"], "inicio": "07:00", "fin": "08:00"}]
    house.api.update(house.named("/dispositivos")[light]["id"], {"configuracion": {"horarios": mine}})
    house.prepare(NOW + timedelta(hours=20))
    assert laid() == mine


def test_the_windows_change_the_light_every_five_minutes_over_midnight() -> None:
    """From the present five minutes on, as a device's own reading of them says."""
    local = datetime(2026, 11, 23, 21, 58, 30)  # noqa: DTZ001  a device's clock is the local one
    horarios = windows(local)
    minutes = [bool(is_on(horarios, local + timedelta(minutes=minute))) for minute in range(230)]
    changes = [minute for minute in range(1, 230) if minutes[minute] != minutes[minute - 1]]
    assert changes == list(range(2, 230, 5))


def test_what_is_in_the_way_is_left_out_with_a_line(own_parts: Parts) -> None:
    """A device that is not there, a full list; people's own room and scene of that name serve. The rest is done."""
    house = House(own_parts, "Riego del jardín", "Enchufe del calefactor")
    some = house.get("/dispositivos")[0]["id"]
    house.api.create("/habitaciones", {"nombre": "SALÓN"})
    for number in range(200):
        house.api.create("/grupos", {"nombre": f"g{number}", "dispositivos": []})
    actions = [{"dispositivo_id": some, "configuracion": {"encendido": True}}]
    own = house.api.create("/escenas", {"nombre": "bienvenida", "acciones": actions})
    assert house.prepare() == [
        "grupo: se deja, el backend respondió 409: Ya hay 200; borre alguno",
        "escenas: se deja, falta 'Riego del jardín'",
        "órdenes: se deja, falta 'Riego del jardín'",
    ]
    assert [room["nombre"].casefold() for room in house.get("/habitaciones")].count("salón") == 1
    assert house.named("/reglas")["Alguien en el pasillo"]["acciones"] == [{"tipo": "escena", "escena_id": own["id"]}]
    house.api.close()


def test_a_backend_that_is_away_is_said_once(house: House) -> None:
    """And nothing is raised."""
    house.backend.stop()
    (said,) = house.prepare()
    assert said.startswith("la casa queda a medio preparar: ")


def test_each_behaviour_has_its_device() -> None:
    """Slow, refusing, deaf, lost for long, coming and going: by the backend's own measure of each."""
    names = {spec.serial: spec.nombre for spec in demo_specs()}
    faults: dict[str, Fault] = {names[fault.dispositivos]: fault for fault in demo_faults()}
    assert {name: fault.tipo for name, fault in faults.items()} == {
        "Enchufe de la lavadora": "muere",
        "Lámpara del dormitorio": "lento",
        "Temperatura del balcón": "muere",
        "Riego del jardín": "rechaza",
        "Enchufe del calefactor": "desobedece",
    }
    flapping, lost = faults["Enchufe de la lavadora"], faults["Temperatura del balcón"]
    assert flapping.vuelve is not None
    assert lost.vuelve is not None
    assert flapping.vuelve > WILL_GRACE_S
    assert (flapping.segundos + flapping.vuelve) * (FLAPS - 1) < FLAP_WINDOW_S / 10
    assert (lost.segundos + lost.vuelve) * (FLAPS - 1) > FLAP_WINDOW_S


def test_the_demo_house(own_parts: Parts, tmp_path: Path) -> None:
    """Thirteen devices, eleven claimed and prepared; the slow one proves late, one says why it refuses, one is deaf."""
    backend = own_parts.backend(own_parts.mosquitto())
    options = ["--broker", f"127.0.0.1:{backend.mqtt_port}", "--backend", f"http://127.0.0.1:{backend.port}"]
    demo = Proceso("demo", [*DEMO, *options, "--reclamar"], tmp_path / "demo.log")
    try:
        wait_until(lambda: len(backend.http.get("/reglas").json) == 5, 20, "all is prepared")
        late, refused, deaf = (_switched_off(backend, name) for name in ORDERED)
        wait_until(lambda: late() and late()["estado"] == "aplicada", 10, "the slow lamp is off")
        wait_until(lambda: refused()["estado"] == "rechazada", 5, "the valve refuses")
        assert demo.terminate() == 0
    finally:
        demo.kill()
    assert demo.log() == ""
    devices = backend.http.get("/dispositivos").json
    assert (len(devices), sum(d["reclamado"] for d in devices)) == (13, 11)
    made, proven = (datetime.fromisoformat(late()[field]) for field in ("creada_en", "cerrada_en"))
    assert timedelta(seconds=2.5) < proven - made < timedelta(seconds=9)
    assert (deaf()["estado"], refused()["motivo"]) == ("enviada", "el dispositivo no puede hacerlo ahora")
    notices = [notice["tipo"] for notice in backend.http.get("/avisos").json["data"]]
    assert "orden_rechazada" in notices
    light = backend.http.device(demo_specs()[8].serial)
    assert (light["configuracion"]["modo"], len(light["configuracion"]["horarios"])) == ("horario", 24)


def _switched_off(backend: Backend, nombre: str) -> Callable[[], Any]:
    """Reads the first order to that device that switched it off."""

    def first() -> Any:
        device = next(d for d in backend.http.get("/dispositivos").json if d["nombre"] == nombre)
        orders = backend.http.get(f"/dispositivos/{device['id']}/ordenes").json["data"]
        return next((o for o in reversed(orders) if o["cambios"].get("encendido") is False), None)

    return first
