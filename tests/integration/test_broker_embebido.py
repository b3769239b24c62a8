"""The embedded amqtt: its guards, the backend's kept session, and its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from app.broker import Broker, probe
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
from tests.support.procesos import accepts, free_port, wait_until

pytestmark = pytest.mark.integration

STATE = "dispositivos/estado"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = choose(tmp_path / "la casa ñ", mqtt_embedded="siempre")
    broker.start()
    yield broker
    broker.stop()


def backend(broker: Broker) -> Cliente:
    return Cliente(broker, BACKEND, kept=True, backend=True)


def test_it_says_that_it_is_for_trying_out(broker: Broker) -> None:
    """And stays on loopback."""
    assert broker.info.kind == "embebido"
    assert broker.alive()
    assert "Es para probar" in broker.info.no_promete[0]
    assert any("Desde la red no se llega" in line for line in broker.info.no_promete)


def test_retained_messages_go_to_their_subscribers_only(broker: Broker) -> None:
    """amqtt 0.12.1 gives each newcomer the retained messages of everybody's subscriptions."""
    with Cliente(broker) as owner, Cliente(broker) as publisher:
        owner.subscribe("dispositivos/+/configuracion")
        publisher.publish("dispositivos/A/configuracion", b"{}", retain=True)
        owner.wait(1)
        with Cliente(broker) as newcomer:
            newcomer.subscribe("otra/cosa")
            publisher.publish("otra/cosa", b"barrera")
            assert newcomer.wait(1) == [b"barrera"]
        with Cliente(broker) as device:
            device.subscribe("dispositivos/A/configuracion")
            assert device.wait(1) == [b"{}"]
            assert device.flags[0][1], "a retained message"


def test_the_backends_session_is_kept(broker: Broker) -> None:
    """What comes while it is away arrives later, in order, as ordinary messages (not marked retained)."""
    leave_session(broker)
    with Cliente(broker) as device:
        device.publish(STATE, *numbered(3000))
    with backend(broker) as returned:
        assert returned.session_present
        assert returned.wait(3000) == numbered(3000)
        assert set(returned.flags) == {(False, False, 1)}


def test_what_was_sent_but_not_acknowledged_comes_again(broker: Broker) -> None:
    """A backend that dies before its commit finds the message at its return."""
    leave_session(broker)
    got: list[bytes] = []
    dying = paho.Client(
        paho.CallbackAPIVersion.VERSION2, BACKEND, clean_session=False, protocol=paho.MQTTv311, manual_ack=True
    )
    dying.username_pw_set(*broker.credentials)
    dying.on_message = lambda _c, _u, m: got.append(m.payload)
    dying.connect("127.0.0.1", broker.info.port)
    dying.loop_start()
    with Cliente(broker) as device:
        device.publish(STATE, *numbered(10))
        wait_until(lambda: len(got) == 10, 5, "delivery")
        dying.socket().shutdown(2)  # no DISCONNECT
        dying.disconnect()
        dying.loop_stop()
        device.publish(STATE, *numbered(10, 10))
    with backend(broker) as returned:
        assert sorted(set(returned.wait(20)), key=int) == numbered(20)


def test_nobody_else_gets_the_backends_session(broker: Broker) -> None:
    """Its client id without its password is refused, and neither takes over nor wipes the session."""
    leave_session(broker)
    for kept in (True, False):
        impostor = paho.Client(
            paho.CallbackAPIVersion.VERSION2, BACKEND, clean_session=not kept, protocol=paho.MQTTv311
        )
        assert _refused(impostor, broker)
    with Cliente(broker) as device:
        device.publish(STATE, b"mine")
    with backend(broker) as returned:
        assert returned.session_present
        assert returned.wait(1) == [b"mine"]


def _refused(impostor: paho.Client, broker: Broker) -> bool:
    codes: list[bool] = []
    impostor.on_connect = lambda _c, _u, _f, reason, _p: codes.append(reason.is_failure)
    impostor.connect("127.0.0.1", broker.info.port)
    wait_until(lambda: impostor.loop(0.05) is not None and codes, 5, "CONNACK")
    impostor.disconnect()
    return codes[0]


def test_the_backend_goes_on_while_an_impostor_tries(broker: Broker) -> None:
    with backend(broker) as mine, Cliente(broker) as device:
        mine.subscribe(STATE)
        impostor = paho.Client(paho.CallbackAPIVersion.VERSION2, BACKEND, clean_session=False, protocol=paho.MQTTv311)
        assert _refused(impostor, broker)
        device.publish(STATE, b"still here")
        assert mine.wait(1) == [b"still here"]


def test_odd_topics_do_not_kill_it(broker: Broker) -> None:
    """Non-ASCII first letters, spaces, empty levels: other pip brokers died of these."""
    with Cliente(broker) as onlooker, Cliente(broker) as device:
        onlooker.subscribe("#")
        topics = ["ñandú/estado", "con espacio/estado", "a//b", "dispositivos/☃/estado"]
        for topic in topics:
            device.publish(topic, topic.encode())
        assert onlooker.wait(len(topics)) == [t.encode() for t in topics]


def test_it_comes_back_after_a_kill_with_the_same_credentials(broker: Broker) -> None:
    """Empty, as it says; the backend's password still opens."""
    user, password = broker.credentials or ("", "")
    signal_broker(broker, signal.SIGKILL)
    wait_until(broker.alive, 10, "its return", every=0.1)
    assert probe("127.0.0.1", broker.info.port, username=user, password=password).ok
    with backend(broker) as returned:
        assert not returned.session_present


def test_it_dies_with_a_backend_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    parent, pid = backend_process(tmp_path, port, embedded="siempre")
    try:
        wait_until(lambda: accepts(port), 10, "the broker")
        parent.kill()
        wait_until(lambda: not running(pid), 5, "the orphan's end")
    finally:
        end(parent)


def test_stop_is_quick_with_clients_connected(broker: Broker) -> None:
    with Cliente(broker) as one, backend(broker) as other:
        one.subscribe("#")
        other.subscribe("#")
        started = time.monotonic()
        broker.stop()
        assert time.monotonic() - started < 5


def test_the_backend_process_never_loads_amqtt(tmp_path: Path) -> None:
    """It costs memory that only the child should pay."""
    import subprocess
    import sys

    code = "import sys; import app.broker; print(any(m.startswith('amqtt') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
