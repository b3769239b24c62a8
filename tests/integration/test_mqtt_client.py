"""The MQTT edge on a real Mosquitto: sessions, acknowledgements, reconnects, desired configurations, hard times."""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest

from app import mqtt_client as module
from app.clock import Clock
from app.domain.events import CambioDeseada, DeviceUpdated
from app.ingest import Delivery
from app.mqtt_client import MqttClient, MqttSettings
from tests.support.mqtt import Cliente, nothing_retained, retained
from tests.support.nucleo import a_device
from tests.support.procesos import require, wait_until

SHARED = "dispositivos/estado"


class Sink:
    """Where deliveries go: a list, acknowledged when told."""

    def __init__(self):
        self.got: list[Delivery] = []
        self.lost = 0
        self.confirmed: list[tuple[int, int]] = []
        self.is_full = False

    def offer(self, delivery):
        self.got.append(delivery)

    def full(self):
        return self.is_full

    def session_lost(self):
        self.lost += 1

    def confirm(self, device_id, version):
        self.confirmed.append((device_id, version))

    def payloads(self):
        return [d.payload for d in self.got]


class Edge:
    """One client and its sink."""

    def __init__(self, port, **settings):
        values = {"host": "127.0.0.1", "port": port, "keepalive": 30, "client_id": "iot-backend-prueba"}
        self.sink = Sink()
        self.devices = []
        self.asked_for_all: list[bool] = []
        self.client = MqttClient(MqttSettings(**(values | settings)), self.sink, self._pending, Clock())

    def _pending(self, everything):
        self.asked_for_all.append(everything)
        return self.devices if everything else []

    def start(self):
        self.client.start()
        return self

    def connected(self, timeout=10.0):
        wait_until(self.client.connected, timeout, f"connected: {self.client.status()}")
        return self

    def want(self, device_id, version, **config):
        device = a_device(device_id, version=version, deseada_version=version, configuracion_json=json.dumps(config))
        self.devices = [d for d in self.devices if d.id != device_id] + [device]
        self.client.on_events([DeviceUpdated(1, device, False, CambioDeseada.PEDIDA)])


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", (0.1, 0.3))


@contextmanager
def edge(port, **settings):
    made = Edge(port, **settings)
    try:
        yield made.start()
    finally:
        made.client.stop()
        assert not made.client._thread.is_alive()


@pytest.fixture
def broker(own_parts):
    return own_parts.mosquitto()


@pytest.fixture
def connected(broker):
    with edge(broker.port) as it:
        yield it.connected()


def say(broker, *payloads, topic=SHARED, **kw):
    with Cliente(broker.port) as client:
        for payload in payloads:
            client.publish(topic, payload, **kw)


# --- deliveries and acknowledgements ----------------------------------------------------------------------------------
def test_reports_arrive_from_both_topics_with_what_names_them(broker, connected):
    say(broker, b"uno")
    say(broker, b"dos", topic="dispositivos/A/estado")
    say(broker, b"tres", qos=0)
    say(broker, b"no", topic="dispositivos/A/disponible")
    wait_until(lambda: len(connected.sink.got) == 3)
    assert [(d.topic, d.payload, d.qos, d.dup, d.retain, d.epoch) for d in connected.sink.got] == [
        (SHARED, b"uno", 1, False, False, 1), ("dispositivos/A/estado", b"dos", 1, False, False, 1),
        (SHARED, b"tres", 0, False, False, 1),
    ]  # fmt: skip
    assert connected.sink.got[0].mid != connected.sink.got[1].mid
    assert connected.sink.lost == 1, "a first connection has no session"
    assert connected.asked_for_all == [True]


def test_what_is_not_acknowledged_comes_again_what_is_does_not(broker):
    with edge(broker.port) as first:
        first.connected()
        say(broker, *(b"%d" % i for i in range(20)))
        wait_until(lambda: len(first.sink.got) == 20)
        first.client.ack(first.sink.got[:12])
        wait_until(lambda: first.client.status()["acuses"] == 12)
    with edge(broker.port) as second:
        second.connected()
        wait_until(lambda: len(second.sink.got) == 8)
        assert second.sink.payloads() == [b"%d" % i for i in range(12, 20)]
        assert all(d.dup for d in second.sink.got)
        assert [d.mid for d in second.sink.got] == [d.mid for d in first.sink.got[12:]], "the same packet ids"
        assert second.sink.lost == 0
        assert second.client.status()["sesion_conservada"] is True
        assert second.asked_for_all == [False]


def test_acks_given_just_before_stopping_still_go_out(broker):
    with edge(broker.port) as first:
        first.connected()
        say(broker, *(b"%d" % i for i in range(200)))
        wait_until(lambda: len(first.sink.got) == 200)
        first.client.pause()
        first.client.ack(first.sink.got)
    with edge(broker.port) as second:
        second.connected()
        say(broker, b"despues")
        wait_until(lambda: second.sink.payloads() == [b"despues"])


