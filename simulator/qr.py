"""The QR sticker of a device: plain JSON text (WIRE section 6) as PNG, SVG or terminal text."""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import segno

    from simulator.device import Spec

SERIAL_RE = re.compile(r"[A-Za-z0-9._:-]{1,100}")


CODE_BYTES = 10
"""80 bits: 16 characters of base 32, which a person can still read off and type."""


def new_code() -> str:
    """A code that proves possession of a device, in groups of four."""
    text = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    return "-".join(text[n : n + 4] for n in range(0, len(text), 4))


def is_code(text: str) -> bool:
    """Whether a text is long enough to be a code; the backend says what else it must be."""
    return 16 <= len(re.sub(r"[\s-]", "", text)) <= 128


def qr_text(spec: Spec, codigo: str | None = None) -> str:
    """The JSON that the QR holds: serial_number, nombre, tipo, modelo, descripcion, configuracion, and its code."""
    content = spec.identity() | ({"codigo": codigo} if codigo else {})
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def qr_code(spec: Spec, codigo: str | None = None) -> segno.QRCode:
    import segno

    return segno.make_qr(qr_text(spec, codigo), error="m", encoding="utf-8")


def save_png(spec: Spec, path: Path, codigo: str | None = None) -> None:
    qr_code(spec, codigo).save(str(path), kind="png", scale=6, border=4)


def save_svg(spec: Spec, path: Path, codigo: str | None = None) -> None:
    qr_code(spec, codigo).save(str(path), kind="svg", scale=6, border=4, light="#fff")


def terminal_text(spec: Spec, codigo: str | None = None) -> str:
    """The QR in half-block characters, for a screen."""
    out = io.StringIO()
    qr_code(spec, codigo).terminal(out, compact=True, border=2)
    return out.getvalue()
