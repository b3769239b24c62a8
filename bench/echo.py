"""A plain paho client that sends back what it gets: the reference for the way to a device and back.

    python -m bench.echo '{"port": 1883}'

``Caller`` is the other end: it publishes and waits for the same bytes. Both as a careful program would be written: one
thread each, QoS 1, TCP_NODELAY (an acknowledgement and a message in a row wait 40 ms for each other without it).
"""

from __future__ import annotations

import json
import queue
import socket
import sys
import threading
import time
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.children import BenchError
from bench.orders import Orders, emit

THERE, BACK = "bench/ida", "bench/vuelta"
PATIENCE_S = 10.0


class Plain:
    """A connected client, subscribed to one topic at QoS 1."""

    def __init__(self, port: int, name: str, topic: str) -> None:
        self.topic = topic
        self.ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
        self.client.on_socket_open = self.on_socket_open
        self.client.on_connect = lambda client, *_: client.subscribe(self.topic, 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_socket_open(self, _client: mqtt.Client, _data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        client.publish(BACK, message.payload, qos=1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Caller(Plain):
    """Measures round trips."""

    def __init__(self, port: int) -> None:
        self.came: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        super().__init__(port, "bench-llama", BACK)
        if not self.ready.wait(PATIENCE_S):
            raise BenchError("el cliente MQTT de referencia no se pudo suscribir")

    def on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.came.put(bytes(message.payload))

    def round_trip(self, payload: bytes) -> float:
        """Seconds until the echo has sent it back."""
        start = time.perf_counter()
        self.client.publish(THERE, payload, qos=1)
        try:
            while self.came.get(timeout=PATIENCE_S) != payload:
                continue
        except queue.Empty:
            raise BenchError("el eco MQTT no contesta") from None
        return time.perf_counter() - start


def main(argv: list[str]) -> int:
    echo = Plain(json.loads(argv[0])["port"], "bench-eco", THERE)
    emit({"ready": echo.ready.wait(PATIENCE_S)})
    orders = Orders()
    while orders.read() != [""]:
        continue
    echo.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
