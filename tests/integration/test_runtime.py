"""The parts put together by the runtime: one at a time on a folder, an orderly end, what a restart keeps."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.support.procesos import tail, unreachable_port, wait_until


def launch_and_fail(backend, timeout=15):
    """Start one that must not start; its exit code and what it said."""
    process = backend.launch()
    code = process.wait(timeout)
    backend._process = None
    return code, process.log()


def test_a_second_start_on_the_same_folder_is_refused(own_parts):
    """Two programs with one MQTT client id would disconnect each other for ever."""
    broker = own_parts.mosquitto()
    first = own_parts.backend(broker)
    second = own_parts.backend(broker, start=False, INSTANCE_PATH=first.instance)
    code, said = launch_and_fail(second)
    assert code == 1, tail(said)
    assert "ya hay un IoT Backend en marcha con esta carpeta" in said
    assert str(first.instance) in said
    assert "IOT_INSTANCE_PATH" in said
    assert "Traceback" not in said
    assert first.mqtt_connected()
    first.kill()  # the lock goes with the process, whatever it was doing
    second.start()


def test_a_taken_port_is_said_with_what_to_do(own_parts):
    broker = own_parts.mosquitto()
    first = own_parts.backend(broker)
    second = own_parts.backend(broker, start=False, BACKEND_PORT=first.port)
    code, said = launch_and_fail(second)
    assert code == 1
    assert str(first.port) in said
    assert "BACKEND_PORT" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end(own_parts, number):
    """Exit 0 within five seconds; streams are told to come back; everything is checkpointed into one file."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    client = own_parts.client(backend)
    client.publish_all(
        ("dispositivos/estado", {"serial_number": f"S{n % 9}", "parametros": {"n": n}}) for n in range(900)
    )
    with backend.sse() as stream:
        stream.hello()
        process, began = backend.process, time.monotonic()
        process.signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 5
        last = stream.until(lambda event: event.retry is not None)
        assert 500 <= int(last.retry) <= 3000
    backend._process = None
    backend.check_log(process.log())
    assert sorted(p.name for p in backend.instance.glob("iot.db*")) == ["iot.db", "iot.db.instalada"]
    with closing(sqlite3.connect(backend.database)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    backend.start()  # what had not been stored yet was not acknowledged: it comes now, and nothing comes twice
    wait_until(lambda: backend.query("SELECT count(*) FROM estado_log") == [(900,)], 10)
    assert backend.query("SELECT count(DISTINCT parametros) FROM estado_log") == [(900,)]
    assert backend.query("SELECT valor FROM casa WHERE clave = 'secuencia'") == [(900,)]


def test_ending_while_a_connect_to_the_broker_hangs(own_parts):
    with unreachable_port() as port:
        backend = own_parts.backend(start=False, MQTT_BROKER_URL="127.0.0.1", MQTT_BROKER_PORT=port)
        backend.start(wait_mqtt=False)
        time.sleep(0.5)
        backend.stop()


def test_a_restart_goes_on_counting_and_answers_old_ids_with_reset(own_parts):
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker)
    with backend.sse() as stream:
        stream.hello()
        own_parts.client(backend).publish("dispositivos/estado", {"serial_number": "A"})
        before = stream.update()
    backend.restart()
    with backend.sse(f"?last_event_id={before.id}") as stream:
        assert stream.until(lambda event: event.event == "reset")
        own_parts.client(backend).publish("dispositivos/estado", {"serial_number": "A"})
        after = stream.update()
    assert after.epoch != before.epoch
    assert after.sequence == before.sequence + 1
