"""The MQTT edge while its broker goes, comes, forgets or is silent: desired configurations arrive all the same."""

from __future__ import annotations

import subprocess
import time

from app import mqtt_client as module
from app.domain.events import CambioDeseada, DeviceUpdated
from tests.support.cliente_mqtt import edge, say
from tests.support.mqtt import nothing_retained, retained
from tests.support.nucleo import a_device
from tests.support.procesos import require, wait_until


def test_a_broker_that_forgets_gets_subscriptions_and_configurations_again(own_parts):
    broker = own_parts.mosquitto(persistent=False)
    with edge(broker.port) as it:
        it.connected()
        it.want(1, 1, encendido=True)
        it.want(2, 5, modo="manual")
        wait_until(lambda: sorted(it.sink.confirmed) == [(1, 1), (2, 5)])
        broker.restart()
        wait_until(lambda: it.sink.lost == 2, 10)
        it.connected()
        assert it.asked_for_all == [True, True]
        wait_until(lambda: len(it.sink.confirmed) == 4)
        assert retained(broker.port, "dispositivos/SER00001/configuracion") == {"encendido": True, "version": 1}
        assert retained(broker.port, "dispositivos/SER00002/configuracion") == {"modo": "manual", "version": 5}
        say(broker, b"sigue")
        wait_until(lambda: it.sink.payloads() == [b"sigue"])


def test_a_broker_that_remembers_is_not_told_everything_again(broker, connected):
    connected.want(1, 1, encendido=True)
    wait_until(lambda: connected.sink.confirmed == [(1, 1)])
    broker.restart()
    wait_until(lambda: connected.client.status()["conexiones"] == 2, 10)
    connected.connected()
    assert connected.sink.lost == 1
    assert connected.asked_for_all == [True, False]


def test_a_connection_that_ends_before_the_subscription_does_not_hide_that_all_was_lost(own_parts, monkeypatch):
    """CONNACK said: no session. The next connection finds one, which the broker made just then; it holds nothing."""
    broker = own_parts.mosquitto(persistent=False)
    with edge(broker.port) as it:
        real = it.client._on_subscribe

        def cut(client, *args):
            monkeypatch.setattr(it.client, "_on_subscribe", real)
            client.disconnect()

        it.connected()
        it.want(1, 1, n=1)
        wait_until(lambda: it.sink.confirmed)
        broker.stop()
        wait_until(lambda: not it.client.connected())
        monkeypatch.setattr(it.client, "_on_subscribe", cut)
        broker.start()
        wait_until(lambda: it.client.status()["conexiones"] == 3, 10)
        it.connected()
        assert it.client.status()["sesion_conservada"] is True
        assert it.asked_for_all == [True, True]
        assert retained(broker.port, "dispositivos/SER00001/configuracion") == {"n": 1, "version": 1}


def test_no_broker_at_first(own_parts):
    broker = own_parts.mosquitto(start=False)
    with edge(broker.port) as it:
        wait_until(lambda: "no se llega al broker" in it.client.status()["fallo"])
        it.want(1, 1, encendido=True)
        it.want(1, 2, encendido=False)
        broker.start()
        it.connected()
        wait_until(lambda: it.sink.confirmed == [(1, 2)])
        assert retained(broker.port, "dispositivos/SER00001/configuracion") == {"encendido": False, "version": 2}


def test_configurations_changed_while_the_broker_is_down_arrive_the_newest_of_each(broker, connected):
    connected.want(1, 1, n=1)
    wait_until(lambda: connected.sink.confirmed)
    broker.kill()
    wait_until(lambda: not connected.client.connected())
    for version in (2, 3, 4):
        connected.want(1, version, n=version)
    for device in range(2, 60):
        connected.want(device, 1, n=device)
    broker.start()
    wait_until(lambda: len(connected.sink.confirmed) >= 60, 10)
    assert retained(broker.port, "dispositivos/SER00001/configuracion") == {"n": 4, "version": 4}
    assert retained(broker.port, "dispositivos/SER00059/configuracion") == {"n": 59, "version": 1}
    wait_until(lambda: connected.client.status()["deseadas_pendientes"] == 0)


def test_a_configuration_under_way_when_the_broker_dies_is_sent_again(broker, connected):
    broker.pause()
    connected.want(1, 1, n=1)
    connected.devices = []  # not to be found in the database: only the tray knows
    time.sleep(0.2)  # it is in the socket, nobody reads it
    assert connected.client.status()["deseadas_pendientes"] == 1
    broker.kill()
    broker.start()
    wait_until(lambda: connected.sink.confirmed == [(1, 1)], 10)
    assert retained(broker.port, "dispositivos/SER00001/configuracion") == {"n": 1, "version": 1}


def test_a_device_that_cannot_be_a_topic_does_not_end_the_connection(broker, connected):
    bad = a_device(1, "x/#", deseada_version=1)
    connected.client.on_events([DeviceUpdated(1, bad, False, CambioDeseada.PEDIDA)])
    connected.want(2, 1, n=1)
    wait_until(lambda: connected.sink.confirmed == [(2, 1)])
    assert connected.client.status()["conexiones"] == 1
    assert nothing_retained(broker.port, "dispositivos/x/configuracion")


def test_a_silent_broker_is_noticed_and_left(broker):
    with edge(broker.port, keepalive=1) as it:
        it.connected()
        broker.pause()
        try:
            wait_until(lambda: not it.client.connected(), 8)
        finally:
            broker.resume()
        it.connected()
        say(broker, b"hola")
        wait_until(lambda: b"hola" in it.sink.payloads())


def test_an_idle_connection_stays(broker):
    with edge(broker.port, keepalive=1) as it:
        it.connected()
        time.sleep(3.5)
        assert it.client.connected()
        assert it.client.status()["conexiones"] == 1


def test_a_wrong_password_is_said_and_tried_again(own_parts):
    folder = own_parts.folder("claves")
    passwords = folder / "claves"
    subprocess.run([require("mosquitto_passwd"), "-b", "-c", str(passwords), "casa", "buena"], check=True)
    broker = own_parts.mosquitto(extra=f"allow_anonymous false\npassword_file {passwords}")
    with edge(broker.port, username="casa", password="mala") as it:
        wait_until(lambda: "el broker no acepta la conexión" in (it.client.status()["fallo"] or ""), 5)
        wait_until(lambda: it.client._epoch >= 3, 5)
        assert not it.client.connected()
        subprocess.run([require("mosquitto_passwd"), "-b", str(passwords), "casa", "mala"], check=True)
        broker.restart()
        it.connected()
        assert it.client.status()["fallo"] is None


def test_a_second_program_with_our_client_id_is_named(broker, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", (0.05, 0.1))
    with edge(broker.port) as one, edge(broker.port) as _two:
        wait_until(lambda: "MQTT_CLIENT_ID" in (one.client.status()["fallo"] or ""), 15)


def test_without_the_shared_topic_an_old_subscription_is_taken_back(broker):
    with edge(broker.port) as it:
        it.connected()
    with edge(broker.port, shared_topic=False) as it:
        it.connected()
        say(broker, b"compartido")
        say(broker, b"propio", topic="dispositivos/A/estado")
        wait_until(lambda: b"propio" in it.sink.payloads())
        assert it.sink.payloads() == [b"propio"]
