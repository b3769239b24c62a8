"""`./iot doctor` against things that are really broken: files, locks, ports, brokers, clocks."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.clock import Clock
from app.config_load import Settings, load_settings
from app.doctor import check_clock, check_descriptors, check_packages, run_doctor
from app.doctor_base import Hallazgo, Nivel
from app.doctor_datos import check_database, check_folder
from app.doctor_red import check_broker, check_http
from app.migrations import HEAD, migrate
from tests.support.broker import Mosquitto
from tests.support.procesos import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A house with free ports of its own and an up-to-date database."""
    environ = {
        "IOT_BACKEND_PORT": str(free_port()),
        "IOT_MQTT_BROKER_PORT": str(free_port()),
        "IOT_BACKEND_HOST": "127.0.0.1",
    }
    settings = load_settings(environ, tmp_path / "instance")
    migrate(settings.database_path, Clock().now())
    return settings


def only_bad(findings: Iterator[Hallazgo] | list[Hallazgo]) -> list[Hallazgo]:
    bad = [finding for finding in findings if finding.nivel is Nivel.MAL]
    assert all(finding.significa and finding.arreglo for finding in bad)
    return bad


def test_a_healthy_house(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing broken: exit 0, every line a finding; the JSON says the same; nothing was written."""
    before = sorted(path.name for path in settings.instance_path.iterdir())
    environ = {
        "IOT_INSTANCE_PATH": str(settings.instance_path),
        "IOT_BACKEND_PORT": str(settings.backend_port),
        "IOT_MQTT_BROKER_PORT": str(settings.mqtt_broker_port),
    }
    assert run_doctor(environ, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sano"] is True
    names = {finding["que"] for finding in told["hallazgos"]}
    assert names >= {"Python", "Paquetes", "Configuración", "Reloj", "Carpeta de datos", "Espacio", "SQLite"}
    assert names >= {"Base de datos", "Versión del esquema", "Bloqueo", "Puerto HTTP", "Quién entra", "Broker"}
    assert run_doctor(environ, as_json=False) == 0
    assert capsys.readouterr().out.endswith("Nada está roto.\n")
    assert sorted(path.name for path in settings.instance_path.iterdir()) == before


def test_faulty_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault is a finding; what depends on the settings is said not to have been looked at; exit 1."""
    code = run_doctor(
        {"IOT_INSTANCE_PATH": str(tmp_path), "IOT_BACKEND_PROT": "1", "IOT_HTTP_THREADS": "x"}, as_json=False
    )
    told = capsys.readouterr().out
    assert code == 1
    assert "¿quiso decir BACKEND_PORT?" in told
    assert "HTTP_THREADS: se esperaba un número entero" in told
    assert "no se ha comprobado" in told
    assert "Hay que arreglar 2 cosas." in told


def test_first_start_is_no_fault(tmp_path: Path) -> None:
    """No folder and no database yet: they will be made."""
    settings = load_settings({}, tmp_path / "nueva" / "instance", create_secret=False)
    findings = [*check_folder(settings.instance_path), *check_database(settings)]
    assert only_bad(findings) == []
    assert "se creará en el primer arranque" in findings[0].hallado
    assert not settings.instance_path.exists()


@pytest.mark.parametrize("content", [b"", None])
def test_lost_database(settings: Settings, content: bytes | None) -> None:
    """Empty or missing where a house was installed."""
    settings.database_path.unlink()
    if content is not None:
        settings.database_path.write_bytes(content)
    bad = only_bad(check_database(settings))
    assert len(bad) == 1
    assert "ya había una casa instalada" in bad[0].hallado


def test_not_a_database(settings: Settings) -> None:
    settings.database_path.write_bytes(b"<html>" * 100)
    bad = only_bad(check_database(settings))
    assert "no empieza como una base de datos SQLite" in bad[0].hallado


def test_damaged_page(settings: Settings) -> None:
    """Garbage in the middle of the file is found by SQLite's own check."""
    content = bytearray(settings.database_path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    settings.database_path.write_bytes(content)
    bad = only_bad(check_database(settings))
    assert bad
    assert "respaldos" in bad[0].arreglo


def test_newer_schema(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.database_path)) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    bad = only_bad(check_database(settings))
    assert [finding.que for finding in bad] == ["Versión del esquema"]
    assert "9999" in bad[0].hallado


def test_older_schema(settings: Settings) -> None:
    """An older schema is mended by the next start: told, no fault."""
    with closing(sqlite3.connect(settings.database_path)) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '0001'")
    findings = [finding for finding in check_database(settings) if finding.que == "Versión del esquema"]
    assert findings[0].nivel is Nivel.AVISO
    assert HEAD in findings[0].hallado


def test_somebody_elses_database(settings: Settings) -> None:
    settings.database_path.unlink()
    with closing(sqlite3.connect(settings.database_path)) as conn, conn:
        conn.execute("CREATE TABLE otra (id INTEGER)")
    bad = only_bad(check_database(settings))
    assert "no tiene las tablas de este programa" in bad[0].hallado


def test_locked_database(settings: Settings) -> None:
    """Another process holds the write lock: it is named."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('x', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(settings.database_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.read(1)
        bad = only_bad(check_database(settings))
        holder.communicate(b"")
    assert [finding.que for finding in bad] == ["Bloqueo"]
    assert f"proceso {holder.pid}" in bad[0].hallado


def test_folder_that_cannot_be_written() -> None:
    """Tried for real: nobody, root included, may write into /proc."""
    findings = list(check_folder(Path("/proc/1/instance")))
    assert "no se puede escribir" in only_bad(findings)[0].hallado


def test_readable_secret(settings: Settings) -> None:
    (settings.instance_path / "secret_key").chmod(0o644)
    findings = [finding for finding in check_folder(settings.instance_path) if finding.que == "Clave secreta"]
    assert findings[0].arreglo.startswith("chmod 600")


def test_port_taken_by_another(settings: Settings) -> None:
    """The program that holds the port is named, and is not mistaken for ours."""
    with listener(settings.backend_port):
        finding = next(iter(check_http(settings)))
    assert finding.nivel is Nivel.MAL
    assert "ocupado por otro programa" in finding.hallado
    assert "IOT_BACKEND_PORT=" in finding.arreglo


def test_address_of_another_machine(tmp_path: Path) -> None:
    settings = load_settings({"IOT_BACKEND_HOST": "198.51.100.7"}, tmp_path)
    finding = next(iter(check_http(settings)))
    assert finding.nivel is Nivel.MAL
    assert "no es de esta máquina" in finding.significa


def test_configured_broker(tmp_path: Path) -> None:
    """Reachable with the right password; told apart: refused, nobody there, not MQTT."""
    passwords = tmp_path / "claves"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "casa", "secreta"], check=True, capture_output=True)
    passwords.chmod(0o600)
    broker = Mosquitto(tmp_path / "broker", extra=f"password_file {passwords}\nallow_anonymous false")
    broker.start()
    try:
        assert look_at(tmp_path, broker.port, "casa", "secreta")[0].nivel is Nivel.BIEN
        refused = look_at(tmp_path, broker.port, "casa", "otra")[0]
        assert refused.nivel is Nivel.MAL
        assert "MQTT_USERNAME" in refused.arreglo
    finally:
        broker.stop()
    nobody = look_at(tmp_path, broker.port)[0]
    assert "nadie escucha" in nobody.hallado


def look_at(folder: Path, port: int, user: str = "", password: str = "") -> list[Hallazgo]:
    environ = {"IOT_MQTT_BROKER_URL": "127.0.0.1", "IOT_MQTT_BROKER_PORT": str(port)}
    environ |= {"IOT_MQTT_USERNAME": user, "IOT_MQTT_PASSWORD": password}
    return list(check_broker(load_settings(environ, folder / "instance")))


def test_broker_port_taken_by_something_else(settings: Settings) -> None:
    """Something that is no broker sits on the broker's port."""
    with listener(settings.mqtt_broker_port):
        bad = only_bad(check_broker(settings))
    assert [finding.que for finding in bad] == ["Puerto MQTT"]


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("esto no es un certificado")
    environ = {"IOT_MQTT_BROKER_URL": "127.0.0.1", "IOT_MQTT_TLS_ENABLED": "si", "IOT_MQTT_TLS_CA": "ca.pem"}
    bad = only_bad(check_broker(load_settings(environ, tmp_path)))
    assert "MQTT_TLS_CA" in bad[0].arreglo


@pytest.mark.parametrize("year", [1970, 2024, 2150])
def test_implausible_clock(year: int) -> None:
    class Stopped(Clock):
        def now(self) -> datetime:
            return datetime(year, 1, 1, tzinfo=UTC)

    assert check_clock(Stopped()).nivel is Nivel.MAL


def test_packages(tmp_path: Path) -> None:
    """A missing package is a fault; another version is a warning; both are named."""
    pins = tmp_path / "requirements.txt"
    pins.write_text("click==0.0.1 \\\n    --hash=sha256:00\n    # via x\n")
    assert check_packages(pins).nivel is Nivel.AVISO
    pins.write_text("no-existe-tal==1.0\n")
    finding = check_packages(pins)
    assert finding.nivel is Nivel.MAL
    assert "no-existe-tal falta (se espera 1.0)" in finding.hallado


def test_descriptors() -> None:
    assert check_descriptors(10).nivel is Nivel.BIEN
    assert check_descriptors(10**9).nivel is Nivel.AVISO


@contextmanager
def listener(port: int) -> Iterator[None]:
    """Something of ours that accepts and hangs up, in another process."""
    code = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('x', flush=True)\n"
        "while True: s.accept()[0].close()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        try:
            assert socket.create_connection(("127.0.0.1", port), 1).close() is None
            yield
        finally:
            process.kill()
