"""Runs README.md from top to bottom in a copy of the project, as somebody would who follows it.

The copy's ``.venv`` is this Python's environment with the stamp that ``./iot`` leaves, so nothing is downloaded; that
``./iot`` can make one from nothing is not shown here (a fresh clone with network shows it). What is changed in a
command before it runs, and nothing else: the ports 5000 and 1883 become free ones, ``./iot test`` runs one quick module
instead of all, and what never ends (a server, a stream) is left running, watched, and ended with Ctrl+C.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.http import Http
from tests.support.procesos import ROOT, free_port, tail, wait_until

QUICK_TEST = "tests/docs/test_enlaces.py"
COMMAND_S = 60.0
_SETTINGS = r"(?:IOT_\w+=\S+ )*"
_PIP = r"(?:pip install -r requirements\.txt && )?"
_SERVER = re.compile(rf"{_SETTINGS}{_PIP}(?:\./iot(?: run)?|python run\.py)(?: --demo)?")
_STREAM = re.compile(r"curl -N .*|python sse_client\.py .*")
_TEST = re.compile(r"\./iot test")
_SIMULAR = re.compile(r"\./iot simular .*--duracion \d+")
_MOSQUITTO = re.compile(r"mosquitto_(?:pub|sub) -h 127\.0\.0\.1 .*")
_CURL = re.compile(r"curl .*http://127\.0\.0\.1:5000/.*")
_PLAIN = re.compile(rf"{_SETTINGS}\./iot (?:config|doctor|rechazados|qr|https|sbom|respaldo)(?: .*)?")
# Our folder's long path wraps the last line of the banner; at home it does not.
_DATA_LINE = re.compile(r"(?<=^  Datos )(.*)\n {18}", re.MULTILINE)
_USUARIO = re.compile(r"\./iot (?:usuario|token) .*")
_NETRC = re.compile(r"printf 'machine 127\.0\.0\.1 .*\$\(\./iot token crear .*\)\" >> ~/\.netrc .*")
ACTIONS = (
    (_SERVER, "_serve"),
    (_STREAM, "_listen"),
    (_TEST, "_test"),
    (_SIMULAR, "_simulate"),
    (_MOSQUITTO, "_publish"),
    (_CURL, "_curl"),
    (_PLAIN, "_finish"),
    (_USUARIO, "_with_password"),
    (_NETRC, "_finish"),
)


def find_action(command: str) -> str:
    """How a command is run; one of a kind that is not known here is an error, never skipped."""
    for pattern, action in ACTIONS:
        if pattern.fullmatch(command):
            return action
    raise AssertionError(f"no test knows how to run: {command}")


class Recorrido:
    """One copy of the project and the server that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "casa de prueba"
        self.port, self.mqtt_port = free_port(), free_port()
        self.http = Http(self.port)
        self._log = folder / "servidor.log"
        self._server: subprocess.Popen[bytes] | None = None
        self.refused: list[str] = []
        copy_project(self.root)
        ready_environment(self.root)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("IOT_")} | {
            "IOT_BACKEND_PORT": str(self.port),
            "IOT_MQTT_BROKER_PORT": str(self.mqtt_port),
            "IOT_SSE_PING_S": "1",
            "IOT_URL": f"http://127.0.0.1:{self.port}",
            "PATH": f"{self.root / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PIP_NO_INDEX": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, command: str) -> str:
        """Run one command of the page; what it printed."""
        action = find_action(command)
        return self._as_printed(getattr(self, action)(command))

    def write(self, name: str, text: str) -> None:
        """Put a file of the page where it says."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """Ctrl+C, as the page says: everything ends within five seconds, with exit code 0 and no traceback."""
        if self._server is None:
            return
        server, self._server = self._server, None
        os.killpg(server.pid, signal.SIGINT)
        try:
            code = server.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(5)
            raise AssertionError(f"Ctrl+C did not end it within 5 s\n{tail(self._log.read_text())}") from None
        log = self._log.read_text()
        assert code == 0, f"exit code {code} after Ctrl+C\n{tail(log)}"
        assert "Traceback" not in log, tail(log, 80)

    # --- kinds of commands --------------------------------------------------------------------------------------------
    def _serve(self, command: str) -> str:
        self.stop()
        with self._log.open("wb") as out:
            self._server = subprocess.Popen(
                ["bash", "-c", command], cwd=self.root, env=self.env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        server = self._server
        wait_until(
            lambda: server.poll() is not None or self._ready(), 60, f"ready after {command}\n{self._log.read_text()}"
        )
        assert server.poll() is None, f"{command} ended with {server.returncode}\n{self._log.read_text()}"
        if "--demo" in command:
            wait_until(lambda: len(self.http.get("/dispositivos").json) == 13, 20, "the thirteen devices of the demo")
        wait_until(lambda: "  Datos " in self._log.read_text(), 5, "the banner")
        return _DATA_LINE.sub(r"\1 ", self._log.read_text())

    def _ready(self) -> bool:
        try:
            return self.http.get("/salud/lista").status == 200 and self.http.get("/salud").json["mqtt"]["conectado"]
        except OSError:
            return False

    def _listen(self, command: str) -> str:
        """A stream: read until it has shown its greeting, an event and a ping, or what the script says of them."""
        log = self.root.parent / "flujo.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._ported(command)}"], cwd=self.root, env=self.env, stdout=out,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            wait_until(lambda: self._readers() > 0, 10, "connected")
            self.http.put("/dispositivos/1", {"encendido": True})
            raw = "curl" in command or "--show-raw" in command
            wanted = ("device_update", "event: ping") if raw else ("device_update",)
            wait_until(lambda: all(w in log.read_text() for w in wanted), 10, f"events in:\n{log.read_text()}")
        finally:
            process.kill()
            process.wait(5)
        wait_until(lambda: self._readers() == 0, 10, "the stream is given back")
        return log.read_text()

    def _readers(self) -> int:
        return int(self.http.get("/salud").json["flujos"]["lectores"])

    def _test(self, command: str) -> str:
        return self._finish(f"{command} -q -p no:cacheprovider {QUICK_TEST}")

    def _simulate(self, command: str) -> str:
        return self._finish(f"{command} --broker 127.0.0.1:{self.mqtt_port} --backend http://127.0.0.1:{self.port}")

    def _publish(self, command: str) -> str:
        stored = lambda: self.http.get("/salud").json["ingesta"]["guardados"]  # noqa: E731
        before = stored()
        output = self._finish(command.replace("-h 127.0.0.1", f"-h 127.0.0.1 -p {self.mqtt_port}"))
        if command.startswith("mosquitto_pub"):
            wait_until(lambda: stored() > before, 5, "the message is stored")
        return output

    def _curl(self, command: str) -> str:
        """With the status behind it: a request that is refused is remembered in ``refused``."""
        *body, status = self._finish(f"{self._ported(command)} -s -w '\\n%{{http_code}}'").rsplit("\n", 1)
        if int(status) >= 400:
            self.refused.append(command)
        return "\n".join(body)

    def _with_password(self, command: str) -> str:
        """Whoever is not at a terminal gives the password on stdin."""
        return self._finish(f"echo 'tres palabras sueltas' | {command}")

    def _finish(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.root, env=self.env, capture_output=True, text=True, timeout=COMMAND_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    # --- what is not the same here as at home -------------------------------------------------------------------------
    def _ported(self, command: str) -> str:
        return command.replace("127.0.0.1:5000", f"127.0.0.1:{self.port}")

    def _as_printed(self, text: str) -> str:
        for here, home in ((str(self.port), "5000"), (str(self.mqtt_port), "1883"), (str(self.root), "~/iot")):
            text = text.replace(here, home)
        return text


def copy_project(target: Path) -> None:
    """The files that git has or would take, as a clone would have them."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def ready_environment(copy: Path) -> None:
    """A ``.venv`` that ``./iot`` takes as installed: this environment's packages and the script's own stamps."""
    venv = copy / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = next((venv / "lib").glob("python*")) / "site-packages"
    (packages / "aqui.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")) + "\n")
    pip = venv / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{venv / "bin" / "python"}" -m pip "$@"\n')
    pip.chmod(0o755)
    for name in ("requirements.txt", "requirements-dev.txt"):
        with (copy / name).open("rb") as file:
            sum_ = subprocess.run(["cksum"], stdin=file, capture_output=True, text=True, check=True).stdout.strip()
        stamp = f"{sum_} python {sys.version_info[0]} {sys.version_info[1]}\n"
        (venv / f".instalado-{name}").write_text(stamp)


