"""The tools of CI find what they are for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def scan(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "buscar_secretos.py"), str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **environ}
    )


SECRETS = {
    "a private key": "-----BEGIN " + "EC PRIVATE KEY-----",
    "a GitHub token": "ghp_" + "a1" * 20,
    "an AWS key": "AKIA" + "ABCD1234" * 2,
    "an address with a password": "mqtt://casa:" + "hunter2@broker",
    "a registry address": "https://pypi" + ".org/simple",
    "a path of a machine": "/ro" + "ot/.ssh/known_hosts",
    "a JSON web token": "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 30,
}


@pytest.mark.parametrize("what", SECRETS)
def test_secret_is_found_and_not_repeated(repository: Path, what: str) -> None:
    """Also in a file that is not added yet; the line is given, the secret is not."""
    (repository / "notas.md").write_text(f"una línea\nx = '{SECRETS[what]}'\n")
    done = scan(repository)
    assert done.returncode == 1
    assert f"notas.md:2: {what}" in done.stdout
    assert SECRETS[what] not in done.stdout


def test_databases_are_found(repository: Path) -> None:
    """By name, and by content under any name."""
    (repository / "iot.db").write_bytes(b"")
    (repository / "inocente.txt").write_bytes(b"SQLite format 3\0" + bytes(84))
    done = scan(repository)
    assert done.returncode == 1
    assert "iot.db:0" in done.stdout
    assert "inocente.txt:0: a database" in done.stdout


def test_this_machine_is_found(repository: Path) -> None:
    """The folder of the clone and the registry in use are looked for without being written down anywhere."""
    (repository / "a.txt").write_text(f"ver {repository}/a.txt")
    (repository / "b.txt").write_text("espejo.casa.example")
    done = scan(repository, PIP_INDEX_URL="https://espejo.casa.example/simple")
    assert "a.txt:1: something of this machine" in done.stdout
    assert "b.txt:1: something of this machine" in done.stdout


def test_clean_repository(repository: Path) -> None:
    (repository / "LEEME.md").write_text("http://192.168.1.10:5000, sqlite:///iot.db y SECRET_KEY\n")
    (repository / ".gitignore").write_text("instance/\n")
    (repository / "instance").mkdir()
    (repository / "instance" / "iot.db").write_bytes(b"SQLite format 3\0")
    done = scan(repository)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_this_project_is_clean() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "buscar_secretos.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
