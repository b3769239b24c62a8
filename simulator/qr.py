"""The QR sticker of a device: plain JSON text (WIRE section 6) as PNG, SVG or terminal text."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import segno

    from simulator.device import Spec

SERIAL_RE = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def qr_text(spec: Spec) -> str:
    """The JSON that the QR holds: serial_number, nombre, tipo, modelo, descripcion, configuracion."""
    return json.dumps(spec.identity(), ensure_ascii=False, separators=(",", ":"))


def qr_code(spec: Spec) -> segno.QRCode:
    import segno

    return segno.make_qr(qr_text(spec), error="m", encoding="utf-8")


def save_png(spec: Spec, path: Path) -> None:
    qr_code(spec).save(str(path), kind="png", scale=6, border=4)


def save_svg(spec: Spec, path: Path) -> None:
    qr_code(spec).save(str(path), kind="svg", scale=6, border=4, light="#fff")


def terminal_text(spec: Spec) -> str:
    """The QR in half-block characters, for a screen."""
    out = io.StringIO()
    qr_code(spec).terminal(out, compact=True, border=2)
    return out.getvalue()
