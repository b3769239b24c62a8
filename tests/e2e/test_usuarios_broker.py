"""The whole program over its own Mosquitto: credentials given and taken while it runs, and while it does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from tests.support.backend import Backend
from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import ROOT, require, wait_until

pytestmark = pytest.mark.e2e

SERIAL = "TMP0603IF1WD"
SHARED = "dispositivos/estado"


@pytest.fixture
def backend(tmp_path: Path):
    require("mosquitto")
    made = Backend(tmp_path, given_broker=False, MQTT_EMBEDDED="nunca")
    made.start()
    yield made
    made.stop()


def iot(backend: Backend, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", *argv]
    return subprocess.run(command, env=backend.env(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def password_in(text: str) -> str:
    found = re.search(r"Contraseña: +(\S+)", text)
    assert found, text
    return found[1]


def say_as(backend: Backend, user: str, password: str, topic: str, body: str) -> bool:
    """Whether the broker let that user in; the message is on its way then."""
    program = require("mosquitto_pub")
    where = ["-h", "127.0.0.1", "-p", str(backend.mqtt_port), "-q", "1"]
    said = ["-u", user, "-P", password, "-t", topic, "-m", body]
    return subprocess.run([program, *where, *said], capture_output=True, timeout=20, check=False).returncode == 0


def test_a_device_gets_a_user_and_loses_it(backend: Backend) -> None:
    """Given by HTTP: it speaks, nobody else does, on no topic; taken back by the command line: as before."""
    with Cliente(backend.mqtt_port) as anybody:
        anybody.publish(own_topic(SERIAL), {"estado": "inactivo"})
        device = backend.wait_device(SERIAL, estado="inactivo")
        given = backend.http.post(f"/dispositivos/{device['id']}/credencial").json
        assert given["activa"] is True
        assert say_as(backend, SERIAL, given["clave"], own_topic(SERIAL), '{"estado":"activo"}')
        backend.wait_device(SERIAL, estado="activo")
        anybody.publish(own_topic(SERIAL), {"estado": "inactivo"})
        anybody.publish(SHARED, {"serial_number": SERIAL, "estado": "inactivo"})
        anybody.publish(SHARED, {"serial_number": "OTRO0001", "estado": "activo"})
        backend.wait_device("OTRO0001", estado="activo")
        assert backend.http.device(SERIAL)["estado"] == "activo"
        assert [row["motivo"] for row in backend.rejected()] == ["serial_con_credencial"]
        assert backend.rejected_metric() == 1
        done = iot(backend, "dispositivo", "revocar", SERIAL)
        assert done.returncode == 0, done.stderr
        assert not say_as(backend, SERIAL, given["clave"], own_topic(SERIAL), "{}")
        anybody.publish(own_topic(SERIAL), {"estado": "inactivo"})
        backend.wait_device(SERIAL, estado="inactivo")
    log = backend.log()
    assert given["clave"] not in log
    assert json.loads((backend.instance / "broker" / "backend.json").read_text())["clave"] not in log


def test_a_device_hears_what_it_is_to_do(backend: Backend) -> None:
    """Its own configuration, retained; another device's never."""
    with Cliente(backend.mqtt_port) as anybody:
        for serial in (SERIAL, "OTRO0001"):
            anybody.publish(own_topic(serial), {"estado": "activo"})
        ids = {serial: backend.wait_device(serial)["id"] for serial in (SERIAL, "OTRO0001")}
    key = backend.http.post(f"/dispositivos/{ids[SERIAL]}/credencial").json["clave"]
    got: list[str] = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="x")
    client.username_pw_set(SERIAL, key)
    client.on_connect = lambda c, *_: c.subscribe("dispositivos/#", 1)
    client.on_message = lambda _c, _d, m: got.append(m.topic)
    client.connect("127.0.0.1", backend.mqtt_port)
    client.loop_start()
    try:
        for serial in ("OTRO0001", SERIAL):
            assert (
                backend.http.put(f"/dispositivos/{ids[serial]}", {"configuracion": {"encendido": False}}).status == 200
            )
        wait_until(lambda: got, 10, "a configuration")
        assert set(got) == {f"dispositivos/{SERIAL}/configuracion"}
    finally:
        client.disconnect()
        client.loop_stop()


def test_given_while_stopped_it_counts_at_the_start(backend: Backend, tmp_path: Path) -> None:
    """The command line writes the database itself, for a device that nobody has heard yet; simulated devices use it."""
    backend.stop()
    done = iot(backend, "dispositivo", "credencial", SERIAL)
    assert done.returncode == 0, done.stderr
    key = password_in(done.stdout)
    assert SERIAL in iot(backend, "dispositivo", "listar").stdout
    backend.start()
    keys = tmp_path / "claves.json"
    keys.write_text(json.dumps({SERIAL: key}))
    broker = f"127.0.0.1:{backend.mqtt_port}"
    done = iot(backend, "simular", "--credenciales", str(keys), "--broker", broker, "--backend", "no",
               "--duracion", "2", "--intervalo", "0.2")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert backend.http.device(SERIAL)["parametros"]
    keys.write_text(json.dumps({SERIAL: "otra"}))
    done = iot(backend, "simular", "--credenciales", str(keys), "--broker", broker, "--backend", "no",
               "--duracion", "2", "--intervalo", "0.2")  # fmt: skip
    assert done.returncode == 1
    assert "exige otro usuario y clave" in done.stdout + done.stderr


def test_what_is_to_be_pasted_works_in_another_mosquitto(backend: Backend, tmp_path: Path) -> None:
    """The files that `./iot dispositivo acl` prints, put where it says (here: elsewhere), let both in."""
    backend.stop()
    key = password_in(iot(backend, "dispositivo", "credencial", SERIAL).stdout)
    text = iot(backend, "dispositivo", "acl").stdout
    parts = [part.split("\n", 1)[1] for part in text.split("# --- ")[1:]]
    place = tmp_path / "mosquitto"
    place.mkdir()
    conf = parts[0].replace("/etc/mosquitto", str(place)) + "user root\n"
    for name, content in (("iot.conf", conf), ("iot-usuarios", parts[1]), ("iot-acl", parts[2])):
        (place / name).write_text(content)
        (place / name).chmod(0o600)
    settings = dict(re.findall(r'^(MQTT_\w+) = "(.*)"$', parts[3], re.MULTILINE))
    own = subprocess.Popen([require("mosquitto"), "-c", str(place / "iot.conf")], stderr=subprocess.DEVNULL)
    try:
        backend.settings |= settings | {"MQTT_BROKER_URL": "127.0.0.1"}
        backend.start()
        assert say_as(backend, SERIAL, key, own_topic(SERIAL), '{"estado":"activo"}')
        device = backend.wait_device(SERIAL, estado="activo")
        assert not say_as(backend, SERIAL, "otra", own_topic(SERIAL), "{}")
        told = backend.http.post(f"/dispositivos/{device['id']}/credencial").json
        assert "./iot dispositivo acl" in told["detalle"]
    finally:
        own.terminate()
        own.wait(10)
