"""The bytes that the benchmarks write: MQTT 3.1.1 control packets, device reports, HTTP requests.

Built by hand because the load generator shares two cores with what it measures: a PUBLISH here costs about
one microsecond, a client library's thirty.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

SHARED_TOPIC = "dispositivos/estado"
SEQ_BASE = 1_000_000
"""Sequence numbers start here so that they always have seven digits: a device's packets all have one length."""
STAMP_BASE = 10**15
"""Added to the microseconds of the monotonic clock: always sixteen digits and still below 2**53."""
STAMP = re.compile(rb'"t": ?(\d{16})')
"""Finds the time stamp of a report inside any stream that carries it, compact JSON or not."""
MARK = b'"t":'
"""Appears exactly once in each event, so counting it counts events."""


def stamp() -> int:
    """Microseconds of this machine's monotonic clock, sixteen digits; comparable between its processes."""
    return STAMP_BASE + time.monotonic_ns() // 1000


def varint(length: int) -> bytes:
    """MQTT 3.1.1 section 2.2.3: remaining length, seven bits per byte."""
    out = bytearray()
    while True:
        length, low = divmod(length, 128)
        out.append(low | (128 if length else 0))
        if not length:
            return bytes(out)


def text(value: str) -> bytes:
    """MQTT 3.1.1 section 1.5.3: a length-prefixed UTF-8 string."""
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def connect_packet(client_id: str, *, clean: bool = True, keepalive: int = 0) -> bytes:
    body = text("MQTT") + bytes([4, 2 if clean else 0]) + keepalive.to_bytes(2, "big") + text(client_id)
    return b"\x10" + varint(len(body)) + body


def subscribe_packet(topics: list[str], *, qos: int, packet_id: int = 1) -> bytes:
    body = packet_id.to_bytes(2, "big") + b"".join(text(topic) + bytes([qos]) for topic in topics)
    return b"\x82" + varint(len(body)) + body


def http_get(path: str, host: str, accept: str = "application/json") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\n\r\n".encode()


def http_send(method: str, path: str, host: str, body: bytes) -> bytes:
    """A request that carries JSON."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Device:
    """One simulated publisher: its PUBLISH packets differ only in packet id, sequence number and time stamp."""

    serial: str
    head: bytes
    body: bytes

    def publish(self, packet_id: int, seq: int, at: int) -> bytes:
        """A QoS 1 PUBLISH. `seq` counts from 0; `at` comes from stamp()."""
        return self.head + packet_id.to_bytes(2, "big") + self.body % (SEQ_BASE + seq, at)


def device(serial: str, *, boot: int, shared: bool) -> Device:
    """A device that reports as the known ones do: state, two readings and its configuration, 230 bytes."""
    topic = SHARED_TOPIC if shared else f"dispositivos/{serial}/estado"
    body = (
        f'{{"serial_number":"{serial}","estado":"activo","parametros":{{"temperatura":23.4,"humedad":51,'
        f'"boot":{boot},"seq":%d,"t":%d}},"configuracion":{{"modo":"manual","encendido":true,"intervalo_envio":5}}}}'
    ).encode()
    rest = text(topic)
    length = len(rest) + 2 + len(body % (SEQ_BASE, STAMP_BASE))
    return Device(serial, b"\x32" + varint(length) + rest, body)


def fleet(count: int, *, boot: int, topics: str = "mixed", prefix: str = "BNCH") -> list[Device]:
    """`topics`: own (one topic each), shared (the legacy one), mixed (every second device on the shared one)."""
    every = {"own": 0, "shared": 1, "mixed": 2}[topics]
    return [device(f"{prefix}{i:08d}", boot=boot, shared=bool(every) and (i + 1) % every == 0) for i in range(count)]
