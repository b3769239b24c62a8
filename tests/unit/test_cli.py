"""The command line: what is said, the exit codes, and that nobody ever sees a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app import rechazos
from app.banner import banner_lines, who_gets_in
from app.broker import BrokerInfo
from app.cli import main
from app.clock import Clock
from app.config_load import load_settings
from app.db import Database
from app.migrations import migrate
from app.runtime import RuntimeInfo
from config import AJUSTES
from tests.support.procesos import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and a port of the test's own."""
    monkeypatch.setenv("IOT_INSTANCE_PATH", str(tmp_path))
    monkeypatch.setenv("IOT_BACKEND_PORT", str(free_port()))
    monkeypatch.delenv("IOT_TEST_REQUIRE_ALL", raising=False)
    return tmp_path


def iot(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(list(argv))
    told = capsys.readouterr()
    return code, told.out, told.err


def test_config_shows_everything(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting with value, unit, source and meaning; secrets masked."""
    monkeypatch.setenv("IOT_MQTT_USERNAME", "casa")
    monkeypatch.setenv("IOT_MQTT_PASSWORD", "muy-secreta")
    code, out, _ = iot(capsys, "config")
    assert code == 0
    for ajuste in AJUSTES:
        assert f"{ajuste.nombre} = " in out
    assert "MQTT_KEEPALIVE = 60 s   [predeterminado]" in out
    assert "MQTT_PASSWORD = ••••••   [variable IOT_MQTT_PASSWORD]" in out
    assert "muy-secreta" not in out


def test_config_json(capsys: pytest.CaptureFixture[str], house: Path) -> None:
    """The same as JSON; nothing is written, not even the secret key."""
    code, out, _ = iot(capsys, "config", "--json")
    told = json.loads(out)
    assert code == 0
    assert [row["nombre"] for row in told["ajustes"]] == [ajuste.nombre for ajuste in AJUSTES]
    assert {tuple(row) for row in told["ajustes"]} == {("nombre", "valor", "origen", "unidad", "ayuda")}
    assert list(house.iterdir()) == []


@pytest.mark.parametrize("command", [(), ("run",), ("config",), ("rechazados",), ("auditoria",)])
def test_faulty_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """A faulty configuration is explained, all of it, and is exit code 2."""
    monkeypatch.setenv("IOT_BACKEND_PORT", "x")
    monkeypatch.setenv("IOT_PATATA", "1")
    code, out, err = iot(capsys, *command)
    assert code == 2
    assert out == ""
    assert "BACKEND_PORT (variable IOT_BACKEND_PORT)" in err
    assert "PATATA (variable IOT_PATATA)" in err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("confg",), "no existe la orden 'confg'; ¿quiso decir config?"),
        (("run", "--dmo"), "no existe la opción --dmo"),
        (("rechazados", "--pagina", "x"), "valor no válido en pagina"),
        (("rechazados", "--pagina"), "¿le falta el valor?"),
        (("--demo", "config"), "--demo va detrás de run, o solo"),
        (("config", "sobra"), "sobra"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str) -> None:
    """A mistake in the command line is one Spanish sentence and exit code 2."""
    code, _, err = iot(capsys, *argv)
    assert code == 2
    assert says in err
    assert "./iot --help" in err


@pytest.mark.parametrize("option", ["--help", "-h", "--ayuda"])
def test_help(capsys: pytest.CaptureFixture[str], option: str) -> None:
    code, out, _ = iot(capsys, option)
    assert code == 0
    assert out.startswith("Uso: ./iot [opciones]")
    assert "Órdenes:" in out
    for word in ("run", "config", "doctor", "rechazados", "auditoria", "test", "simular", "qr", "bench"):
        assert f"\n  {word} " in out
    assert "Options" not in out
    assert "Show this" not in out


def test_rejected_without_server(capsys: pytest.CaptureFixture[str], house: Path) -> None:
    """No server, no database: said. No server, a database: read from the file, which is not written to."""
    code, _, err = iot(capsys, "rechazados")
    assert code == 1
    assert "no está en marcha" in err
    assert "Todavía no hay base de datos" in err
    make_rejected(house)
    before = (house / "iot.db").read_bytes()
    code, out, err = iot(capsys, "rechazados", "--por-pagina", "1")
    assert code == 0
    assert "no está en marcha" in err
    assert "dispositivos/estado" in out
    assert "basura" in out
    assert "Página 1 de 2; se guardan 2" in out
    assert (house / "iot.db").read_bytes() == before


def test_rejected_from_a_damaged_database(capsys: pytest.CaptureFixture[str], house: Path) -> None:
    make_rejected(house)
    (house / "iot.db").write_bytes(b"nada de esto es una base de datos" * 200)
    code, _, err = iot(capsys, "rechazados")
    assert code == 1
    assert "./iot doctor" in err


def make_rejected(house: Path) -> None:
    migrate(house / "iot.db", Clock().now())
    with closing(Database("sqlite:///iot.db", house, Clock(), lambda _: None)) as db, db.unit_of_work() as uow:
        nuevo = rechazos.NuevoRechazo("dispositivos/estado", b"basura \x1b[31m", "no_json", "no es JSON")
        rechazos.registrar(uow, [nuevo, nuevo], keep=10)


def test_run_py_is_the_same_program(house: Path) -> None:
    """`python run.py` from another folder, and `python -m app.cli`, answer as `./iot` does."""
    for argv in ([str(ROOT / "run.py")], ["-P", "-m", "app.cli"]):
        done = subprocess.run(
            [sys.executable, *argv, "config"],
            cwd=house,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "BACKEND_HOST = 0.0.0.0" in done.stdout


def test_reader_that_leaves(house: Path) -> None:
    """`./iot config | head -1` is not an error."""
    done = subprocess.run(
        f"{sys.executable} run.py config | head -1", shell=True, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("Carpeta de datos:")
    assert done.stderr == ""


def test_tests_command(capfd: pytest.CaptureFixture[str]) -> None:
    """pytest's arguments, exit code and closing line go through; a plain sentence follows."""
    code = main(["test", "-p", "no:cacheprovider", "-q", "tests/unit/test_config_parse.py", "-k", "table_is_the_class"])
    out = capfd.readouterr().out
    assert code == 0
    assert "1 passed" in out
    assert out.endswith("Pruebas: todas pasan.\n")
    assert main(["test", "-p", "no:cacheprovider", "-q", "tests/unit/test_config_parse.py", "-k", "nada_asi"]) == 5


@pytest.mark.parametrize(
    ("networks", "says"),
    [
        (("127.0.0.0/8", "::1/128"), "solo programas de esta misma máquina"),
        (("127.0.0.0/8", "192.168.1.0/24"), "esta máquina y los equipos de 192.168.1.0/24"),
        (("0.0.0.0/0",), "cualquiera"),
        ((), "nadie"),
    ],
)
def test_who_gets_in(networks: tuple[str, ...], says: str) -> None:
    assert says in who_gets_in(networks)


def test_banner(house: Path) -> None:
    """Short, and everything that a newcomer needs is in it."""
    settings = load_settings({"IOT_PUBLIC_BACKEND_URL": "http://192.168.7.5:5000"}, house)
    broker = BrokerInfo("mosquitto", "127.0.0.1", 1883, "Mosquitto propio en 127.0.0.1:1883", ("Una cosa.", "Otra."))
    info = RuntimeInfo(
        settings,
        "http://127.0.0.1:5000",
        ("http://192.168.7.5:5000",),
        broker,
        None,
        house,
        "0002",
        True,
        "ABCDE-FGHJK",
    )
    lines = list(banner_lines(info))
    text = "\n".join(lines)
    assert len(lines) < 26
    for needed in (
        "http://127.0.0.1:5000",
        "http://192.168.7.5:5000",
        "/docs",
        "Mosquitto propio",
        "Otra.",
        "Ctrl+C",
        "ABCDE-FGHJK",
    ):
        assert needed in text
    assert str(house / "iot.db") in text
    assert 'TRUSTED_NETWORKS = ["127.0.0.0/8", "::1/128", "192.168.7.0/24"]' in text
    assert max(map(len, text.replace(str(house), "/casa").splitlines())) <= 110


def test_banner_without_a_broker(house: Path) -> None:
    """HTTP serves all the same, so the banner comes, and says what is missing."""
    settings = load_settings({}, house)
    fault = "el puerto 1883 está ocupado"
    info = RuntimeInfo(settings, "http://127.0.0.1:5000", (), None, fault, house, "0002", False, None)
    text = " ".join("\n".join(banner_lines(info)).split())
    assert "ninguno todavía; se sigue intentando. el puerto 1883 está ocupado" in text
