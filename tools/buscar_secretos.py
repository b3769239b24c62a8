"""Looks for what must never be committed: keys, tokens, databases, paths and registry addresses of this machine.

Usage: python tools/buscar_secretos.py [FOLDER]. Exit code 1 when something is found. Looks at what git tracks, and at
what it would track (`git ls-files --others --exclude-standard`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATTERNS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "an API key": r"\bsk-[A-Za-z0-9_-]{32,}",
    "a package registry token": r"\b(?:pypi-[A-Za-z0-9_-]{60,}|npm_[A-Za-z0-9]{36})",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,}",
    "an address with a password": r"\b[a-z][a-z0-9+]{1,10}://[^\s/:@'\"{}<>]+:[^\s/:@'\"{}<>*]{3,}@[A-Za-z0-9]",
    "a registry address": r"\b(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org)\b",
    "a path of a machine": r"(?<![\w.])/root/(?=[\w.])",
}
_FILES = re.compile(
    r"(?:^|/)(?:[^/]*\.(?:db|sqlite3?|pem|key|p12|pfx)(?:-wal|-shm)?|id_(?:rsa|ed25519|ecdsa)|secret_key|\.env|\.netrc|\.pypirc)$"
)
_SQLITE = b"SQLite format 3\x00"
_PIP_KEYS = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy")
_COMMON_FOLDERS = {"/", "/tmp", "/home", "/root", "/opt", "/srv", "/usr", "/usr/local", "/var", "/var/tmp", "/mnt"}
_SIZE_MAX = 5 << 20


@dataclass(frozen=True, slots=True)
class Find:
    """Something that must not be committed. `what` never repeats the secret itself."""

    path: str
    line: int
    what: str


def main(argv: list[str]) -> int:
    """Search and report."""
    root = Path(argv[0] if argv else Path(__file__).parent.parent).resolve()
    paths = tracked(root)
    patterns = [(what, re.compile(text)) for what, text in _PATTERNS.items()]
    patterns += [("something of this machine", re.compile(text)) for text in machine_patterns(root)]
    finds = [find for path in paths for find in search(root, path, patterns)]
    for find in finds:
        print(f"{find.path}:{find.line}: {find.what}")
    print(f"secret scan: {len(paths)} files, {len(patterns)} patterns, {len(finds)} finds")
    return 1 if finds else 0


def tracked(root: Path) -> list[str]:
    """What is, or is about to be, in the repository."""
    told = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    )
    return sorted({name for name in os.fsdecode(told.stdout).split("\0") if name and (root / name).is_file()})


def search(root: Path, name: str, patterns: list[tuple[str, re.Pattern[str]]]) -> Iterator[Find]:
    """Everything wrong with one file."""
    content = (root / name).read_bytes()
    if _FILES.search(name):
        yield Find(name, 0, "a kind of file that holds secrets or data")
    if content.startswith(_SQLITE):
        yield Find(name, 0, "a database")
    if len(content) > _SIZE_MAX:
        yield Find(name, 0, f"a file of more than {_SIZE_MAX >> 20} MiB")
    text = content.decode("utf-8", "replace")
    for what, pattern in patterns:
        for match in pattern.finditer(text):
            yield Find(name, text.count("\n", 0, match.start()) + 1, what)


def machine_patterns(root: Path) -> list[str]:
    """The folders and registries of the machine that runs this, found now so that none is written down here."""
    folders = {str(root), str(root.parent), str(Path.home()), sys.prefix, *_pip_folders()}
    words = {
        re.escape(folder) + r"(?![\w-])" for folder in folders if folder not in _COMMON_FOLDERS and len(folder) > 4
    }
    words |= {r"\b" + re.escape(host) + r"\b" for host in _registry_hosts() if "." in host}
    return sorted(words)


def _pip_folders() -> set[str]:
    values = [value.removeprefix("file://") for value in _pip_values()]
    return {value.rstrip("/") for value in values if value.startswith("/")}


def _registry_hosts() -> set[str]:
    values = [*_pip_values(), *_npm_values()]
    values += [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "NPM_CONFIG_"))]
    return {host for host in (urlsplit(value).hostname for value in values if "://" in value) if host}


def _pip_values() -> list[str]:
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    lines = [line.partition("=") for line in told.stdout.splitlines()]
    return [word for key, _, value in lines if key.endswith(_PIP_KEYS) for word in value.strip("'\"").split()]


def _npm_values() -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        return []
    told = subprocess.run([npm, "config", "get", "registry"], check=False, capture_output=True, text=True)
    return told.stdout.split()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
