"""Where settings come from, which source wins, and that every fault is told at once."""

from __future__ import annotations

import dataclasses
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.config_load import ConfigError, Settings, load_settings, read_or_create_secret, resolve_instance_path
from config import AJUSTES

ROOT = Path(__file__).resolve().parents[2]


def load(folder: Path, text: str = "", **environ: str) -> Settings:
    if text:
        (folder / "config.py").write_text(text)
    return load_settings(environ, folder)


def faults(folder: Path, text: str = "", **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder, text, **environ)
    return [str(fault) for fault in error.value.faults]


def test_defaults(tmp_path: Path) -> None:
    """Nothing set: the defaults, a worked-out public address and a generated secret."""
    settings = load(tmp_path)
    assert settings.backend_port == 5000
    assert settings.trusted_networks == ("127.0.0.0/8", "::1/128")
    assert settings.public_backend_url.endswith(":5000")
    assert settings.origenes["PUBLIC_BACKEND_URL"] == "averiguado"
    assert set(settings.origenes) == {ajuste.nombre for ajuste in AJUSTES}
    assert settings.avisos == ()


def test_precedence(tmp_path: Path) -> None:
    """class Config < instance/config.py < environment; the source of each value is known."""
    settings = load(
        tmp_path, "BACKEND_PORT = 6000\nHTTP_THREADS = 3\n", IOT_BACKEND_PORT="7000", IOT_MQTT_SHARED_TOPIC="no"
    )
    assert (settings.backend_port, settings.http_threads, settings.mqtt_shared_topic) == (7000, 3, False)
    assert settings.origenes["BACKEND_PORT"] == "variable IOT_BACKEND_PORT"
    assert settings.origenes["HTTP_THREADS"] == str(tmp_path / "config.py")
    assert settings.origenes["HTTP_QUEUE_MAX"] == "predeterminado"


@pytest.mark.parametrize(
    "text",
    [
        "class Config:\n    BACKEND_PORT = 6001\n",
        "from config import Config as Base\nclass Config(Base):\n    BACKEND_PORT = 6001\n",
        "import os\n_x = 1\nBACKEND_PORT = int('6001')\n",
        "BACKEND_PORT = 1\nclass Config:\n    BACKEND_PORT = 6001\n",
    ],
)
def test_shapes_of_the_file(tmp_path: Path, text: str) -> None:
    """Plain names, the README's `class Config`, and a class that builds on ours."""
    settings = load(tmp_path, text)
    assert settings.backend_port == 6001
    assert settings.origenes["HTTP_THREADS"] == "predeterminado"


def test_every_fault_at_once(tmp_path: Path) -> None:
    """One start tells everything that is wrong, each with its source; unknown names with the nearest known one."""
    told = faults(
        tmp_path,
        "BACKEND_PORT = 0\nMQTT_KEEPALVE = 3\nhttp_threads = 4\n",
        IOT_TRUSTED_NETWORKS="192.168.1.5/24",
        IOT_BACKEND_PROT="5001",
        IOT_PATATA="1",
        IOT_MQTT_PASSWORD="x",
    )
    text = "\n".join(told)
    assert len(told) == 7
    assert "BACKEND_PORT" in told[0]
    assert str(tmp_path / "config.py") in told[0]
    assert "de 1 a 65535; se leyó 0" in told[0]
    assert "¿quiso decir MQTT_KEEPALIVE?" in text
    assert "se escribe en mayúsculas: HTTP_THREADS" in text
    assert "¿quiso decir BACKEND_PORT?" in text
    assert "PATATA (variable IOT_PATATA): no existe ese ajuste; ./iot config los enumera todos" in text
    assert "¿quiso decir 192.168.1.0/24?" in text
    assert "ponga también MQTT_USERNAME" in text


def test_faulty_secrets_are_not_repeated(tmp_path: Path) -> None:
    """A fault in a secret does not print the secret."""
    told = faults(tmp_path, IOT_SECRET_KEY="hunter2", IOT_MQTT_PASSWORD="a\x01clave")
    assert len(told) == 2
    assert "hunter2" not in str(told)
    assert "clave" not in str(told).replace("clave de", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BACKEND_PORT = \n", "línea 1"),
        ("\n\nraise RuntimeError('no')\n", "línea 3"),
        ("import sys\nsys.exit(3)\n", "SystemExit"),
        ("BACKEND_PORT = 5000\0", "no se puede ejecutar"),
    ],
)
def test_broken_file(tmp_path: Path, text: str, says: str) -> None:
    """A file that does not run is one fault that names the line, never a traceback."""
    told = faults(tmp_path, text)
    assert len(told) == 1
    assert "no se puede ejecutar" in told[0]
    assert says in told[0]


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"IOT_MQTT_TLS_CERT": "no-existe.pem"}, "MQTT_TLS_CERT y MQTT_TLS_KEY"),
        ({"IOT_MQTT_TLS_CA": "no-existe.pem"}, "no se puede leer el fichero"),
        ({"IOT_MQTT_TLS_ENABLED": "si"}, "ponga también MQTT_BROKER_URL"),
        ({"IOT_MQTT_EMBEDDED": "siempre", "IOT_MQTT_BROKER_URL": "b"}, "se contradicen"),
        ({"IOT_MQTT_BROKER_PORT": "5000"}, "el mismo puerto que BACKEND_PORT"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path: Path, environ: dict[str, str], says: str) -> None:
    """Rules over more than one setting."""
    assert says in "\n".join(faults(tmp_path, **environ))


