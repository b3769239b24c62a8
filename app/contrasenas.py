"""Passwords: Argon2id in low-priority threads, a few at a time, and what a password may be.

A hash takes 19 MiB and some 25 ms of a processor, and argon2 lets the interpreter go meanwhile. So that it never delays
a stream it runs in a native thread of its own with a nice value of +10, at most two at once (one where there are two
processors), and its place rests for five times as long afterwards. Measured on two processors by ``./iot bench
accesos``: twenty people signing in again and again made the p99 of publish -> SSE three times what it was without them
when each hash followed the last; with the rests it stays within twice. Only a few requests wait for a place; the others
are told to come back, because one that waits holds a thread of the HTTP pool.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import threading
import time
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
HASHERS = 1 if (os.cpu_count() or 1) <= 2 else 2
REST = 5.0
"""How long a place rests after a hash, as a multiple of the processor time that it took."""
WAITING = 4
"""Requests that wait for a hasher; with those that run they leave two of the eight HTTP threads to everybody else."""
NICE = 10
RETRY_S = 2.0
MIN_LENGTH, MAX_LENGTH = 8, 128
_M_MMAP_THRESHOLD, _MAPPED_FROM = -3, 8 << 20
"""mallopt(3): allocations from 8 MiB on are given back to the system when they are freed."""
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
            self._running.acquire()
            return _in_own_thread(job, self._running.release)
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

    _give_memory_back()
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _give_memory_back() -> None:
    """glibc keeps for each thread's arena what it once gave back by itself (its mmap threshold grows with what is
    freed): 100 MB after five sign-ins, measured. A threshold that is set does not grow."""
    with suppress(OSError, AttributeError):  # another C library: it has its own ways
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)


def _in_own_thread(job: Callable[[], T], rested: Callable[[], None]) -> T:
    """What ``job`` answers or raises; ``rested`` is called when the place may be used again, which is later."""
    done: list[T] = []
    failed: list[BaseException] = []
    ready, never = threading.Event(), threading.Event()

    def work() -> None:
        with suppress(OSError, AttributeError):  # where the system has no such thing it is done without
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + NICE))
        try:
            done.append(job())
        except BaseException as error:  # noqa: BLE001 - it belongs to who asked
            failed.append(error)
        ready.set()
        never.wait(REST * time.thread_time())
        rested()

    threading.Thread(target=work, name="argon2", daemon=True).start()
    ready.wait()
    if failed:
        raise failed[0]
    return done[0]
