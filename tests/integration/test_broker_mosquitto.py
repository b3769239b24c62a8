"""A mosquitto of ours: what it keeps, over restarts and kill -9 of either process, and how it is watched."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.broker import Broker, BrokerError
from app.broker_mosquitto import MosquittoBroker, configuration
from app.clock import Clock
from tests.support.gestionado import (
    BACKEND,
    Cliente,
    backend_process,
    choose,
    end,
    leave_session,
    numbered,
    running,
    signal_broker,
)
from tests.support.procesos import accepts, free_port, require, wait_until

pytestmark = pytest.mark.integration

STATE = "dispositivos/estado"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    require("mosquitto")
    return tmp_path / "la casa ñ"


@pytest.fixture
def broker(house: Path) -> Iterator[Broker]:
    broker = choose(house, mqtt_embedded="nunca")
    broker.start()
    yield broker
    broker.stop()


def again(broker: Broker, house: Path) -> Broker:
    """The backend's next start on the same folder and port."""
    broker.stop()
    new = choose(house, port=broker.info.port, mqtt_embedded="nunca")
    new.start()
    return new


def saved(broker: Broker) -> None:
    """Wait for the next save after now."""
    assert isinstance(broker, MosquittoBroker)
    path = broker.folder / "mosquitto.db"
    asked = time.time()
    wait_until(lambda: path.exists() and path.stat().st_mtime > asked, 5, "a save")


def test_it_starts_answers_and_says_what_it_is(broker: Broker) -> None:
    """The child runs with our configuration, only we can read its files, and its limits are told."""
    assert broker.info.kind == "mosquitto"
    assert broker.alive()
    assert broker.credentials is not None
    assert any("kill -9" in line for line in broker.info.no_promete)
    folder = broker.folder  # type: ignore[attr-defined]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_the_messages_of_absent_hours_all_arrive(broker: Broker) -> None:
    """3,000 QoS 1 messages while the backend is away: Mosquitto's own default would keep 1,000."""
    leave_session(broker)
    with Cliente(broker) as device:
        device.publish(STATE, *numbered(3000))
    with Cliente(broker, BACKEND, kept=True, backend=True) as backend:
        assert backend.session_present
        assert backend.wait(3000) == numbered(3000)


def test_legacy_messages_wait_for_the_backend_too(broker: Broker) -> None:
    """Today's devices publish at QoS 0: delivered at QoS 1, and kept while the backend is away."""
    leave_session(broker)
    with Cliente(broker) as device:
        device.publish(STATE, *numbered(50), qos=0)
        device.publish("barrera", b"x")  # no such topic for it, but acknowledged after the others
    with Cliente(broker, BACKEND, kept=True, backend=True) as backend:
        assert backend.wait(50) == numbered(50)
        assert {qos for _dup, _retain, qos in backend.flags} == {1}


def test_restart_keeps_queue_and_retained(broker: Broker, house: Path) -> None:
    """stop() lets it write its database: the queue and the desired configurations are there at the next start."""
    leave_session(broker)
    with Cliente(broker, user=broker.credentials) as device:  # only the backend's user may write to devices
        device.publish("dispositivos/A/configuracion", b'{"version":1}', retain=True)
        device.publish(STATE, *numbered(500))
    new = again(broker, house)
    try:
        with Cliente(new, BACKEND, kept=True, backend=True) as backend, Cliente(new) as other:
            assert backend.wait(501)[1:] == numbered(500)
            other.subscribe("dispositivos/A/configuracion")
            assert other.wait(1) == [b'{"version":1}']
            assert other.flags == [(False, True, 1)]
    finally:
        new.stop()


