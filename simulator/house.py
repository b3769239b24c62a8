"""The small house of ``./iot --demo``: always the same serial numbers, both styles, pleasant names."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulator.backend import Backend, RespuestaHttp
from simulator.catalogue import kind_of, make_serial
from simulator.device import LEGACY, MODERN, Spec

if TYPE_CHECKING:
    import threading

SEED = "casa de demostración"
# (prefix, style, name, claimed by --reclamar): two are left to be discovered and claimed by whoever tries the demo.
_HOUSE = (
    ("TMP0", LEGACY, "Temperatura del salón", True),
    ("LGT0", LEGACY, "Luz de la cocina", True),
    ("MOV0", LEGACY, "Movimiento del pasillo", True),
    ("CO20", MODERN, "Aire del dormitorio", True),
    ("PLG0", MODERN, "Enchufe de la lavadora", True),
    ("FAN0", MODERN, "Ventilador del estudio", True),
    ("SHD0", MODERN, "Persiana del dormitorio", False),
    ("CAM0", MODERN, "Cámara de la entrada", False),
)


def demo_specs() -> list[Spec]:
    rng = random.Random(SEED)
    return [
        Spec(make_serial(prefix, rng), kind_of(prefix), estilo, nombre) for prefix, estilo, nombre, _claimed in _HOUSE
    ]


def claim_demo(backend: Backend, stop: threading.Event) -> str:
    """Claim the demo's named devices as soon as the backend has seen them.

    Devices that were claimed before stay as they are. Returns "" or what went wrong (Spanish); gives up when ``stop``
    is set.
    """
    waiting = [spec for spec, row in zip(demo_specs(), _HOUSE, strict=True) if row[3]]
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
