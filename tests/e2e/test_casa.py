"""A house as people use it: a legacy device's whole life, the ways to start, the simulator, the SSE script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.backend import Backend
from tests.support.procesos import ROOT, Proceso, missing, wait_until

PY = sys.executable


@pytest.fixture
def simular(backend, tmp_path):
    """Run `simular` with arguments as a child that is ended afterwards."""
    running = []

    def start(*args: str) -> Proceso:
        argv = [
            PY,
            "-m",
            "app.cli",
            "simular",
            "--broker",
            f"127.0.0.1:{backend.mqtt_port}",
            "--backend",
            f"http://127.0.0.1:{backend.port}",
        ]
        running.append(Proceso("simular", [*argv, *args], tmp_path / f"simular{len(running)}.log", env=backend.env()))
        return running[-1]

    yield start
    for process in running:
        process.signal(15)
        assert process.wait(10) == 0, process.log()


@pytest.mark.parametrize("style", ["legado", "moderno"])
def test_a_devices_whole_life(backend, http, simular, style):
    """Appears by itself, is claimed, is switched off by the README's PUT, and itself reports inactivo from then on."""
    before = {d["serial_number"] for d in http.get("/dispositivos").json}
    simular(
        "--dispositivos", "1", "--tipo", "LGT0", "--estilo", style, "--intervalo", "0.5", "--semilla", f"vida-{style}"
    )

    def newcomer():
        found = [d for d in http.get("/dispositivos/no-reclamados").json if d["serial_number"] not in before]
        return found[0] if found else None

    device = wait_until(newcomer, 15, "the device appears", every=0.1)
    serial = device["serial_number"]
    assert serial.startswith("LGT0")
    claim = {"serial_number": serial, "nombre": "Luz Sala", "tipo": "actuador"}
    assert http.post("/dispositivos/reclamar", claim).json == {
        "mensaje": "Dispositivo reclamado correctamente",
        "id": device["id"],
    }
    path = f"/dispositivos/{device['id']}"
    reported = "SELECT estado_reportado FROM dispositivo WHERE id = ?"
    for wanted, estado in ((True, "activo"), (False, "inactivo")):
        put = http.put(path, {"configuracion": {"modo": "manual", "encendido": wanted}})
        assert (put.status, put.json["estado"]) == (200, estado)
        wait_until(
            lambda e=estado: backend.query(reported, device["id"])[0][0] == e,
            15,
            f"it reports {estado} itself",
            every=0.1,
        )
        rows = backend.logs(device["id"])["total"]
        wait_until(lambda r=rows: backend.logs(device["id"])["total"] >= r + 3, 15, "it goes on reporting", every=0.1)
        now = http.get(path).json
        assert (now["estado"], now["configuracion"]["encendido"]) == (estado, wanted), "nothing undoes the wish"
    assert http.get(path).json["nombre"] == "Luz Sala"