def test_kill_9_of_the_broker_loses_nothing_saved_and_it_comes_back(broker: Broker) -> None:
    """The supervisor starts it again; what was acknowledged two seconds before is there."""
    leave_session(broker)
    with Cliente(broker, user=broker.credentials) as device:  # only the backend's user may write to devices
        device.publish("dispositivos/A/configuracion", b"{}", retain=True)
        device.publish(STATE, *numbered(300))
    saved(broker)
    signal_broker(broker, signal.SIGKILL)
    wait_until(broker.alive, 10, "the broker's return", every=0.1)
    with Cliente(broker, BACKEND, kept=True, backend=True) as backend:
        assert backend.wait(301)[1:] == numbered(300)
    assert broker.restarts == 1  # type: ignore[attr-defined]


def test_an_idle_broker_does_not_write(broker: Broker) -> None:
    """A save only after something came in: a quiet house does not wear its memory card out."""
    with Cliente(broker) as device:
        device.publish(STATE, b"x")
    saved(broker)
    time.sleep(3.3)  # the save after the disconnection
    path = broker.folder / "mosquitto.db"  # type: ignore[attr-defined]
    before = path.stat().st_mtime_ns
    time.sleep(3.3)
    assert path.stat().st_mtime_ns == before


def test_an_unreadable_database_is_put_aside(broker: Broker, house: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Mosquitto would refuse to start for ever; the old file is kept for whoever wants to look."""
    port = broker.info.port
    broker.stop()
    database = house / "broker" / "mosquitto.db"
    database.write_bytes(os.urandom(3000))
    new = choose(house, port=port, mqtt_embedded="nunca")
    new.start()
    new.stop()
    assert database.with_suffix(".db.roto").stat().st_size == 3000
    assert "queda apartada" in caplog.text


@pytest.mark.parametrize("queued", [0, 2000])
def test_it_dies_with_a_backend_that_is_killed_and_has_saved(house: Path, queued: int) -> None:
    """kill -9 of the backend: its broker gets SIGTERM from the kernel, writes, ends; nothing acknowledged is lost."""
    port = free_port()
    parent, pid = backend_process(house, port)
    try:
        wait_until(lambda: accepts(port), 10, "the broker")
        there = choose(house / "otra", port=port)  # finds the broker that runs there
        assert there.info.kind == "encontrado"
        me = json.loads((house / "broker" / "backend.json").read_text())
        with Cliente(there, me["usuario"], kept=True, user=(me["usuario"], me["clave"])) as backend:
            backend.subscribe("dispositivos/#")
        if queued:
            with Cliente(there) as device:
                device.publish(STATE, *numbered(queued))
        parent.kill()
        wait_until(lambda: not running(pid), 5, "the orphan's end")
    finally:
        end(parent)
    new = choose(house, port=port, mqtt_embedded="nunca")
    assert new.info.kind == "mosquitto"
    new.start()
    try:
        with Cliente(new, BACKEND, kept=True, backend=True) as backend:
            assert backend.session_present
            assert backend.wait(queued) == numbered(queued)
    finally:
        new.stop()


def orphan_of(house: Path, port: int) -> subprocess.Popen[bytes]:
    """A mosquitto with our configuration that no backend watches, and its pid file."""
    folder = house / "broker"
    folder.mkdir(parents=True)
    config = folder / "mosquitto.conf"
    config.write_text(configuration(folder, "127.0.0.1", port, root=os.geteuid() == 0))
    (folder / "usuarios").touch(0o600)
    (folder / "acl").touch(0o600)
    orphan = subprocess.Popen([require("mosquitto"), "-c", str(config)], stderr=subprocess.DEVNULL)
    (folder / "broker.pid").write_text(f"{orphan.pid}\n")
    wait_until(lambda: accepts(port), 10, "the orphan")
    return orphan


def test_an_orphan_is_ended_and_not_taken_for_somebody_elses(house: Path) -> None:
    """The pid file and the command line tell that it is ours; it is asked to end, so it saves."""
    port = free_port()
    orphan = orphan_of(house, port)
    try:
        broker = choose(house, port=port, mqtt_embedded="nunca")
        assert broker.info.kind == "mosquitto"
        assert orphan.wait(5) == 0
        broker.start()
        assert broker.alive()
        broker.stop()
    finally:
        end(orphan)


def test_a_recycled_pid_is_left_alone(house: Path) -> None:
    """The number in the pid file may be anybody's by now."""
    (house / "broker").mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (house / "broker" / "broker.pid").write_text(f"{stranger.pid}\n")
        broker = choose(house, mqtt_embedded="nunca")
        broker.start()
        broker.stop()
        assert stranger.poll() is None
    finally:
        end(stranger)


def test_two_backends_do_not_fight_for_one_folder(broker: Broker, house: Path) -> None:
    """The second one is told, and the first one's broker lives on."""
    with pytest.raises(BrokerError, match="otro backend"):
        choose(house, mqtt_embedded="nunca")
    assert broker.alive()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\necho 'Error: broken library' >&2\nexit 1\n", "broken library"),
        ("#!/bin/sh\nexit 3\n", "no dijo por"),
    ],
)
def test_a_broker_that_cannot_start_says_why(house: Path, script: str, words: str) -> None:
    """The program's own words, in our exception; nothing is left behind."""
    house.mkdir()
    program = house / "mosquitto"
    program.write_text(script)
    program.chmod(0o700)
    broker = MosquittoBroker(str(program), house / "broker", listen_host="127.0.0.1", port=free_port(), clock=Clock())
    before = threading.active_count()
    with pytest.raises(BrokerError, match=words):
        broker.start()
    assert threading.active_count() == before
    assert broker.pid is None
    assert not (house / "broker" / "broker.pid").exists()


