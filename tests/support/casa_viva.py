"""A house to look at in a browser: a real backend on a real broker, and devices that say over MQTT what they are told.

``casa.aparato("LGT0", "Lámpara", sala="Cocina")`` makes a claimed device; ``casa.informar(serial, ...)`` lets it speak;
``casa.obedecer(serial)`` lets it do and confirm what it was asked last. A device that is told nothing stays silent, so
that a test sees "asked, not yet answered" for as long as it likes. ``casa.simular(...)`` starts ``./iot simular``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulator.catalogue import kind_of
from tests.support.backend import Backend
from tests.support.mqtt import Cliente, own_topic, retained
from tests.support.procesos import ROOT, Proceso, wait_until

VALORES: dict[str, dict[str, Any]] = {
    "TMP0": {"temperatura": 21.4, "humedad": 47},
    "CO20": {"co2_ppm": 640},
    "LUX0": {"luz_lux": 210.0},
    "SND0": {"db": 42.0},
    "MOV0": {"movimiento": False},
    "SMK0": {"humo_detectado": False},
    "FAN0": {"velocidad": 2},
    "CAM0": {"stream_activo": True, "alertas_movimiento": False},
    "PLG0": {"consumo_w": 1234.0},
}
PREFIJOS = ("TMP0", "LGT0", "PLG0", "CO20", "MOV0", "SHD0", "LUX0", "FAN0", "SMK0", "RGD0", "SND0", "CAM0", "DRL0")
SALAS = ("Salón", "Cocina", "Dormitorio", "Jardín")
ACTUADORES = frozenset({"LGT0", "FAN0", "SHD0", "DRL0", "RGD0", "CAM0", "PLG0"})


class Casa:
    """Serial numbers are the prefix and a number, so that they sort as they were made."""

    def __init__(self, backend: Backend, stack: ExitStack, folder: Path) -> None:
        self.backend, self.http = backend, backend.http
        self.mqtt = stack.enter_context(Cliente(backend.mqtt_port))
        self._stack, self._folder, self._made = stack, folder, 0

    @property
    def base(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.backend.port}/"

    # --- devices ------------------------------------------------------------------------------------------------------
    def aparato(self, prefijo: str = "LGT0", nombre: str = "", *, sala: str = "", **fields: Any) -> dict[str, Any]:
        """A claimed device that has reported once, as the API has it. ``fields``: estado, parametros, configuracion."""
        return self.aparatos([(prefijo, nombre)], sala=sala, **fields)[0]

    def aparatos(self, cuales: Iterable[tuple[str, str]], *, sala: str = "", **fields: Any) -> list[dict[str, Any]]:
        """Many of them: (prefix, name) each; without a name it is called after its kind."""
        wanted = {self._serial(prefijo): nombre for prefijo, nombre in cuales}
        self.mqtt.publish_all((own_topic(s), self._report(s, fields)) for s in wanted)
        wait_until(lambda: wanted.keys() <= self._known().keys(), 20, "the devices are heard")
        for serial, nombre in wanted.items():
            kind = kind_of(serial[:4])
            body = {"serial_number": serial, "nombre": nombre or kind.nombre, "tipo": kind.tipo, "modelo": kind.modelo}
            answer = self.http.post("/dispositivos/reclamar", body)
            assert answer.status == 200, answer.text
            if sala:
                self.http.put(f"/dispositivos/{answer.json['id']}", {"habitacion_id": self.sala(sala)})
        known = self._known()
        return [known[serial] for serial in wanted]

    def muchos(
        self, cuantos: int, *, salas: Iterable[str] = ("Salón", "Cocina", "Dormitorio", "Jardín")
    ) -> list[dict[str, Any]]:
        """Devices of all kinds, spread over rooms."""
        rooms, found = list(salas), []
        for turn, sala in enumerate(rooms):
            kinds = [PREFIJOS[n % len(PREFIJOS)] for n in range(turn, cuantos, len(rooms))]
            found += self.aparatos(((k, f"{kind_of(k).nombre} {sala} {n + 1}") for n, k in enumerate(kinds)), sala=sala)
        return found

    def desconocido(self, prefijo: str = "TMP0") -> str:
        """The serial number of a device that is heard and nobody has claimed."""
        serial = self._serial(prefijo)
        self.mqtt.publish(own_topic(serial), self._report(serial, {}))
        self.backend.wait_device(serial)
        return serial

    def informar(self, serial: str, **fields: Any) -> None:
        """It reports these fields, and nothing else; returns when the broker has it."""
        self.mqtt.publish(own_topic(serial), fields)

    def obedecer(self, serial: str) -> dict[str, Any]:
        """It reads what is wanted of it, does it, and says so; the desired configuration that it read."""
        wanted = self._asked(serial)
        estado = "activo" if wanted.get("encendido") else "inactivo"
        self.informar(serial, estado=estado, version=wanted["version"])
        return wanted

    def desobedecer(self, serial: str) -> None:
        """It reads what is wanted of it and says that it is the opposite."""
        wanted = self._asked(serial)
        self.informar(serial, estado="inactivo" if wanted.get("encendido") else "activo", version=wanted["version"])

    def rechazar(self, serial: str, motivo: str) -> None:
        """It refuses what is wanted of it, and says why."""
        wanted = self._asked(serial)
        self.informar(serial, rechazo={"version": wanted["version"], "motivo": motivo})

    def callar(self, serial: str) -> None:
        """Its last will: the broker says that it is gone."""
        self.mqtt.publish(f"dispositivos/{serial}/disponible", b"offline", retain=True)

    def simular(self, **options: Any) -> Proceso:
        """`./iot simular` on this house's broker: devices that live by themselves (not claimed yet)."""
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        where = [
            "--broker",
            f"127.0.0.1:{self.backend.mqtt_port}",
            "--backend",
            f"http://127.0.0.1:{self.backend.port}",
        ]
        log = self._folder / f"simulador-{self._made}.log"
        process = Proceso("simulator", [sys.executable, "-m", "app.cli", "simular", *given, *where], log, env=_env())
        self._stack.callback(process.terminate)
        return process

    # --- the rest of the house ----------------------------------------------------------------------------------------
    def sala(self, nombre: str) -> int:
        """The room's id; made when it is not there."""
        for room in self.http.get("/habitaciones").json:
            if room["nombre"] == nombre:
                return int(room["id"])
        return int(self.http.post("/habitaciones", {"nombre": nombre}).json["id"])

    def _asked(self, serial: str) -> dict[str, Any]:
        """The desired configuration at the broker, once it is as new as the order that is open."""

        def look() -> dict[str, Any] | None:
            device = self.http.device(serial)
            orders = self.http.get(f"/dispositivos/{device['id']}/ordenes").json["data"] if device else []
            if not orders or orders[0]["enviada_en"] is None or orders[0]["cerrada_en"] is not None:
                return None
            held: dict[str, Any] = retained(self.backend.mqtt_port, f"dispositivos/{serial}/configuracion")
            return held if held["version"] >= orders[0]["version"] else None

        return wait_until(look, 5, f"an open order to {serial}")

    def _serial(self, prefijo: str) -> str:
        self._made += 1
        return f"{prefijo}{self._made:08d}"

    @staticmethod
    def _report(serial: str, fields: dict[str, Any]) -> dict[str, Any]:
        prefix = serial[:4]
        estado = "inactivo" if prefix in ACTUADORES else "activo"
        return {"estado": estado, "parametros": VALORES.get(prefix, {}), **fields}

    def _known(self) -> dict[str, dict[str, Any]]:
        return {d["serial_number"]: d for d in self.http.get("/dispositivos").json}


def _env() -> dict[str, str]:
    import os

    return {k: v for k, v in os.environ.items() if not k.startswith("IOT_")} | {"PYTHONPATH": str(ROOT)}
