"""``python sse_client.py`` against the real backend: what the README shows, and what happens on bad days."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Parts
from tests.support.backend import Backend
from tests.support.mqtt import Cliente, own_topic
from tests.support.procesos import ROOT, Proceso, wait_until

pytestmark = pytest.mark.integration
Script = Callable[..., Proceso]


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made: list[Proceso] = []

    def start(backend: Backend, *options: str, path: str = "") -> Proceso:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("IOT_")} | {"HOME": str(tmp_path)}
        env = clean | {"IOT_URL": f"http://127.0.0.1:{backend.port}{path}"}
        argv = [sys.executable, str(ROOT / "sse_client.py"), *options]
        made.append(Proceso("sse_client", argv, tmp_path / f"sse-{len(made)}.log", env=env))
        return made[-1]

    yield start
    for process in made:
        process.kill()


def shown(process: Proceso) -> list[dict[str, Any]]:
    """The device events printed so far."""
    blocks = process.log().split("📥 Evento dispositivo:\n")[1:]
    return [json.loads(block[: block.index("\n}") + 2]) for block in blocks if "\n}" in block]


def connected(process: Proceso, times: int = 1) -> None:
    wait_until(lambda: process.log().count("✅ Conectado.") >= times or not process.alive, 20)
    assert process.alive, process.log()


def test_updates_of_one_device(backend: Backend, mqtt: Cliente, script: Script, serials: Callable[[], str]) -> None:
    """--serial: its events only, whole, in order; Ctrl+C ends with 0."""
    mine, other = serials(), serials()
    process = script(backend, "--serial", mine)
    connected(process)
    for number in range(3):
        for serial in (mine, other):
            mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"n": number}})
    wait_until(lambda: len(shown(process)) >= 3, 5, process.log())
    events = shown(process)
    assert {event["serial_number"] for event in events} == {mine}
    assert events[-1]["parametros"] == {"n": 2}
    assert all(event["event"] == "device_update" for event in events)
    process.signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert process.log().endswith("👋 Cancelado por el usuario.\n")


def test_snapshot_and_leave(
    backend: Backend, mqtt: Cliente, script: Script, detectar: Callable[..., dict[str, Any]]
) -> None:
    """--snapshot shows what is there; a device that is claimed leaves the view of the unclaimed."""
    device = detectar(parametros={"n": 1})
    process = script(backend, "--reclamado", "false", "--snapshot", "--serial", device["serial_number"])
    wait_until(lambda: shown(process), 5)
    assert shown(process)[0]["id"] == device["id"]
    body = {"serial_number": device["serial_number"], "nombre": "Salón"}
    assert backend.http.post("/dispositivos/reclamar", body).status == 200
    wait_until(lambda: "📤 Un dispositivo ya no cumple el filtro:" in process.log(), 5)


def test_what_is_no_update_is_said_in_a_line(backend: Backend, mqtt: Cliente, script: Script, serial: str) -> None:
    """An order, a rule, its notice, liveness and the house, each as the backend tells it; no update looks like one."""
    mqtt.publish(own_topic(serial), {"estado": "inactivo", "parametros": {"x": 1}})
    device = backend.wait_device(serial, estado="inactivo")
    process = script(backend)
    connected(process)
    lamp, http = f"/dispositivos/{device['id']}", backend.http
    http.put(lamp, {"encendido": True})
    version = http.get(f"{lamp}/ordenes").json["data"][0]["version"]
    mqtt.publish(own_topic(serial), {"estado": "activo", "version": version})
    backend.wait_device(serial, deriva={})
    acciones = [
        {"tipo": "aviso", "texto": "Hace calor"},
        {"tipo": "orden", "dispositivo_id": device["id"], "configuracion": {"encendido": False}},
    ]
    condicion = {"dispositivo_id": device["id"], "parametro": "x", "operador": ">", "valor": 30}
    http.post("/reglas", {"nombre": f"Calor {serial}", "condicion": condicion, "acciones": acciones})
    mqtt.publish(own_topic(serial), {"estado": "activo", "parametros": {"x": 31}})
    http.put("/casa", {"zona": "Europe/Madrid"})
    wait_until(lambda: " disparada: " in process.log(), 5, "the rule in the stream")
    mqtt.publish(f"dispositivos/{serial}/disponible", b"offline")
    said = [
        rf"🧾 Orden \d+ a {serial}: encendido: sí → pendiente",
        rf"🧾 Orden \d+ a {serial}: encendido: sí → aplicada",
        rf"📐 Regla «Calor {serial}» creada",
        rf"📐 Regla «Calor {serial}» disparada: .*x > 30.* → aviso «Hace calor»; orden a {serial} \(creada\)",
        r"🔔 Aviso nuevo \(info\): Hace calor",
        r"🏠 La casa ha cambiado: zona Europe/Madrid",
        rf"📶 {serial}: en línea → dudoso \(testamento\)",
    ]
    for line in said:
        wait_until(lambda line=line: re.search(f"^{line}$", process.log(), re.MULTILINE), 5, line)
    assert "📨" not in process.log()
    assert all(event["event"] == "device_update" for event in shown(process))


def test_it_outlives_the_backend(own_parts: Parts, script: Script) -> None:
    """kill -9, a pause, a new start: the events stored meanwhile are shown, or their loss is said; none twice."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    process = script(backend)
    connected(process)
    with Cliente(broker.port) as mqtt:
        mqtt.publish("dispositivos/estado", {"serial_number": "SSE1", "parametros": {"n": 1}})
        wait_until(lambda: len(shown(process)) == 1, 5)
        backend.kill()
        wait_until(lambda: "Nuevo intento" in process.log(), 10)
        mqtt.publish("dispositivos/estado", {"serial_number": "SSE1", "parametros": {"n": 2}})
        backend.start()
        connected(process, 2)
        mqtt.publish("dispositivos/estado", {"serial_number": "SSE1", "parametros": {"n": 3}})
        wait_until(lambda: shown(process)[-1]["parametros"] == {"n": 3}, 5)
    numbers = [event["parametros"]["n"] for event in shown(process)]
    assert numbers in ([1, 2, 3], [1, 3])
    assert numbers == [1, 2, 3] or "🔄" in process.log()


