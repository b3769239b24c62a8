"""Which broker is chosen, and what is said when none can be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.broker import BrokerError, choose_broker, probe
from app.clock import Clock
from tests.support.broker import Mosquitto
from tests.support.gestionado import Ajustes, choose
from tests.support.procesos import free_port, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that somebody else runs on this machine."""
    broker = Mosquitto(tmp_path / "ajeno").start()
    yield broker
    broker.stop()


@pytest.fixture
def secretive(tmp_path: Path) -> Iterator[Mosquitto]:
    """One that wants a password."""
    passwords = tmp_path / "claves"
    passwords.write_text("casa:secreto\n")
    passwords.chmod(0o700)
    import subprocess

    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    extra = f"allow_anonymous false\npassword_file {passwords}"
    broker = Mosquitto(tmp_path / "ajeno", extra=extra).start()
    yield broker
    broker.stop()


class Mute:
    """A program that listens and says the given bytes (or nothing) to whoever comes."""

    def __init__(self, answer: bytes | None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._answer = answer
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(link)
            if self._answer is not None:
                link.sendall(self._answer)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for link in self._open:
            link.close()


@pytest.fixture(params=[b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00", None], ids=["http", "short", "silent"])
def stranger(request: pytest.FixtureRequest) -> Iterator[Mute]:
    mute = Mute(request.param)
    yield mute
    mute.close()


def test_the_configured_broker_wins(tmp_path: Path, foreign: Mosquitto) -> None:
    """Nothing is started, not even a folder is made; a broker that is down is for the client to wait for."""
    broker = choose(tmp_path / "casa", port=foreign.port, mqtt_broker_url="localhost", mqtt_embedded="siempre")
    broker.start()
    assert (broker.info.kind, broker.info.host, broker.info.port) == ("configurado", "localhost", foreign.port)
    assert broker.alive()
    broker.stop()
    assert not (tmp_path / "casa").exists()


def test_a_configured_broker_that_is_down_is_no_fault(tmp_path: Path) -> None:
    broker = choose(tmp_path, mqtt_broker_url="127.0.0.1")
    broker.start()
    assert not broker.alive()
    broker.stop()


def test_one_that_already_runs_is_used(tmp_path: Path, foreign: Mosquitto) -> None:
    """And it says that its limits are not known."""
    broker = choose(tmp_path / "casa", port=foreign.port, mqtt_listen_host="0.0.0.0")
    assert broker.info.kind == "encontrado"
    assert any("max_queued_messages" in line for line in broker.info.no_promete)
    assert any("MQTT_LISTEN_HOST" in line for line in broker.info.no_promete)
    broker.start()
    assert broker.alive()
    broker.stop()
    assert probe("127.0.0.1", foreign.port).ok


def test_one_that_wants_a_password(tmp_path: Path, secretive: Mosquitto) -> None:
    """Refused without, used with; the refusal says which settings to set."""
    with pytest.raises(BrokerError, match="MQTT_USERNAME") as caught:
        choose(tmp_path / "casa", port=secretive.port)
    assert caught.value.codigo == "broker_rechaza"
    broker = choose(tmp_path / "casa", port=secretive.port, mqtt_username="casa", mqtt_password="secreto")
    assert broker.info.kind == "encontrado"
    assert broker.alive()


def test_a_port_taken_by_something_else(tmp_path: Path, stranger: Mute) -> None:
    """A sentence in Spanish with the way out, for a program that talks, one that stops short, one that is silent."""
    with pytest.raises(BrokerError, match=r"otro programa que no es un broker MQTT.*MQTT_BROKER_PORT") as caught:
        choose(tmp_path, port=stranger.port)
    assert caught.value.codigo == "broker_puerto_ocupado"


@pytest.mark.parametrize("embedded", ["nunca", "siempre"])
def test_a_port_taken_between_choice_and_start(tmp_path: Path, embedded: str) -> None:
    broker = choose(tmp_path, mqtt_embedded=embedded)
    with socket.create_server(("127.0.0.1", broker.info.port)):
        with pytest.raises(BrokerError, match="MQTT_BROKER_PORT"):
            broker.start()
    broker.start()
    assert broker.alive()
    broker.stop()


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    broker = choose(tmp_path, mqtt_embedded="nunca", mqtt_listen_host="192.0.2.1")
    with pytest.raises(BrokerError, match="MQTT_LISTEN_HOST"):
        broker.start()


def test_no_broker_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Mosquitto nor permission for the embedded one: what to install or set."""
    monkeypatch.setattr("app.broker.find_mosquitto", lambda: None)
    with pytest.raises(BrokerError, match=r"apt install mosquitto.*MQTT_BROKER_URL.*MQTT_EMBEDDED"):
        choose(tmp_path, mqtt_embedded="nunca")
    assert choose(tmp_path).info.kind == "embebido"


def test_tls_is_never_silently_left_out(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="MQTT_TLS_ENABLED"):
        choose(tmp_path, mqtt_tls_enabled=True)


@pytest.mark.parametrize(
    ("host", "tls", "insecure", "words"),
    [
        ("10.0.0.5", False, False, "sin cifrar"),
        ("10.0.0.5", True, True, "suplantarlo"),
        ("10.0.0.5", True, False, None),
        ("127.0.0.1", False, False, None),
    ],
)
def test_what_the_wire_does_not_promise(
    host: str, tls: bool, insecure: bool, words: str | None, tmp_path: Path
) -> None:
    settings = Ajustes(1883, mqtt_broker_url=host, mqtt_tls_enabled=tls, mqtt_tls_insecure=insecure)
    said = choose_broker(settings, tmp_path, clock=Clock()).info.no_promete[1:]
    assert (words in said[0]) if words else not said


def test_probe_never_raises(stranger: Mute) -> None:
    assert not probe("127.0.0.1", stranger.port, timeout=0.3).ok
    assert "nadie escucha" in probe("127.0.0.1", free_port()).motivo
    assert "no existe" in probe("no-existe.invalid", 1883).motivo


def test_probe_leaves_no_session(foreign: Mosquitto) -> None:
    for _ in range(50):
        assert probe("127.0.0.1", foreign.port, username="casa", password="ñ").ok
    wait_until(lambda: True)
