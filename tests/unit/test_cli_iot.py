"""The shell script `./iot`: what it says when something is missing, and that a prepared .venv is used as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project as a fresh clone has it, without .venv, in a folder with a space and an accent in its name."""
    folder = tmp_path / "mi casa ñ"
    folder.mkdir()
    for name in ("app", "config.py", "requirements.txt", "requirements-dev.txt"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy2(ROOT / "iot", folder / "iot")
    return folder


def iot(
    folder: Path, *argv: str, path: Path | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("IOT_")}
    environ["IOT_INSTANCE_PATH"] = str(folder / "datos")
    if path is not None:
        environ["PATH"] = f"{path}:/usr/bin:/bin"
    command = [str(folder / "iot"), *argv]
    return subprocess.run(
        command, cwd=cwd or folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def fake_python(folder: Path, body: str) -> Path:
    """Programs named as every Python that the script looks for."""
    folder.mkdir()
    for name in ("python", "python3", *(f"python3.{minor}" for minor in range(11, 15))):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return folder


def prepare(folder: Path, requirements: str = "requirements.txt") -> Path:
    """A .venv of this interpreter's packages, stamped as installed; the stamp."""
    venv = folder / ".venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    with (folder / requirements).open() as file:
        check = subprocess.run(["cksum"], stdin=file, capture_output=True, text=True, check=True).stdout.strip()
    stamp = venv / f".instalado-{requirements}"
    stamp.write_text(f"{check} python {sys.version_info[0]} {sys.version_info[1]}\n")
    return stamp


def test_old_python(copy: Path, tmp_path: Path) -> None:
    """No Python 3.11: a Spanish sentence that says what is here and what to install; nothing is left behind."""
    old = fake_python(tmp_path / "bin", '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 1')
    done = iot(copy, "config", path=old)
    assert done.returncode == 1
    assert "Hace falta Python 3.11 o más nuevo; aquí hay: Python 3.9.2." in done.stderr
    assert "sudo apt install python3 python3-venv" in done.stderr
    assert not {".venv", ".venv.cerrojo"} & set(os.listdir(copy))


def test_python_without_venv(copy: Path, tmp_path: Path) -> None:
    """Debian's python3 without python3-venv: says which package is missing."""
    bare = fake_python(tmp_path / "bin", f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    done = iot(copy, "config", path=bare)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr
    assert not {".venv", ".venv.cerrojo"} & set(os.listdir(copy))


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment")
def test_prepared_environment(copy: Path, tmp_path: Path) -> None:
    """Up to date: nothing is installed or said, from any folder and through a link; arguments arrive whole."""
    prepare(copy)
    link = tmp_path / "enlace"
    link.symlink_to(copy / "iot")
    (tmp_path / "config.py").write_text("raise SystemExit('the folder of the caller must not be imported from')\n")
    for program in (copy / "iot", link):
        done = subprocess.run([program, "config", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout.startswith("{")
    assert "no existe la orden 'una cosa'" in iot(copy, "una cosa").stderr


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment")
def test_lock_of_a_dead_process(copy: Path) -> None:
    """An installation that was killed left its lock: the next start takes it over, and gives it back."""
    stamp = prepare(copy)
    content = stamp.read_text()
    stamp.unlink()  # so that it wants to install...
    child = subprocess.Popen(["true"])
    child.wait()
    (copy / ".venv.cerrojo").symlink_to(str(child.pid))
    stamp.write_text(content.replace(" python ", " otro "))
    (copy / ".venv" / "bin").unlink()  # ...and can't: no Python there, and none to be found
    done = iot(copy, "config", path=fake_python(copy / "bin", "exit 1"))
    assert done.returncode == 1
    assert "Hace falta Python 3.11" in done.stderr
    assert not (copy / ".venv.cerrojo").is_symlink()