def test_sse_client_shows_the_house(backend, http, tmp_path, detectar):
    """The README's script prints device events; hello and ping are not shown as such."""
    device = detectar(estado="activo")
    argv = [PY, "-u", str(ROOT / "sse_client.py"), "--serial", device["serial_number"]]
    help_text = subprocess.run(
        [PY, str(ROOT / "sse_client.py"), "--help"], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    url = next(o for o in ("--url", "--base-url", "--servidor") if o in help_text)
    script = Proceso(
        "sse_client", [*argv, url, f"http://127.0.0.1:{backend.port}"], tmp_path / "sse.log", env=backend.env()
    )
    try:
        wait_until(lambda: backend.streams() == 1, 10, "the script is connected")
        http.put(f"/dispositivos/{device['id']}", {"nombre": "visto por el guion"})
        wait_until(lambda: "visto por el guion" in script.log(), 10, "the event is printed")
        assert "hello" not in script.log().lower().replace(device["serial_number"].lower(), "")
    finally:
        script.kill()


@pytest.mark.parametrize("how", ["run.py", "app.cli", "app.cli run"])
def test_ways_to_start(own_parts, tmp_path, how):
    """`python run.py`, `./iot` (its last line) and `./iot run`, from another folder, print a banner that is true."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    argv = {"run.py": ["run.py"], "app.cli": ["-m", "app.cli"], "app.cli run": ["-m", "app.cli", "run"]}[how]
    backend.launch(argv=(PY, *argv))
    backend.wait_ready()
    wait_until(lambda: str(backend.port) in backend.log(), 5, "the banner names the address")
    log = backend.log()
    assert f"http://127.0.0.1:{backend.port}" in log or f"http://localhost:{backend.port}" in log
    assert str(backend.mqtt_port) in log
    backend.stop()
    assert (backend.instance / "iot.db").exists()


def test_demo_house_lives(own_parts):
    """--demo: devices appear and report within the first seconds; they end with the program."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.launch(argv=(PY, "run.py", "--demo"))
    backend.wait_ready()
    wait_until(lambda: len(backend.http.get("/dispositivos").json) >= 3, 20, "a small house", every=0.2)
    backend.stop()


@pytest.mark.timeout(120)
def test_iot_script_with_a_ready_environment(own_parts, tmp_path):
    """The shell script itself, in a copy of the project whose .venv is this Python's environment."""
    if sys.prefix == sys.base_prefix:
        missing("these tests do not run in a virtual environment")
    copy = tmp_path / "copia con espacios"
    copy.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = (
        listed.stdout.split("\n")
        if listed.returncode == 0
        else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    )
    for name in filter(None, names):
        if not name.startswith((".venv/", "tests/", "instance/", ".git/")) and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    ready_environment(copy)
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.launch(argv=("sh", str(copy / "iot")))
    backend.wait_ready()
    backend.stop()
    shown = subprocess.run(
        ["sh", str(copy / "iot"), "config"], env=backend.env(), capture_output=True, text=True, check=True, cwd="/"
    )
    assert "BACKEND_PORT" in shown.stdout
    assert str(backend.port) in shown.stdout


def ready_environment(copy) -> None:
    """A .venv that the script takes as installed: this environment's packages, and the script's own stamp."""
    subprocess.run([PY, "-m", "venv", "--without-pip", str(copy / ".venv")], check=True)
    packages = next((copy / ".venv/lib").glob("python*")) / "site-packages"
    here = [p for p in sys.path if p.endswith("site-packages")]
    (packages / "aqui.pth").write_text("\n".join(here) + "\n")
    listed = (copy / "requirements.txt").read_bytes()
    checksum = subprocess.run(["cksum"], input=listed, capture_output=True, check=True).stdout.decode().strip()
    stamp = f"{checksum} python {sys.version_info[0]} {sys.version_info[1]}\n"
    (copy / ".venv/.instalado-requirements.txt").write_text(stamp)


def test_config_faults_are_told_all_at_once(own_parts):
    """Two wrong values and an unknown key: one start, three sentences, exit code not 0, no traceback."""
    backend = own_parts.backend(start=False, BACKEND_PORT="setenta", SSE_PING_S="-4", NO_EXISTE="1")
    process = backend.launch()
    assert process.wait(10) != 0
    log = process.log()
    assert all(name in log for name in ("BACKEND_PORT", "SSE_PING_S", "NO_EXISTE")), log
    assert "Traceback" not in log
    backend._process = None


def test_port_taken_is_said(own_parts):
    first = own_parts.backend(own_parts.mosquitto())
    second = own_parts.backend(
        start=False, mqtt_port=first.mqtt_port, BACKEND_PORT=first.port, MQTT_CLIENT_ID="segundo"
    )
    process = second.launch()
    assert process.wait(20) != 0
    assert str(first.port) in process.log()
    assert "Traceback" not in process.log()
    second._process = None


def test_instance_config_file_counts_and_environment_wins(own_parts):
    """instance/config.py is read; IOT_* is stronger."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False)
    backend.instance.mkdir(parents=True)
    (backend.instance / "config.py").write_text(
        'SSE_PING_S = 1\nBACKEND_PORT = 1\nTRUSTED_NETWORKS = ["127.0.0.0/8"]\n'
    )
    backend.start()
    with backend.sse() as stream:
        stream.hello()
        assert stream.next(3).event == "ping"


def test_secrets_and_database_are_the_owners_only(backend: Backend):
    """What the first start makes in instance/ cannot be read by other users of the machine."""
    for path in backend.instance.rglob("*"):
        if path.is_file() and ("secret" in path.name or path.suffix == ".db"):
            assert path.stat().st_mode & 0o077 == 0, path
    assert os.stat(backend.instance).st_mode & 0o022 == 0


def test_doctor_is_content_with_a_running_house(backend: Backend):
    done = subprocess.run(
        [PY, "-m", "app.cli", "doctor", "--json"],
        env=backend.env(),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    json.loads(done.stdout)