def test_files_start_at_the_instance(tmp_path: Path) -> None:
    """A relative certificate and a relative database are looked for in the instance folder."""
    (tmp_path / "ca.pem").write_text("x")
    settings = load(tmp_path, IOT_MQTT_TLS_CA="ca.pem")
    assert settings.mqtt_tls_ca == str(tmp_path / "ca.pem")
    assert settings.database_path == tmp_path / "iot.db"
    assert load(tmp_path, IOT_SQLALCHEMY_DATABASE_URI="sqlite:////srv/x.db").database_path == Path("/srv/x.db")


def test_warnings(tmp_path: Path) -> None:
    """What works and is dangerous is a warning, not a fault."""
    open_to_all = {"IOT_TRUSTED_NETWORKS": "0.0.0.0/0", "IOT_MQTT_LISTEN_HOST": "0.0.0.0"}
    assert len(load(tmp_path, **open_to_all).avisos) == 1  # that broker asks everybody for a user
    settings = load(tmp_path, **open_to_all, IOT_MQTT_LISTEN_ANONYMOUS="sí")
    assert len(settings.avisos) == 2
    assert "cualquiera" in settings.avisos[0]
    assert "MQTT_LISTEN_ANONYMOUS" in settings.avisos[1]


def test_variables_that_are_not_settings(tmp_path: Path) -> None:
    """IOT_INSTANCE_PATH, IOT_PYTHON and the tests' own variables are no unknown settings."""
    folder = tmp_path / "otra"
    settings = load_settings({"IOT_INSTANCE_PATH": str(folder), "IOT_PYTHON": "python3", "IOT_TEST_REQUIRE_ALL": "1"})
    assert settings.instance_path == folder
    assert resolve_instance_path({}) == ROOT / "instance"


def test_secret_is_made_once(tmp_path: Path) -> None:
    """Generated, 0600, the same at the next start; masked in repr; not made when nothing may be written."""
    folder = tmp_path / "nueva"
    assert load_settings({}, folder, create_secret=False).secret_key == ""
    assert not folder.exists()
    settings = load_settings({}, folder)
    path = folder / "secret_key"
    assert len(settings.secret_key) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_settings({}, folder).secret_key == settings.secret_key
    assert settings.secret_key not in repr(settings)
    assert [item.name for item in folder.iterdir()] == ["secret_key"]


def test_secret_race(tmp_path: Path) -> None:
    """Starts at the same moment agree on one key; an empty file left by a broken copy is replaced."""
    path = tmp_path / "secret_key"
    path.touch()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(read_or_create_secret, [path] * 32))
    assert "" not in keys
    assert read_or_create_secret(path) in keys
    fresh = tmp_path / "otra"
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read_or_create_secret, [fresh] * 32))) == 1


def test_public_address_follows_the_listener(tmp_path: Path) -> None:
    """A loopback listener is not announced at a LAN address; an explicit address is kept."""
    assert load(tmp_path, IOT_BACKEND_HOST="127.0.0.1").public_backend_url == "http://127.0.0.1:5000"
    assert load(tmp_path, IOT_BACKEND_HOST="::1").public_backend_url == "http://[::1]:5000"
    assert load(tmp_path, IOT_PUBLIC_BACKEND_URL="https://casa.example/").public_backend_url == "https://casa.example"


def test_loading_is_light(tmp_path: Path) -> None:
    """Loading the settings imports neither Flask nor SQLAlchemy nor gevent: ./iot config answers at once."""
    code = (
        "import sys; from app.config_load import load_settings; load_settings({}, sys.argv[1]);"
        "print(sorted({'flask', 'sqlalchemy', 'gevent', 'pydantic', 'paho'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_no_secret_is_in_what_the_settings_look_like():
    """Each setting that the table calls a secret; what is logged of a Settings must not hold it."""
    shown = {f.name.upper() for f in dataclasses.fields(Settings) if f.repr}
    assert not {a.nombre for a in AJUSTES if a.secreto} & shown
