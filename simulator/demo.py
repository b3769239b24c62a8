"""What the demo house is given over HTTP, so that its first minutes show rooms, schedules, scenes, rules and orders.

Idempotent: what is there stays as it is. What the backend does not admit is left out, with one line that says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from simulator.backend import Backend, RespuestaHttp
from simulator.house import (
    AIRE,
    CALEFACTOR,
    COCINA,
    HOUSE,
    LAMPARA,
    MOVIMIENTO,
    PASILLO,
    RIEGO,
    VENTILADOR,
    demo_specs,
)
from simulator.schedule import is_on

if TYPE_CHECKING:
    from collections.abc import Callable

Devices = dict[str, dict[str, Any]]
_SLOT = timedelta(minutes=5)
_WINDOWS = 24  # four hours of five minutes on and five off
_ON, _OFF = {"encendido": True}, {"encendido": False}
LUCES, NOCHE, BIENVENIDA = "Luces", "Noche", "Bienvenida"


def prepare_demo(backend: Backend, now: datetime, say: Callable[[str], None]) -> None:
    """Give the claimed demo devices their rooms, a group, a schedule, scenes, rules and their first orders.

    ``now`` knows its time zone. ``say`` is told, in Spanish, each part that was left out and why.
    """
    try:
        devices = _by_name(backend)
        for what, step in _STEPS.items():
            try:
                step(backend, devices, now)
            except RespuestaHttp as err:
                say(f"{what}: se deja, {err}")
            except KeyError as err:
                say(f"{what}: se deja, falta {err}")
    except (OSError, RespuestaHttp, KeyError) as err:
        say(f"la casa queda a medio preparar: {err}")


def windows(local: datetime) -> list[dict[str, str]]:
    """Five minutes on, five off, from the present five minutes of the clock on."""
    start = local.replace(minute=local.minute - local.minute % 5, second=0, microsecond=0)
    starts = [start + 2 * number * _SLOT for number in range(_WINDOWS)]
    return [{"inicio": f"{begin:%H:%M}", "fin": f"{begin + _SLOT:%H:%M}"} for begin in starts]


def _by_name(backend: Backend) -> Devices:
    """The claimed devices of the demo, as the backend has them, by the name that the demo gives them."""
    known = {device["serial_number"]: device for device in backend.items("/dispositivos")}
    return {
        spec.nombre: known[spec.serial]
        for spec, place in zip(demo_specs(), HOUSE, strict=True)
        if place.habitacion and spec.serial in known
    }


def _rooms(backend: Backend, devices: Devices, _now: datetime) -> None:
    rooms = {room["nombre"].casefold(): room["id"] for room in backend.items("/habitaciones")}
    for place in HOUSE:
        device = devices.get(place.nombre)
        if device is None or device.get("habitacion_id") is not None:
            continue
        name = place.habitacion.casefold()
        if name not in rooms:
            rooms[name] = backend.create("/habitaciones", {"nombre": place.habitacion})["id"]
        backend.update(device["id"], {"habitacion_id": rooms[name]})


def _group(backend: Backend, devices: Devices, _now: datetime) -> None:
    lights = [devices[nombre]["id"] for nombre in (COCINA, PASILLO, LAMPARA)]
    _named(backend, "/grupos", {"nombre": LUCES, "dispositivos": lights})


def _schedule(backend: Backend, devices: Devices, now: datetime) -> None:
    """In the house's time, which drives it. Laid anew when the one of an earlier start has no change near; a schedule
    that people made stays."""
    device = devices[PASILLO]
    local = now.astimezone(ZoneInfo(backend.read("/casa")["zona"]))
    horarios = device["configuracion"].get("horarios") or []
    if horarios and (len(horarios) != _WINDOWS or is_on(horarios, local) is not is_on(horarios, local + _SLOT)):
        return
    backend.update(device["id"], {"configuracion": {"modo": "horario", "horarios": windows(local)}})


def _scenes(backend: Backend, devices: Devices, _now: datetime) -> None:
    for nombre, wanted, names in (
        (NOCHE, _OFF, (COCINA, LAMPARA, VENTILADOR, RIEGO)),
        (BIENVENIDA, _ON, (COCINA, LAMPARA)),
    ):
        actions = [{"dispositivo_id": devices[name]["id"], "configuracion": wanted} for name in names]
        _named(backend, "/escenas", {"nombre": nombre, "acciones": actions})


def _rules(backend: Backend, devices: Devices, _now: datetime) -> None:
    """Two that air the bedroom and cease to; three about who passes, one of them by night only."""
    scenes = {scene["nombre"].casefold(): scene["id"] for scene in backend.items("/escenas")}

    def order(nombre: str, configuracion: dict[str, Any]) -> dict[str, Any]:
        return {"tipo": "orden", "dispositivo_id": devices[nombre]["id"], "configuracion": configuracion}

    air = {"dispositivo_id": devices[AIRE]["id"], "parametro": "co2_ppm"}
    loaded = {**air, "operador": ">", "valor": 600, "histeresis": 50, "durante_s": 5}
    fresh = {**air, "operador": "<", "valor": 550, "histeresis": 50}
    somebody = {
        "dispositivo_id": devices[MOVIMIENTO]["id"], "parametro": "movimiento", "operador": "==", "valor": True,
    }  # fmt: skip
    nobody = {**somebody, "valor": False, "durante_s": 20}
    lit = {"dispositivo_id": devices[COCINA]["id"], "estado": "activo"}
    night = {"horario": [{"inicio": "23:00", "fin": "06:00"}]}
    notice = {"tipo": "aviso", "texto": "El aire del dormitorio está cargado", "gravedad": "advertencia",
              "se_resuelve": True}  # fmt: skip
    told = {"tipo": "aviso", "texto": "Alguien anda por el pasillo de noche"}
    for nombre, condition, *actions in (
        ("Ventilar el dormitorio", loaded, notice, order(VENTILADOR, _ON)),
        ("El dormitorio ya está ventilado", fresh, order(VENTILADOR, _OFF)),
        ("Alguien en el pasillo", somebody, {"tipo": "escena", "escena_id": scenes[BIENVENIDA.casefold()]}),
        ("Luz olvidada en la cocina", {"todas": [nobody, lit]}, order(COCINA, _OFF), order(LAMPARA, _OFF)),
        ("Pasos de noche", {"todas": [somebody, night]}, told),
    ):
        _named(backend, "/reglas", {"nombre": nombre, "condicion": condition, "acciones": actions})


def _orders(backend: Backend, devices: Devices, _now: datetime) -> None:
    """One that is proven three seconds later, one that is refused, and one that is never obeyed and so expires."""
    for nombre in (LAMPARA, RIEGO, CALEFACTOR):
        device_id = devices[nombre]["id"]
        asked = backend.items(f"/dispositivos/{device_id}/ordenes")
        if not any("encendido" in order["cambios"] for order in asked):
            backend.update(device_id, {"configuracion": _OFF})


def _named(backend: Backend, path: str, body: dict[str, Any]) -> None:
    """Create it unless there is one of that name, in upper or lower case."""
    if all(item["nombre"].casefold() != body["nombre"].casefold() for item in backend.items(path)):
        backend.create(path, body)


_STEPS: dict[str, Callable[[Backend, Devices, datetime], None]] = {
    "habitaciones": _rooms,
    "grupo": _group,
    "horario": _schedule,
    "escenas": _scenes,
    "órdenes": _orders,
    "reglas": _rules,
}
