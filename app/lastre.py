"""Ballast: a file that takes room while there is plenty, and is given up when the disk is full.

A full disk stops everything at once: what devices say, the notice that would tell of it, and the purge that would make
room, since deleting writes too. With the ballast gone these go on for a while, and it is made again when there is room.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

NOMBRE = "lastre"
ROOM = 4
"""It is made only where this many times its size is free."""


class Lastre:
    """``size`` in bytes, 0 for none. :meth:`soltar` is for any thread."""

    def __init__(self, folder: Path, size: int) -> None:
        self._path = folder / NOMBRE
        self._size = size

    @property
    def puesto(self) -> bool:
        """Whether it is there, whole."""
        try:
            return self._size > 0 and self._path.stat().st_size == self._size
        except OSError:
            return False

    def poner(self, free: int) -> bool:
        """Make it where there is room, ``free`` bytes; whether it was made now. Another size is made anew."""
        if self.puesto or free < ROOM * self._size:
            return False
        self._remove()
        if not self._size:
            return False
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)  # blocks of its own, not a hole
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("no se pudo poner el lastre: %s", error)
            self._remove()
            return False
        return True

    def soltar(self) -> bool:
        """Give its room back; whether there was any."""
        if not self.puesto or not self._remove():
            return False
        log.warning("el disco está lleno: se suelta el lastre (%d MB) para poder seguir", self._size >> 20)
        return True

    def _remove(self) -> bool:
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
