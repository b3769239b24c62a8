"""What the demo house is given over HTTP, so that its first minutes show rooms, schedules, scenes, rules and orders.

Idempotent: what is there stays as it is. What the backend does not admit is left out, with one line that says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.backend import Backend, RespuestaHttp
from simulator.house import AIRE, COCINA, HOUSE, LAMPARA, PASILLO, RIEGO, VENTILADOR, demo_specs
from simulator.schedule import is_on

if TYPE_CHECKING:
    from collections.abc import Callable

Devices = dict[str, dict[str, Any]]
_SLOT = timedelta(minutes=5)
_WINDOWS = 24  # four hours of five minutes on and five off
_OFF = {"encendido": False}


def prepare_demo(backend: Backend, local: datetime, say: Callable[[str], None]) -> None:
    """Give the claimed demo devices their rooms, a schedule, a scene, a rule and two orders.

    ``local`` is the present local time, around which the schedule is laid. ``say`` is told, in Spanish, each part that
    was left out and why.
    """
    try:
        devices = _by_name(backend)
        for what, step in _STEPS.items():
            try:
                step(backend, devices, local)
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


def _rooms(backend: Backend, devices: Devices, _local: datetime) -> None:
    rooms = {room["nombre"]: room["id"] for room in backend.items("/habitaciones")}
    for place in HOUSE:
        device = devices.get(place.nombre)
        if device is None or device.get("habitacion_id") is not None:
            continue
        if place.habitacion not in rooms:
            rooms[place.habitacion] = backend.create("/habitaciones", {"nombre": place.habitacion})["id"]
        backend.update(device["id"], {"habitacion_id": rooms[place.habitacion]})


def _schedule(backend: Backend, devices: Devices, local: datetime) -> None:
    """Laid anew when the one of an earlier start has no change near; a schedule that people made stays."""
    device = devices[PASILLO]
    horarios = device["configuracion"].get("horarios") or []
    if horarios and (len(horarios) != _WINDOWS or is_on(horarios, local) is not is_on(horarios, local + _SLOT)):
        return
    backend.update(device["id"], {"configuracion": {"modo": "horario", "horarios": windows(local)}})


def _scene(backend: Backend, devices: Devices, _local: datetime) -> None:
    names = (COCINA, LAMPARA, VENTILADOR, RIEGO)
    actions = [{"dispositivo_id": devices[nombre]["id"], "configuracion": _OFF} for nombre in names]
    _create_named(backend, "/escenas", {"nombre": "Noche", "acciones": actions})


def _rule(backend: Backend, devices: Devices, _local: datetime) -> None:
    """The fan is switched off too, so that the rule has something to switch on."""
    condition = {
        "dispositivo_id": devices[AIRE]["id"], "parametro": "co2_ppm", "operador": ">", "valor": 600, "histeresis": 50,
        "durante_s": 5,
    }  # fmt: skip
    on = {"tipo": "orden", "dispositivo_id": devices[VENTILADOR]["id"], "configuracion": {"encendido": True}}
    notice = {"tipo": "aviso", "texto": "El aire del dormitorio está cargado: conviene ventilar"}
    rule = {"nombre": "Ventilar el dormitorio", "condicion": condition, "acciones": [notice, on]}
    if _create_named(backend, "/reglas", rule):
        backend.update(devices[VENTILADOR]["id"], {"configuracion": _OFF})


def _orders(backend: Backend, devices: Devices, _local: datetime) -> None:
    """One that is proven three seconds later, and one that is refused or never obeyed."""
    for nombre in (LAMPARA, RIEGO):
        if devices[nombre]["configuracion"].get("encendido") is not False:
            backend.update(devices[nombre]["id"], {"configuracion": _OFF})


def _create_named(backend: Backend, path: str, body: dict[str, Any]) -> bool:
    """Whether there was none of that name, so that it was created."""
    if any(item.get("nombre") == body["nombre"] for item in backend.items(path)):
        return False
    backend.create(path, body)
    return True


_STEPS: dict[str, Callable[[Backend, Devices, datetime], None]] = {
    "habitaciones": _rooms,
    "horario": _schedule,
    "escena": _scene,
    "regla": _rule,
    "órdenes": _orders,
}
