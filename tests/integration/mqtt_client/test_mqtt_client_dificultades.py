"""The MQTT edge in hard times: descriptors, connects that hang, peers that are no broker, TLS."""

from __future__ import annotations

import gc
import os
import resource
import socket
import struct
import subprocess
import time
from contextlib import ExitStack

import pytest

from app import mqtt_client as module
from tests.support.cliente_mqtt import Edge, edge
from tests.support.mqtt import SHARED, Cliente
from tests.support.procesos import missing, require, unreachable_port, wait_until


# --- hard times -------------------------------------------------------------------------------------------------------
def test_descriptors_beyond_1024(broker):
    """Thousands of streams are open in this process when the broker comes back: select() would be blind."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        missing("the hard limit of descriptors is too low")
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


def test_a_peer_that_resets_is_said_to_be_no_broker(monkeypatch):
    """As a TLS listener does whose alert is left unread: it was reached, and the fault says so."""
    monkeypatch.setattr(module, "RETRY_S", (30, 30))
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        server.settimeout(5)
        with edge(server.getsockname()[1]) as it:
            peer, _ = server.accept()
            assert peer.recv(2)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            wait_until(lambda: it.client._client is None, 10, "the connection's end")
            assert "no contesta como un broker MQTT (¿pide TLS" in it.client.status()["fallo"]


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
