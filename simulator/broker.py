"""Which MQTT broker to speak to, and the paho clients that speak to it."""

from __future__ import annotations

import functools
import hashlib
import secrets
import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

_PATIENCE_S = 5.0
# paho's own loops use select(), which cannot watch a descriptor above 1023: 2,000 modern devices use those up.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


@dataclass(frozen=True, slots=True)
class Broker:
    """An address and what opens its door. ``tls_ca`` is a PEM file, "" for the machine's own authorities; ``claves``
    are the passwords of the devices that have a user of their own, which is their serial."""

    host: str = "127.0.0.1"
    port: int = 1883
    usuario: str | None = None
    clave: str | None = None
    tls: bool = False
    tls_ca: str = ""
    claves: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def device_client(self, serial: str) -> mqtt.Client:
        """A client with a session that is kept, as its own user if the device has one."""
        clave = self.claves.get(serial)
        if clave is None:
            return self.client(serial, clean_session=False)
        # Where others come in without a user, one who knows the client id can take the session: it is no serial then.
        secret = hashlib.sha256(f"{serial}:{clave}".encode()).hexdigest()[:16]
        own = replace(self, usuario=serial, clave=clave)
        return own.client(f"{serial}-{secret}", clean_session=False)

    def client(self, client_id: str, *, clean_session: bool) -> mqtt.Client:
        """A paho client (MQTT 3.1.1) for this broker, not yet connected."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean_session)
        client.connect_timeout = _PATIENCE_S
        if self.usuario is not None:
            client.username_pw_set(self.usuario, self.clave)
        if self.tls:
            client.tls_set_context(_tls_context(self.tls_ca))
        return client


@functools.lru_cache(maxsize=4)
def _tls_context(ca: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca or None)


def publish_once(broker: Broker, topic: str, payload: bytes) -> None:
    """As legacy devices do: a new connection with a random client id, one message at QoS 0, not retained, goodbye.

    Raises ``OSError`` when the broker cannot be reached, refuses, or is silent for 5 s.
    """
    answer: list[ReasonCode] = []

    def on_connect(
        _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        answer.append(reason)

    client = broker.client(f"sim-{secrets.token_hex(8)}", clean_session=True)
    client.on_connect = on_connect
    try:
        client.connect(broker.host, broker.port, keepalive=15)
        _drive(client, lambda: bool(answer))
        if answer[0].is_failure:
            raise ConnectionRefusedError(refusal(answer[0]))
        client.publish(topic, payload, qos=0)
        client.disconnect()
        _drive(client, lambda: client.socket() is None)
    finally:
        sock = client.socket()
        if sock is not None:
            sock.close()


def refusal(reason: ReasonCode) -> str:
    """Why a broker said no, for people."""
    words = {
        "Not authorized": "exige otro usuario y clave",
        "Bad user name or password": "el usuario o la clave no son correctos",
        "Client identifier not valid": "no admite este identificador de cliente",
        "Server unavailable": "no está disponible",
    }
    return f"el broker no acepta la conexión: {words.get(str(reason), str(reason))}"


def explain(err: OSError) -> str:
    """Why a broker could not be reached, for people."""
    match err:
        case ssl.SSLCertVerificationError():
            return "no se puede comprobar el certificado del broker: indique su autoridad con --tls-ca"
        case ssl.SSLError():
            return "el broker no habla TLS en ese puerto"
        case ConnectionRefusedError() if err.errno:
            return "el broker no está en esa dirección y puerto"
        case socket.gaierror():
            return "no existe el nombre del broker"
    return err.strerror or str(err)


def _drive(client: mqtt.Client, done: Callable[[], bool]) -> None:
    """Move bytes both ways until ``done``."""
    deadline = time.monotonic() + _PATIENCE_S
    with _Selector() as selector:
        while not done():
            sock, left = client.socket(), deadline - time.monotonic()
            if sock is None:
                raise ConnectionResetError("el broker cerró la conexión sin aceptarla (¿espera TLS?)")
            if left <= 0:
                raise TimeoutError(f"el broker no contesta en {_PATIENCE_S:.0f} s")
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.want_write() else 0)
            selector.register(sock, wanted)
            ready = selector.select(left)
            selector.unregister(sock)
            for _, events in ready:
                if events & selectors.EVENT_WRITE:
                    client.loop_write()
                if events & selectors.EVENT_READ:
                    client.loop_read()
