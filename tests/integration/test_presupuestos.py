"""Size budgets (ARCHITECTURE §1) and what no committed file may hold. Counted here by itself, not by tools/."""

from __future__ import annotations

import ast
import re
import shutil
import statistics
import subprocess
from pathlib import Path

import pytest

from tests.support.procesos import ROOT

FILE_LINES, FUNCTION_LINES = 420, 50
MEDIAN, NINETIETH = 7, 25
MEASURED = [
    *(path for folder in ("app", "simulator", "bench") for path in sorted((ROOT / folder).rglob("*.py"))),
    *(ROOT / name for name in ("sse_client.py", "run.py", "config.py")),
]
BOUNDED = [*MEASURED, *(path for folder in ("tests", "tools") for path in sorted((ROOT / folder).rglob("*.py")))]
LEFT_OUT = {".git", ".venv", "instance", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


def code_lines(node: ast.AST, source: list[str]) -> int:
    """Lines of a function from its def on, without its docstring and without empty ones."""
    docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
    hidden = range(docstring.lineno, docstring.end_lineno + 1) if docstring else ()
    return sum(bool(source[n - 1].strip()) for n in range(node.lineno, node.end_lineno + 1) if n not in hidden)


def functions(path: Path) -> list[tuple[str, int]]:
    text = path.read_text(encoding="utf-8")
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", code_lines(node, text.splitlines()))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    ]


@pytest.mark.parametrize("path", BOUNDED, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_and_no_function_is_a_monster(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    assert [f for f in functions(path) if f[1] > FUNCTION_LINES] == []


def test_functions_are_small_as_a_rule():
    sizes = [size for path in MEASURED for _, size in functions(path)]
    assert len(sizes) > 300
    assert statistics.median(sizes) <= MEDIAN
    assert statistics.quantiles(sizes, n=10)[-1] <= NINETIETH


def committed() -> list[Path]:
    """What git tracks; without git, everything that is not made by running."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [p for p in ROOT.rglob("*") if p.is_file() and not LEFT_OUT & set(p.relative_to(ROOT).parts)]


# Put together here, so that this file does not hold what it forbids.
MACHINE_PATHS = re.compile(
    rb"(?<![\w.])/(?:%s)/[\w.-]"
    % b"|".join([b"wo" + b"rk", b"ro" + b"ot", b"home" + rb"/[a-z]+", b"tm" + b"p/v", b"tm" + b"p/spec"])
)
INDEX_ADDRESS = re.compile(rb"^\s*--?(?:extra-)?index(?:-url)?\b|^\s*--find-links\b", re.MULTILINE)


def test_no_committed_file_names_a_path_of_the_machine_it_was_written_on():
    found = []
    for path in committed():
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if MACHINE_PATHS.search(line) and path.suffix not in (".png", ".jpg", ".db"):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line[:80]!r}")
    assert found == []


def test_the_pinned_requirements_name_no_index():
    """Where a package was downloaded from is nobody's business but pip's own configuration."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        data = (ROOT / name).read_bytes()
        assert not INDEX_ADDRESS.search(data)
        assert b"://" not in b"\n".join(line for line in data.splitlines() if not line.lstrip().startswith(b"#"))


def test_nothing_that_running_makes_is_committed():
    wrong = [
        p for p in committed() if LEFT_OUT & set(p.relative_to(ROOT).parts) or p.suffix in (".pyc", ".db-wal", ".log")
    ]
    assert wrong == []
