"""What a camera reads from a device's QR."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zxingcpp

from simulator.catalogue import KINDS
from simulator.cli import qr_main

KEYS = ["serial_number", "nombre", "tipo", "modelo", "descripcion", "configuracion"]


def read_png(file: Path) -> str:
    """The text of the one QR in a PNG that segno wrote: 1 bit per pixel, one IDAT, filters none and up."""
    data = file.read_bytes()
    width, height, depth = struct.unpack(">IIB", data[16:25])
    assert depth == 1
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    raw = zlib.decompress(data[start + 4 : start + 4 + length])
    row = 1 + (width + 7) // 8
    pixels, line = bytearray(), bytes(row - 1)
    for y in range(height):
        kind, filtered = raw[y * row], raw[y * row + 1 : (y + 1) * row]
        assert kind in (0, 2)
        line = bytes((a + b) & 255 for a, b in zip(filtered, line, strict=True)) if kind == 2 else filtered
        pixels += bytes(255 if line[x // 8] >> (7 - x % 8) & 1 else 0 for x in range(width))
    (found,) = zxingcpp.read_barcodes(memoryview(pixels).cast("B", (height, width)))
    return found.text


@pytest.mark.parametrize("prefix", [*(kind.prefix for kind in KINDS), "ZZZ9"])
def test_the_png_holds_the_wire_json(tmp_path: Path, prefix: str) -> None:
    """Six keys in order, the kind found from the prefix, an unknown prefix is generic."""
    file = tmp_path / "qr.png"
    assert qr_main([f"{prefix}603IF1WD", "--png", str(file)]) == 0
    content = json.loads(read_png(file))
    assert list(content) == KEYS
    assert content["serial_number"] == f"{prefix}603IF1WD"
    known = {kind.prefix: (kind.tipo, kind.modelo, kind.nombre) for kind in KINDS}
    expected = known.get(prefix, ("generico", "desconocido", "Dispositivo"))
    assert (content["tipo"], content["modelo"], content["nombre"]) == expected
    assert content["configuracion"]["modo"] == "manual"


def test_accents_survive(tmp_path: Path) -> None:
    """The text is UTF-8, as phones expect."""
    file = tmp_path / "qr.png"
    assert qr_main(["CAM0603IF1WD", "--nombre", "Cámara del jardín ñandú €", "--png", str(file)]) == 0
    assert json.loads(read_png(file))["nombre"] == "Cámara del jardín ñandú €"


def test_screen_and_svg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without options it is drawn on the screen with its text below; SVG is a picture that scales."""
    assert qr_main(["TMP0603IF1WD"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["modelo"] == "ST-1000"
    assert any(set(line) & set("█▀▄") for line in lines)
    assert qr_main(["TMP0603IF1WD", "--svg", str(tmp_path / "qr.svg")]) == 0
    assert re.match(rb"(<\?xml.*\?>\s*)?<svg ", (tmp_path / "qr.svg").read_bytes())


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["a/b"], "no es un serial"),
        (["x" * 101], "no es un serial"),
        (["TMP0603IF1WD", "--nombre", "x" * 81], "80 caracteres"),
        (["TMP0603IF1WD", "--png", "/proc/no/qr.png"], "no se puede escribir"),
        (["TMP0603IF1WD", "--plantillas", "/proc/no"], "no se puede leer"),
    ],
)
def test_what_cannot_be_done_is_said(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 and a sentence."""
    assert qr_main(argv) == 2
    assert words in capsys.readouterr().err


def test_misuse_is_explained_in_spanish(capsys: pytest.CaptureFixture[str]) -> None:
    """argparse's own sentences too."""
    for argv, words in (([], "faltan argumentos"), (["S", "--color"], "argumentos desconocidos: --color")):
        with pytest.raises(SystemExit) as ended:
            qr_main(argv)
        assert ended.value.code == 2
        assert words in capsys.readouterr().err


def test_the_simulator_imports_nothing_of_the_backend() -> None:
    """It speaks MQTT and HTTP only."""
    code = "import sys, simulator.cli; print([m for m in sys.modules if m.split('.')[0] in ('app', 'config', 'flask')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_code_goes_into_the_sticker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new one each time, of 80 bits, also told on the screen; or one that is given, to print a sticker again."""
    made = []
    for n in range(3):
        file = tmp_path / f"qr{n}.png"
        assert qr_main(["DRL0603IF1WD", "--codigo", "--png", str(file)]) == 0
        content = json.loads(read_png(file))
        assert list(content) == [*KEYS, "codigo"]
        assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", content["codigo"])
        assert content["codigo"] in capsys.readouterr().out
        made.append(content["codigo"])
    assert len(set(made)) == 3
    assert qr_main(["DRL0603IF1WD", "--con-codigo", made[0]]) == 0
    assert made[0] in capsys.readouterr().out
    assert qr_main(["DRL0603IF1WD", "--con-codigo", "1234"]) == 2
    assert "16 caracteres" in capsys.readouterr().err
