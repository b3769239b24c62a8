"""The load generator: its own process, several MQTT connections, QoS 1, bounded in flight, hand-made packets.

    python -m bench.load '{"port": 1883, "devices": 50, "count": 100000}'

Orders come on stdin, one per line: `state` answers how far it is, `stop` ends the sending. The last line written is
the result. Messages of one connection are acknowledged in the order sent (checked), so how many PUBACKs a connection
has read says exactly which (device, boot, seq) the broker has taken.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sqlite3
import sys
import time
from dataclasses import dataclass
from typing import Any

from bench import orders
from bench.orders import emit
from bench.wire import SEQ_BASE, Device, connect_packet, fleet, stamp

IDS = 65_535
DRAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. rate 0 = as fast as the limits allow; count 0 = until told to stop or `seconds` have passed."""

    port: int
    devices: int = 50
    boot: int = 1
    topics: str = "mixed"
    prefix: str = "BNCH"
    connections: int = 5
    rate: float = 0.0
    count: int = 0
    seconds: float = 0.0
    inflight: int = 2000
    chunk: int = 40
    window: int = 0
    """Greatest distance between sent and stored (as `database` shows), so that a saturated run is a steady one."""
    database: str = ""


class Stored:
    """How many rows the application under test has committed since the start, read from its database file."""

    def __init__(self, path: str) -> None:
        self.conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.0, isolation_level=None)
        self.base = 0
        self.last = 0
        self.base = self.read()
        self.last = 0

    def read(self) -> int:
        try:
            (top,) = self.conn.execute("SELECT max(id) FROM estado_log").fetchone()
        except sqlite3.OperationalError:  # a rollback journal's writer holds the file for the length of its commit
            return self.last
        self.last = (top or 0) - self.base
        return self.last


