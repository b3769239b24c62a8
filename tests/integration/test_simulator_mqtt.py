"""The simulated devices on a real Mosquitto: what each style puts on the wire, and what it obeys."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.broker import Broker
from simulator.catalogue import KINDS
from simulator.device import Spec
from simulator.faults import parse_fault
from simulator.fleet import Fleet, make_specs
from tests.conftest import Parts
from tests.support.broker import Mosquitto
from tests.support.mqtt import Cliente, nothing_retained
from tests.support.procesos import Proceso, require, wait_until

pytestmark = pytest.mark.integration

BY_PREFIX = {kind.prefix: kind for kind in KINDS}
SIMULAR = [sys.executable, "-c", "import sys; from simulator.cli import simular_main as m; sys.exit(m(sys.argv[1:]))"]


@pytest.fixture
def watcher(mosquitto: Mosquitto) -> Iterator[Cliente]:
    """Sees every message of the broker."""
    with Cliente(mosquitto.port) as client:
        client.subscribe("dispositivos/#")
        for message in client.pending():
            client.publish(message.topic, b"", retain=True)
        client.pending()
        yield client


def fleet(broker: Mosquitto, *specs: Spec, **options: Any) -> Fleet:
    return Fleet(list(specs), Broker(port=broker.port), seed="prueba", **options)


def light(serial: str, estilo: str = "moderno") -> Spec:
    return Spec(serial, BY_PREFIX["LGT0"], estilo)


def report_of(watcher: Cliente, topic: str) -> dict[str, Any]:
    """The next report on a topic."""
    while (message := watcher.message()).topic != topic:
        pass
    report: dict[str, Any] = json.loads(message.payload)
    return report


def test_legacy_devices_open_a_new_connection_for_every_message(mosquitto: Mosquitto, watcher: Cliente) -> None:
    """Shared topic, QoS 0, not retained, three keys, each time another client id."""
    spec = Spec("TMP0LEGADO01", BY_PREFIX["TMP0"], "legado")
    with fleet(mosquitto, spec, intervalo=0.1):
        messages = [watcher.message() for _ in range(5)]
    assert {(m.topic, m.qos, m.retain) for m in messages} == {("dispositivos/estado", 0, False)}
    reports = [json.loads(m.payload) for m in messages]
    assert all(list(report) == ["serial_number", "estado", "parametros"] for report in reports)
    assert reports[0]["parametros"].keys() == {"temperatura", "humedad"}
    ids = re.findall(r"as (sim-[0-9a-f]{16}) \(p2, c1, k15\)", (mosquitto.folder / "mosquitto.log").read_text())
    assert len(ids) >= 5
    assert len(set(ids)) == len(ids)


def test_modern_devices_have_a_session_a_topic_and_a_goodbye(mosquitto: Mosquitto, watcher: Cliente) -> None:
    """Own topic at QoS 1, client id = serial, session kept, retained online and, on leaving, offline."""
    with fleet(mosquitto, light("LGT0MODERNO1")) as house:
        topics = {}
        for _ in range(2):
            message = watcher.message()
            topics[message.topic] = message
        assert topics["dispositivos/LGT0MODERNO1/disponible"].payload == b"online"
        assert topics["dispositivos/LGT0MODERNO1/estado"].qos == 1
        wait_until(lambda: house.stats["enviados"] == 1, 2, "the broker's acknowledgement is counted")
    assert watcher.message().payload == b"offline"
    with Cliente(mosquitto.port) as late:
        late.subscribe("dispositivos/LGT0MODERNO1/disponible")
        message = late.message()
        assert (message.payload, message.retain) == (b"offline", True)
    log = (mosquitto.folder / "mosquitto.log").read_text()
    assert re.search(r"as LGT0MODERNO1 \(p2, c0, k60\)", log)


def test_the_last_will_speaks_for_a_killed_device(mosquitto: Mosquitto, watcher: Cliente, tmp_path: Path) -> None:
    """kill -9: the broker says offline."""
    options = ["--broker", f"127.0.0.1:{mosquitto.port}", "--backend", "no", "--semilla", "will"]
    process = Proceso(
        "sim", [*SIMULAR, *options, "--dispositivos", "1", "--estilo", "moderno"], tmp_path / "sim.log"
    )  # fmt: skip
    try:
        wait_until(lambda: any(m.payload == b"online" for m in watcher.pending()), 10, process.log())
    finally:
        process.kill()
    wait_until(lambda: any(m.payload == b"offline" and m.topic.endswith("/disponible") for m in watcher.pending()), 5)


def test_modern_devices_obey_the_newest_order_at_once(mosquitto: Mosquitto, watcher: Cliente) -> None:
    """An order is applied and reported at once, an older version is not; after a deletion versions start again."""
    topic, state = "dispositivos/LGT0ORDENES1/configuracion", "dispositivos/LGT0ORDENES1/estado"
    with fleet(mosquitto, light("LGT0ORDENES1"), intervalo=3600) as house:
        assert report_of(watcher, state)["estado"] == "activo"
        watcher.publish(topic, {"modo": "manual", "encendido": False, "version": 5}, retain=True)
        assert report_of(watcher, state)["estado"] == "inactivo"
        watcher.publish(topic, {"encendido": True, "version": 4})
        wait_until(lambda: house.stats["ordenes_viejas"] == 1, 3, "the older order was seen")
        for garbage in (b"{", b"[1]", b"[" * 100_000, b"\xff"):
            watcher.publish(topic, garbage)
        wait_until(lambda: house.stats["ordenes_malas"] == 4, 3, "garbage was counted")
        watcher.publish(topic, b"", retain=True)
        watcher.publish(topic, {"encendido": True, "version": 1})
        assert report_of(watcher, state)["estado"] == "activo"


def test_an_order_given_while_the_device_was_away_waits_for_it(mosquitto: Mosquitto, watcher: Cliente) -> None:
    """The desired configuration is a level: the first report already shows it, or the one right after."""
    topic = "dispositivos/LGT0TARDE001/configuracion"
    watcher.publish(topic, {"encendido": False, "version": 1}, retain=True)
    with fleet(mosquitto, light("LGT0TARDE001"), intervalo=3600):
        state = "dispositivos/LGT0TARDE001/estado"
        wait_until(lambda: report_of(watcher, state)["estado"] == "inactivo", 5)
    watcher.publish(topic, b"", retain=True)


def test_both_styles_survive_a_broker_that_restarts(own_parts: Parts) -> None:
    """Modern devices keep their newest reports for it, legacy ones count their losses, and both go on by themselves."""
    broker = own_parts.mosquitto()
    specs = [light("LGT0REINICIO"), Spec("TMP0REINICIO", BY_PREFIX["TMP0"], "legado")]
    with fleet(broker, *specs, intervalo=0.2) as house:
        wait_until(lambda: house.stats["enviados"] >= 4, 5, "both report")
        broker.stop()
        wait_until(lambda: house.stats["fallos"] >= 3 and house.stats["desconexiones"], 5, "the loss is seen")
        assert house.stats.last_failure
        broker.start()
        with Cliente(broker.port) as after:
            after.subscribe("dispositivos/+/estado")
            after.subscribe("dispositivos/estado")
            seen: set[str] = set()
            wait_until(
                lambda: seen.update(m.topic for m in after.pending()) or len(seen) == 2, 15, f"both are back: {seen}"
            )


def test_misbehaviour_reaches_the_wire(mosquitto: Mosquitto, watcher: Cliente) -> None:
    """Garbage beside reports, of both styles."""
    specs = [light("LGT0BASURA01"), light("LGT0BASURA02", "legado")]
    with fleet(mosquitto, *specs, intervalo=0.05, faults=[parse_fault("basura:prob=1")]) as house:
        wait_until(lambda: house.stats["basura"] >= 20, 10)
        messages = watcher.pending()
    broken = [m for m in messages if m.topic.endswith("estado") and not m.payload.startswith(b'{"serial_number":"L')]
    assert {m.topic for m in broken} == {"dispositivos/estado", "dispositivos/LGT0BASURA01/estado"}


@pytest.mark.slow
def test_two_thousand_devices_in_one_process(own_parts: Parts, tmp_path: Path) -> None:
    """1,400 modern and 600 legacy: descriptors beyond select()'s 1,023, few threads, under 90 MB."""
    broker = own_parts.mosquitto(persistent=False)
    process = Proceso(
        "sim",
        [
            *SIMULAR,
            "--broker",
            f"127.0.0.1:{broker.port}",
            "--backend",
            "no",
            "--dispositivos",
            "2000",
            "--semilla",
            "x",
        ],
        tmp_path / "sim.log",
    )
    try:
        with Cliente(broker.port) as client:
            client.subscribe("dispositivos/#", qos=0)
            serials: set[str] = set()
            parse = lambda m: json.loads(m.payload)["serial_number"]  # noqa: E731
            wait_until(
                lambda: (
                    serials.update(parse(m) for m in client.pending() if m.topic.endswith("estado"))
                    or len(serials) == 2000
                ),
                40,
                "every device has reported",
                every=0.2,
            )
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) < 90_000
        assert int(re.search(r"Threads:\s+(\d+)", status)[1]) <= 20
        assert process.terminate() == 0
    finally:
        process.kill()
    assert re.search(r"\b0  fallos de MQTT", process.log())


