"""Children of the tests: started with a captured log, never outliving us, always ended by their own pid."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PORT_SHARES = 8


def require(*programs: str) -> str:
    """Path of the first of these outside programs; none: a failure in CI (IOT_TEST_REQUIRE_ALL=1), else a skip."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin:/sbin:/usr/local/sbin"])
    path = next((found for program in programs if (found := shutil.which(program, path=places))), None)
    if path is None:
        missing(f"{' or '.join(programs)} is not on this machine")
    return path


def missing(reason: str) -> NoReturn:
    """Something the test needs is not here: a skip, or a failure where everything is required."""
    if os.environ.get("IOT_TEST_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port of 127.0.0.1 free a moment ago and below the ephemeral range, so that no client takes it.

    None is given twice, also not by another worker: what is to listen there may start much later.
    """
    for port in itertools.islice(_ports, 200):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def _own_ports() -> Iterator[int]:
    """This process's share of the ports, round and round, from somewhere in it."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    share = max(1000, low - 12_500) // PORT_SHARES
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 12_000 + worker % PORT_SHARES * share
    begin = int.from_bytes(os.urandom(2), "big") % share
    return itertools.cycle([*range(first + begin, first + share), *range(first, first + begin)])


_ports = _own_ports()


def wait_until(condition: Callable[[], T], timeout: float = 10.0, what: str = "", every: float = 0.02) -> T:
    """The first true value of ``condition``; fails with ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout:g} s: {what or condition}; last value {value!r}")
        time.sleep(every)


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def unreachable_port() -> Iterator[int]:
    """A port whose connects hang: its backlog is full and nobody accepts."""
    with socket.socket() as server, ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            s = stack.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(server.getsockname())
        yield server.getsockname()[1]


class Proceso:
    """One child with its output in a file."""

    def __init__(self, name: str, argv: Sequence[str], log: Path, *, env: dict[str, str] | None = None) -> None:
        self.name, self.log_path = name, log
        self._traced = any(Path(arg).name == "strace" for arg in argv)
        setpriv = shutil.which("setpriv")
        tied = [setpriv, "--pdeathsig", "KILL", *argv] if setpriv else list(argv)
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                tied, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def code(self) -> int | None:
        return self._popen.poll()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def signal(self, number: int) -> None:
        if self.alive:
            self._popen.send_signal(number)

    def wait(self, timeout: float) -> int:
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.name} did not end within {timeout:g} s\n{tail(self.log())}")

    def terminate(self, timeout: float = 10.0) -> int:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """SIGKILL; what runs under strace is ended too, it would outlive its tracer."""
        for pid in children_of(self.pid) if self._traced and self.alive else ():
            os.kill(pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)
        self._popen.wait(10)


def children_of(pid: int) -> dict[int, str]:
    """Live direct children of a process and their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(stat[1]) == pid and stat[0] != "Z":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def tail(text: str, lines: int = 40) -> str:
    return "\n".join(text.splitlines()[-lines:])