def test_the_end_is_a_disconnect_and_sends_what_was_given_before_it(own_parts):
    """Many times, because it is a race: a stop right after the last acks, as the ingest's end gives them."""
    broker = own_parts.mosquitto(extra="log_type all")
    for _ in range(10):
        with edge(broker.port) as it:
            it.connected()
            say(broker, b"x")
            wait_until(lambda: it.sink.got)
            it.client.pause()
            it.client.ack(it.sink.got)
    log = (broker.folder / "mosquitto.log").read_text()
    assert log.count("Received PUBACK from iot-backend-prueba") == 10
    assert log.count("Received DISCONNECT from iot-backend-prueba") == 10


def test_messages_sent_while_we_were_away_wait_in_the_broker(broker):
    with edge(broker.port) as it:
        it.connected()
    say(broker, *(b"%d" % i for i in range(50)))
    with edge(broker.port) as it:
        wait_until(lambda: it.sink.payloads() == [b"%d" % i for i in range(50)])


def test_acks_of_an_old_connection_are_dropped(broker, connected):
    say(broker, b"uno", b"dos")
    wait_until(lambda: len(connected.sink.got) == 2)
    old = list(connected.sink.got)
    broker.restart()
    wait_until(lambda: len(connected.sink.got) == 4, 10)
    now = connected.client._epoch
    assert [d.epoch for d in connected.sink.got] == [1, 1, now, now]
    connected.client.ack(old)
    wait_until(lambda: connected.client.status()["acuses_caducados"] == 2)
    connected.client.ack(connected.sink.got[2:])
    wait_until(lambda: connected.client.status()["acuses"] == 2)
    say(broker, b"tres")
    wait_until(lambda: connected.sink.payloads()[-1] == b"tres")
    assert connected.client.connected()


def test_acks_from_many_threads_while_the_broker_comes_and_goes(broker):
    """Whatever is acked when, nothing but a PUBACK of this connection goes out: Mosquitto never resets us for it."""
    with edge(broker.port) as it:
        it.connected()
        for round_ in range(3):
            say(broker, *(b"%d-%d" % (round_, i) for i in range(30)))
            broker.restart()
            for delivery in list(it.sink.got):
                it.client.ack([delivery])
            it.connected()
        wait_until(lambda: {b"%d-%d" % (r, i) for r in range(3) for i in range(30)} <= set(it.sink.payloads()), 10)
        connections = it.client.status()["conexiones"]
        time.sleep(0.5)
        assert it.client.status()["conexiones"] == connections


def test_large_messages_and_many(broker, connected):
    big = [os.urandom(60_000) for _ in range(20)]
    say(broker, *big)
    with Cliente(broker.port) as client:
        client.publish_all((SHARED, b"%d" % i) for i in range(2000))
    acked = 0
    deadline = time.monotonic() + 10
    while acked < 2020 and time.monotonic() < deadline:  # the broker keeps a thousand in flight
        fresh = connected.sink.got[acked:]
        acked += len(fresh)
        connected.client.ack(fresh)
        time.sleep(0.01)
    assert connected.sink.payloads()[:20] == big
    assert connected.sink.payloads()[20:] == [b"%d" % i for i in range(2000)]


def test_a_full_ingest_stops_reading_and_resumes(broker, connected):
    say(broker, b"antes")
    wait_until(lambda: connected.sink.got)
    connected.sink.is_full = True
    connected.client.ack(connected.sink.got)  # wakes it out of a wait that began before
    time.sleep(0.1)
    say(broker, *(b"%d" % i for i in range(100)))
    time.sleep(0.3)
    assert len(connected.sink.got) == 1
    assert connected.client.status()["hilo_vivo"]
    assert connected.client.status()["acuses"] == 1, "acknowledging goes on"
    connected.sink.is_full = False
    wait_until(lambda: len(connected.sink.got) == 101)
    assert connected.client.status()["conexiones"] == 1


def test_a_long_pause_ends_the_connection_at_worst_and_loses_nothing(broker):
    with edge(broker.port, keepalive=1) as it:
        it.connected()
        it.sink.is_full = True
        say(broker, *(b"%d" % i for i in range(20)))
        time.sleep(4)
        it.sink.is_full = False
        wait_until(lambda: {b"%d" % i for i in range(20)} <= set(it.sink.payloads()), 10)


# --- the broker goes and comes ----------------------------------------------------------------------------------------
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


