"""Faults on purpose: which devices misbehave, how, and how often.

Written on the command line as ``TIPO[=S][:prob=P][:dispositivos=N|N%|PREFIJO|SERIAL|todos][:segundos=S]``; ``=S`` right
after the kind is short for ``segundos=S``, and ``muere`` takes ``vuelve=S`` too. What is struck is a report
(``valor-atascado``, ``silencio``, ``duplicados``, ``desorden``, ``basura``), an order (``rechaza``, ``desobedece``,
``lento``) or the device's life (``parpadea``, ``muere``). Legacy devices have no connection to lose and no way to
refuse: ``parpadea`` and ``lento`` leave them alone, and ``rechaza`` is ``desobedece``.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.parameters import ParameterRule, Value
    from simulator.stats import Stats

REFUSES, DISOBEYS, SLOW, BLINKS, DIES = "rechaza", "desobedece", "lento", "parpadea", "muere"
DEFAULT_PROB = {
    "valor-atascado": 1.0, "silencio": 0.05, "duplicados": 0.1, "desorden": 0.1, "basura": 0.1,
    DISOBEYS: 1.0, REFUSES: 1.0, SLOW: 1.0, BLINKS: 1.0, DIES: 1.0,
}  # fmt: skip
_DEFAULT_SECONDS = {"silencio": 30.0, SLOW: 3.0, BLINKS: 20.0, DIES: 60.0}


class FalloInvalido(ValueError):
    """A ``--fallo`` that cannot be read; the message is Spanish."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One ``--fallo``: ``tipo`` strikes the chosen devices with probability ``prob``.

    At each report, each order, each ``segundos`` (``parpadea``) or once (``muere``: after ``segundos``, to come back
    ``vuelve`` seconds later and die again, or never when that is ``None``). ``segundos`` is also the length of a
    silence and the delay of a slow device.
    """

    tipo: str
    prob: float
    dispositivos: str = "todos"
    segundos: float = 0.0
    vuelve: float | None = None

    def chosen(self, serials: Sequence[str], rng: random.Random) -> set[str]:
        """The serials that this fault strikes; a number or percentage is drawn with ``rng``."""
        who = self.dispositivos
        if who == "todos":
            return set(serials)
        if who.rstrip("%").isdecimal() and len(who) <= 7:
            amount = int(who.rstrip("%"))
            wanted = round(len(serials) * amount / 100) if who.endswith("%") else amount
            return set(rng.sample(list(serials), min(wanted, len(serials))))
        return {serial for serial in serials if serial.startswith(who)}


def parse_fault(text: str) -> Fault:
    """Read one ``--fallo``; raises ``FalloInvalido``."""
    tipo, *options = text.split(":")
    tipo, equals, seconds = tipo.partition("=")
    if tipo not in DEFAULT_PROB:
        raise FalloInvalido(f"fallo desconocido «{tipo}»; los conocidos son {', '.join(DEFAULT_PROB)}")
    values = {"prob": str(DEFAULT_PROB[tipo]), "dispositivos": "todos", "segundos": str(_DEFAULT_SECONDS.get(tipo, 0))}
    for option in [f"segundos={seconds}", *options] if equals else options:
        name, equals, value = option.partition("=")
        if (name not in values and (tipo, name) != (DIES, "vuelve")) or not equals or not value:
            known = ", ".join(f"{known}=" for known in values)
            raise FalloInvalido(f"opción «{option}» de --fallo {tipo}: se esperaba una de {known}")
        values[name] = value
    prob = _number(tipo, "prob", values["prob"])
    if not 0 <= prob <= 1:
        raise FalloInvalido(f"--fallo {tipo}: prob debe estar entre 0 y 1")
    vuelve = _seconds(tipo, "vuelve", values["vuelve"]) if "vuelve" in values else None
    return Fault(tipo, prob, values["dispositivos"], _seconds(tipo, "segundos", values["segundos"]), vuelve)


def _seconds(tipo: str, name: str, text: str) -> float:
    return max(_number(tipo, name, text), 0.0)


def _number(tipo: str, name: str, text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise FalloInvalido(f"--fallo {tipo}: {name} debe ser un número")
    return value


def assign_faults(
    faults: Sequence[Fault], serials: Sequence[str], seed: object, stats: Stats
) -> dict[str, DeviceFaults]:
    """The faults of each struck serial, drawn once from the seed."""
    chosen = [
        (fault, fault.chosen(serials, random.Random(f"{seed}:fallo:{index}:{fault.tipo}")))
        for index, fault in enumerate(faults)
    ]
    return {
        serial: DeviceFaults(serial, mine, random.Random(f"{seed}:{serial}:fallos"), stats)
        for serial in serials
        if (mine := {fault.tipo: fault for fault, struck in chosen if serial in struck})
    }


class DeviceFaults:
    """The misbehaviour of one device; called by one thread at a time."""

    def __init__(self, serial: str, faults: dict[str, Fault], rng: random.Random, stats: Stats) -> None:
        self._serial = serial
        self._faults = faults
        self._random = rng
        self._stats = stats
        self._stuck = False
        self._silent_until = 0.0
        self._held: bytes | None = None
        self._born: float | None = None
        self._mortal = self._strikes(DIES)
        self._next_blink = 0.0

    def treatment(self) -> str | None:
        """What becomes of an order: ``rechaza``, ``desobedece``, ``lento``, or ``None``: it is obeyed."""
        return next((tipo for tipo in (REFUSES, DISOBEYS, SLOW) if self._strikes(tipo)), None)

    @property
    def delay(self) -> float:
        """Seconds by which a slow device obeys late."""
        return self._faults[SLOW].segundos

    def dead(self, now: float) -> bool:
        """Whether its time is over at ``now`` (monotonic seconds); its life begins when it is first asked."""
        age = now - self._life_begins(now)
        if not self._mortal:
            return False
        fault = self._faults[DIES]
        if fault.vuelve is not None:
            age %= max(fault.segundos + fault.vuelve, 1e-9)
        return age >= fault.segundos

    def blinks(self, now: float) -> bool:
        """Whether it loses its connection at ``now`` (monotonic seconds)."""
        fault = self._faults.get(BLINKS)
        if fault is None:
            return False
        due = self._next_blink or self._life_begins(now) + fault.segundos
        if now < due:
            self._next_blink = due
            return False
        self._next_blink = now + fault.segundos
        return self._strikes(BLINKS)

    def _life_begins(self, now: float) -> float:
        if self._born is None:
            self._born = now
        return self._born

    def distort(self, values: dict[str, Value], rules: Sequence[ParameterRule]) -> dict[str, Value]:
        """Values as reported: once struck, the first parameter stays stuck out of its range."""
        if rules and not self._stuck:
            self._stuck = self._strikes("valor-atascado")
        if not self._stuck:
            return values
        self._stats.add("atascados")
        return {**values, rules[0].nombre: rules[0].out_of_range()}

    def mangle(self, payload: bytes, now: float) -> list[bytes]:
        """What is really sent instead of ``payload``, in order; ``now`` in monotonic seconds."""
        if self._silenced(now):
            self._stats.add("silenciados")
            return []
        out = self._reordered(payload)
        if out and self._strikes("duplicados"):
            self._stats.add("duplicados")
            out.append(out[-1])
        if self._strikes("basura"):
            self._stats.add("basura")
            out.append(garbage(self._serial, self._random))
        return out

    def _silenced(self, now: float) -> bool:
        if now >= self._silent_until and self._strikes("silencio"):
            self._silent_until = now + self._faults["silencio"].segundos
        return now < self._silent_until

    def _reordered(self, payload: bytes) -> list[bytes]:
        """Hold a report back and send it after the next one."""
        if self._held is not None:
            held, self._held = self._held, None
            self._stats.add("desordenados")
            return [payload, held]
        if self._strikes("desorden"):
            self._held = payload
            return []
        return [payload]

    def _strikes(self, tipo: str) -> bool:
        fault = self._faults.get(tipo)
        return fault is not None and self._random.random() < fault.prob


def garbage(serial: str, rng: random.Random) -> bytes:
    """One malformed payload, of a kind drawn with ``rng``."""
    return rng.choice(tuple(GARBAGE.values()))(serial)


def _report(serial: str, **other: object) -> bytes:
    return json.dumps({"serial_number": serial, **other}).encode()


GARBAGE: dict[str, Callable[[str], bytes]] = {
    "vacío": lambda _: b"",
    "no es UTF-8": lambda s: b'{"serial_number":"' + s.encode() + b'","estado":"\xff\xfe\xc3"}',
    "UTF-16": lambda s: _report(s).decode().encode("utf-16"),
    "no es JSON": lambda s: f"temperatura={s}".encode(),
    "JSON cortado": lambda s: _report(s, estado="activo")[:-7],
    "lista": lambda s: json.dumps([s]).encode(),
    "texto": lambda s: json.dumps(s).encode(),
    "null": lambda _: b"null",
    "NaN": lambda s: _report(s, parametros={"temperatura": float("nan")}),
    "Infinity": lambda s: _report(s, parametros={"temperatura": float("inf")}),
    "1e999": lambda s: _report(s, parametros={"temperatura": 0}).replace(b": 0", b": 1e999"),
    "entero enorme": lambda s: _report(s, parametros={"temperatura": 2**70}),
    "30.000 corchetes": lambda s: b'{"serial_number":"' + s.encode() + b'","parametros":' + b"[" * 30_000,
    "más de 64 KiB": lambda s: _report(s, parametros={"texto": "x" * 70_000}),
    "10.000 claves": lambda s: _report(s, parametros={f"k{number}": number for number in range(10_000)}),
    "sustituto suelto": lambda s: _report(s, parametros={"texto": "\ud800"}),
    "NUL": lambda s: _report(s + "\0"),
    "sin serial": lambda _: b'{"estado":"activo","parametros":{}}',
    "serial numérico": lambda _: b'{"serial_number":42,"estado":"activo"}',
    "serial con comodines": lambda _: _report("../+/#"),
    "serial de 200 caracteres": lambda _: _report("X" * 200),
    "estado desconocido": lambda s: _report(s, estado="quizas"),
    "parametros es una lista": lambda s: _report(s, parametros=[1, 2, 3]),
    "configuracion es un texto": lambda s: _report(s, configuracion="encendido"),
    "clave repetida": lambda s: f'{{"serial_number":"{s}","estado":"activo","estado":"activo"}}'.encode(),
}