def test_a_stop_in_order_says_so(own_parts: Parts, script: Script) -> None:
    """SIGTERM at the backend closes the stream: the README's line, then a retry; --max-retries gives up with 1."""
    backend = own_parts.backend(own_parts.mosquitto())
    process = script(backend, "--max-retries", "1")
    connected(process)
    backend.stop()
    wait_until(lambda: "ℹ️  Stream cerrado por el servidor. Reintentando...\n" in process.log(), 5, process.log())
    assert process.wait(30) == 1
    assert "no acepta la conexión" in process.log()
    assert process.log().endswith("🚫 Máximo de reintentos alcanzado (1). Saliendo.\n")


def test_refusals_in_the_servers_words(own_parts: Parts, script: Script) -> None:
    """401 outside TRUSTED_NETWORKS, 404 at a wrong address, 422 for a senseless filter: said, and final."""
    backend = own_parts.backend(own_parts.mosquitto(), TRUSTED_NETWORKS="127.0.0.0/8")
    cases = [(["--serial", "a/b"], "", "422"), ([], "/otra/casa", "404")]
    for options, path, status in cases:
        process = script(backend, *options, path=path)
        assert process.wait(10) == 1
        assert f"({status}: " in process.log()
    strict = own_parts.backend(own_parts.mosquitto(), start=False, TRUSTED_NETWORKS="10.9.8.0/24")
    strict.launch()
    wait_until(lambda: "(401: " in _once(script, strict), 20)


def _once(script: Script, backend: Backend) -> str:
    process = script(backend, "--max-retries", "1")
    process.wait(20)
    return process.log()