# --- hard times -------------------------------------------------------------------------------------------------------
def test_descriptors_beyond_1024(broker):
    """Thousands of streams are open in this process when the broker comes back: select() would be blind."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("the hard limit of descriptors is too low")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    try:
        with Cliente(broker.port) as client, ExitStack() as stack:
            null = os.open(os.devnull, os.O_RDONLY)
            stack.callback(os.close, null)
            while True:
                fd = os.dup(null)
                stack.callback(os.close, fd)
                if fd > 1200:
                    break
            with edge(broker.port) as it:
                it.connected()
                assert it.client._client.buffered.fileno() > 1024
                client.publish(SHARED, b"hola")
                wait_until(lambda: it.sink.payloads() == [b"hola"])
                it.client.ack(it.sink.got)
                it.want(1, 1, n=1)
                wait_until(lambda: it.sink.confirmed == [(1, 1)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_reconnecting_leaks_no_descriptors(own_parts, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", (0.01, 0.01))
    broker = own_parts.mosquitto(start=False)
    with edge(broker.port) as it:
        wait_until(lambda: it.client._epoch >= 3)
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        wait_until(lambda: it.client._epoch >= 40, 10)
        assert len(os.listdir("/proc/self/fd")) <= before + 4


@contextmanager
def unreachable_port():
    """A port whose connects hang: its backlog is full and nobody accepts."""
    with socket.socket() as server, ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            s = stack.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_stopping_does_not_wait_for_a_connect_that_hangs():
    with unreachable_port() as port:
        it = Edge(port).start()
        time.sleep(0.3)
        began = time.monotonic()
        it.client.stop()
        assert time.monotonic() - began < 2.5
    it.client._thread.join(10)
    assert not it.client._thread.is_alive()
    it.client._wake_r.close()
    it.client._wake_w.close()


def test_something_that_is_no_broker(monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        server.settimeout(5)
        with edge(server.getsockname()[1]) as it:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
                wait_until(lambda: it.client._epoch >= 2, 10)
            assert it.client.status()["fallo"]
            assert it.client.status()["hilo_vivo"]


# --- TLS --------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A throw-away authority, a certificate of 127.0.0.1 and one of another name, and a stranger's authority."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = require("openssl")

    def run(*args):
        subprocess.run([openssl, *args], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "extraño"):
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")  # fmt: skip
    for name, san in (("bueno", "IP:127.0.0.1"), ("otro", "DNS:otra.casa")):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        (folder / f"{name}.ext").write_text(f"subjectAltName={san}\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{name}.ext", "-out", f"{name}.crt")  # fmt: skip
    return folder


# paho leaves the socket of a failed handshake to the collector.
refused = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def tls_broker(own_parts, folder, name):
    return own_parts.mosquitto(
        extra=f"cafile {folder}/ca.crt\ncertfile {folder}/{name}.crt\nkeyfile {folder}/{name}.key"
    )


def test_tls_with_an_authority_of_the_house(own_parts, certificates):
    broker = tls_broker(own_parts, certificates, "bueno")
    with edge(broker.port, tls=True, tls_ca=str(certificates / "ca.crt")) as it:
        it.connected()
        big = b"x" * 60_000
        args = [
            require("mosquitto_pub"),
            "-p",
            str(broker.port),
            "-h",
            "127.0.0.1",
            "--cafile",
            certificates / "ca.crt",
        ]
        for payload in (big, b"fin"):
            subprocess.run([*args, "-t", SHARED, "-q", "1", "-s"], input=payload, check=True, timeout=10)
        wait_until(lambda: it.sink.payloads() == [big, b"fin"])
        it.client.ack(it.sink.got)
        it.want(1, 1, x="y" * 50_000)
        wait_until(lambda: it.sink.confirmed == [(1, 1)])
        assert it.client.status()["conexiones"] == 1


@refused
@pytest.mark.parametrize(
    ("certificate", "ca", "insecure", "works"),
    [("bueno", "extraño", False, False), ("otro", "ca", False, False), ("otro", "ca", True, True)],
    ids=["unknown authority", "another name", "another name, allowed"],
)
def test_tls_is_checked(own_parts, certificates, certificate, ca, insecure, works):
    broker = tls_broker(own_parts, certificates, certificate)
    with edge(broker.port, tls=True, tls_ca=str(certificates / f"{ca}.crt"), tls_insecure=insecure) as it:
        if works:
            it.connected()
        else:
            wait_until(lambda: "certificate" in (it.client.status()["fallo"] or "").lower(), 5)
            assert not it.client.connected()


@refused
def test_tls_towards_a_plain_broker_and_the_other_way_round(own_parts, broker, certificates):
    with edge(broker.port, tls=True, tls_ca=str(certificates / "ca.crt"), client_id="uno") as it:
        wait_until(lambda: it.client._epoch >= 2, 10)
        assert it.client.status()["fallo"]
    encrypted = tls_broker(own_parts, certificates, "bueno")
    with edge(encrypted.port) as it:
        wait_until(lambda: it.client._epoch >= 2, 10)
        assert it.client.status()["fallo"]
        assert not it.client.connected()


def test_a_ca_file_that_is_not_there_is_a_fault_not_a_crash(broker):
    with edge(broker.port, tls=True, tls_ca="/no/hay/ca.crt") as it:
        wait_until(lambda: it.client._epoch >= 2, 5)
        assert it.client.status()["fallo"]
        assert it.client.status()["hilo_vivo"]