class Connection:
    """One publisher: sends round its devices, counts acknowledgements."""

    def __init__(self, port: int, name: str, devices: list[Device]) -> None:
        self.devices = devices
        self.sent = self.acked = 0
        self.out = b""
        self.rest = b""
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(connect_packet(name))
        answer = self.sock.recv(4)
        if answer[3:] != b"\x00":
            raise RuntimeError(f"the broker refused the load generator: {answer!r}")
        self.sock.setblocking(False)

    def build(self, count: int) -> bytes:
        """The next `count` messages, stamped now."""
        n, devices, first, at = len(self.devices), self.devices, self.sent, stamp()
        self.sent += count
        return b"".join([devices[i % n].publish(i % IDS + 1, i // n, at) for i in range(first, first + count)])

    def send(self, data: bytes) -> None:
        """Writes what the socket takes; the rest waits in `out`."""
        if self.out:
            self.out += data
            return
        self.out = data
        self.flush()

    def flush(self) -> None:
        try:
            self.out = self.out[self.sock.send(self.out) :] if self.out else b""
        except BlockingIOError:
            return

    def read_acks(self) -> None:
        data = self.rest + self.sock.recv(65536)
        if not data:
            raise ConnectionError("the broker closed the load generator's connection")
        whole = len(data) // 4
        self.rest = data[whole * 4 :]
        self.acked += whole
        if whole and int.from_bytes(data[whole * 4 - 2 : whole * 4], "big") != (self.acked - 1) % IDS + 1:
            raise RuntimeError("acknowledgements out of order")

    def reach(self, total: int) -> dict[str, int]:
        """Serial -> how many of its messages are among this connection's first `total`."""
        n = len(self.devices)
        return {dev.serial: total // n + (1 if k < total % n else 0) for k, dev in enumerate(self.devices)}


class Generator:
    """Drives the connections until the plan is done."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        devices = fleet(plan.devices, boot=plan.boot, topics=plan.topics, prefix=plan.prefix)
        count = min(plan.connections, len(devices))
        self.conns = [Connection(plan.port, f"bench-load-{os.getpid()}-{k}", devices[k::count]) for k in range(count)]
        self.stored = Stored(plan.database) if plan.window else None
        self.poll = select.epoll()
        self.by_fd = {conn.sock.fileno(): conn for conn in self.conns}
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)
        self.poll.register(orders.FD, select.EPOLLIN)
        self.orders = orders.Orders()
        self.going = self.stopping = False
        self.sent = self.turn = 0
        self.first = self.last_sent = time.monotonic()
        self.samples: list[tuple[float, int]] = []

    def run(self) -> dict[str, Any]:
        """Waits for `go`, then sends until the end of the plan."""
        while not self.going and not self.stopping:
            self.wait(60)
        self.first = time.monotonic()
        step = self.step_paced if self.plan.rate else self.step_saturated
        while not self.stopping and not self.finished():
            self.wait(step())
        self.last_sent = time.monotonic()
        self.drain()
        return self.result()

    def finished(self) -> bool:
        plan = self.plan
        if plan.count and self.sent >= plan.count:
            return True
        return bool(plan.seconds) and time.monotonic() - self.first >= plan.seconds

    def step_paced(self) -> float:
        """Sends what is due by now; returns the seconds until the next message is."""
        plan, now = self.plan, time.monotonic()
        due = int((now - self.first) * plan.rate) + 1
        if plan.count:
            due = min(due, plan.count)
        share, extra = divmod(max(0, due - self.sent), len(self.conns))
        for k in range(len(self.conns)):
            if mine := share + (1 if k < extra else 0):
                conn = self.conns[(self.turn + k) % len(self.conns)]
                conn.send(conn.build(mine))
        self.turn = (self.turn + extra) % len(self.conns)
        self.sent = max(self.sent, due)
        return max(0.0, self.first + self.sent / plan.rate - time.monotonic())

    def step_saturated(self) -> float:
        """Fills every connection up to its limits; returns how long to sleep when nothing may be sent."""
        plan = self.plan
        room = plan.count - self.sent if plan.count else IDS
        if self.stored:
            if self.sent - self.stored.last > plan.window - plan.chunk:
                self.stored.read()
            room = min(room, plan.window - (self.sent - self.stored.last))
        share, moved = plan.inflight // len(self.conns), False
        first = self.turn
        for k in range(len(self.conns)):
            conn = self.conns[(first + k) % len(self.conns)]
            mine = min(plan.chunk, room, share - (conn.sent - conn.acked))
            if mine < min(plan.chunk // 2 or 1, room) or mine <= 0 or conn.out:
                continue
            self.turn = (first + k + 1) % len(self.conns)  # whoever sent last is served last
            conn.send(conn.build(mine))
            self.sent += mine
            room -= mine
            moved = True
        return 0.0 if moved else (0.002 if room <= 0 else 0.02)

    def wait(self, seconds: float) -> None:
        """Reads acknowledgements and orders for at most `seconds`."""
        blocked = [conn for conn in self.conns if conn.out]
        for fd, _ in self.poll.poll(min(seconds, 0.001) if blocked else seconds):
            conn = self.by_fd.get(fd)
            if conn:
                conn.read_acks()
            else:
                for order in self.orders.read():
                    self.obey(order)
        for conn in blocked:
            conn.flush()

    def obey(self, order: str) -> None:
        match order:
            case "go":
                self.going = True
            case "state":
                emit({"sent": self.sent, "acked": sum(conn.acked for conn in self.conns)})
            case _:  # "stop", or the parent is gone
                self.stopping = True
                if not order:
                    self.poll.unregister(orders.FD)

    def drain(self) -> None:
        end = time.monotonic() + DRAIN_SECONDS
        while any(conn.acked < conn.sent for conn in self.conns) and time.monotonic() < end:
            self.wait(0.01)

    def result(self) -> dict[str, Any]:
        sent: dict[str, int] = {}
        acked: dict[str, int] = {}
        for conn in self.conns:
            sent |= conn.reach(conn.sent)
            acked |= conn.reach(conn.acked)
        times = os.times()
        return {
            "sent": sum(sent.values()),
            "acked": sum(acked.values()),
            "boot": self.plan.boot,
            "seq_base": SEQ_BASE,
            "sent_by": sent,
            "acked_by": acked,
            "first": self.first,
            "last_sent": self.last_sent,
            "last_ack": time.monotonic(),
            "cpu": times.user + times.system,
        }


def main(argv: list[str]) -> int:
    generator = Generator(Plan(**json.loads(argv[0])))
    emit({"ready": True})
    emit(generator.run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
