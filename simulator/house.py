"""The small house of ``./iot --demo``: always the same serial numbers, both styles, pleasant names, a few misfits."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.backend import Backend, RespuestaHttp
from simulator.catalogue import Kind, kind_of, make_serial
from simulator.device import LEGACY, MODERN, Spec
from simulator.faults import Fault, parse_fault

if TYPE_CHECKING:
    import threading

SEED = "casa de demostración"
_LIVELY_S = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A device of the house. Without a room it is left to be discovered and claimed by whoever tries the demo."""

    prefix: str
    estilo: str
    nombre: str
    habitacion: str = ""
    fallos: tuple[str, ...] = ()


COCINA, AIRE, VENTILADOR = "Luz de la cocina", "Aire del dormitorio", "Ventilador del estudio"
PASILLO, LAMPARA, RIEGO = "Luz del pasillo", "Lámpara del dormitorio", "Riego del jardín"
MOVIMIENTO, CALEFACTOR = "Movimiento del pasillo", "Enchufe del calefactor"
# Stickers printed from the demo stay true: the order gives the serials, so new devices come last.
HOUSE = (
    Place("TMP0", LEGACY, "Temperatura del salón", "Salón"),
    Place("LGT0", LEGACY, COCINA, "Cocina"),
    Place("MOV0", LEGACY, MOVIMIENTO, "Pasillo"),
    Place("CO20", MODERN, AIRE, "Dormitorio"),
    Place("PLG0", MODERN, "Enchufe de la lavadora", "Cocina", ("muere=30:vuelve=15",)),
    Place("FAN0", MODERN, VENTILADOR, "Estudio"),
    Place("SHD0", MODERN, "Persiana del dormitorio"),
    Place("CAM0", MODERN, "Cámara de la entrada"),
    Place("LGT0", MODERN, PASILLO, "Pasillo"),
    Place("LGT0", MODERN, LAMPARA, "Dormitorio", ("lento=3",)),
    Place(
        "TMP0", MODERN, "Temperatura del balcón", "Balcón", ("muere=60:vuelve=900",)
    ),  # too seldom to be a flapping one
    Place("RGD0", MODERN, RIEGO, "Jardín", ("rechaza",)),
    Place("PLG0", MODERN, CALEFACTOR, "Salón", ("desobedece",)),
)


def demo_specs() -> list[Spec]:
    """The devices, in the order of ``HOUSE``."""
    rng = random.Random(SEED)
    return [Spec(make_serial(p.prefix, rng), _kind(p.prefix), p.estilo, p.nombre) for p in HOUSE]


def demo_faults() -> list[Fault]:
    """What is wrong with some: one comes and goes, one is slow, one vanishes, one refuses, one does not listen."""
    return [
        replace(parse_fault(text), dispositivos=spec.serial)
        for spec, place in zip(demo_specs(), HOUSE, strict=True)
        for text in place.fallos
    ]


def claim_demo(backend: Backend, stop: threading.Event) -> str:
    """Claim the demo's named devices as soon as the backend has seen them.

    Devices that were claimed before stay as they are. Returns "" or what went wrong (Spanish); gives up when ``stop``
    is set.
    """
    waiting = [spec for spec, place in zip(demo_specs(), HOUSE, strict=True) if place.habitacion]
    trouble = ""
    while waiting and not stop.wait(0.5):
        trouble = ""
        for spec in list(waiting):
            try:
                backend.reclamar(spec.identity())
            except OSError as err:
                trouble = f"el backend no responde: {err}"
                break
            except RespuestaHttp as err:
                if err.status == 404 or err.status >= 500:
                    continue
                trouble = "" if err.status == 409 else str(err)
            waiting.remove(spec)
    return trouble


def _kind(prefix: str) -> Kind:
    """The catalogue's, but livelier where the demo's rules look: within a minute each of them has something to do."""
    kind = kind_of(prefix)
    match prefix:
        case "MOV0":
            return replace(kind, intervalo=_LIVELY_S)
        case "CO20":
            rules = tuple(replace(rule, variacion=80) for rule in kind.parametros)
            return replace(kind, intervalo=_LIVELY_S, parametros=rules)
    return kind
