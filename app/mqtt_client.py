"""The MQTT edge: bytes become Deliveries, acknowledgements and desired configurations go out.

The only module that knows paho. One thread runs one connection at a time over paho's external-loop hooks with our own
selector: paho's loop uses ``select()``, which is blind to descriptors from 1,024 on. Each connection is a new client
object, so nothing of an old one (queued PUBACKs, packet ids, half-read packets) can reach a new one; the session lives
in the broker, under the client id. Acknowledgements are sent by this thread only, and only for messages of the present
connection: one sent before CONNECT makes Mosquitto reset it.
"""

from __future__ import annotations

import logging
import random
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from app.clock import Clock
from app.deseada import Bandeja, desired_topic
from app.domain.dispositivo import Dispositivo
from app.domain.events import Event
from app.domain.reporte import SHARED_TOPIC
from app.ingest import Delivery
from app.mqtt_socket import BufferedSocket, Publish

log = logging.getLogger(__name__)

DEVICE_TOPIC = "dispositivos/+/estado"
WILL_TOPIC = "dispositivos/+/disponible"
CONNECT_S = 5.0
TURN_S = 1.0
FULL_TURN_S = 0.02
ACK_TURN_S = 0.002
ACK_SOON_S = 0.5
RETRY_S = (1.0, 30.0)
SHORT_S = 5.0
TAKEN_OVER = 2
"""Accepted and cut within ``SHORT_S`` more often than this: two clients with one id, which would go on for ever."""
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and who we are to it. ``keepalive`` in seconds."""

    host: str
    port: int
    keepalive: int
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_insecure: bool = False
    shared_topic: bool = True


class Sink(Protocol):
    """Where deliveries go (the ingest)."""

    def take_in(self, deliveries: Sequence[Delivery]) -> None:
        """Store or queue what one read brought."""

    def full(self) -> bool:
        """Whether to stop reading for a moment."""

    def session_lost(self) -> None:
        """The broker forgot the session."""

    def confirm(self, device_id: int, version: int) -> None:
        """The broker holds this version of a desired configuration."""


class MqttClient:
    """The backend's connection to the broker, kept up for as long as the program runs.

    Args:
        pending: reads from the database the devices whose desired configuration the broker may not have; its argument
            says whether the broker lost everything.
        gone: the (id, serial) of the deleted devices of which the broker may still hold one.
    """

    def __init__(
        self,
        settings: MqttSettings,
        sink: Sink,
        pending: Callable[[bool], Sequence[Dispositivo]],
        clock: Clock,
        gone: Callable[[], Sequence[tuple[int, str]]] = tuple,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._pending = pending
        self._gone = gone
        self._clock = clock
        self._bandeja = Bandeja()
        self._acks: deque[tuple[int, list[int]]] = deque()
        self._offered = 0  # QoS 1 deliveries handed over, by the mqtt thread; those that came back, by the committer
        self._acked = 0
        self._offered_at = 0.0
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._client: _Client | None = None
        self._epoch = 0
        self._reading = True
        self._stopping = False
        self._granted = False
        self._accepted = False  # the present connection was granted once
        self._forgotten = False  # the broker lost everything, and that was not answered yet
        self._stop_event = threading.Event()
        self._turn = clock.monotonic()
        self._session_present: bool | None = None
        self._fault: str | None = "todavía no se ha conectado"
        self._counts = {"conexiones": 0, "acuses": 0, "acuses_caducados": 0, "deseadas_publicadas": 0}

    def start(self) -> None:
        """Start connecting; answers at once, broker or not."""
        self._thread.start()

    def pause(self) -> None:
        """Stop reading; what was read can still be acknowledged."""
        self._reading = False
        self._wake()

    def stop(self) -> None:
        """Send what is left to send and disconnect; the broker keeps the session."""
        self._stopping = True
        self._stop_event.set()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)
        if not self._thread.is_alive():  # else it sits in a connect or a TLS handshake, with nothing to send
            self._wake_r.close()
            self._wake_w.close()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge committed QoS 1 deliveries, in this order; any thread."""
        by_epoch: dict[int, list[int]] = {}
        for delivery in deliveries:
            by_epoch.setdefault(delivery.epoch, []).append(delivery.mid)
        self._acks.extend(by_epoch.items())
        self._acked += len(deliveries)

    def on_events(self, events: Sequence[Event]) -> None:
        """Listener of the bus: new desired configurations are put out for their devices."""
        if self._bandeja.take(events, self._clock.monotonic()):
            self._wake()

    def connected(self) -> bool:
        """Whether the broker has accepted us and the subscriptions stand."""
        return self._granted

    def status(self) -> dict[str, Any]:
        """What ``/salud`` shows of the connection."""
        client = self._client
        sock = client.buffered if client else None
        now = self._clock.monotonic()
        return {
            "conectado": self._granted,
            "broker": f"{self._settings.host}:{self._settings.port}",
            "sesion_conservada": self._session_present,
            "fallo": None if self._granted else self._fault,
            "oido_hace_s": round(now - sock.heard, 1) if sock and self._granted else None,
            "hilo_vivo": self._thread.is_alive() and now - self._turn < CONNECT_S + 10 * TURN_S,
            "deseadas_pendientes": len(self._bandeja),
            **self._counts,
        }

    def _wake(self) -> None:
        with suppress(OSError):  # full: it will wake anyway; closed: it has ended
            self._wake_w.send(b"w")

    def _run(self) -> None:
        failures = 0
        while not self._stopping:
            started = self._clock.monotonic()
            try:
                self._connection()
            except OSError as error:
                self._fault = f"no se llega al broker: {error}"
            except Exception as error:
                log.exception("the MQTT loop failed; it connects again")
                self._fault = f"error interno: {type(error).__name__}"
            self._turn = self._clock.monotonic()
            if self._accepted and self._turn - started > SHORT_S:  # however it ended
                failures = 0
            elif self._accepted and failures >= TAKEN_OVER:
                self._fault = "el broker corta la conexión cada vez: ¿usa otro programa el mismo MQTT_CLIENT_ID?"
                log.error("%s", self._fault)
            if not self._stopping:
                wait = min(RETRY_S[1], RETRY_S[0] * 2 ** min(failures, 5))
                self._stop_event.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
                failures += 1

    def _connection(self) -> None:
        """One connection from CONNECT to its end."""
        self._epoch += 1
        self._accepted = False
        client = _Client(self._settings, self._clock)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_socket_register_write = lambda *_: None  # an external loop asks want_write()
        self._client = client
        try:
            client.connect(self._settings.host, self._settings.port, self._settings.keepalive)
            self._fault = "se llega, pero no contesta como un broker MQTT (¿pide TLS, o es otro programa?)"
            with suppress(ConnectionResetError, BrokenPipeError):  # it was reached: the fault that stands says more
                self._serve(client)
        finally:
            self._granted = False
            self._client = None
            client.finish()
            self._bandeja.reclaim()
        if not self._stopping:
            log.warning("se perdió la conexión con el broker: %s", self._fault)

    def _serve(self, client: _Client) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_r, selectors.EVENT_READ)
            sock = client.buffered
            if sock is None:
                return
            selector.register(sock, selectors.EVENT_READ)
            leaving = False
            while client.buffered is sock and not (leaving and client.drained()):
                self._turn = self._clock.monotonic()
                reading = self._reading and not self._sink.full()
                interest = selectors.EVENT_READ if reading else 0
                if client.want_write() or sock.unsent():
                    interest |= selectors.EVENT_WRITE
                held = self._watch(selector, sock, interest)
                ready = selector.select(self._patience(held=held))
                if any(key.fileobj is self._wake_r for key, _ in ready):
                    self._drain_wakes()
                if reading and (sock.pending() or any(key.fileobj is sock for key, _ in ready)):
                    self._read_some(client)
                leaving = self._stopping  # asked before the acks are sent: those given before the stop go out
                self._send_acks(sock)
                self._send_desired(client)
                if leaving and client.buffered is sock:
                    client.disconnect()
                client.write_some()
                client.check_liveness(self._turn, self._settings.keepalive)

    def _read_some(self, client: _Client) -> None:
        read: list[Delivery] = []
        try:
            read.extend(map(self._delivery, client.read_some()))
        finally:
            if read:
                self._sink.take_in(read)

    def _patience(self, *, held: bool) -> float:
        """Seconds to sleep. Acknowledgements are looked for, not woken up for: a wake-up at each commit would take the
        GIL from the thread that is just about to stream what was committed (docs/adr/0001)."""
        if self._offered != self._acked or self._acks:
            return ACK_TURN_S if self._turn - self._offered_at < ACK_SOON_S else FULL_TURN_S
        return FULL_TURN_S if held else TURN_S

    def _watch(self, selector: selectors.BaseSelector, sock: BufferedSocket, interest: int) -> bool:
        """Ask for what is wanted of the socket; True when nothing is, because the ingest is full."""
        watched = selector.get_map().get(sock.fileno())
        if interest and watched:
            if watched.events != interest:
                selector.modify(sock, interest)
        elif interest:
            selector.register(sock, interest)
        elif watched:
            selector.unregister(sock)
        return not interest

    def _drain_wakes(self) -> None:
        try:
            while self._wake_r.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _send_acks(self, sock: BufferedSocket) -> None:
        while self._acks:
            epoch, mids = self._acks.popleft()
            if epoch != self._epoch:
                self._counts["acuses_caducados"] += len(mids)
                continue
            for mid in mids:
                sock.acknowledge(mid)
            self._counts["acuses"] += len(mids)

    def _send_desired(self, client: _Client) -> None:
        if not self._granted:
            return
        while (wish := self._bandeja.next(self._turn)) is not None:
            info = client.publish(desired_topic(wish.serial_number), wish.payload, qos=1, retain=True)
            self._bandeja.sent(info.mid, wish)

    def _on_connect(self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._fault = f"el broker no acepta la conexión: {reason}"
            client.disconnect()
            return
        self._counts["conexiones"] += 1
        self._session_present = bool(flags.session_present)
        if not self._session_present:
            self._forgotten = True
            self._sink.session_lost()
        topics = [(DEVICE_TOPIC, 1), (WILL_TOPIC, 1)] + [(SHARED_TOPIC, 1)] * self._settings.shared_topic
        client.subscribe(topics)
        if not self._settings.shared_topic:
            client.unsubscribe(SHARED_TOPIC)

    def _on_subscribe(self, client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._fault = "el broker no permite la suscripción"
            client.disconnect()
            return
        self._fault = "la conexión se cortó"
        # A connection may end between CONNACK and here; the next one finds a session, which is a new and empty one.
        self._bandeja.clear(self._gone())
        self._bandeja.add(self._pending(self._forgotten))
        self._forgotten = False
        self._granted = self._accepted = True
        log.info("conectado al broker %s:%s", self._settings.host, self._settings.port)

    def _delivery(self, packet: Publish) -> Delivery:
        try:
            topic = packet.topic.decode()
        except UnicodeDecodeError:
            topic = "(topic que no es UTF-8)"
        if packet.qos:
            self._offered += 1
            self._offered_at = self._turn
        return Delivery(topic, *packet[1:], self._epoch)

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        wish = self._bandeja.confirmed(mid)
        if wish is not None:
            self._counts["deseadas_publicadas"] += 1
            self._sink.confirm(wish.device_id, wish.version)


class _Client(paho.Client):
    """paho over a buffered socket. ``buffered`` is None before and after the connection."""

    def __init__(self, settings: MqttSettings, clock: Clock) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
        )
        self._clock = clock
        self.connect_timeout = CONNECT_S
        if settings.username:
            self.username_pw_set(settings.username, settings.password)
        if settings.tls:
            self.tls_set(settings.tls_ca, settings.tls_cert, settings.tls_key)
            self.tls_insecure_set(settings.tls_insecure)

    @property
    def buffered(self) -> BufferedSocket | None:
        """The socket, None before and after the connection."""
        sock = self._sock
        return sock if isinstance(sock, BufferedSocket) else None

    def _create_socket(self) -> Any:
        return BufferedSocket(super()._create_socket(), self._clock.monotonic)  # type: ignore[arg-type]

    def read_some(self) -> Iterator[Publish]:
        """Handle what one read of the socket brings; the PUBLISH packets in it."""
        sock = self.buffered
        if sock is not None:
            sock.fill()
        while sock is not None and self.buffered is sock and (packet := sock.next_packet()):
            if isinstance(packet, Publish):
                yield packet
            else:
                self.loop_read()

    def write_some(self) -> None:
        """Hand over all packets, then send them in one go."""
        sock = self.buffered
        if sock is None:
            return
        if self.want_write():
            self.loop_write()
        sock.flush()

    def drained(self) -> bool:
        """Whether nothing is left to send."""
        sock = self.buffered
        return sock is None or not (self.want_write() or sock.unsent())

    def check_liveness(self, now: float, keepalive: int) -> None:
        """paho's own ping, and ours over it: a broker that says nothing for two intervals is gone."""
        self.loop_misc()
        sock = self.buffered
        if sock is not None and now - sock.heard > 2 * keepalive + TURN_S:
            raise ConnectionError("el broker no da señales de vida")

    def finish(self) -> None:
        """Close whatever is open."""
        self.on_disconnect = None
        self._sock_close()
