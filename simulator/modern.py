"""Modern devices: their own topic at QoS 1, a persistent session, a last will, a desired configuration to obey."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt

from simulator.broker import refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from simulator.broker import Broker
    from simulator.device import Device
    from simulator.stats import Stats

KEEPALIVE_S = 60
_UNSENT_MAX = 20
_UNACKED_MAX = 50


class ModernDevice:
    """One modern device and its paho client, all of it driven by one loop thread."""

    def __init__(self, device: Device, broker: Broker, stats: Stats, local_time: Callable[[], datetime]) -> None:
        self._device = device
        self._stats = stats
        self._local_time = local_time
        self._version = 0
        self._unsent: deque[bytes] = deque()
        self._reports: set[int] = set()
        self._goodbye: mqtt.MQTTMessageInfo | None = None
        self.online = False
        self.refused = False
        self.urgent = False
        base = f"dispositivos/{device.serial}/"
        self._topic_estado, self._topic_disponible = base + "estado", base + "disponible"
        self._topic_configuracion = base + "configuracion"
        self.client = self._make_client(broker)

    def _make_client(self, broker: Broker) -> mqtt.Client:
        client = broker.client(self._device.serial, clean_session=False)
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
        """Measure and report; while the broker is away the newest 20 reports wait."""
        self._device.follow_schedule(self._local_time())
        self._send(self._device.next_reports(now))

    def report_order(self, now: float) -> None:
        """Say at once what an order, or the schedule, has made of the device."""
        self.urgent = False
        self._send(self._device.reports(now))

    def follow_schedule(self) -> None:
        """Between two reports: has the schedule flipped the device?"""
        if self._device.on_schedule and self._device.follow_schedule(self._local_time()):
            self._stats.add("cambios_por_horario")
            self.urgent = True

    def say_goodbye(self) -> None:
        """Publish ``offline`` ourselves: a broker does not send the last will of who leaves politely."""
        if self.online:
            self._goodbye = self.client.publish(self._topic_disponible, "offline", qos=1, retain=True)

    @property
    def gone(self) -> bool:
        """The goodbye has arrived, or there is nobody to say it to."""
        return not self.online or self._goodbye is None or self._goodbye.is_published()

    def drop(self) -> None:
        """Forget a connection whose handling raised; paho would handle the same packet for ever and cannot be told."""
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
            self._version = 0
            return
        order = _order(message.payload)
        if order is None:
            self._stats.failed("ordenes_malas", "llegó una configuración que no es un objeto JSON")
            return
        version, configuracion = order
        if version is not None and version < self._version:
            self._stats.add("ordenes_viejas")
            return
        self._version = self._version if version is None else version
        self._device.apply(configuracion)
        self._device.follow_schedule(self._local_time())
        self._stats.add("ordenes")
        self.urgent = True


def _order(payload: bytes | bytearray) -> tuple[int | None, dict[str, Any]] | None:
    try:
        configuracion = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(configuracion, dict):
        return None
    version = configuracion.pop("version", None)
    return (version if type(version) is int else None), configuracion
