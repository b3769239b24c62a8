"""The processes under measurement, each started for real and ended by its own handle."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import load, readers

ROOT = Path(__file__).resolve().parent.parent
MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 1000
set_tcp_nodelay true
log_type error
"""
PR_SET_PDEATHSIG = 1
PREFIX = "iot-bench-"


class BenchError(Exception):
    """A benchmark could not be made; the message (Spanish) says what happened."""


def free_port() -> int:
    """A free port below the kernel's ephemeral range, so that no client takes it while a killed server is away."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(200):
        port = random.randrange(min(15_000, low - 1000), low)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                return port
    raise BenchError("no hay puertos libres")


def program(name: str) -> str | None:
    """Where a program is; system folders are looked at too, which not every user has on the path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def _die_with_parent(parent: int) -> None:
    """In the child: end when the benchmark is killed, however it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Child:
    """One process with its log file."""

    def __init__(
        self, name: str, args: list[str], log: Path, *, env: dict[str, str] | None = None, pipes: bool = False
    ) -> None:
        self.name, self.log = name, log
        self.started = time.monotonic()
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                args,
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else out,
                stderr=out,
                text=True,
                preexec_fn=functools.partial(_die_with_parent, os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        self.pid = self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def failure(self, what: str) -> BenchError:
        tail = self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
        state = "sigue viva" if self.alive else f"terminó con código {self.process.returncode}"
        return BenchError(f"{self.name}: {what} ({state})\n{tail}")

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, patience: float = 8.0) -> tuple[int, float]:
        """SIGTERM, then SIGKILL when patience runs out. Returns the exit code and the seconds it took."""
        started = time.monotonic()
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        return self.process.wait(), time.monotonic() - started


class Talker(Child):
    """A child that answers one line of JSON to each order."""

    def ask(self, order: str, timeout: float = 60.0) -> dict[str, Any]:
        self.tell(order)
        return self.hear(timeout)

    def tell(self, order: str) -> None:
        try:
            pipe = self._pipe(self.process.stdin)
            pipe.write(order + "\n")
            pipe.flush()
        except OSError as error:
            raise self.failure("no acepta órdenes") from error

    def hear(self, timeout: float = 60.0) -> dict[str, Any]:
        """The next line; each order is answered by one, so nothing waits unseen in the pipe's buffer."""
        pipe = self._pipe(self.process.stdout)
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN)
        line = pipe.readline() if waiting.poll(timeout * 1000) else ""
        if not line:
            raise self.failure(f"no contestó en {timeout:g} s")
        value: dict[str, Any] = json.loads(line)
        return value

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@dataclass(frozen=True, slots=True)
class Target:
    """An application under test: where it answers, which database file it writes, its process."""

    name: str
    port: int
    database: Path
    child: Child
    ready_path: str


