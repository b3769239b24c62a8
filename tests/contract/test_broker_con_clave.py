"""A broker that asks for a user and password, over TLS with a private authority."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.procesos import require, wait_until

TOPIC = "dispositivos/SEGURO1/estado"


@pytest.fixture(scope="module")
def papers(tmp_path_factory) -> Path:
    """ca.crt, server.crt and server.key for 127.0.0.1, and a password file with ana / s3creta-ñ."""
    folder = tmp_path_factory.mktemp("papeles")
    openssl = require("openssl")

    def run(*args: str) -> None:
        subprocess.run([*args], check=True, capture_output=True, cwd=folder)

    new = ["-newkey", "rsa:2048", "-nodes", "-days", "3"]
    run(openssl, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=casa")
    run(openssl, "req", *new[:3], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3", "-extfile", "san"]
    run(openssl, "x509", "-req", "-in", "server.csr", "-out", "server.crt", *signing)
    (folder / "claves").write_text("")
    run(require("mosquitto_passwd"), "-b", "claves", "ana", "s3creta-ñ")
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder


@pytest.fixture(scope="module")
def broker(parts, papers) -> Mosquitto:
    extra = (
        f"password_file {papers}/claves\ncafile {papers}/ca.crt\n"
        f"certfile {papers}/server.crt\nkeyfile {papers}/server.key\n"
    )
    return parts.mosquitto(extra=extra, anonymous=False)


def publish(broker: Mosquitto, papers: Path) -> None:
    command = [require("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(broker.port), "--cafile", f"{papers}/ca.crt"]
    subprocess.run(
        [*command, "-u", "ana", "-P", "s3creta-ñ", "-q", "1", "-t", TOPIC, "-m", '{"estado":"activo"}'],
        check=True,
        timeout=10,
    )


def test_user_password_and_tls(own_parts, broker, papers):
    backend = own_parts.backend(
        broker,
        MQTT_USERNAME="ana",
        MQTT_PASSWORD="s3creta-ñ",
        MQTT_TLS_ENABLED="true",
        MQTT_TLS_CA=papers / "ca.crt",
        MQTT_CLIENT_ID="con-tls",
    )
    publish(broker, papers)
    backend.wait_device("SEGURO1", estado="activo")
    assert "s3creta" not in backend.log(), "no secret in the log"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"MQTT_PASSWORD": "mala"}, "acepta"),
        ({"MQTT_TLS_CA": ""}, "certific"),
        ({"MQTT_TLS_ENABLED": "false"}, "tls"),
    ],
    ids=["password", "authority", "plain"],
)
def test_refused_is_said_and_http_serves(own_parts, broker, papers, wrong, word):
    """The wrong password, an unknown authority, no TLS at all: in /salud with its reason, never a traceback."""
    settings = {
        "MQTT_USERNAME": "ana",
        "MQTT_PASSWORD": "s3creta-ñ",
        "MQTT_TLS_ENABLED": "true",
        "MQTT_TLS_CA": papers / "ca.crt",
        "MQTT_CLIENT_ID": "rechazado",
    } | wrong
    backend = own_parts.backend(broker, start=False, **settings)
    backend.start(wait_mqtt=False)
    wait_until(
        lambda: "todavía" not in (backend.http.get("/salud").json["mqtt"].get("fallo") or "todavía"), 10, "a reason"
    )
    found = backend.http.get("/salud").json["mqtt"]
    assert found["conectado"] is False
    assert word in found["fallo"].lower(), found["fallo"]
    assert backend.http.get("/dispositivos").status == 200
