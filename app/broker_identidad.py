"""Who the backend is to a Mosquitto of its own: a user name that is its client id too, and a password.

Nothing in Mosquitto keeps somebody without a user from connecting with a client id of his choice, and who has the
client id has the session. So the name is as secret as the password.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from app.broker_mudanza import SesionAjena, rename_session

log = logging.getLogger(__name__)

FILE = "backend.json"
_NAME_BYTES = 126
"""So that the name has 256 characters. Mosquitto 2.0.11 saves, for a session without a user, as many bytes of the name
of the session before as that name's length in the wrong byte order says: 0x0024 becomes 9,216, 0x0100 becomes 1, and
1 becomes 0x0100, neither of them beyond its end (persist_write.c; seen in its file)."""
_PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Identidad:
    """The name is the client id too."""

    usuario: str
    clave: str


def load_or_make(folder: Path, database: Path, before: str) -> Identidad:
    """The backend's own, made at the first start and kept in the broker's folder (which is locked).

    ``before`` is the client id that an earlier version used: its session, with all that waits in it, is moved to the
    new name, once. Raises OSError.
    """
    path = folder / FILE
    found = _read(path)
    if found is None:
        found = {
            "usuario": "iot-" + secrets.token_hex(_NAME_BYTES),
            "clave": secrets.token_urlsafe(_PASSWORD_BYTES),
            "antes": before,
        }
        write_private(path, json.dumps(found))
    mine = Identidad(found["usuario"], found["clave"])
    if "antes" in found:  # said until it is done: a start that is cut short does it again
        _move(database, found["antes"], mine.usuario)
        write_private(path, json.dumps({"usuario": mine.usuario, "clave": mine.clave}))
    return mine


def _read(path: Path) -> dict[str, str] | None:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(found.get(k), str) and found[k] for k in ("usuario", "clave")):
        return found
    log.error("%s no se entiende: el backend toma otro nombre ante su broker, y lo que esperaba se pierde", path)
    return None


def _move(database: Path, before: str, name: str) -> None:
    try:
        moved = rename_session(database, before, name)
    except SesionAjena as why:
        log.warning("lo que esperaba en la sesión %s del broker no se puede conservar: %s", before, why)
        return
    if moved:
        log.info("la sesión %s del broker, con lo que esperaba en ella, pasa al usuario nuevo del backend", before)


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, on disk, for this user only."""
    draft = path.with_name(f".{path.name}.nuevo")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as handle:
        os.fchmod(fd, 0o600)
        handle.write(text)
        handle.flush()
        os.fsync(fd)
    draft.replace(path)
