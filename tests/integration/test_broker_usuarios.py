"""Users and rights on a mosquitto of ours: devices with their own, those without any, the backend, and thieves."""

from __future__ import annotations

import base64
import secrets
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from app.broker_acl import acl_text, password_hash
from app.broker_mosquitto import MosquittoBroker, TlsListener, configuration
from app.clock import Clock
from tests.support.gestionado import (
    BACKEND,
    Cliente,
    leave_session,
    numbered,
    signal_broker,
)
from tests.support.procesos import require, wait_until
from tests.support.usuarios_broker import OLD, STATE, A, B, Casa, heard, state, wish

pytestmark = pytest.mark.integration


@pytest.fixture
def casa(tmp_path: Path) -> Iterator[Casa]:
    require("mosquitto")
    casa = Casa(tmp_path / "la casa ñ")
    yield casa
    casa.broker.stop()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Casa]:
    """A house open to its network, where everybody needs a user."""
    require("mosquitto")
    casa = Casa(tmp_path / "casa", mqtt_listen_host="0.0.0.0")
    yield casa
    casa.broker.stop()


def test_a_device_speaks_for_itself_only(casa: Casa) -> None:
    """Neither for another, with or without a user, nor on the shared topic."""
    with casa.device(A) as a:
        assert a.refused is None
        topics = heard(casa, (a, state(A)), (a, state(B)), (a, state(OLD)), (a, STATE), (a, wish(A)), (a, wish(B)))
    assert topics == [state(A)]


def test_those_without_a_user_speak_for_all_but_those_with_one(casa: Casa) -> None:
    """As they always did: their own topic, the shared one. Nobody but the backend writes to devices."""
    with Cliente(casa.broker) as old:
        topics = heard(casa, (old, state(OLD)), (old, state(A)), (old, STATE), (old, wish(OLD)), (old, "otro/tema"))
    assert topics == [state(OLD), STATE]


def test_a_device_hears_its_own_configuration_only(casa: Casa) -> None:
    """Also the retained one, also by a wildcard; one without a user hears those without one."""
    with casa.speaker() as backend, casa.device(A) as a, Cliente(casa.broker) as old:
        backend.publish(wish(B), b"retained", retain=True)
        for client in (a, old):
            client.subscribe("dispositivos/#")
            client.subscribe("#")
            client.subscribe(wish(B))
        for serial in (A, B, OLD):
            backend.publish(wish(serial), serial.encode())
        assert a.wait(1) == [A.encode()]
        old.wait(1)
        assert set(old.got) == {OLD.encode()}


def test_a_last_will_has_no_more_rights_than_who_leaves_it(casa: Casa) -> None:
    """Neither somebody without a user nor another device says by it that A is off."""
    with casa.backend() as backend, casa.device(B) as b:
        backend.subscribe("dispositivos/+/disponible")
        for user, about in ((None, A), ((B, casa.keys[B]), A), (None, OLD), ((B, casa.keys[B]), B)):
            die_with_will(casa, user, f"dispositivos/{about}/disponible")
        wait_until(lambda: len(backend.topics) >= 2, 10, "the wills that count")
        b.publish(f"dispositivos/{B}/disponible", b"fin")
        wait_until(lambda: b"fin" in backend.got, 10, "the last message")
        assert backend.topics[:-1] == [f"dispositivos/{OLD}/disponible", f"dispositivos/{B}/disponible"]


def die_with_will(casa: Casa, user: tuple[str, str] | None, topic: str) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=secrets.token_hex(8))
    client.will_set(topic, b"offline", qos=1)
    if user is not None:
        client.username_pw_set(*user)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    client.connect("127.0.0.1", casa.broker.info.port)
    client.loop_start()
    assert ready.wait(10)
    client.loop_stop()
    client._sock_close()


def test_a_wrong_password_and_an_unknown_user_are_refused(casa: Casa) -> None:
    for user in ((A, "otra"), ("NADIE", casa.keys[A]), (A, casa.keys[B])):
        with Cliente(casa.broker, user=user) as thief:
            assert thief.refused == "Not authorized"


def test_the_password_file_is_what_mosquitto_passwd_writes(casa: Casa, tmp_path: Path) -> None:
    """The program itself accepts our hashes above; and we make its own from the same salt."""
    program = require("mosquitto_passwd")
    path = tmp_path / "claves"
    subprocess.run([program, "-b", "-c", str(path), A, "una clave ñ"], check=True, capture_output=True)
    kept = path.read_text().strip().removeprefix(f"{A}:")
    salt = base64.b64decode(kept.split("$")[3])
    assert password_hash("una clave ñ", salt) == kept


