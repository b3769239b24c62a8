"""HTTPS of a house: switched on and off, its certificate renewed while it runs, its clock and its CA going wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import certificados, cli_https
from app.clock import Clock
from app.config_load import ConfigError, Settings, load_settings
from app.doctor_base import Nivel
from app.doctor_tls import check_https
from app.https import Https, HttpsError, hosts
from app.server_tls import TlsDoor
from tests.support.procesos import ROOT, free_port
from tests.support.tls import secured
from tests.unit.test_autoridad import certificate

pytestmark = pytest.mark.integration


class Moved(Clock):
    """The machine's clock, moved."""

    def __init__(self, by: timedelta = timedelta()) -> None:
        self.by = by

    def now(self) -> datetime:
        return super().now() + self.by


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    return load_settings(
        {
            "IOT_BACKEND_HOST": "127.0.0.1",
            "IOT_HTTPS_PORT": str(free_port()),
            "IOT_PUBLIC_BACKEND_URL": "http://192.168.7.5:5000",
        },
        tmp_path / "instance",
    )


def switch_on(house: Settings, **kw: object) -> Path:
    assert cli_https.switch_on(house, new_authority=False, **kw) == 0  # type: ignore[arg-type]
    return house.instance_path / "tls"


def serial(folder: Path) -> int:
    return certificate(folder / certificados.SERVER).serial_number


