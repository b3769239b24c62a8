"""``instance/control.json``: where the running program answers, and the credential with which the command line asks.

Made anew at each start and readable by the system's user whose house it is; whoever can read it can read the database.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

FILE = "control.json"


@dataclass(frozen=True, slots=True)
class Control:
    """``url`` without a final slash; ``token`` for ``Authorization: Bearer``."""

    url: str
    token: str


def write(folder: Path, control: Control) -> None:
    """Put it there, mode 0600, whole or not at all."""
    draft = folder / f".{FILE}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": control.url, "token": control.token}, file)
    draft.replace(folder / FILE)


def read(folder: Path) -> Control | None:
    """What the program that runs now left there, or one that was killed; None when there is nothing of use."""
    try:
        found = json.loads((folder / FILE).read_text())
        return Control(str(found["url"]), str(found["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(folder: Path) -> None:
    """The program ends."""
    (folder / FILE).unlink(missing_ok=True)
