"""Passwords: Argon2id in low-priority threads, a few at a time, and what a password may be.

A hash takes 19 MiB and some 30 ms of a processor, and argon2 lets the interpreter go meanwhile; so that it never delays
a stream it runs in a native thread of its own with a nice value of +10, at most ``HASHERS`` at once, and only a few
requests wait for one (the rest is told to come back: a waiting one holds a thread of the HTTP pool).
"""

from __future__ import annotations

import os
import secrets
import threading
import unicodedata
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.domain.errors import ContrasenasOcupadas, DatosInvalidos, ErrorCampo

if TYPE_CHECKING:
    from collections.abc import Callable

    from argon2 import PasswordHasher

T = TypeVar("T")

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
"""OWASP's floor for Argon2id (Password Storage Cheat Sheet, 2024): m=19 MiB, t=2, p=1."""
HASHERS = 2
WAITING = 4
"""Requests that wait for a hasher; with those that run they leave two of the eight HTTP threads to everybody else."""
NICE = 10
RETRY_S = 2.0
MIN_LENGTH, MAX_LENGTH = 8, 128
_COMMON = Path(__file__).with_name("claves_comunes.txt")


class Contrasenas:
    """Hashes and checks. Any native thread; the caller waits."""

    def __init__(self, hashers: int = HASHERS, waiting: int = WAITING) -> None:
        self._running = threading.BoundedSemaphore(hashers)
        self._places = threading.BoundedSemaphore(hashers + waiting)
        self._nobodys: str | None = None

    def hash(self, clave: str) -> str:
        """The hash to store, in argon2's own text form.

        Raises:
            ContrasenasOcupadas: too many wait already.
        """
        return self._run(partial(_hasher().hash, _normal(clave)))

    def check(self, stored: str | None, clave: str) -> tuple[bool, str | None]:
        """Whether it is the password, and a new hash to store when the parameters have grown since.

        ``stored`` None is an account that does not exist: it costs what another does.

        Raises:
            ContrasenasOcupadas: too many wait already.
        """
        return self._run(partial(self._check, stored, _normal(clave)))

    def _check(self, stored: str | None, clave: str) -> tuple[bool, str | None]:
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher = _hasher()
        if self._nobodys is None:  # by the first check whoever it is about, so that its time tells nothing
            self._nobodys = hasher.hash(secrets.token_hex(16))
        try:
            hasher.verify(stored or self._nobodys, clave)
        except (VerificationError, InvalidHashError):
            return False, None
        if stored is None:
            return False, None
        return True, hasher.hash(clave) if hasher.check_needs_rehash(stored) else None

    def _run(self, job: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise ContrasenasOcupadas(RETRY_S)
        try:
            with self._running:
                return _in_own_thread(job)
        finally:
            self._places.release()


def check_rules(clave: str, nombre: str, campo: str = "clave") -> None:
    """Whether it may be somebody's password.

    Raises:
        DatosInvalidos: too short or long, known to everybody, or the account's own name.
    """
    clave = _normal(clave)
    folded = clave.casefold()
    word = folded.strip("0123456789.,-_!?#*@$ ")  # a year and a sign around it are what everybody adds
    if not MIN_LENGTH <= len(clave) <= MAX_LENGTH:
        fault = f"debe tener entre {MIN_LENGTH} y {MAX_LENGTH} caracteres"
    elif word == nombre.casefold():
        fault = "no puede ser el nombre de usuario"
    elif not common().isdisjoint((folded, word)) or len(set(folded)) < 3:
        fault = "es de las que se prueban primero; elija otra (tres palabras sueltas sirven)"
    else:
        return
    raise DatosInvalidos([ErrorCampo(campo, fault)])


@cache
def common() -> frozenset[str]:
    """Passwords that everybody tries, in lower case."""
    return frozenset(line for line in _COMMON.read_text("utf-8").split("\n") if line and not line.startswith("#"))


def _normal(clave: str) -> str:
    """The same letters typed on two keyboards are the same password (NIST SP 800-63B §5.1.1.2)."""
    return unicodedata.normalize("NFKC", clave)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # 3 MB that a house without accounts never needs

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _in_own_thread(job: Callable[[], T]) -> T:
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        with suppress(OSError, AttributeError):  # where the system has no such thing it is done without
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        try:
            done.append(job())
        except BaseException as error:  # noqa: BLE001 - it belongs to who asked
            failed.append(error)

    thread = threading.Thread(target=work, name="argon2", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