def test_only_we_can_read_the_files(casa: Casa) -> None:
    folder = casa.broker.folder  # type: ignore[attr-defined]
    assert {path.name for path in folder.iterdir()} >= {"usuarios", "acl", "backend.json", "mosquitto.conf"}
    for path in folder.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert casa.keys[A] not in "".join(p.read_text(errors="replace") for p in folder.iterdir())


def test_the_backends_session_cannot_be_guessed_nor_had_under_its_old_name(casa: Casa) -> None:
    """Its client id is a secret of far more than 64 bits, another one in each house."""
    assert casa.broker.client_id == casa.broker.credentials[0]  # type: ignore[index]
    assert len(set(casa.broker.client_id or "")) > 8
    assert len(casa.broker.client_id or "") > 100
    with casa.backend() as backend:
        backend.subscribe("dispositivos/#")
        with Cliente(casa.broker, BACKEND, kept=True), casa.device(A, BACKEND):
            pass
        with casa.device(A) as a:
            a.publish(state(A), b"1")
        assert backend.wait(1) == [b"1"]
        assert not backend.cut.is_set()


def test_whoever_had_the_backends_client_id_would_still_hear_nothing_of_devices_with_a_user(casa: Casa) -> None:
    """What waits in a session is held against the rights of who comes for it."""
    leave_session(casa.broker)
    with casa.device(A) as a, Cliente(casa.broker) as old:
        a.publish(state(A), b"secreto")
        old.publish(state(OLD), b"de todos")
    with Cliente(casa.broker, casa.broker.client_id or "", kept=True) as thief:
        assert thief.wait(1) == [b"de todos"]


def test_a_credential_that_is_taken_back_ends_the_connection_at_once(casa: Casa) -> None:
    """Others stay connected; from then on those without a user may speak for it again."""
    with casa.device(A) as a, casa.device(B) as b, Cliente(casa.broker) as old, casa.backend() as backend:
        casa.revoke(A)
        assert a.cut.wait(1), "still connected"
        with casa.device(A) as again:
            assert again.refused == "Not authorized"
        assert heard_by(backend, old, state(A))
        assert not b.cut.is_set()
        assert not old.cut.is_set()
        assert not backend.cut.is_set()


def heard_by(backend: Cliente, client: Cliente, topic: str) -> bool:
    backend.subscribe("dispositivos/#")
    client.publish(topic, b"x")
    wait_until(lambda: topic in backend.topics, 5, f"a message on {topic}")
    return True


def test_a_credential_that_is_given_counts_at_once(casa: Casa) -> None:
    """Who was speaking for it without a user is not heard from then on, though connected."""
    with Cliente(casa.broker) as old:
        assert heard(casa, (old, state(OLD))) == [state(OLD)]
        casa.keys[OLD] = "nueva-clave"
        casa.hashes[OLD] = password_hash("nueva-clave")
        casa.broker.set_users(casa.hashes)
        with casa.device(OLD) as device:
            assert device.refused is None
            assert heard(casa, (old, state(OLD)), (device, state(OLD))) == [state(OLD)]
        assert not old.cut.is_set()


