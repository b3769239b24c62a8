"""Many modern devices on one thread: a selectors loop around paho's ``loop_read``, ``loop_write`` and ``loop_misc``.

paho's own loop takes a thread per client and uses ``select()``, which cannot watch a descriptor above 1023.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simulator.broker import Broker, explain
from simulator.gate import Gate
from simulator.modern import KEEPALIVE_S, ModernDevice

if TYPE_CHECKING:
    from simulator.stats import Stats

logger = logging.getLogger(__name__)
_CONNECTS_PER_S = 400
_STABLE_S = 10.0
_RETRY_MAX_S = 30.0
_SWEEP_S = 1.0
_SLICES = 10  # of a sweep: a thousand devices at once would keep an order waiting for 10 ms
_MISC_EVERY = 5  # sweeps


class Member:
    """A device's place in the loop: what is planned for it and how its connections have fared."""

    __slots__ = ("connect_planned", "connected_at", "device", "events", "failures", "order_at", "report_at")

    def __init__(self, device: ModernDevice) -> None:
        self.device = device
        self.events = selectors.EVENT_READ
        self.failures = 0
        self.connected_at = 0.0
        self.connect_planned = False
        self.report_at = 0.0
        self.order_at: float | None = None


Task = Callable[[Member, float], None]


class Loop:
    """Runs its devices on one thread from ``start`` to ``join``."""

    def __init__(self, devices: Sequence[ModernDevice], broker: Broker, stats: Stats, name: str) -> None:
        self._broker = broker
        self._stats = stats
        self._members = [Member(device) for device in devices]
        self._gate = Gate()
        self._selector = selectors.DefaultSelector()
        self._heap: list[tuple[float, int, Task, Member]] = []
        self._order = itertools.count()
        self._sweeps = self._slice = 0
        self._stopping = False
        self._deadline = float("inf")
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Ask the thread to say goodbye for every device by ``deadline`` (monotonic); returns at once."""
        self._deadline = deadline
        self._stopping = True
        self._wake_out.send(b"x")

    def join(self) -> None:
        """Wait for the goodbyes that ``stop`` asked for."""
        self._thread.join(max(self._deadline - time.monotonic(), 0) + 2)
        self._wake_in.close()
        self._wake_out.close()

    def _run(self) -> None:
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)
        self._begin(time.monotonic())
        try:
            while not self._stopping:
                self._serve_sockets(self._heap[0][0] - time.monotonic())
                self._run_due(time.monotonic())
            self._leave()
        finally:
            self._selector.close()

    def _begin(self, now: float) -> None:
        for number, member in enumerate(self._members):
            client = member.device.client
            client.on_socket_open = self._watch_socket(member)
            client.on_socket_close = self._forget_socket
            self._plan_connect(member, now + number / _CONNECTS_PER_S)
            self._plan_report(member, now + number / _CONNECTS_PER_S + member.device.interval)
        self._at(now + _SWEEP_S / _SLICES, self._sweep, self._members[0])

    def _leave(self) -> None:
        """Every device says ``offline``; when the broker has confirmed that, or time is up, they disconnect."""
        for member in self._members:
            self._guarded(lambda each, _now: each.device.say_goodbye(), member)
        while time.monotonic() < self._deadline and not all(member.device.gone for member in self._members):
            self._serve_sockets(0.1)
        for member in self._members:
            self._guarded(lambda each, _now: each.device.disconnect(), member)

    # Sockets

    def _serve_sockets(self, wait: float) -> None:
        for key, events in self._selector.select(max(wait, 0)):
            if key.data is None:
                self._wake_in.recv(64)
                continue
            if events & selectors.EVENT_WRITE:
                self._guarded(_write, key.data)
            if events & selectors.EVENT_READ:
                self._guarded(_read, key.data)

    def _guarded(self, task: Task, member: Member) -> None:
        """Run a task and settle after it; one device's trouble never stops the others."""
        now = time.monotonic()
        try:
            task(member, now)
            self._settle(member, now)
        except Exception:
            logger.exception("a simulated device stumbled")
            self._stats.failed("fallos", "error interno del simulador")
            member.device.drop()

    def _settle(self, member: Member, now: float) -> None:
        """After anything that may have queued bytes or orders: report what is urgent, write, watch what is left."""
        device = member.device
        if device.urgent and device.online and not self._stopping:
            device.report_order(now)
            self._plan_report(member, now + device.interval)
        if device.order_due is not None and device.order_due != member.order_at:
            member.order_at = device.order_due
            self._at(device.order_due, self._obey_late, member)
        if device.client.want_write():
            device.client.loop_write()
        sock = device.client.socket()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if device.client.want_write() else 0)
        if sock is not None and events != member.events:
            member.events = events
            self._selector.modify(sock, events, member)

    def _watch_socket(self, member: Member) -> Callable[..., None]:
        def watch(_client: Any, _userdata: Any, sock: Any) -> None:
            # Two small packets in a row (the acknowledgement of an order, the report that proves it): without this the
            # second waits for the broker's delayed ACK of the first, 40 ms on Linux.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            member.events = selectors.EVENT_READ
            self._selector.register(sock, selectors.EVENT_READ, member)

        return watch

    def _forget_socket(self, _client: Any, _userdata: Any, sock: Any) -> None:
        self._selector.unregister(sock)

    # Tasks

    def _at(self, due: float, task: Task, member: Member) -> None:
        heapq.heappush(self._heap, (due, next(self._order), task, member))

    def _run_due(self, now: float) -> None:
        """Tasks that are due, a bounded number at a time so that sockets are served in between."""
        for _ in range(100):
            if self._heap[0][0] > now:
                return
            _, _, task, member = heapq.heappop(self._heap)
            self._guarded(task, member)

    def _sweep(self, member: Member, now: float) -> None:
        """Each device once a second: lives that end or begin again, keepalives, connections that are no more."""
        self._at(now + _SWEEP_S / _SLICES, self._sweep, member)
        self._slice = (self._slice + 1) % _SLICES
        self._sweeps += self._slice == 0
        for each in self._members[self._slice :: _SLICES]:
            self._guarded(self._look_after, each)
        if len(self._heap) > 10 * len(self._members) + 100:
            self._heap = [entry for entry in self._heap if not self._void(entry)]
            heapq.heapify(self._heap)

    def _look_after(self, member: Member, now: float) -> None:
        device = member.device
        device.misbehave(now)
        if self._sweeps % _MISC_EVERY == 0:
            device.client.loop_misc()
        if device.online:
            self._gate.ok()
        elif device.client.socket() is None and not member.connect_planned and not device.dead:
            self._plan_reconnect(member, now)

    def _plan_reconnect(self, member: Member, now: float) -> None:
        """Soon after a connection that had lasted; later and later when they do not last (two devices, one serial)."""
        if member.device.refused:
            self._gate.failed()
        lasted = now - member.connected_at >= _STABLE_S or member.device.on_purpose
        member.failures = 0 if lasted else member.failures + 1
        pause = min(2.0 ** min(member.failures, 10), _RETRY_MAX_S)
        self._plan_connect(member, now + pause * random.uniform(0.5, 1.0))

    def _plan_connect(self, member: Member, due: float) -> None:
        member.connect_planned = True
        self._at(due, self._connect, member)

    def _connect(self, member: Member, now: float) -> None:
        wait = self._gate.wait()
        if wait:
            self._plan_connect(member, now + wait + random.random())
            return
        member.connect_planned = False
        if member.device.dead:
            return
        member.connected_at = now
        member.device.refused = member.device.on_purpose = False
        try:
            member.device.client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except OSError as err:
            self._gate.failed()
            self._stats.failed("fallos", explain(err))

    def _plan_report(self, member: Member, due: float) -> None:
        """The earlier plan, if any, is void from now on."""
        member.report_at = due
        self._at(due, self._report, member)

    def _report(self, member: Member, now: float) -> None:
        if member.report_at > now:
            return
        self._plan_report(member, now + member.device.interval)
        member.device.report(now)

    def _obey_late(self, member: Member, now: float) -> None:
        member.device.obey_late(now)

    def _void(self, entry: tuple[float, int, Task, Member]) -> bool:
        due, _, task, member = entry
        planned = {self._report: member.report_at, self._obey_late: member.order_at}
        return task in planned and due != planned[task]


def _write(member: Member, _now: float) -> None:
    member.device.client.loop_write()


def _read(member: Member, _now: float) -> None:
    """Read what the socket holds; bytes that TLS has already decrypted do not wake a selector."""
    client = member.device.client
    client.loop_read()
    while getattr(client.socket(), "pending", int)():
        client.loop_read()
