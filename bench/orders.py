"""Orders from the parent on stdin and answers on stdout, one per line.

Read with os.read, not through sys.stdin: a buffered reader may take two lines at once, and then epoll stays silent
about the second.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

FD = 0


class Orders:
    """Lines from file descriptor 0. An empty string is the end: the parent is gone."""

    def __init__(self) -> None:
        self.rest = b""

    def read(self) -> list[str]:
        """All whole lines there are now (blocks until there is something); [""] at the end."""
        data = os.read(FD, 65536)
        if not data:
            return [""]
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode().strip() for line in lines]


def emit(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
