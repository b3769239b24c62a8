"""Becomes the broker, tied to the life of the process that asked for it. Run as a script, by path, with -I -S.

``python -I -S broker_exec.py PARENT_PID PROGRAM ARGUMENTS...``

Why a step in between, and not ``preexec_fn``: that runs Python in a fork of a process that has threads, where any lock
that another thread held stays locked. This runs in a process of its own and leaves nothing behind (exec keeps the pid).
SIGTERM, not SIGKILL, on the parent's death: Mosquitto then writes its database, so nothing that was queued is lost.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_SOCKETS = 65_536  # one per connected device; the usual soft limit of 1024 is a small house


def main(argv: list[str]) -> None:
    parent, program = int(argv[1]), argv[2:]
    die_with_parent(parent)
    _more_sockets()
    os.execvp(program[0], program)  # noqa: S606  (a fixed program of ours, no shell)


def die_with_parent(parent: int) -> None:
    """SIGTERM for us when the thread that started us ends. Linux only: elsewhere the pid file finds the orphan."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        sys.exit(0)


def _more_sockets() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _SOCKETS if hard == resource.RLIM_INFINITY else min(_SOCKETS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main(sys.argv)
