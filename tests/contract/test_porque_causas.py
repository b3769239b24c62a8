"""Why it is on, through every door: asked over HTTP, carried by a real broker, proven by the device's own report."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import Parts, new_serial
from tests.support.backend import Backend
from tests.support.http import Http
from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import wait_until

HOUSE = "America/Santiago"
Device = dict[str, Any]
SOMEBODY = {
    "es": "lo pidió alguien de la red de confianza desde 127.0.0.1",
    "en": "somebody on the trusted network asked for it from 127.0.0.1",
}
WHEN = {"es": r"(\d\d/\d\d/\d{4} a las \d\d:\d\d:\d\d)", "en": r"(\d{4}-\d\d-\d\d at \d\d:\d\d:\d\d)"}
FORMAT = {"es": "%d/%m/%Y a las %H:%M:%S", "en": "%Y-%m-%d at %H:%M:%S"}
HEAD = {"es": "«{n}» figura como {e} desde el {w} porque {r}", "en": "“{n}” is shown as {e} since {w} because {r}"}
PROVEN = {
    "es": r", y el dispositivo lo confirmó (?:\d+ ms|\d+(?:,\d)? s) después\.",
    "en": r", and the device confirmed it (?:\d+ ms|\d+(?:\.\d)? s) later\.",
}
STATE = {"activo": {"es": "encendido", "en": "on"}, "inactivo": {"es": "apagado", "en": "off"}}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {"HOUSE_TIMEZONE": HOUSE}


@pytest.fixture
def lamp(backend: Backend, mqtt: Cliente) -> Callable[..., Device]:
    """A modern lamp that was heard once, off."""

    def make(**body: Any) -> Device:
        serial = new_serial()
        mqtt.publish(own_topic(serial), {"estado": "inactivo", "parametros": {"x": 1}, **body})
        return backend.wait_device(serial, estado="inactivo")

    return make


def newest(http: Http, device: Device) -> Device | None:
    """The newest order to switch the device."""
    page = http.get(f"/dispositivos/{device['id']}/ordenes").json["data"]
    return next((o for o in page if "encendido" in o["cambios"]), None)


def obey(http: Http, mqtt: Cliente, device: Device, *, on: bool = True) -> Device:
    """The lamp reads what is wanted of it, switches and says so; the order that this proved."""

    def asked() -> Device | None:
        order = newest(http, device)
        return order if order and order["cambios"]["encendido"] is on else None

    order = wait_until(asked, 10, "an order to switch")
    said = {"estado": "activo" if on else "inactivo", "version": order["version"]}
    mqtt.publish(own_topic(device["serial_number"]), said)
    path = f"/dispositivos/{device['id']}/ordenes?estado=aplicada"
    return wait_until(lambda: next((o for o in http.get(path).json["data"] if o["id"] == order["id"]), None), 5)


def explained(http: Http, device: Device, razon: dict[str, str], rest: dict[str, str] = PROVEN) -> dict[str, Any]:
    """The Spanish answer, once both sentences say ``razon`` (a pattern), the proof, and nothing else but ``rest``."""
    answers = {}
    for idioma, why in razon.items():
        told = http.get(f"/dispositivos/{device['id']}/porque", headers={"Accept-Language": idioma}).json
        estado = STATE[told["estado"]][idioma]
        pattern = HEAD[idioma].format(n=re.escape(device["nombre"]), e=estado, w=WHEN[idioma], r=why) + rest[idioma]
        found = re.fullmatch(pattern, told["frase"])
        assert found, f"{told['frase']!r} is not {pattern!r}"
        moment = datetime.fromisoformat(told["desde"]).astimezone(ZoneInfo(told["zona"]))
        assert found[1] == moment.strftime(FORMAT[idioma])
        answers[idioma] = told
    return answers["es"]


def steps(told: dict[str, Any]) -> list[str]:
    return [step["tipo"] for step in told["cadena"]]


def around_now() -> list[dict[str, str]]:
    """A window of UTC from an hour ago until in three hours."""
    now = datetime.now(UTC)
    return [{"inicio": f"{now - timedelta(hours=1):%H:%M}", "fin": f"{now + timedelta(hours=3):%H:%M}"}]


def follow(http: Http, device: Device) -> None:
    configuracion = {"modo": "horario", "zona": "UTC", "horarios": around_now()}
    assert http.put(f"/dispositivos/{device['id']}", {"configuracion": configuracion}).status == 200


def test_a_claim_that_switches(http, mqtt, lamp):
    device = lamp()
    body = {"serial_number": device["serial_number"], "nombre": "Luz", "configuracion": {"encendido": True}}
    assert http.post("/dispositivos/reclamar", body).status == 200
    obey(http, mqtt, device)
    assert steps(explained(http, {**device, "nombre": "Luz"}, SOMEBODY)) == ["orden", "http"]


def test_the_schedule_then_an_override_then_the_schedule(http, mqtt, lamp):
    """Driven by the backend; put aside it says until when, in the device's zone; taken back, the schedule rules."""
    device = lamp()
    follow(http, device)
    obey(http, mqtt, device)
    slot = r"\(semana: \w+ \d\d:\d\d–\d\d:\d\d\)"
    schedule = {"es": f"lo manda su horario {slot}", "en": f"its schedule says so {slot}"}
    assert steps(explained(http, device, schedule)) == ["orden", "horario"]

    anular = f"/dispositivos/{device['id']}/horario/anular"
    hasta = http.post(anular, {"encendido": False, "durante_s": 3600}).json["anulacion"]["hasta"]
    obey(http, mqtt, device, on=False)
    end = {lang: datetime.fromisoformat(hasta).strftime(form) for lang, form in FORMAT.items()}
    aside = {
        "es": f"{PROVEN['es']} No sigue su horario hasta el {end['es']}\\.",
        "en": f"{PROVEN['en']} It does not follow its schedule until {end['en']}\\.",
    }
    told = explained(http, device, SOMEBODY, aside)
    assert (steps(told), told["zona"]) == (["anulacion", "orden", "http"], "UTC")

    assert http.request("DELETE", anular).status == 200
    obey(http, mqtt, device)
    assert steps(explained(http, device, schedule)) == ["orden", "horario"]