def test_off_until_asked_for_and_off_again(house: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert Https(house, Clock()).open() is None
    assert Https(house, Clock()).edge().puerto is None
    folder = switch_on(house)
    assert isinstance(Https(house, Clock()).open(), TlsDoor)
    assert Https(house, Clock()).edge().puerto == house.https_port
    assert Https(replace(house, https_enabled="nunca"), Clock()).open() is None
    authority = (folder / "autoridad.crt").read_bytes()
    assert cli_https.switch_off(house) == 0
    assert Https(house, Clock()).open() is None
    assert cli_https.switch_off(house) == 0
    assert "no estaba activado" in capsys.readouterr().out
    switch_on(house)
    assert (folder / "autoridad.crt").read_bytes() == authority, "the phones trust that one already"


def test_what_it_says(house: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The fingerprint to compare, where the CA is, how to install it on each system, and the QR of that page."""
    folder = switch_on(house)
    told = capsys.readouterr().out
    ca = certificados.read_authority(folder)
    assert ca is not None
    assert ca.huella[:47] in told
    assert ca.huella[48:] in told
    for needed in ("Android", "iPhone", "Windows", "Linux", "http://192.168.7.5:5000/autoridad", "192.168.7.5, "):
        assert needed in told
    assert "▀" in told, "the QR"


def test_asking_again_changes_nothing_until_it_is_due(house: Settings) -> None:
    folder = switch_on(house)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    switch_on(house)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    switch_on(house, clock=Moved(timedelta(days=368)))
    after = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["servidor.pem"]


def test_siempre_makes_it_at_the_first_start(house: Settings) -> None:
    door = Https(replace(house, https_enabled="siempre"), Clock()).open()
    assert door is not None
    assert serial(house.instance_path / "tls")


def test_it_is_renewed_while_it_runs(house: Settings) -> None:
    """The door's context is another one afterwards; the CA and so the phones' trust stay."""
    folder, clock = switch_on(house), Moved()
    https = Https(house, clock)
    door = https.open()
    assert door is not None
    first, made = door.context, serial(folder)
    https.tick()
    assert (door.context, serial(folder)) == (first, made)
    clock.by = timedelta(days=370)
    https.tick()
    assert door.context is not first
    assert serial(folder) != made
    hoja = certificados.read_sheet(folder)
    assert hoja is not None
    assert hoja.hasta > clock.now() + timedelta(days=390)


def test_a_new_address_is_in_it_within_a_look(house: Settings) -> None:
    folder = switch_on(house)
    moved = replace(house, public_backend_url="http://10.1.2.3:5000")
    https = Https(moved, Clock())
    https.open()
    hoja = certificados.read_sheet(folder)
    assert hoja is not None
    assert "10.1.2.3" in hoja.pedidos
    assert set(hosts(moved)) <= set(hoja.pedidos)


def test_what_the_command_puts_there_is_shown_without_a_restart_and_quitar_is_not_undone(house: Settings) -> None:
    folder = switch_on(house)
    https = Https(house, Clock())
    door = https.open()
    assert door is not None
    first = door.context
    assert cli_https.switch_on(house, new_authority=True) == 0
    https.tick()
    assert door.context is not first
    cli_https.switch_off(house)
    https.tick()
    assert not (folder / certificados.SERVER).exists()


def test_without_its_authority_it_goes_on_until_it_expires(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is made in its place behind the owner's back; with a key that is not its own, it is said."""
    folder = switch_on(house)
    (folder / certificados.CA_KEY).unlink()
    assert Https(house, Moved(timedelta(days=370))).open() is not None
    assert "./iot https --nueva" in caplog.text
    (folder / certificados.CA_CERT).unlink()
    assert Https(house, Clock()).open() is not None
    (folder / certificados.SERVER).write_text("roto")
    with pytest.raises(HttpsError, match=r"\./iot https"):
        Https(house, Clock()).open()


def test_one_port_is_not_two(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HTTPS_PORT"):
        load_settings({"IOT_HTTPS_PORT": "5000"}, tmp_path)
    load_settings({"IOT_HTTPS_PORT": "5000", "IOT_HTTPS_ENABLED": "nunca"}, tmp_path)


# --- ./iot doctor ----------------------------------------------------------------------------------------------------


def levels(house: Settings, by: timedelta = timedelta()) -> dict[str, Nivel]:
    return {found.que: found.nivel for found in check_https(house, Moved(by))}


def test_the_doctor_of_a_healthy_house(house: Settings) -> None:
    assert levels(house) == {"HTTPS": Nivel.BIEN}
    assert levels(replace(house, https_enabled="siempre")) == {"HTTPS": Nivel.BIEN}
    switch_on(house)
    assert set(levels(house).values()) == {Nivel.BIEN}
    assert set(levels(house)) == {"Autoridad", "Certificado", "Puerto HTTPS"}


@pytest.mark.parametrize(
    ("by", "que", "nivel"),
    [
        (timedelta(days=370), "Certificado", Nivel.AVISO),
        (timedelta(days=400), "Certificado", Nivel.MAL),
        (timedelta(days=3600), "Autoridad", Nivel.AVISO),
        (timedelta(days=-10), "Autoridad", Nivel.MAL),
    ],
    ids=["expiring", "expired", "authority expiring", "clock behind"],
)
def test_the_doctor_tells_of_the_calendar(house: Settings, by: timedelta, que: str, nivel: Nivel) -> None:
    switch_on(house)
    assert levels(house, by)[que] is nivel


@pytest.mark.parametrize("gone", ["autoridad.crt", "autoridad.key", "open key", "port"])
def test_the_doctor_tells_of_files_and_port(house: Settings, gone: str) -> None:
    import socket

    folder = switch_on(house)
    if gone == "open key":
        (folder / "autoridad.key").chmod(0o644)
    elif gone != "port":
        (folder / gone).unlink()
    with socket.socket() as other:
        if gone == "port":
            other.bind(("127.0.0.1", house.https_port))
            other.listen()
        bad = [found for found in check_https(house) if found.nivel is Nivel.MAL]
    assert [found.que for found in bad] == ["Puerto HTTPS" if gone == "port" else "Autoridad"]
    assert all(found.significa and found.arreglo for found in bad)


# --- the whole program -----------------------------------------------------------------------------------------------


def test_the_whole_program_over_tls(own_parts) -> None:
    """`./iot https`, start, and everything by name with nothing but the CA: HTTP, the page, MQTT, the simulator."""
    tls_port, mqtt_port = free_port(), free_port()
    backend = own_parts.backend(
        start=False,
        given_broker=False,
        HTTPS_PORT=tls_port,
        MQTT_TLS_PORT=mqtt_port,
        MQTT_LISTEN_HOST="0.0.0.0",
        MQTT_LISTEN_ANONYMOUS=True,
        MQTT_EMBEDDED="nunca",
    )
    env = {**os.environ, **backend.env()}
    command = [sys.executable, "-m", "app.cli", "https"]
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)
    backend.start()
    ca = backend.instance / "tls" / "autoridad.crt"
    with secured(ca, mqtt_port, "localhost"):
        pass
    message = '{"serial_number":"TLS1","estado":"activo"}'
    publish = ["mosquitto_pub", "-h", "localhost", "-p", str(mqtt_port), "-q", "1", "-t", "dispositivos/estado"]
    subprocess.run([*publish, "--cafile", ca, "-m", message], check=True, timeout=20)
    backend.wait_device("TLS1", estado="activo")
    simulate = ["simular", "--broker", f"localhost:{mqtt_port}", "--tls-ca", str(ca), "--dispositivos", "2"]
    subprocess.run(
        [sys.executable, "-m", "app.cli", *simulate, "--duracion", "2", "--backend", f"http://127.0.0.1:{backend.port}"],
        cwd=ROOT, env=env, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert len(backend.http.get("/dispositivos").json) == 3
    curl = ["curl", "-sS", "--fail", "--cacert", str(ca)]
    page = subprocess.run(
        [*curl, f"https://127.0.0.1:{tls_port}/autoridad"], capture_output=True, check=True, timeout=20
    )
    authority = certificados.read_authority(ca.parent)
    assert authority is not None
    assert authority.huella in page.stdout.decode()
    assert datetime.now(UTC) < authority.hasta