def test_changing_users_under_load_loses_nothing(casa: Casa) -> None:
    """Sixty changes while devices of both kinds send 6,000 messages: each arrives once, in order."""
    count = 3000
    with casa.backend() as backend, casa.device(B) as b, Cliente(casa.broker) as old:
        backend.subscribe("dispositivos/+/estado")
        done = threading.Event()

        def change() -> None:
            other = dict(casa.hashes)
            for n in range(60):
                other[f"OTRO{n}"] = casa.hashes[A]
                casa.broker.set_users(other)
                done.wait(0.02)
            done.set()

        thread = threading.Thread(target=change)
        thread.start()
        senders = [
            threading.Thread(target=client.publish, args=(state(serial), *numbered(count)))
            for client, serial in ((b, B), (old, OLD))
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        done.set()
        thread.join()
        backend.wait(2 * count)
        for serial in (B, OLD):
            assert [p for t, p in zip(backend.topics, backend.got, strict=True) if t == state(serial)] == numbered(
                count
            )
        assert casa.broker.restarts == 0


def test_the_backends_session_is_kept_over_restarts_and_kills(casa: Casa) -> None:
    """Same name and password; what came before it was back is there, of both kinds of devices."""
    leave_session(casa.broker)
    me = casa.broker.credentials
    casa.restart()
    assert casa.broker.credentials == me
    with casa.device(A) as a, Cliente(casa.broker) as old:
        a.publish(state(A), b"1")
        old.publish(state(OLD), b"2")
    with casa.backend() as backend:
        assert backend.session_present
        assert backend.wait(2) == [b"1", b"2"]
    signal_broker(casa.broker, signal.SIGKILL)
    wait_until(casa.broker.alive, 10, "the broker's return", every=0.1)
    with casa.backend() as backend, casa.device(A) as a:
        backend.subscribe("dispositivos/#")
        a.publish(state(A), b"3")
        assert backend.wait(1) == [b"3"]


def test_open_to_the_network_means_a_user_for_everybody(closed: Casa) -> None:
    """Without one nobody comes in, not even from this machine; the broker says so."""
    with Cliente(closed.broker) as stranger:
        assert stranger.refused == "Not authorized"
    with closed.device(A) as a:
        assert heard(closed, (a, state(A)), (a, state(B)), (a, STATE)) == [state(A)]
    assert closed.broker.info.host == "127.0.0.1"
    assert any("pide usuario y contraseña a todos" in line for line in closed.broker.info.no_promete)


def test_there_nobody_takes_anothers_session(closed: Casa) -> None:
    """The user is the client id, whatever the client says; asking whether the broker lives disturbs nobody."""
    with closed.backend() as backend, closed.device(A) as a, closed.device(B, closed.broker.client_id or "x") as b:
        with closed.device(B, A):
            assert b.cut.wait(2)
        for _ in range(3):
            closed.broker._forget_answer()
            assert closed.broker.alive()
        assert not a.cut.is_set()
        assert not backend.cut.is_set()


def test_open_to_the_network_without_users_has_to_be_said_and_is_told(tmp_path: Path) -> None:
    """MQTT_LISTEN_ANONYMOUS: legacy devices come in as on loopback, and it stays a warning."""
    require("mosquitto")
    casa = Casa(tmp_path / "casa", mqtt_listen_host="0.0.0.0", mqtt_listen_anonymous=True)
    try:
        with Cliente(casa.broker) as old:
            assert heard(casa, (old, state(OLD)), (old, state(A)), (old, wish(OLD))) == [state(OLD)]
        assert any("MQTT_LISTEN_ANONYMOUS lo abre" in line for line in casa.broker.info.no_promete)
    finally:
        casa.broker.stop()


def test_a_house_without_the_shared_topic_closes_it_at_the_broker(tmp_path: Path) -> None:
    require("mosquitto")
    casa = Casa(tmp_path / "casa", mqtt_shared_topic=False)
    try:
        with Cliente(casa.broker) as old:
            assert heard(casa, (old, STATE), (old, state(OLD))) == [state(OLD)]
    finally:
        casa.broker.stop()


def test_the_users_that_could_not_be_written_are_written_later(casa: Casa) -> None:
    """A full disk, or no folder: the old ones count meanwhile, and it is tried again by itself."""
    broker = casa.broker
    assert isinstance(broker, MosquittoBroker)
    (broker.folder / ".usuarios.nuevo").mkdir()
    casa.keys[OLD], casa.hashes[OLD] = "k", password_hash("k")
    broker.set_users(casa.hashes)
    with casa.device(OLD) as early:
        assert early.refused == "Not authorized"
    (broker.folder / ".usuarios.nuevo").rmdir()
    clock = Clock()
    deadline = clock.monotonic() + 10
    while True:
        with casa.device(OLD) as later:
            if later.refused is None:
                break
        assert clock.monotonic() < deadline


def test_many_sessions_of_both_kinds_survive_a_save(casa: Casa) -> None:
    """Mosquitto 2.0.11 saves a wrong user name for sessions without one (app/broker_identidad.py): it must neither die
    of it, nor give anybody the backend's rights."""
    for n in range(30):
        with casa.device(A if n % 2 else B, f"con-{n}") as c:
            c.subscribe("#")
        with Cliente(casa.broker, f"sin-{n}", kept=True) as c:
            c.subscribe("#")
    leave_session(casa.broker)
    with Cliente(casa.broker, "ultima", kept=True) as c:
        c.subscribe("#")
    casa.restart()
    with casa.speaker() as backend:
        backend.publish(wish(A), b"secreto")
    with Cliente(casa.broker, "ultima", kept=True) as c, casa.speaker() as backend:
        assert c.session_present
        backend.publish(wish(OLD), b"de todos")
        assert c.wait(1) == [b"de todos"]
    assert casa.broker.restarts == 0


def test_the_encrypted_port_asks_as_the_other_one_does(tmp_path: Path) -> None:
    """Where everybody needs a user his client id is his user on both, else on neither."""
    tls = TlsListener(8883, tmp_path / "servidor.pem")
    for anonymous, listeners in ((False, 2), (True, 0)):
        text = configuration(tmp_path, "0.0.0.0", 1883, root=False, anonymous=anonymous, tls=tls)
        assert text.count("use_username_as_clientid true") == listeners
        assert f"allow_anonymous {'true' if anonymous else 'false'}" in text


def test_the_acl_for_nobody_without_a_user_has_no_rule_for_them() -> None:
    before = acl_text("yo", [A], anonymous=False, shared=True).split("user yo")[0]
    assert "topic" not in before
