"""A second machine on a cable of its own: a network namespace joined to ours by a veth pair. Needs root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.procesos import ROOT, Proceso, missing, require
from tests.support.turnos import red_cambia


class OtraMaquina:
    """``here`` is our end's address, ``there`` the other machine's."""

    def __init__(self, number: int) -> None:
        if os.geteuid() != 0:
            missing("a network namespace needs root")
        self._ip = require("ip")
        tag = f"{os.getpid() % 10000}x{number}"
        self.name, self._ours, self._theirs = f"iotns{tag}", f"iva{tag}", f"ivb{tag}"
        net = f"10.{200 + os.getpid() % 50}.{(os.getpid() // 50) % 250}"
        self.here, self.there, self.network = (
            f"{net}.{4 * number + 1}",
            f"{net}.{4 * number + 2}",
            f"{net}.{4 * number}/30",
        )

    def __enter__(self) -> OtraMaquina:
        try:
            with red_cambia():
                self._join()
        except subprocess.CalledProcessError as error:
            self.__exit__()
            missing(f"no network namespaces here: {error.stderr!r}")
        return self

    def _join(self) -> None:
        """Without addresses of IPv6, which would come by themselves a second or two later."""
        self._run("netns", "add", self.name)
        self._run("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs, "netns", self.name)
        self._run("link", "set", self._ours, "addrgenmode", "none")
        self._run("addr", "add", f"{self.here}/30", "dev", self._ours)
        self._run("link", "set", self._ours, "up")
        self._run("-n", self.name, "addr", "add", f"{self.there}/30", "dev", self._theirs)
        self._run("-n", self.name, "link", "set", self._theirs, "up")
        self._run("-n", self.name, "link", "set", "lo", "up")

    def __exit__(self, *exc: object) -> None:
        with red_cambia():
            subprocess.run([self._ip, "link", "del", self._ours], check=False, capture_output=True)
            subprocess.run([self._ip, "netns", "del", self.name], check=False, capture_output=True)

    def python(self, code: str, timeout: float = 20) -> str:
        """Run Python there; what it printed."""
        done = subprocess.run(
            [self._ip, "netns", "exec", self.name, sys.executable, "-c", code],
            capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, code: str, log: Path) -> Proceso:
        """Leave Python running there."""
        return Proceso("there", [self._ip, "netns", "exec", self.name, sys.executable, "-u", "-c", code], log)

    def pull_the_plug(self) -> None:
        """Nothing arrives there or from there any more, and nobody is told: packets are routed into a black hole."""
        self._run("-n", self.name, "route", "add", "blackhole", f"{self.here}/32")
        self._run("neigh", "replace", self.there, "lladdr", "02:00:00:00:00:01", "dev", self._ours, "nud", "permanent")

    def _run(self, *args: str) -> None:
        subprocess.run([self._ip, *args], check=True, capture_output=True)
