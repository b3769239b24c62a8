"""The pid file of our broker child, and the end of a child that an earlier backend left behind.

A child normally dies with its backend (app/broker_exec.py). This is for the systems and moments where it did not.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.clock import Clock

log = logging.getLogger(__name__)

CONFIG = "mosquitto.conf"
_FILE = "broker.pid"
_TERM_S, _KILL_S = 5.0, 2.0


def write_pid(folder: Path, pid: int) -> None:
    """Remember the child. A pid alone proves nothing later, so whoever reads it compares the command line too."""
    path = folder / _FILE
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as handle:
        handle.write(f"{pid}\n")


def forget_pid(folder: Path) -> None:
    (folder / _FILE).unlink(missing_ok=True)


def marks(folder: Path) -> frozenset[str]:
    """Command-line arguments that only a broker of this folder has: its configuration, or the folder itself."""
    return frozenset({str(folder), str(folder / CONFIG)})


def end_orphan(folder: Path, *, clock: Clock) -> bool:
    """End the child in the pid file if it still is ours by its command line. True when one was ended.

    SIGTERM first and 5 s to write its database. Only call while holding the folder's lock.
    """
    pid = _read_pid(folder)
    if pid is None or not is_ours(pid, folder):
        forget_pid(folder)
        return False
    log.warning("termina el broker que dejó un arranque anterior (proceso %d)", pid)
    for number, patience in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, _KILL_S)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _gone_within(pid, folder, patience, clock=clock):
            break
    forget_pid(folder)
    return True


def is_ours(pid: int, folder: Path) -> bool:
    """Whether that process runs and is a broker of this folder. A zombie has no arguments, so it is not."""
    return not marks(folder).isdisjoint(_arguments(pid))


def _read_pid(folder: Path) -> int | None:
    try:
        pid = int((folder / _FILE).read_text().strip())
    except (OSError, ValueError):
        return None
    return pid if pid > 1 else None


def _gone_within(pid: int, folder: Path, seconds: float, *, clock: Clock) -> bool:
    deadline = clock.monotonic() + seconds
    while is_ours(pid, folder):
        if clock.monotonic() > deadline:
            return False
        clock.sleep(0.02)
    return True


def _arguments(pid: int) -> list[str]:
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
        except OSError:
            return []
    done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.split()
