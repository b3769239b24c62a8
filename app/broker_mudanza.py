"""Give a kept session of Mosquitto another client id, and a user of the same name, in its database while it is
stopped.

The format is that of Mosquitto 2.0 (its src/persist.h, version 6): a magic, a CRC of nothing, the version; then chunks,
each with its kind and length, all in network byte order. Three kinds name a session: its own, its messages', its
subscriptions'.
Over the wire it could not be done without a loss or a double: one session ends before or after the other begins.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

_MAGIC = b"\x00\xb5\x00mosquitto db"
_HEAD = struct.Struct("!15sII")
_VERSION = 6
_CHUNK = struct.Struct("!II")
_CHUNK_MAX = 512 * 1024 * 1024
_LENGTH = struct.Struct("!H")
_SESSION = 6
_USER_AT = 18
"""Where the length of a session's user name stands; the name follows the client id."""
_NAMED = {3: (10, 16), 5: (4, 12), _SESSION: (14, 24)}
"""Kind -> where the client id's length stands, and where the client id does: messages, subscriptions, sessions."""


class SesionAjena(Exception):
    """The database is not one that we can change; the message (Spanish) says why."""


def rename_session(database: Path, before: str, after: str) -> bool:
    """Whether there was such a session. The file is replaced at once or not at all.

    Raises:
        SesionAjena: it is of another version, or damaged.
    """
    draft = database.with_name(f".{database.name}.nuevo")
    try:
        source = database.open("rb")
    except FileNotFoundError:
        return False
    try:
        with source, os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            found = _copy(source, target, before.encode(), after.encode())
            target.flush()
            os.fsync(target.fileno())
        if found:
            draft.replace(database)
        return found
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: IO[bytes], target: IO[bytes], before: bytes, after: bytes) -> bool:
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        raise SesionAjena("no es una base de datos de Mosquitto")
    version = _HEAD.unpack(head)[2]
    if version != _VERSION:
        raise SesionAjena(f"es del formato {version} de Mosquitto, y solo se conoce el {_VERSION}")
    target.write(head)
    found = False
    while start := source.read(_CHUNK.size):
        if len(start) < _CHUNK.size:
            raise SesionAjena("está cortada")
        kind, length = _CHUNK.unpack(start)
        body = source.read(length) if length <= _CHUNK_MAX else b""
        if len(body) < length or length > _CHUNK_MAX:
            raise SesionAjena("está cortada")
        renamed = _rename(kind, body, before, after)
        found = found or renamed is not body
        target.write(_CHUNK.pack(kind, len(renamed)) + renamed)
    return found


def _rename(kind: int, body: bytes, before: bytes, after: bytes) -> bytes:
    """The chunk with the new name in it; the same object when it is not of that session."""
    if kind not in _NAMED:
        return body
    at, name = _NAMED[kind]
    if len(body) < name or body[at : at + 2] != _LENGTH.pack(len(before)) or body[name : name + len(before)] != before:
        return body
    length = _LENGTH.pack(len(after))
    if kind == _SESSION:  # its user too, by whose rights messages are put into it while it is away
        return body[:at] + length + body[at + 2 : _USER_AT] + length + body[_USER_AT + 2 : name] + after + after
    return body[:at] + length + body[at + 2 : name] + after + body[name + len(before) :]
