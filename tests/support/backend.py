"""The program under test as a user runs it: `python run.py` with a folder of its own."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import Http
from tests.support.procesos import ROOT, Proceso, children_of, free_port, tail, wait_until
from tests.support.sse import Sse


class Backend:
    """One instance folder and the process that serves it. Settings are the ``IOT_*`` names without the prefix."""

    def __init__(
        self, folder: Path, *, mqtt_port: int | None = None, given_broker: bool = True, **settings: Any
    ) -> None:
        self.instance = folder / "instance"
        self.port, self.mqtt_port = free_port(), mqtt_port or free_port()
        self.http = Http(self.port)
        self.settings: dict[str, str] = {
            "INSTANCE_PATH": str(self.instance),
            "BACKEND_HOST": "127.0.0.1",
            "BACKEND_PORT": str(self.port),
            "MQTT_BROKER_PORT": str(self.mqtt_port),
            "NEW_DEVICES_PER_MIN": "0",
            "CLAIMS_PER_MIN": "0",
        }
        if given_broker:
            self.settings["MQTT_BROKER_URL"] = "127.0.0.1"
        self.settings |= {k: str(v) for k, v in settings.items()}
        self._folder, self._runs = folder, 0
        self._process: Proceso | None = None
        self.allowed_in_log: tuple[str, ...] = ()

    # --- life ---------------------------------------------------------------------------------------------------------
    def env(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("IOT_")}
        return clean | {f"IOT_{k}": v for k, v in self.settings.items()} | {"PYTHONUNBUFFERED": "1"}

    def launch(self, *prefix: str, argv: tuple[str, ...] = ()) -> Proceso:
        """Start without waiting; ``prefix`` goes before the interpreter (strace, ip netns exec ...)."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._runs += 1
        command = [*prefix, *(argv or (sys.executable, str(ROOT / "run.py")))]
        self._process = Proceso("backend", command, self._folder / f"backend-{self._runs}.log", env=self.env())
        return self._process

    def start(self, *prefix: str, timeout: float = 20.0, wait_mqtt: bool = True) -> Backend:
        self.launch(*prefix)
        self.wait_ready(timeout, wait_mqtt=wait_mqtt)
        return self

    def wait_ready(self, timeout: float = 20.0, *, wait_mqtt: bool = True) -> float:
        """Seconds until it answered /salud/lista with 200 (and, asked for, had its broker)."""
        began = time.monotonic()
        wait_until(lambda: self._answers() or not self.process.alive, timeout, f"{self._last_log()}\nready")
        assert self.process.alive, f"the backend ended with {self.process.code}\n{self._last_log()}"
        if wait_mqtt:
            wait_until(self.mqtt_connected, timeout, "connected to the broker")
        return time.monotonic() - began

    def _answers(self) -> bool:
        try:
            return self.http.get("/salud/lista").status == 200
        except OSError:
            return False

    def mqtt_connected(self) -> bool:
        """Whether the backend says that it hears its broker."""
        return bool(self.http.get("/salud").json["mqtt"]["conectado"])

    def stop(self, timeout: float = 5.0) -> None:
        """SIGTERM: the exit must be 0 within five seconds, without a traceback in the log and without children left."""
        if self._process is None:
            return
        process, self._process = self._process, None
        children = children_of(process.pid)
        code = process.terminate(timeout)
        log = process.log()
        assert code == 0, f"exit code {code} after SIGTERM\n{tail(log)}"
        left = [pid for pid in children if Path(f"/proc/{pid}").exists()]
        assert not left, f"children left behind: {[children[p] for p in left]}"
        self.check_log(log)

    def check_log(self, log: str) -> None:
        for allowed in self.allowed_in_log:
            log = re.sub(allowed, "", log)
        assert "Traceback (most recent call last)" not in log, tail(log, 80)

    def kill(self) -> None:
        """kill -9. Children (a managed broker) notice by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> Backend:
        self.stop()
        return self.start()

    @property
    def process(self) -> Proceso:
        if self._process is None:
            pytest.fail("the backend is not running")
        return self._process

    def _last_log(self) -> str:
        return tail(self._process.log()) if self._process else ""

    def log(self) -> str:
        return "".join(p.read_text(errors="replace") for p in sorted(self._folder.glob("backend-*.log")))

    # --- what a user does ---------------------------------------------------------------------------------------------
    def sse(self, query: str = "", **kw: Any) -> Sse:
        return Sse(self.port, query, **kw)

    def wait_device(self, serial: str, timeout: float = 5.0, **fields: Any) -> dict[str, Any]:
        """The device once it is there and shows ``fields``."""

        def look() -> dict[str, Any] | None:
            device = self.http.device(serial)
            return device if device and all(device[k] == v for k, v in fields.items()) else None

        return wait_until(look, timeout, f"device {serial} with {fields}, is {self.http.device(serial)}")

    def logs(self, device_id: int, per_page: int = 200) -> dict[str, Any]:
        return self.http.get(f"/dispositivos/{device_id}/logs?per_page={per_page}").json

    def rejected(self) -> list[dict[str, Any]]:
        """The operator's list of rejected messages, newest first."""
        return self.http.get("/mensajes/rechazados?per_page=200").json["data"]

    def streams(self) -> int:
        """Open streams as the program counts them."""
        return int(self.http.get("/salud").json["flujos"]["lectores"])

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that carry these labels; 0 when there is none."""
        total = 0.0
        for line in self.http.get("/metrics").text.splitlines():
            match = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", line)
            if match and match[1] == name:
                found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if all(found.get(k) == v for k, v in labels.items()):
                    total += float(match[3])
        return total

    def rejected_metric(self) -> float:
        """All messages ever rejected, as /metrics counts them."""
        return self.metric("iot_mensajes_total", destino="rechazados")

    @property
    def database(self) -> Path:
        return self.instance / "iot.db"

    def query(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """Read the database file from outside, read-only."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(sql, args).fetchall()
        finally:
            connection.close()
