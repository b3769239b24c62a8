"""The command line beside a server that runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import Parts
from tests.support.backend import Backend
from tests.support.mqtt import Cliente
from tests.support.procesos import ROOT, wait_until


def iot(backend: Backend, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run.py"), *argv]
    return subprocess.run(command, env=backend.env(), capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.integration
def test_beside_a_healthy_server(parts: Parts) -> None:
    """The doctor recognises the server on the port; rejected messages come from it; a second start is refused."""
    backend = parts.backend(parts.mosquitto())
    done = iot(backend, "doctor")
    assert done.returncode == 0, done.stdout
    assert "este programa ya está en marcha; /salud dice: " in done.stdout
    assert "acepta la conexión, sin usuario" in done.stdout
    with Cliente(backend.mqtt_port) as client:
        client.publish("dispositivos/estado", b"basura")
    wait_until(lambda: json.loads(iot(backend, "rechazados", "--json").stdout)["total"] == 1, 10, "the rejected one")
    done = iot(backend, "rechazados")
    assert done.stderr == ""
    assert "basura" in done.stdout
    second = iot(backend, "run")
    assert second.returncode == 1
    assert "ya hay un IoT Backend en marcha" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.integration
def test_beside_a_server_that_lets_nobody_in(parts: Parts) -> None:
    """Without TRUSTED_NETWORKS the server can't be asked: it is still recognised, and the file is read instead."""
    backend = parts.backend(parts.mosquitto(), start=False, TRUSTED_NETWORKS="")
    backend.launch()
    wait_until(lambda: "no deja entrar desde esta máquina" in iot(backend, "doctor").stdout, 20, "the doctor's word")
    done = iot(backend, "rechazados")
    assert done.returncode == 0
    assert "contestó 401. Se lee la base de datos directamente." in done.stderr
    assert "No hay mensajes rechazados." in done.stdout
