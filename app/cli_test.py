"""`./iot test`: the whole suite, or what the arguments say, and a plain sentence at the end."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MEANINGS = {
    0: "Pruebas: todas pasan.",
    1: "Pruebas: hay fallos; arriba está cada uno con su motivo.",
    2: "Pruebas: interrumpidas antes de terminar.",
    3: "Pruebas: pytest tuvo un error interno.",
    4: "Pruebas: los argumentos no son los de pytest (./iot test --help).",
    5: "Pruebas: ninguna prueba corresponde a lo pedido.",
}

# In several processes, a file in each (tests/support/paralelo.py); what the arguments say comes later and so counts.
_PARALLEL = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
_ASKS_ONLY = {"--version", "-V", "--help", "-h", "--collect-only", "--co", "--fixtures", "--markers"}


def run_tests(root: Path, args: Sequence[str]) -> int:
    """Run pytest in the project's folder; its exit code. This shell's IOT_ settings do not reach the tests."""
    if importlib.util.find_spec("pytest") is None:
        print("Falta pytest:  pip install -r requirements-dev.txt   (o use ./iot test)", file=sys.stderr)
        return 1
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOT_") or k.startswith("IOT_TEST_")}
    # The tests start the program hundreds of times; compiling it anew would be a third of each start.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parallel = () if any("no:xdist" in arg for arg in args) else _PARALLEL
    code = subprocess.call([sys.executable, "-m", "pytest", *parallel, *args], cwd=root, env=environ)
    if not _ASKS_ONLY.isdisjoint(args):
        return code
    print(_MEANINGS.get(code, f"Pruebas: pytest terminó con el código {code}."), flush=True)
    return code