def test_the_summary_and_the_exit_status(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """SIGTERM ends it in order, from its first line on; when nothing was sent that is 1, and misuse is 2."""
    process = Proceso(
        "sim", [*SIMULAR, "--broker", f"127.0.0.1:{mosquitto.port}", "--backend", "no"], tmp_path / "a.log"
    )  # fmt: skip
    wait_until(lambda: "Ctrl+C" in process.log(), 10, every=0.001)
    process.signal(signal.SIGTERM)
    assert process.wait(10) in (0, 1)
    assert "Resumen: 13 dispositivos" in process.log()
    alone = Proceso(
        "sim", [*SIMULAR, "--broker", "127.0.0.1:1", "--backend", "no", "--duracion", "1.5"], tmp_path / "b.log"
    )
    assert alone.wait(15) == 1
    assert "último fallo: el broker no está en esa dirección y puerto" in alone.log()
    misuse = Proceso("sim", [*SIMULAR, "--tipo", "NADA"], tmp_path / "c.log")
    assert misuse.wait(10) == 2
    assert "no existe «NADA»" in misuse.log()


def test_modern_devices_leave_nothing_but_their_availability(mosquitto: Mosquitto, watcher: Cliente) -> None:
    """Reports are events, never retained."""
    (spec,) = make_specs(1, "moderno", "retenido")
    with fleet(mosquitto, spec) as house:
        wait_until(lambda: house.stats["enviados"] >= 1, 5)
    assert nothing_retained(mosquitto.port, f"dispositivos/{spec.serial}/estado")


@pytest.mark.parametrize("estilo", ["legado", "moderno"])
def test_a_broker_that_wants_a_password(own_parts: Parts, estilo: str) -> None:
    """With the right one it works; with a wrong one the house asks less and less often, and says why."""
    folder = own_parts.folder("claves")
    subprocess.run([require("mosquitto_passwd"), "-c", "-b", folder / "pw", "ana", "secreta"], check=True)
    broker = own_parts.mosquitto(extra=f"allow_anonymous false\npassword_file {folder / 'pw'}")
    specs = make_specs(3, estilo, "claves")
    with Fleet(specs, Broker(port=broker.port, usuario="ana", clave="secreta"), seed=1) as house:
        wait_until(lambda: house.stats["enviados"] >= 3, 5)
    with Fleet(specs, Broker(port=broker.port, usuario="ana", clave="mala"), seed=1, intervalo=0.1) as house:
        wait_until(lambda: house.stats["fallos"] >= 3, 10)
        assert house.stats.last_failure == "el broker no acepta la conexión: exige otro usuario y clave"
        time.sleep(3)
    tries = (broker.folder / "mosquitto.log").read_text().count("disconnected, not authorised")
    assert 1 <= tries <= 9


# paho forgets to close the socket of a failed handshake; it goes with the client.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("estilo", ["legado", "moderno"])
def test_tls(own_parts: Parts, estilo: str) -> None:
    """The broker's certificate is checked; an unknown authority, and TLS missing, are said."""
    folder = own_parts.folder("tls")
    make_certificate(folder)
    broker = own_parts.mosquitto(extra=f"certfile {folder / 'cert.pem'}\nkeyfile {folder / 'key.pem'}")
    specs = make_specs(2, estilo, "tls")
    wanted = {
        Broker(port=broker.port, tls=True, tls_ca=str(folder / "cert.pem")): "",
        Broker(port=broker.port, tls=True): "no se puede comprobar el certificado del broker",
        Broker(port=broker.port): "el broker cerró la conexión sin aceptarla (¿espera TLS?)",
    }
    for address, words in wanted.items():
        with Fleet(specs, address, seed=1) as house:
            wait_until(lambda house=house: house.stats["enviados"] >= 2 or house.stats["fallos"], 10)
            assert words in house.stats.last_failure
            assert bool(house.stats["enviados"]) is not bool(words)


def make_certificate(folder: Path) -> None:
    """A self-signed certificate for 127.0.0.1."""
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=prueba"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([require("openssl"), "req", *options, *names, *files], check=True, capture_output=True)
