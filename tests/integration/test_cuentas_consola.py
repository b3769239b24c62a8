"""`./iot usuario` and `./iot token`, with the program running and without it, as a person and as a script use them."""

from __future__ import annotations

import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.procesos import ROOT, wait_until

CLAVE, OTRA = "tres palabras sueltas", "otras tres bien distintas"


def iot(backend, *args, stdin="", code=0):
    command = [sys.executable, "-m", "app.cli", *args]
    done = subprocess.run(
        command, cwd=ROOT, env=backend.env(), input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def casa(own_parts):
    """A house that trusts no network."""
    return own_parts.backend(own_parts.mosquitto(), start=False, TRUSTED_NETWORKS="[]")


def start(backend):
    backend.launch()
    shown(backend)


def shown(backend):
    """Wait for what a start shows when all is up."""
    wait_until(lambda: "Quién entra" in backend.process.log(), 20)


def everything(backend, nombre):
    """Each command once."""
    rol = "administrador" if iot(backend, "usuario", "listar").startswith("No hay") else "miembro"
    assert iot(backend, "usuario", "crear", nombre, stdin=f"{CLAVE}\n") == f"Usuario {nombre} creado: {rol}.\n"
    token = iot(backend, "token", "crear", nombre, "--nombre", "movil", "--ambito", "leer", "--dias", "30").strip()
    assert token.startswith("iot_")
    listed = iot(backend, "token", "listar", nombre)
    assert token[:12] in listed
    assert token not in listed
    assert iot(backend, "token", "revocar", listed.split()[0]) == f"Token {listed.split()[0]} revocado.\n"
    assert iot(backend, "token", "listar") == ""
    assert iot(backend, "usuario", "clave", nombre, stdin=OTRA).startswith("Contraseña cambiada.")
    iot(backend, "usuario", "crear", f"{nombre}2", "--rol", "invitado", stdin=CLAVE)
    iot(backend, "usuario", "rol", f"{nombre}2", "miembro")
    iot(backend, "usuario", "desactivar", f"{nombre}2")
    assert f"{nombre}2".ljust(21) + "miembro".ljust(15) + "desactivado" in iot(backend, "usuario", "listar")
    iot(backend, "usuario", "desactivar", f"{nombre}2", "--no")
    assert "borrado" in iot(backend, "usuario", "borrar", f"{nombre}2")
    assert "ya está en uso" in iot(backend, "usuario", "crear", nombre, stdin=CLAVE, code=1)
    assert "demasiado" not in iot(backend, "usuario", "crear", "corto", stdin="corta", code=1)
    assert "no hay ningún usuario" in iot(backend, "usuario", "borrar", "nadie-así", code=1)


def test_the_same_commands_without_the_program_and_with_it(casa):
    everything(casa, "ana")
    assert "único administrador" in iot(casa, "usuario", "borrar", "ana", code=1)
    start(casa)
    everything(casa, "luis")
    assert "único administrador" in iot(casa, "usuario", "rol", "ana", "miembro", code=1)
    token = iot(casa, "token", "crear", "ana").strip()
    assert casa.http.get("/sesion", headers={"Authorization": f"Bearer {token}"}).json["quien"] == "ana (token consola)"
    done = casa.query("SELECT DISTINCT quien, desde FROM auditoria ORDER BY desde")
    assert done == [("consola", None), ("consola", "127.0.0.1")]


def test_the_control_credential_is_of_this_run_and_of_its_owner_only(casa):
    start(casa)
    file = casa.instance / "control.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text()
    iot(casa, "usuario", "listar")
    casa.kill()
    assert iot(casa, "usuario", "listar").startswith("No hay")  # a killed run's file is there still
    start(casa)
    assert file.read_text() != first
    iot(casa, "usuario", "listar")
    casa.stop()
    assert not file.exists()


def test_a_password_is_asked_for_twice_and_not_shown(casa):
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "app.cli", "usuario", "crear", "ana"]
    child = subprocess.Popen(
        command, cwd=ROOT, env=casa.env(), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = ""
    for question in ("sirven): ", "Otra vez: "):
        while not seen.endswith(question):
            seen += os.read(mine, 1000).decode()
        os.write(mine, f"{OTRA}\n".encode())
    assert child.wait(30) == 0
    seen += os.read(mine, 1000).decode()
    os.close(mine)
    assert "Usuario ana creado" in seen
    assert OTRA not in seen


def test_two_fresh_houses_share_no_secret_and_a_runs_log_has_none(own_parts):
    """All that a house makes of itself, and what passes through it, beside what another one made."""
    found = []
    for _ in range(2):
        casa = own_parts.backend(own_parts.mosquitto(), LOG_LEVEL="DEBUG")
        shown(casa)
        iot(casa, "usuario", "crear", "ana", stdin=CLAVE)
        token = iot(casa, "token", "crear", "ana").strip()
        assert casa.http.get("/dispositivos", headers={"Authorization": f"Bearer {token}"}).status == 200
        entered = casa.http.post("/sesion", {"usuario": "ana", "clave": CLAVE})
        cookie = entered.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        assert casa.http.get("/cuenta", headers={"Cookie": f"iot_sesion={cookie}"}).status == 200
        casa.http.post("/sesion", {"usuario": "ana", "clave": OTRA})
        secrets = {
            token,
            cookie,
            (casa.instance / "secret_key").read_text().strip(),
            (casa.instance / "control.json").read_text(),
            casa.query("SELECT clave FROM usuario")[0][0],
            re.search(r"código\s+([A-Z0-9-]{23})\s", casa.log())[1],
        }
        control = (casa.instance / "control.json").read_text().split('"')[-2]
        casa.stop()
        log = casa.log()
        for secret in (token, cookie, CLAVE, OTRA, control, *map(str, casa.query("SELECT clave FROM usuario")[0])):
            assert secret not in log
        found.append(secrets)
    assert all(len(one) > 20 for secrets in found for one in secrets)
    assert found[0].isdisjoint(found[1])


def test_what_hashing_takes_is_given_back(own_parts):
    """Each of these takes 19 MiB for a moment; the process is to be as small afterwards (RELIABILITY: 80 MB)."""
    casa = own_parts.backend(own_parts.mosquitto())
    iot(casa, "usuario", "crear", "ana", stdin=CLAVE)
    before = resident(casa)
    for _ in range(5):
        assert casa.http.post("/sesion", {"usuario": "ana", "clave": CLAVE}).status == 201
    assert resident(casa) - before < 15 << 20


def resident(backend):
    """Bytes of memory that the process has now."""
    pages = Path(f"/proc/{backend.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
