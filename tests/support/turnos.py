"""Who changes this machine's network waits for browsers, and they for it; also those of another run of the tests.

Chromium drops every request that is under way when an interface comes or goes (ERR_NETWORK_CHANGED), on loopback too.
So a test with a browser holds the network as it is (shared); joining another machine takes it alone, for a moment.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.paralelo import Turns


def red_quieta() -> AbstractContextManager[None]:
    """The network stays as it is meanwhile."""
    return _turns().turn(alone=False)


def red_cambia() -> AbstractContextManager[None]:
    """Nobody's browser is at anything meanwhile."""
    return _turns().turn(alone=True)


def _turns() -> Turns:
    folder = Path(tempfile.gettempdir()) / f"iot-red-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return Turns(folder)
