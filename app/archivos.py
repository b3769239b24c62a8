"""Files that are there whole or not at all, and nobody else's to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def creado(path: Path) -> Iterator[IO[bytes]]:
    """A new file of mode 0600 in the place of any other, on disk when this ends."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def asegurar_carpeta(folder: Path) -> None:
    """What was renamed, made or deleted in it is so after a power cut too."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
