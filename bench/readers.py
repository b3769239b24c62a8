"""Many cheap readers in one process: SSE streams or MQTT subscribers over raw sockets and one epoll.

    python -m bench.readers '{"kind": "sse", "port": 5000, "count": 200}'

First line written: how many are connected. Then orders on stdin, one per line, each answered with one line of JSON:
`reset` (count from now), `report`, `final` (last sequence number that each reader saw of each device), `quit`.
Nothing is parsed per event: events are counted by a byte pattern and time stamps found by one regular expression.
"""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import select
import socket
import sys
import time
from array import array
from collections import deque
from dataclasses import dataclass
from typing import Any

from bench import orders
from bench.orders import emit
from bench.stats import summary
from bench.wire import MARK, STAMP, STAMP_BASE, connect_packet, http_get, stamp, subscribe_packet

END = (b"\n\n", b"\n\n\r\n")
FINAL = re.compile(rb'"serial_number": ?"([^"]+)"[^\n]*?"seq": ?(\d+)')
KEEP_BYTES = 262_144
TOPICS = ["dispositivos/estado", "dispositivos/+/estado"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who reads. kind = sse, mqtt (bare) or paho (see bench.subscriber).

    sample n = take the latency of every n-th received piece; keep = remember the last bytes.
    """

    port: int
    kind: str = "sse"
    count: int = 5
    path: str = "/stream/dispositivos"
    qos: int = 1
    sample: int = 1
    keep: bool = False
    seconds: float = 60.0
    at_once: int = 50


class Reader:
    """One connection. `events` counts device events, `pings` other frames."""

    __slots__ = ("events", "frames", "kept", "kept_bytes", "ready", "sock", "tail")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.tail = b""
        self.events = self.frames = self.kept_bytes = 0
        self.ready = False
        self.kept: deque[bytes] = deque()

    def keep(self, data: bytes) -> None:
        self.kept.append(data)
        self.kept_bytes += len(data)
        while self.kept_bytes - len(self.kept[0]) > KEEP_BYTES:
            self.kept_bytes -= len(self.kept.popleft())


class Crowd:
    """All readers of the process, and what they have seen since the last reset."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.poll = select.epoll()
        self.readers: dict[int, Reader] = {}
        self.opening: set[int] = set()
        self.buffer = bytearray(1 << 18)
        self.latencies = array("q")
        self.pieces = self.closed = self.last_at = 0
        self.refused: list[str] = []
        self.feed = self.feed_sse if plan.kind == "sse" else self.feed_mqtt
        self.orders = orders.Orders()
        self.done = False

    # -- connecting

    def connect_all(self) -> dict[str, Any]:
        """Opens the connections, at most `at_once` half-open ones at a time."""
        started, wanted = time.monotonic(), self.plan.count
        while time.monotonic() - started < self.plan.seconds:
            while wanted and len(self.opening) < self.plan.at_once:
                wanted -= 1
                self.open_one()
            if not wanted and not self.opening:
                break
            self.turn(0.2)
        ready = sum(reader.ready for reader in self.readers.values())
        return {
            "ready": ready,
            "failed": self.plan.count - ready,
            "refused": self.refused[:3],
            "seconds": round(time.monotonic() - started, 3),
        }

    def open_one(self) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        result = sock.connect_ex(("127.0.0.1", self.plan.port))
        if result not in (0, errno.EINPROGRESS):
            self.refused.append(os.strerror(result))
            return
        fd = sock.fileno()
        self.readers[fd] = Reader(sock)
        self.opening.add(fd)
        self.poll.register(fd, select.EPOLLOUT)

    def greet(self, fd: int) -> None:
        reader = self.readers[fd]
        if failure := reader.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.drop(fd, os.strerror(failure))
            return
        reader.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.plan.kind == "sse":
            reader.sock.send(http_get(self.plan.path, f"127.0.0.1:{self.plan.port}", "text/event-stream"))
        else:
            reader.sock.send(
                connect_packet(f"bench-sub-{os.getpid()}-{fd}") + subscribe_packet(TOPICS, qos=self.plan.qos)
            )
        self.poll.modify(fd, select.EPOLLIN)

    def opened(self, fd: int, reader: Reader, data: bytes) -> None:
        """Ready: an SSE stream after its first frame, a subscriber after SUBACK."""
        reader.tail += data
        if self.plan.kind == "sse":
            head, found, rest = reader.tail.partition(b"\r\n\r\n")
            if found and b" 200 " not in head[:16]:
                self.drop(fd, head[:80].decode("latin-1"))
                return
            complete = bool(found) and b"\n\n" in rest
            rest = rest[rest.rfind(b"\n\n") + 2 :]
        else:
            complete, rest = len(reader.tail) >= 4 + 6, reader.tail[10:]
        if complete:
            reader.tail = rest if rest != b"\r\n" else b""
            reader.ready = True
            self.opening.discard(fd)

    def drop(self, fd: int, why: str) -> None:
        self.refused.append(why)
        self.closed += 1
        self.opening.discard(fd)
        self.poll.unregister(fd)
        self.readers.pop(fd).sock.close()

    # -- receiving

    def turn(self, seconds: float) -> None:
        """One round of epoll."""
        for fd, what in self.poll.poll(seconds):
            reader = self.readers.get(fd)
            if reader is None:
                for order in self.orders.read():
                    self.obey(order)
            elif what & select.EPOLLOUT:
                self.greet(fd)
            else:
                self.receive(fd, reader)

    def receive(self, fd: int, reader: Reader) -> None:
        try:
            size = reader.sock.recv_into(self.buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self.drop(fd, str(error))
            return
        if not size:
            self.drop(fd, "closed by the server")
        elif reader.ready:
            self.feed(reader, size)
        else:
            self.opened(fd, reader, bytes(self.buffer[:size]))

    def feed_sse(self, reader: Reader, size: int) -> None:
        """Whole frames are counted in place; only a split one is copied."""
        buffer: bytes | bytearray = self.buffer
        if reader.tail or not buffer.endswith(END, 0, size):
            joined = reader.tail + bytes(buffer[:size])
            cut = joined.rfind(b"\n\n") + 2
            reader.tail, buffer, size = (joined[cut:], joined, cut) if cut > 1 else (joined, b"", 0)
        events = buffer.count(MARK, 0, size)
        reader.events += events
        if not events:
            reader.frames += buffer.count(b"\n\n", 0, size)
            return
        self.clock(reader, buffer, size)

    def feed_mqtt(self, reader: Reader, size: int) -> None:
        """Walks the packets; acknowledges at QoS 1, all of one read in one write."""
        data = reader.tail + bytes(self.buffer[:size]) if reader.tail else bytes(self.buffer[:size])
        at, acks, top = 0, [], len(data)
        while top - at >= 5:
            first, low = data[at], data[at + 1]
            start, length = (at + 2, low) if low < 128 else (at + 3, low - 128 + data[at + 2] * 128)
            if start + length > top:
                break
            if first & 0xF0 == 0x30:
                reader.events += 1
                if first & 0x06:
                    mid = start + 2 + int.from_bytes(data[start : start + 2], "big")
                    acks.append(data[mid : mid + 2])
            at = start + length
        reader.tail = data[at:]
        self.clock(reader, data, at)
        if acks:
            reader.sock.send(b"\x40\x02" + b"\x40\x02".join(acks))

    def clock(self, reader: Reader, data: bytes | bytearray, size: int) -> None:
        """Takes the latency of what came, sampled."""
        self.pieces += 1
        if self.plan.keep:
            reader.keep(bytes(data[:size]))
        if self.pieces % self.plan.sample:
            return
        now = self.last_at = stamp()
        self.latencies.extend([now - int(at) for at in STAMP.findall(data, 0, size)])

    # -- orders

    def obey(self, order: str) -> None:
        match order:
            case "reset":
                self.reset()
                emit({"ok": True})
            case "report":
                emit(self.report())
            case "final":
                emit({"final": [self.final(reader) for reader in self.readers.values()]})
            case _:
                self.done = True

    def reset(self) -> None:
        self.latencies = array("q")
        for reader in self.readers.values():
            reader.events = reader.frames = 0

    def report(self) -> dict[str, Any]:
        """Latencies in milliseconds."""
        events = [reader.events for reader in self.readers.values()]
        times = os.times()
        return {
            "events": sum(events),
            "least": min(events, default=0),
            "most": max(events, default=0),
            "with_any": sum(bool(reader.events or reader.frames) for reader in self.readers.values()),
            "open": len(self.readers),
            "closed": self.closed,
            "refused": self.refused[:3],
            "last_at": (self.last_at - STAMP_BASE) / 1e6,
            "latency": summary(self.latencies, 0.001),
            "cpu": times.user + times.system,
        }

    @staticmethod
    def final(reader: Reader) -> dict[str, int]:
        """Serial -> sequence number in the last event seen of it."""
        return {serial.decode(): int(seq) for serial, seq in FINAL.findall(b"".join(reader.kept))}

    def run(self) -> None:
        self.poll.register(orders.FD, select.EPOLLIN)
        while not self.done:
            self.turn(1.0)


def main(argv: list[str]) -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(Plan(**json.loads(argv[0])))
    emit(crowd.connect_all())
    crowd.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