def test_a_rule(http, mqtt, lamp, serial):
    device, sensor = lamp(), lamp()
    orden = {"tipo": "orden", "dispositivo_id": device["id"], "configuracion": {"encendido": True}}
    condicion = {"dispositivo_id": sensor["id"], "parametro": "x", "operador": ">", "valor": 30}
    http.post("/reglas", {"nombre": f"Calor {serial}", "condicion": condicion, "acciones": [orden]})
    mqtt.publish(own_topic(sensor["serial_number"]), {"parametros": {"x": 31}})
    obey(http, mqtt, device)
    met = {
        "es": rf"se cumplió la regla «Calor {serial}» \(No definido: x > 30\)",
        "en": rf"the rule “Calor {serial}” was met \(No definido: x > 30\)",
    }
    assert steps(explained(http, device, met)) == ["orden", "regla"]


def test_a_room(http, mqtt, lamp, serial):
    """One request, an order for each: both say who asked."""
    devices = [lamp(), lamp()]
    room = http.post("/habitaciones", {"nombre": serial}).json["id"]
    for device in devices:
        http.put(f"/dispositivos/{device['id']}", {"habitacion_id": room})
    assert http.post("/ordenes", {"habitacion_id": room, "cambios": {"encendido": True}}).json["errores"] == 0
    for device in devices:
        obey(http, mqtt, device)
        assert steps(explained(http, device, SOMEBODY)) == ["orden", "http"]


def test_a_scene_that_somebody_applied_and_that_a_rule_applied(http, mqtt, lamp, serial):
    device, sensor = lamp(), lamp()
    acciones = [{"dispositivo_id": device["id"], "configuracion": {"encendido": True}}]
    escena = http.post("/escenas", {"nombre": serial, "acciones": acciones}).json["id"]
    assert http.post(f"/escenas/{escena}/aplicar").json["errores"] == 0
    obey(http, mqtt, device)
    asked = {
        "es": f"lo pidió la escena «{serial}», que aplicó alguien de la red de confianza desde 127.0.0.1",
        "en": f"the scene “{serial}” asked for it, applied by somebody on the trusted network from 127.0.0.1",
    }
    assert explained(http, device, asked)["cadena"][1]["causa"]["nombre"] == serial

    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    obey(http, mqtt, device, on=False)
    condicion = {"dispositivo_id": sensor["id"], "estado": "activo"}
    rule = {"nombre": serial, "condicion": condicion, "acciones": [{"tipo": "escena", "escena_id": escena}]}
    assert http.post("/reglas", rule).status == 201
    mqtt.publish(own_topic(sensor["serial_number"]), {"estado": "activo"})
    obey(http, mqtt, device)
    by_rule = {
        "es": f"lo pidió la escena «{serial}», que aplicó la regla «{serial}»",
        "en": f"the scene “{serial}” asked for it, applied by the rule “{serial}”",
    }
    assert steps(explained(http, device, by_rule)) == ["orden", "escena"]


def test_an_order_that_expired(own_parts: Parts):
    """Nobody answered: it is off again, because the order came to nothing, and what was asked is told."""
    backend = own_parts.backend(own_parts.mosquitto(), ORDER_TTL_S=1, HOUSE_TIMEZONE=HOUSE)
    serial = new_serial()
    with Cliente(backend.mqtt_port) as mqtt:
        mqtt.publish(own_topic(serial), {"estado": "inactivo"})
        device = backend.wait_device(serial, estado="inactivo")
        http = backend.http
        http.put(f"/dispositivos/{device['id']}", {"encendido": True})
        wait_until(lambda: (newest(http, device) or {}).get("estado") == "expirada", 10)
    failed = {
        "es": r"una orden no se cumplió \(expiró; el dispositivo sigue inactivo\)",
        "en": "an order was not fulfilled",
    }
    wish = {
        "es": r"\. Se pidió encender y no lo confirmó a tiempo\.",
        "en": r"\. It was asked to turn on and did not confirm it in time\.",
    }
    told = explained(http, device, failed, wish)
    assert (steps(told), told["zona"]) == (["orden", "orden", "http"], HOUSE)


def test_the_zone_of_the_times(backend, http, mqtt, lamp):
    """The device's own; the house's where it has none, or one that is none; the house's as people last set it."""
    own, none, nonsense = lamp(), lamp(), lamp(configuracion={"zona": "Marte/Base"})
    configuracion = {"zona": "Australia/Lord_Howe", "encendido": True}
    http.put(f"/dispositivos/{own['id']}", {"configuracion": configuracion})
    obey(http, mqtt, own)
    own_word = {"es": "lo dijo el propio dispositivo", "en": "the device itself said so"}
    end = {"es": r"\.", "en": r"\."}
    assert explained(http, own, SOMEBODY)["zona"] == "Australia/Lord_Howe"
    assert explained(http, none, own_word, end)["zona"] == HOUSE
    assert explained(http, nonsense, own_word, end)["zona"] == HOUSE
    try:
        http.put("/casa", {"zona": "Europe/Madrid"})
        assert explained(http, none, own_word, end)["zona"] == "Europe/Madrid"
    finally:
        http.put("/casa", {"zona": None})
