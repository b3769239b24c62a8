"""Proof of possession: the code on a device's sticker, without which it cannot be claimed (SECURITY item 6). Pure.

Only its SHA-256 is kept: a code is random and has 64 bits or more, so a fast hash is as good as a slow one.
"""

from __future__ import annotations

import hashlib
import hmac
import re

MIN_CHARS, MAX_CHARS = 16, 128
"""Sixteen hexadecimal digits, the poorest alphabet in use, are the 64 bits that are asked for."""
MIN_DIFFERENT = 4
"""Of sixteen random hexadecimal digits fewer are different once in 10^8; `1111-1111-1111-1111` is no code."""
_ALPHABET = re.compile(r"[A-Z0-9._~+/=]*", re.ASCII)


def normalizar(codigo: str) -> str:
    """The code as it is compared: people type it, so case, hyphens and spaces do not matter."""
    return re.sub(r"[\s-]", "", codigo).upper()


def falta_a(codigo: str) -> str | None:
    """What makes a code unfit to be given to a device, in Spanish; None when nothing does."""
    plain = normalizar(codigo)
    if not MIN_CHARS <= len(plain) <= MAX_CHARS:
        return f"debe tener de {MIN_CHARS} a {MAX_CHARS} caracteres, sin contar guiones ni espacios"
    if _ALPHABET.fullmatch(plain) is None:
        return "solo puede llevar letras sin acento, cifras, guiones y . _ ~ + / ="
    if len(set(plain)) < MIN_DIFFERENT:
        return "es demasiado fácil: repite casi siempre los mismos caracteres"
    return None


def huella_de(codigo: str) -> str:
    """What is kept of a code: SHA-256 in hexadecimal."""
    return hashlib.sha256(normalizar(codigo).encode("utf-8", "surrogatepass")).hexdigest()


def coincide(codigo: str | None, huella: str) -> bool:
    """Whether that is the code; a missing one takes as long as a wrong one."""
    return hmac.compare_digest(huella_de(codigo or ""), huella) and codigo is not None
