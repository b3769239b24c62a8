"""Turns between test processes: who changes this machine's network waits for browsers, and they for it.

Chromium drops every request that is under way when an interface comes or goes (ERR_NETWORK_CHANGED), on loopback too.
So a test with a browser holds the network as it is (shared); joining another machine takes it alone, for a moment.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_FOLDER = Path(tempfile.gettempdir())


@contextmanager
def red_quieta() -> Iterator[None]:
    """The network stays as it is meanwhile."""
    with ExitStack() as stack:
        with _locked("puerta", fcntl.LOCK_EX):
            stack.enter_context(_locked("red", fcntl.LOCK_SH))
        yield


@contextmanager
def red_cambia() -> Iterator[None]:
    """Nobody's browser is at anything meanwhile; who asks later than this waits at the door, so its turn comes."""
    with _locked("puerta", fcntl.LOCK_EX), _locked("red", fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(name: str, how: int) -> Iterator[None]:
    """A file that is locked so; the kernel lets go of it when the process dies."""
    descriptor = os.open(_FOLDER / f"iot-turno-{name}-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