# --- what the page shows against what was printed -----------------------------------------------------------------
EXACT = frozenset({
    "id", "serial_number", "nombre", "tipo", "modelo", "descripcion", "estado", "reclamado", "event", "modo",
    "encendido", "mensaje", "error", "detail", "title", "status", "codigo", "type", "page", "per_page",
    "pages", "total",
})  # fmt: skip


_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T")


def check_shape(shown: object, real: object, path: str = "") -> None:
    """Same keys in the same order, same types; the values that cannot vary are the same too."""
    name = path.rpartition(".")[2]
    if isinstance(shown, dict):
        assert isinstance(real, dict), path
        assert list(shown) == list(real), f"{path or 'the answer'}: the page has {list(shown)}, it is {list(real)}"
        for key in shown:
            check_shape(shown[key], real[key], f"{path}.{key}")
    elif isinstance(shown, list):
        assert isinstance(real, list), path
        assert real, f"{path} is empty"
        for n, item in enumerate(shown):
            check_shape(item, real[min(n, len(real) - 1)], f"{path}[{n}]")
    elif name in EXACT and not _STAMP.match(str(shown)):
        assert shown == real, f"{path}: the page says {shown!r}, it is {real!r}"
    else:
        assert type(shown) is type(real), f"{path}: the page says {shown!r}, it is {real!r}"


def check_lines(shown: str, real: str) -> None:
    """Every line of the page was printed, in that order; only where the page has «…» may lines be left out."""
    have, gap = iter(real.splitlines()), True
    for line in filter(str.strip, shown.splitlines()):
        if line.strip() == "…":
            gap = True
            continue
        for candidate in have:
            if candidate.rstrip() == line.rstrip():
                break
            assert gap or not candidate.strip(), f"the page has {line!r} where {candidate!r} is printed\n{real}"
        else:
            raise AssertionError(f"not printed, or not in that order: {line!r}\n{real}")
        gap = False


def check_stream(shown: str, real: str) -> None:
    """The frames of the page and of the wire: greeting and ping to the byte, an update with the same keys in order."""
    wire = real.split("\n\n")
    for frame in shown.strip().split("\n\n"):
        if "device_update" not in frame:
            assert frame in wire, f"not on the wire: {frame!r}"
            continue
        found = next(f for f in wire if "device_update" in f)
        for name, there in zip(frame.splitlines(), found.splitlines(), strict=True):
            assert name.partition(":")[0] == there.partition(":")[0]
        assert re.fullmatch(r"id: [0-9a-f]+-[0-9]+", frame.splitlines()[0])
        assert re.fullmatch(r"id: [0-9a-f]+-[0-9]+", found.splitlines()[0])
        check_shape(*(json.loads(f.splitlines()[-1].removeprefix("data: ")) for f in (frame, found)))


__all__ = ["Recorrido", "check_lines", "check_shape", "check_stream"]
