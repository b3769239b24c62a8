"""Secrets that a machine remembers: made here, shown once, kept as a SHA-256 (they are random, so that is enough)."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX = "iot_"  # noqa: S105 - what every token begins with
SHOWN_CHARACTERS = 12
_CODE_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Without those that are taken for another when read aloud or copied by hand."""
_CODE_GROUPS, _CODE_GROUP = 4, 5


def new_token() -> str:
    """256 bits, recognisable as ours by a secret scanner."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_cookie() -> str:
    """256 bits."""
    return secrets.token_urlsafe(32)


def new_password() -> str:
    """128 bits, for a device to show to the broker; figures and letters only, fit for any command line."""
    return secrets.token_hex(16)


def new_code() -> str:
    """98 bits in four groups of five letters and figures, for a person to type."""
    groups = ("".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_GROUP)) for _ in range(_CODE_GROUPS))
    return "-".join(groups)


def plain_code(text: str) -> str:
    """A typed code without the hyphens and spaces that its reader may have put otherwise, in upper case."""
    return "".join(c for c in text.upper() if c.isalnum())


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal, which is what is stored and compared."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
