"""The thirteen kinds of device of WIRE section 6, as data, and the serial numbers they carry."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.parameters import ParameterRule

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

SERIAL_ALPHABET = string.ascii_uppercase + string.digits
SERIAL_RE = re.compile(r"[A-Z0-9]{12}")
PREFIX_RE = re.compile(r"[A-Z0-9]{4}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a serial's first four characters say about a device."""

    prefix: str
    tipo: str
    modelo: str
    nombre: str
    descripcion: str
    intervalo: float
    parametros: tuple[ParameterRule, ...] = ()
    configuracion: dict[str, Any] = field(default_factory=dict)

    def default_configuracion(self) -> dict[str, Any]:
        """A fresh copy: manual mode, switched on, reporting at the kind's interval, then what the template says."""
        return {"modo": "manual", "encendido": True, "intervalo_envio": self.intervalo, **self.configuracion}


def _number(
    nombre: str, tipo: str, low: float, high: float, variacion: float, apagado: float | None = None
) -> ParameterRule:
    return ParameterRule(nombre, tipo, min=low, max=high, variacion=variacion, apagado=apagado)


def _flag(nombre: str, prob_flip: float, apagado: bool | None = None) -> ParameterRule:
    return ParameterRule(nombre, "boolean", prob_flip=prob_flip, apagado=apagado)


KINDS: tuple[Kind, ...] = (
    Kind("TMP0", "sensor", "ST-1000", "Sensor de temperatura", "Mide temperatura y humedad", 5,
         (_number("temperatura", "float", 20, 30, 0.3), _number("humedad", "int", 35, 65, 2))),
    Kind("CO20", "sensor", "C2-300", "Sensor de CO₂", "Mide el dióxido de carbono del aire", 12,
         (_number("co2_ppm", "int", 0, 800, 25),)),
    Kind("LUX0", "sensor", "LX-500", "Sensor de luz", "Mide la luz ambiental", 8,
         (_number("luz_lux", "int", 0, 500, 20),)),
    Kind("SND0", "sensor", "SN-200", "Sensor de ruido", "Mide el nivel sonoro", 7,
         (_number("db", "float", 30, 80, 2),)),
    Kind("MOV0", "sensor", "MOV-200", "Sensor de movimiento", "Detecta movimiento", 10,
         (_flag("movimiento", 0.2),)),
    Kind("SMK0", "sensor", "SM-150", "Detector de humo", "Detecta humo", 20,
         (_flag("humo_detectado", 0.02),)),
    Kind("LGT0", "actuador", "LGT-300", "Luz", "Luz que se enciende y se apaga", 10),
    Kind("FAN0", "actuador", "FAN-300", "Ventilador", "Ventilador de tres velocidades", 10,
         (_number("velocidad", "int", 0, 3, 1, apagado=0),)),
    Kind("SHD0", "actuador", "SHD-400", "Persiana", "Persiana motorizada", 8),
    Kind("DRL0", "actuador", "DR-200", "Puerta", "Cerradura de puerta", 12),
    Kind("RGD0", "actuador", "RG-500", "Riego", "Válvula de riego", 20),
    Kind("CAM0", "actuador", "CAM-900", "Cámara", "Cámara de vigilancia", 15,
         (_flag("stream_activo", 0.1, apagado=False), _flag("alertas_movimiento", 0.1, apagado=False))),
    Kind("PLG0", "actuador", "SP-100", "Enchufe", "Enchufe que mide el consumo", 6,
         (_number("consumo_w", "float", 0, 2000, 60, apagado=0.0),)),
)  # fmt: skip

GENERIC = Kind("", "generico", "desconocido", "Dispositivo", "", 10)


def kind_of(serial: str, kinds: Iterable[Kind] = KINDS) -> Kind:
    """The kind that the serial's prefix names, or ``GENERIC``."""
    return next((kind for kind in kinds if kind.prefix == serial[:4]), GENERIC)


def make_serial(prefix: str, rng: random.Random) -> str:
    """Prefix and eight random characters of [A-Z0-9]."""
    return prefix + "".join(rng.choices(SERIAL_ALPHABET, k=8))
