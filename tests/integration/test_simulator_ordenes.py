"""Orders to simulated devices on a real Mosquitto: the echo that proves them, and the ways not to obey."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.broker import Broker
from simulator.catalogue import kind_of
from simulator.device import Spec
from simulator.faults import parse_fault
from simulator.fleet import Fleet
from tests.support.broker import Mosquitto
from tests.support.mqtt import Cliente
from tests.support.procesos import wait_until

pytestmark = pytest.mark.integration

OFF: dict[str, Any] = {"modo": "manual", "encendido": False, "intervalo_envio": 3600}


class Luz:
    """One modern light, seen from the broker."""

    def __init__(self, broker: Mosquitto, serial: str, *faults: str, intervalo: float = 3600) -> None:
        self.base = f"dispositivos/{serial}"
        self.watcher = Cliente(broker.port)
        self.watcher.subscribe(f"{self.base}/estado")
        self.watcher.subscribe(f"{self.base}/disponible")
        self.fleet = Fleet(
            [Spec(serial, kind_of(serial), "moderno")],
            Broker(port=broker.port),
            seed="prueba",
            intervalo=intervalo,
            faults=[parse_fault(text) for text in faults],
        )
        self.stats = self.fleet.stats

    def __enter__(self) -> Luz:
        self.fleet.start()
        first = self.report()
        assert (first["estado"], "version" in first, "rechazo" in first) == ("activo", False, False)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.fleet.stop()
        self.watcher.close()

    def order(self, **configuracion: Any) -> None:
        self.watcher.publish(f"{self.base}/configuracion", configuracion)

    def messages(self, end: str) -> Iterator[bytes]:
        """The payloads of ``estado`` or ``disponible``, as they come."""
        while True:
            message = self.watcher.message()
            if message.topic == f"{self.base}/{end}":
                yield bytes(message.payload)

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(next(self.messages("estado")))
        return report


def test_a_report_proves_the_order_at_once(mosquitto: Mosquitto) -> None:
    """The version is echoed from then on; a deleted device forgets it."""
    with Luz(mosquitto, "LGT0PRUEBA01") as luz:
        luz.order(**OFF, version=5)
        assert luz.report() == {"serial_number": "LGT0PRUEBA01", "estado": "inactivo", "parametros": {}, "version": 5}
        luz.order(**{**OFF, "encendido": True}, version=6)
        proof = luz.report()
        assert (proof["estado"], proof["version"]) == ("activo", 6)
        luz.watcher.publish(f"{luz.base}/configuracion", b"")
        luz.order(**OFF)
        unversioned = luz.report()
        assert (unversioned["estado"], "version" in unversioned) == ("inactivo", False)


def test_the_backend_drives_the_schedule(mosquitto: Mosquitto) -> None:
    """In ``horario`` mode ``encendido`` rules, whatever the slots say of the present minute."""
    with Luz(mosquitto, "LGT0PRUEBA02") as luz:
        for version, on in enumerate((False, True, False), start=1):
            horarios = {"diario": [["00:00", "off" if on else "on"]]}
            luz.order(modo="horario", encendido=on, horarios=horarios, intervalo_envio=3600, version=version)
            proof = luz.report()
            assert (proof["estado"], proof["version"]) == ("activo" if on else "inactivo", version)
        assert luz.stats["cambios_por_horario"] == 0


def test_a_refusal_says_why(mosquitto: Mosquitto) -> None:
    """Its state stays, no version is echoed; what asks it to be as it is, it obeys."""
    with Luz(mosquitto, "LGT0PRUEBA03", "rechaza") as luz:
        luz.order(**OFF, version=2)
        refusal = luz.report()
        assert (refusal["estado"], "version" in refusal) == ("activo", False)
        assert refusal["rechazo"] == {"version": 2, "motivo": "el dispositivo no puede hacerlo ahora"}
        luz.order(**{**OFF, "encendido": True}, version=3)
        assert luz.report() == {"serial_number": "LGT0PRUEBA03", "estado": "activo", "parametros": {}, "version": 3}
        assert luz.stats["rechazadas"] == 1


def test_disobedience_says_nothing(mosquitto: Mosquitto) -> None:
    """The old state goes on being reported, with the last version that it did obey."""
    with Luz(mosquitto, "LGT0PRUEBA04", "desobedece", intervalo=0.1) as luz:
        luz.order(modo="manual", encendido=True, intervalo_envio=0.1, version=1)
        wait_until(lambda: luz.report().get("version") == 1, 5)
        luz.order(modo="manual", encendido=False, intervalo_envio=0.1, version=2)
        wait_until(lambda: luz.stats["desobedecidas"] == 1, 5)
        luz.watcher.pending()
        for _ in range(3):
            report = luz.report()
            assert (report["estado"], report["version"], "rechazo" in report) == ("activo", 1, False)


def test_a_slow_device_obeys_the_newest_order_later(mosquitto: Mosquitto) -> None:
    """Until then its reports tell the old state; an order that came meanwhile takes the place of the first."""
    with Luz(mosquitto, "LGT0PRUEBA05", "lento=0.8", intervalo=0.1) as luz:
        luz.order(modo="manual", encendido=False, intervalo_envio=0.2, version=1)
        luz.order(modo="manual", encendido=False, intervalo_envio=0.1, version=2)
        asked = time.monotonic()
        before = 0
        while (report := luz.report())["estado"] == "activo":
            assert "version" not in report
            before += 1
        assert report["version"] == 2
        assert before >= 3
        assert 0.6 < time.monotonic() - asked < 3
        assert luz.stats["lentas"] == 1


def test_a_connection_that_blinks(mosquitto: Mosquitto) -> None:
    """Without goodbye: the last will says offline; it comes back by itself, again and again, and still obeys."""
    with Luz(mosquitto, "LGT0PRUEBA06", "parpadea=1") as luz:
        seen = luz.messages("disponible")
        assert [next(seen) for _ in range(4)] == [b"offline", b"online"] * 2
        luz.order(**OFF, version=4)
        wait_until(lambda: luz.report().get("version") == 4, 10)
    assert luz.stats["desconexiones"] == 0
    log = (mosquitto.folder / "mosquitto.log").read_text()
    assert "LGT0PRUEBA06 closed its connection" in log


def test_a_device_that_dies(mosquitto: Mosquitto) -> None:
    """The last will speaks, nothing follows; with ``vuelve`` it comes back and tells what it is."""
    with Luz(mosquitto, "LGT0PRUEBA07", "muere=1", intervalo=0.1) as dead:
        assert next(dead.messages("disponible")) == b"offline"
        sent = dead.stats["enviados"]
        with Luz(mosquitto, "LGT0PRUEBA08", "muere=1:vuelve=1", intervalo=0.1) as back:
            seen = back.messages("disponible")
            assert [next(seen) for _ in range(2)] == [b"offline", b"online"]
            assert back.report()["estado"] == "activo"
        assert dead.watcher.pending() == []
        assert dead.stats["enviados"] == sent
        assert dead.stats["muertes"] == 1


@pytest.mark.slow
@pytest.mark.solo
def test_the_proof_takes_milliseconds(own_parts: Any) -> None:
    """Configuration to report over the broker, beside 500 reports a second: the device's part of p99 < 50 ms.

    A missing TCP_NODELAY costs 40 ms each; the bound leaves room for a busy machine.
    """
    broker = own_parts.mosquitto(persistent=False, extra="set_tcp_nodelay true")
    specs = [Spec(f"LGT0{number:08}", kind_of("LGT0"), "moderno") for number in range(500)]
    with Fleet(specs, Broker(port=broker.port), seed="prueba", intervalo=1) as house, Cliente(broker.port) as client:
        wait_until(lambda: house.stats["enviados"] >= 1500, 20)
        client.subscribe("dispositivos/LGT000000007/estado", qos=0)  # no acknowledgement of ours to wait behind
        taken = []
        for version in range(1, 201):
            order = {"encendido": bool(version % 2), "intervalo_envio": 1, "version": version}
            started = time.monotonic()
            client.publish("dispositivos/LGT000000007/configuracion", order)
            while json.loads(client.message().payload).get("version") != version:
                pass
            taken.append(time.monotonic() - started)
    assert statistics.quantiles(taken, n=100)[-1] < 0.03, sorted(taken)[-10:]
