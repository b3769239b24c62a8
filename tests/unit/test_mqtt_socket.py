"""The socket under paho cuts what arrives into packets, wherever the network cut it, and decodes PUBLISH by itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mqtt_socket import BufferedSocket, Publish


@contextmanager
def connection() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near, far = socket.create_connection(server.getsockname()), server.accept()[0]
    near.setblocking(False)
    made = BufferedSocket(near, time.monotonic)
    try:
        yield made, far
    finally:
        made.close()
        far.close()


def length(size: int) -> bytes:
    """MQTT 3.1.1 §2.2.3."""
    out = b""
    while True:
        size, byte = divmod(size, 128)
        out += bytes([byte | (0x80 if size else 0)])
        if not size:
            return out


def packet(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + length(len(body)) + body


def wire(message: Publish) -> bytes:
    flags = 0x30 | message.dup << 3 | message.qos << 1 | message.retain
    mid = message.mid.to_bytes(2, "big") if message.qos else b""
    return packet(flags, len(message.topic).to_bytes(2, "big") + message.topic + mid + message.payload)


@st.composite
def publishes(draw: st.DrawFn) -> Publish:
    qos = draw(st.integers(0, 1))
    return Publish(
        draw(st.binary(max_size=200)),
        draw(st.one_of(st.binary(max_size=300), st.just(b"x" * 70_000))),
        draw(st.integers(1, 65535)) if qos else 0,
        qos,
        draw(st.booleans()),
        draw(st.booleans()),
    )


OTHERS = st.builds(packet, st.sampled_from([0x20, 0x40, 0x90, 0xB0, 0xD0]), st.binary(max_size=300))


@settings(max_examples=150, deadline=None)
@given(packets=st.lists(st.one_of(publishes(), OTHERS), max_size=8), cuts=st.lists(st.integers(1, 5000), max_size=40))
def test_packets_come_whole_and_in_order_however_they_were_cut(packets, cuts):
    """What paho is lent, byte by byte, is exactly the packets that are not PUBLISH, one at a time."""
    stream = b"".join(wire(p) if isinstance(p, Publish) else p for p in packets)
    got: list[Publish | bytes] = []
    with connection() as (near, far):
        sent = 0
        for cut in [*cuts, *[60_000] * (len(stream) // 60_000 + 1)]:
            piece = stream[sent : sent + cut]
            sent += len(piece)
            far.sendall(piece)
            arrived = 0
            while arrived < len(piece):
                before = len(near._data) - near._pos
                near.fill()
                arrived += len(near._data) - near._pos - before
            take(near, got)
        assert got == packets


def take(near: BufferedSocket, got: list[Publish | bytes]) -> None:
    while (found := near.next_packet()) is not False:
        if isinstance(found, Publish):
            got.append(found)
            continue
        lent = b""
        with pytest.raises(BlockingIOError):
            while True:
                lent += near.recv(3)
        got.append(lent)


def fed(data: bytes, near: BufferedSocket, far: socket.socket) -> None:
    far.sendall(data)
    while len(near._data) < len(data):
        near.fill()


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a fifth byte of length
        packet(0x34, b"\x00\x01t\x00\x07x"),  # QoS 2, which we do not ask for
        packet(0x36, b"\x00\x01t\x00\x07x"),  # QoS 3, which does not exist
        packet(0x30, b"\x00\x09t"),  # a topic longer than the packet
        packet(0x32, b"\x00\x01t\x00"),  # half a packet id
        packet(0x30, b""),
    ],
)
def test_what_is_not_mqtt_ends_the_connection(data):
    with connection() as (near, far), pytest.raises(ConnectionError, match="el broker manda"):
        fed(data, near, far)
        near.next_packet()


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x05", b"\x20\x80", b"\x90\x03\x00"])
def test_the_end_of_the_connection_is_pahos_to_see(data):
    """Half a packet is nothing, until the peer ends: then paho reads an empty piece, which is how it learns of it."""
    with connection() as (near, far):
        fed(data, near, far)
        assert near.next_packet() is False
        far.shutdown(socket.SHUT_WR)
        while not near._ended:
            near.fill()
        assert near.next_packet() is True
        assert near.recv(1) == b""


def test_acknowledgements_are_pubacks_in_their_order():
    with connection() as (near, far):
        for mid in (1, 258, 65535):
            near.acknowledge(mid)
        assert near.unsent()
        near.flush()
        assert far.recv(100) == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
