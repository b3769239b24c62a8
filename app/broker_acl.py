"""Who may say and hear what on a Mosquitto: the text of its password and ACL files (man 5 mosquitto.conf, 2.0.11)."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

USERS, ACL = "usuarios", "acl"
"""The files' names."""
_ITERATIONS = 101
"""As mosquitto_passwd does. The passwords are random (144 bits and more): no number of rounds makes those harder to
guess, and the broker does them in its only thread, at each connection and again for everyone at each reload."""
_SALT_BYTES = 12
_PATTERNS = (
    "# Each device with a user of its own, which is its serial number.",
    "pattern write dispositivos/%u/estado",
    "pattern write dispositivos/%u/disponible",
    "pattern read dispositivos/%u/configuracion",
)


def password_hash(password: str, salt: bytes | None = None) -> str:
    """What the password file has of a password: ``$7$<rounds>$<salt>$<PBKDF2-SHA512>``, in base64."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def password_text(users: Mapping[str, str]) -> str:
    """The password file; ``users``: name -> hash."""
    return "".join(f"{name}:{kept}\n" for name, kept in users.items())


def acl_text(backend: str, devices: Iterable[str], *, anonymous: bool, shared: bool) -> str:
    """The ACL file. What comes before the first user counts for those without one; what is denied wins.

    Args:
        backend: the backend's user, the only one that may write to devices and read all of them.
        devices: the serials that have a user of their own, for which nobody else may speak, and whom nobody else hears.
        anonymous: whether those without a user may do what devices do, for every other serial.
        shared: whether the shared topic is heard.
    """
    lines: list[str] = []
    if anonymous:
        lines += ["# Those without a user."]
        lines += ["topic write dispositivos/estado"] * shared
        lines += ["topic write dispositivos/+/estado", "topic write dispositivos/+/disponible"]
        lines += ["topic read dispositivos/#"]
        lines += [f"topic deny dispositivos/{serial}/#" for serial in sorted(devices)]
        lines += [""]
    lines += ["# The backend.", f"user {backend}", "topic readwrite dispositivos/#", "", *_PATTERNS]
    return "\n".join(lines) + "\n"
