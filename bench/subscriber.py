"""A plain MQTT subscriber: paho, one callback that notes when each message came. The reference for latencies.

    python -m bench.subscriber '{"port": 1883}'

Same orders and answers as bench.readers. The subscribers of bench.readers are cheaper than any client library, and so
the right limit for throughput; this one is what a program that only listens would see.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.orders import Orders, emit
from bench.readers import TOPICS
from bench.stats import summary
from bench.wire import STAMP, STAMP_BASE, stamp


class Subscriber:
    """Collects latencies in paho's thread, answers orders in the main one."""

    def __init__(self, port: int) -> None:
        self.latencies: list[int] = []
        self.last_at = STAMP_BASE
        self.ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-paho")
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = self.on_subscribe
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in TOPICS])

    def on_subscribe(self, *_: Any) -> None:
        self.ready.set()

    def on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        found = STAMP.search(message.payload)
        self.last_at = stamp()
        if found:
            self.latencies.append(self.last_at - int(found[1]))

    def report(self) -> dict[str, Any]:
        return {
            "events": len(self.latencies),
            "latency": summary(self.latencies, 0.001),
            "cpu": 0.0,
            "open": 1,
            "closed": 0,
            "last_at": (self.last_at - STAMP_BASE) / 1e6,
        }


def main(argv: list[str]) -> int:
    subscriber = Subscriber(json.loads(argv[0])["port"])
    connected = subscriber.ready.wait(20)
    emit({"ready": int(connected), "failed": int(not connected)})
    orders = Orders()
    while True:
        for order in orders.read():
            match order:
                case "reset":
                    subscriber.latencies = []
                    emit({"ok": True})
                case "report":
                    emit(subscriber.report())
                case _:
                    subscriber.client.loop_stop()
                    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