def test_death_after_death_waits_longer(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Back-off: half a second, one, two ... thirty."""
    for _ in range(2):
        wait_until(lambda: broker.pid is not None, 10, "a child", every=0.05)  # type: ignore[attr-defined]
        signal_broker(broker, signal.SIGKILL)
    wait_until(lambda: "otro en 1 s" in caplog.text, 5, "the second delay")
    assert "otro en 0.5 s" in caplog.text


def test_stop_while_it_waits_to_start_again_is_quick(broker: Broker) -> None:
    """Nothing comes back after stop()."""
    signal_broker(broker, signal.SIGKILL)
    started = time.monotonic()
    broker.stop()
    assert time.monotonic() - started < 2
    time.sleep(0.7)
    assert not accepts(broker.info.port)


def test_stop_with_a_frozen_broker_takes_less_than_five_seconds(broker: Broker) -> None:
    """A child that does not react to SIGTERM is cut off."""
    os.kill(broker.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
    started = time.monotonic()
    broker.stop()
    assert time.monotonic() - started < 5


def test_a_payload_that_is_too_big_for_us_still_arrives(broker: Broker) -> None:
    """64 KiB+ must reach the backend to be rejected visibly; a quarter of a MiB closes the connection."""
    with Cliente(broker) as onlooker, Cliente(broker) as device:
        onlooker.subscribe(STATE)
        device.publish(STATE, b"x" * 200_000)
        assert len(onlooker.wait(1)[0]) == 200_000


def test_stop_during_start(house: Path) -> None:
    """SIGTERM may come while the broker is still starting: start() gives up, nothing is left."""
    house.mkdir()
    program = house / "mosquitto"
    program.write_text("#!/bin/sh\nexec sleep 60\n")  # never answers
    program.chmod(0o700)
    broker = MosquittoBroker(str(program), house / "broker", listen_host="127.0.0.1", port=free_port(), clock=Clock())
    timer = threading.Timer(0.3, broker.stop)
    timer.start()
    started = time.monotonic()
    with pytest.raises(BrokerError, match="se detuvo"):
        broker.start()
    assert time.monotonic() - started < 3
    timer.join()
    assert broker.pid is None


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A file where the folder should be: an exception of ours, in Spanish."""
    (tmp_path / "broker").write_text("")
    with pytest.raises(BrokerError, match="no se puede usar la carpeta"):
        choose(tmp_path, mqtt_embedded="nunca")
