"""The size budget of docs/arquitectura.md, measured: files, functions without their docstrings
and blank lines, and the page.

Usage: python tools/presupuesto.py. Exit code 1 when a file or a function is over its limit.
"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import presupuesto_web

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "simulator", "bench", "tools")
FILE_MAX, FUNCTION_MAX = 420, 50
MEDIAN_MAX, NINETIETH_MAX = 7, 25

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    """Measure and report."""
    files = [*ROOT.glob("*.py"), *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    bounded = [*files, *(ROOT / "tests").rglob("*.py")]
    faults = [f"{path.relative_to(ROOT)}: {count} lines" for path in bounded if (count := _lines(path)) > FILE_MAX]
    sizes = []
    for path in files:
        for name, line, size in functions(path):
            sizes.append(size)
            if size > FUNCTION_MAX:
                faults.append(f"{path.relative_to(ROOT)}:{line}: {name} has {size} lines")
    median, ninetieth = statistics.median(sizes), statistics.quantiles(sizes, n=10)[-1]
    print(f"{len(files)} files, {len(sizes)} functions: median {median:g} lines, 90th percentile {ninetieth:g}")
    if median > MEDIAN_MAX or ninetieth > NINETIETH_MAX:
        faults.append(f"the median may be {MEDIAN_MAX} and the 90th percentile {NINETIETH_MAX}")
    page, page_faults = presupuesto_web.measure()
    print(page)
    faults += page_faults
    print("\n".join(faults) or "within budget")
    return 1 if faults else 0


def functions(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, line and size of each function; inner functions count by themselves too."""
    source = path.read_text()
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node.name, node.lineno, _size(node, lines)


def _size(node: Function, lines: list[str]) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 1
    first, last = body[0].lineno, body[-1].end_lineno or body[-1].lineno
    return sum(bool(line.strip()) for line in lines[first - 1 : last]) + 1


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


if __name__ == "__main__":
    sys.exit(main())
