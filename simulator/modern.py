"""Modern devices: their own topic at QoS 1, a persistent session, a last will, a desired configuration to obey.

They keep no schedule: the backend publishes what they are to be at each transition. Their reports prove what they obey.
"""

from __future__ import annotations

import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import paho.mqtt.client as mqtt

from simulator.broker import refusal
from simulator.faults import DISOBEYS, REFUSES, SLOW

if TYPE_CHECKING:
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from simulator.broker import Broker
    from simulator.device import Device, Rejection
    from simulator.stats import Stats

KEEPALIVE_S = 60
_UNSENT_MAX = 20
_UNACKED_MAX = 50
_MOTIVO = "el dispositivo no puede hacerlo ahora"


class Order(NamedTuple):
    """A desired configuration as it came; ``version`` is ``None`` when somebody other than the backend sent it."""

    version: int | None
    configuracion: dict[str, Any]


class ModernDevice:
    """One modern device and its paho client, all of it driven by one loop thread.

    ``urgent``: something has to be reported at once. ``order_due``: monotonic time at which a slow device wants
    ``obey_late`` to be called. ``dead``: it wants no connection. ``on_purpose``: it cut its last one itself.
    """

    def __init__(self, device: Device, broker: Broker, stats: Stats) -> None:
        self._device = device
        self._stats = stats
        self._version = 0
        self._late: Order | None = None
        self._refusal: Rejection | None = None
        self._unsent: deque[bytes] = deque()
        self._reports: set[int] = set()
        self._goodbye: mqtt.MQTTMessageInfo | None = None
        self.online = False
        self.refused = False
        self.urgent = False
        self.order_due: float | None = None
        self.dead = False
        self.on_purpose = False
        base = f"dispositivos/{device.serial}/"
        self._topic_estado, self._topic_disponible = base + "estado", base + "disponible"
        self._topic_configuracion = base + "configuracion"
        self.client = self._make_client(broker)

    def _make_client(self, broker: Broker) -> mqtt.Client:
        client = broker.device_client(self._device.serial)
        client.max_queued_messages_set(_UNACKED_MAX)
        client.will_set(self._topic_disponible, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    @property
    def interval(self) -> float:
        return self._device.interval

    def report(self, now: float) -> None:
        """Measure and report; while the broker is away the newest 20 reports wait, while the device is dead none."""
        if not self.dead:
            self._send(self._device.next_reports(now))

    def report_order(self, now: float) -> None:
        """Say at once what an order has made of the device, or that it is refused."""
        self.urgent = False
        rechazo, self._refusal = self._refusal, None
        self._send(self._device.reports(now, rechazo))

    def obey_late(self, now: float) -> None:
        """Obey the order that a slow device has kept waiting, if it is due."""
        if self._late is not None and self.order_due is not None and now >= self.order_due:
            self._stats.add("lentas")
            self._obey(self._late)

    def misbehave(self, now: float) -> None:
        """Die, come back to life or lose the connection, as its faults say: without goodbye, the last will speaks."""
        before, self.dead = self.dead, self._device.dead(now)
        blinks = self._device.blinks(now)
        if self.dead and not before:
            self._stats.add("muertes")
        elif not blinks or self.dead:
            return
        else:
            self._stats.add("parpadeos")
        self.on_purpose = True
        self.drop()

    def say_goodbye(self) -> None:
        """Publish ``offline`` ourselves: a broker does not send the last will of who leaves politely."""
        if self.online:
            self._goodbye = self.client.publish(self._topic_disponible, "offline", qos=1, retain=True)

    @property
    def gone(self) -> bool:
        """The goodbye has arrived, or there is nobody to say it to."""
        return not self.online or self._goodbye is None or self._goodbye.is_published()

    def drop(self) -> None:
        """Close without goodbye; also when handling a packet raised, for paho would handle it again for ever."""
        self.online = False
        self.client._sock_close()

    def disconnect(self) -> None:
        self.client.disconnect()
        sock = self.client.socket()
        if sock is not None:
            sock.close()

    def _send(self, payloads: list[bytes]) -> None:
        if self.online:
            for payload in payloads:
                self._publish(payload)
            return
        self._unsent.extend(payloads)
        while len(self._unsent) > _UNSENT_MAX:
            self._unsent.popleft()
            self._stats.add("descartados")

    def _publish(self, payload: bytes) -> None:
        info = self.client.publish(self._topic_estado, payload, qos=1)
        if info.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            self._stats.failed("descartados", "el broker no confirma: cola llena")
        else:
            self._reports.add(info.mid)

    def _on_connect(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self.refused = True
            self._stats.failed("fallos", refusal(reason))
            return
        self.online, self.refused = True, False
        client.subscribe(self._topic_configuracion, qos=1)
        client.publish(self._topic_disponible, "online", qos=1, retain=True)
        while self._unsent:
            self._publish(self._unsent.popleft())
        self.urgent = True

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, _flags: Any, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self.online and self._goodbye is None:
            self._stats.failed("desconexiones", "se perdió la conexión con el broker")
        elif not self.online and not self.refused:
            self.refused = True
            self._stats.failed("fallos", "el broker cerró la conexión sin aceptarla (¿espera TLS?)")
        self.online = False

    def _on_publish(
        self, _client: mqtt.Client, _userdata: Any, mid: int, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if mid in self._reports:
            self._reports.discard(mid)
            self._stats.add("enviados")

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        """A desired configuration; an empty one says the backend has deleted the device: versions start again."""
        if not message.payload:
            self._version, self._device.version = 0, None
            self._late = self.order_due = None
            return
        order = _order(message.payload)
        if order is None:
            self._stats.failed("ordenes_malas", "llegó una configuración que no es un objeto JSON")
            return
        if order.version is not None:
            if order.version < self._version:
                self._stats.add("ordenes_viejas")
                return
            self._version = order.version
        self._take(order)

    def _take(self, order: Order) -> None:
        """Obey, or do what the device's faults make of it; the newest order is the one that counts."""
        self._late = self.order_due = None
        match self._device.treatment(order.configuracion):
            case tipo if tipo == REFUSES:
                self._stats.add("rechazadas")
                if order.version is not None:
                    self._refusal = {"version": order.version, "motivo": _MOTIVO}
                    self.urgent = True
            case tipo if tipo == DISOBEYS:
                self._stats.add("desobedecidas")
            case tipo if tipo == SLOW:
                self._late, self.order_due = order, time.monotonic() + self._device.delay
            case _:
                self._obey(order)

    def _obey(self, order: Order) -> None:
        self._late = self.order_due = self._refusal = None
        self._device.apply(order.configuracion)
        if order.version is not None:
            self._device.version = order.version
        self._stats.add("ordenes")
        self.urgent = True


def _order(payload: bytes | bytearray) -> Order | None:
    try:
        configuracion = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(configuracion, dict):
        return None
    version = configuracion.pop("version", None)
    return Order(version if type(version) is int else None, configuracion)