class Lab:
    """A temporary folder and the processes of one measurement. Use as a context manager: it ends all of them."""

    def __init__(self, folder: str | None = None) -> None:
        self.base = folder
        self.children: list[Child] = []
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        self.folder = Path(
            self.stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=self.base))
        )
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self.children):
            child.stop()
        self.stack.close()

    def keep(self, child: Child) -> None:
        self.children.append(child)

    def mosquitto(self) -> int:
        """A private broker on a free port; returns the port."""
        port = free_port()
        conf = self.folder / f"mosquitto-{port}.conf"
        # As root it would change its user, and the kernel then forgets to end it when the benchmark is killed.
        user = "user root\n" if os.geteuid() == 0 else ""
        conf.write_text(MOSQUITTO_CONF.format(port=port) + user)
        args = [program("mosquitto") or "mosquitto", "-c", str(conf)]
        child = Child("mosquitto", args, self.folder / "mosquitto.log")
        self.keep(child)
        wait_for(lambda: can_connect(port), 10, lambda: child.failure("no abre su puerto"), child)
        return port

    def backend(
        self, broker: int, *, name: str = "ours", port: int | None = None, wait: bool = True, **settings: object
    ) -> Target:
        """`python run.py` on its own instance folder, the same folder for the same name."""
        port = port or free_port()
        instance = self.folder / name
        instance.mkdir(exist_ok=True)
        env = backend_env(instance, port, broker, settings)
        child = Child("backend", [sys.executable, "run.py"], self.folder / f"{name}.log", env=env)
        self.keep(child)
        target = Target("ours", port, instance / "iot.db", child, "/salud/lista")
        if wait:
            wait_ready(target)
        return target

    def plain(self, broker: int) -> Target:
        port, database = free_port(), self.folder / "plain.db"
        args = [
            sys.executable,
            "-m",
            "bench.plain_app",
            "--puerto",
            str(port),
            "--broker-puerto",
            str(broker),
            "--base",
            str(database),
        ]
        child = Child("app sencilla", args, self.folder / "plain.log", env=clean_env())
        self.keep(child)
        target = Target("plain", port, database, child, "/dispositivos")
        wait_ready(target)
        return target

    def load(self, plan: load.Plan) -> Talker:
        """A load generator, connected and waiting for `go`."""
        child = self._talker("carga", "bench.load", asdict(plan))
        child.hear(20)
        return child

    def readers(self, plan: readers.Plan, *, partial: bool = False) -> Talker:
        """Connected readers. With partial, fewer than asked for is accepted (see `connected`)."""
        module = "bench.subscriber" if plan.kind == "paho" else "bench.readers"
        child = self._talker("lectores", module, asdict(plan))
        self.connected = child.hear(plan.seconds + 20)
        if self.connected["failed"] and not partial:
            raise BenchError(f"no se conectaron todos los lectores: {self.connected}")
        return child

    def echo(self, broker: int) -> Talker:
        """The plain MQTT client that sends everything back (bench.echo), subscribed."""
        child = self._talker("eco", "bench.echo", {"port": broker})
        child.hear(20)
        return child

    def simulated(self, broker: int, **options: object) -> Child:
        """`./iot simular` with these options, its devices on this broker and without a backend."""
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        where = ["--broker", f"127.0.0.1:{broker}", "--backend", "no"]
        args = [sys.executable, "-m", "app.cli", "simular", *given, *where]
        child = Child("simulador", args, self.folder / "simulador.log", env=clean_env())
        self.keep(child)
        return child

    def _talker(self, name: str, module: str, plan: dict[str, Any]) -> Talker:
        args = [sys.executable, "-m", module, json.dumps(plan)]
        child = Talker(name, args, self.folder / f"{module}.log", env=clean_env(), pipes=True)
        self.keep(child)
        return child

    def end(self, child: Child) -> tuple[int, float]:
        """Stops one child before the others."""
        self.children.remove(child)
        return child.stop()


def sweep(base: Path) -> None:
    """Removes the folders of benchmarks that were killed before they could."""
    for folder in base.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def clean_env() -> dict[str, str]:
    """This environment without the settings of the user's own house."""
    return {key: value for key, value in os.environ.items() if not key.startswith("IOT_")}


def backend_env(instance: Path, port: int, broker: int, settings: dict[str, object]) -> dict[str, str]:
    values: dict[str, object] = {
        "INSTANCE_PATH": instance,
        "BACKEND_HOST": "127.0.0.1",
        "BACKEND_PORT": port,
        "MQTT_BROKER_URL": "127.0.0.1",
        "MQTT_BROKER_PORT": broker,
        "INGEST_DEVICE_RATE": 0,
        "SSE_MAX_STREAMS_PER_ADDRESS": 10000,
        **settings,
    }
    return clean_env() | {f"IOT_{key}": str(value) for key, value in values.items()}


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    """Does a GET get a 200?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in sock.recv(4096)[:16]
    except OSError:
        return False


def wait_for(
    check: Callable[[], bool],
    seconds: float,
    failure: Callable[[], Exception],
    child: Child | None = None,
    pause: float = 0.005,
) -> None:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end or (child and not child.alive):
            raise failure()
        time.sleep(pause)


def wait_ready(target: Target, seconds: float = 30.0) -> None:
    wait_for(
        lambda: answers(target.port, target.ready_path),
        seconds,
        lambda: target.child.failure(f"no contesta 200 en {target.ready_path}"),
        target.child,
    )


def memory(pid: int) -> dict[str, float]:
    """RSS and PSS of one process, without its children, in MB (10**6 bytes)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rows = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if line.endswith("kB")}
    return {"rss": rows["Rss"] * 1024 / 1e6, "pss": rows["Pss"] * 1024 / 1e6}


def cpu(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
