"""A file that only who knows a passphrase can read, written and read as a stream.

``IOTCIFRA1\\n``, 16 bytes of salt, 7 of nonce, then chunks of 64 KiB sealed with AES-256-GCM; the key is scrypt's
(N = 2^15, r = 8: 32 MB and some 0.1 s a guess). Each chunk's nonce has its number and whether it is the last, the
STREAM construction, so chunks can be neither moved, left out nor cut off at the end unseen.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"IOTCIFRA1\n"
SALT, NONCE, CHUNK, TAG = 16, 7, 1 << 16, 16


class CifraError(Exception):
    """It can't be read; the message says why, in Spanish."""


class Cifrador:
    """What is written here goes sealed to ``out``; :meth:`close` ends it, and does not close ``out``."""

    def __init__(self, out: IO[bytes], frase: str) -> None:
        salt, self._nonce = os.urandom(SALT), os.urandom(NONCE)
        out.write(MAGIC + salt + self._nonce)
        self._out, self._box = out, _box(frase, salt)
        self._rest = bytearray()
        self._count = 0

    def write(self, data: bytes) -> int:
        """Take it all."""
        self._rest += data
        while len(self._rest) > CHUNK:
            self._seal(bytes(self._rest[:CHUNK]), last=False)
            del self._rest[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Write what is left, as the last."""
        self._seal(bytes(self._rest), last=True)

    def _seal(self, data: bytes, *, last: bool) -> None:
        self._out.write(self._box.encrypt(_nonce(self._nonce, self._count, last=last), data, None))
        self._count += 1


class Descifrador:
    """Reads what a :class:`Cifrador` wrote.

    Raises (also when reading):
        CifraError: another passphrase, or the file is damaged or cut off.
    """

    def __init__(self, source: IO[bytes], frase: str) -> None:
        head = source.read(len(MAGIC) + SALT + NONCE)
        if not head.startswith(MAGIC) or len(head) < len(MAGIC) + SALT + NONCE:
            raise CifraError("no es un archivo cifrado por este programa")
        salt, self._nonce = head[len(MAGIC) : -NONCE], head[-NONCE:]
        self._source, self._box = source, _box(frase, salt)
        self._next = source.read(CHUNK + TAG)
        self._plain = b""
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes, none at the end."""
        found = bytearray()
        while size < 0 or len(found) < size:
            if not self._plain and not self._open():
                break
            taken = len(self._plain) if size < 0 else size - len(found)
            found += self._plain[:taken]
            self._plain = self._plain[taken:]
        return bytes(found)

    def _open(self) -> bool:
        from cryptography.exceptions import InvalidTag

        if not self._next:
            return False
        sealed, self._next = self._next, self._source.read(CHUNK + TAG)
        try:
            self._plain = self._box.decrypt(_nonce(self._nonce, self._count, last=not self._next), sealed, None)
        except InvalidTag:
            why = "está dañado o cortado" if self._count else "la frase no es la suya, o está dañado"
            raise CifraError(f"no se puede descifrar: {why}") from None
        self._count += 1
        return True


def _nonce(prefix: bytes, count: int, *, last: bool) -> bytes:
    return prefix + count.to_bytes(4, "big") + bytes([last])


def _box(frase: str, salt: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return AESGCM(Scrypt(salt=salt, length=32, n=1 << 15, r=8, p=1).derive(frase.encode()))
