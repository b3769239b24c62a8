"""One backend an instance folder: a lock that the kernel lets go of when the process ends, however it ends."""

from __future__ import annotations

import fcntl
from pathlib import Path


class InstanceBusyError(Exception):
    """Another process has the folder; the message says so in Spanish."""


class only_one:  # noqa: N801 - reads as what it says: with only_one(...)
    """A lock on the instance folder: two backends with one MQTT client id would disconnect each other for ever."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "iot.lock"

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise InstanceBusyError(
                f"ya hay un IoT Backend en marcha con esta carpeta ({self._path.parent}). Termínelo antes, o use otra "
                "carpeta con IOT_INSTANCE_PATH."
            ) from None

    def __exit__(self, *_: object) -> None:
        self._file.close()
