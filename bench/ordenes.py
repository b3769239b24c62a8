"""Orders to simulated devices under background load: from the PUT until the device's own report has proven each."""

from __future__ import annotations

import json
import random
import re
import socket
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.children import BenchError, Lab, Target, wait_for
from bench.echo import Caller
from bench.load import Plan
from bench.report import Row
from bench.rest import Client
from bench.stats import summary
from bench.store import audit, probe, require, settle
from bench.wire import http_get
from simulator.catalogue import kind_of
from simulator.fleet import make_specs

if TYPE_CHECKING:
    from bench.children import Talker
    from bench.runs import Context

NAME = "ordenes"
RATE = 500
DEVICES, KIND = 5, "LGT0"
SEED = "bench"
ORDERS, ORDERS_QUICK, WARM = 1000, 200, 50
PAUSE_S = 0.02
"""About; random, so that orders fall anywhere between two background reports."""
GOAL_MS = 50.0
PROVEN = re.compile(rb'event: orden\ndata: \{"id":(\d+),[^\n]*"estado":"aplicada"')
MARKS = ("p50", "p99")


@dataclass(slots=True)
class Times:
    """Seconds of each: the answer that says aplicada, the live event that does, the plain round trip."""

    answer: list[float] = field(default_factory=list)
    event: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)

    def as_object(self) -> dict[str, Any]:
        return {name: summary(getattr(self, name), 1000.0) for name in ("answer", "event", "echo")}


class Stream:
    """Live events of the claimed devices, read by a thread that notes when an order was told to be aplicada."""

    def __init__(self, port: int) -> None:
        self.proven: dict[int, float] = {}
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.sendall(http_get("/stream/dispositivos?reclamado=true", f"127.0.0.1:{port}", "text/event-stream"))
        self.rest = self.sock.recv(65536)
        self.sock.settimeout(None)
        self.thread = threading.Thread(target=self.read, name="bench-sse", daemon=True)
        self.thread.start()

    def read(self) -> None:
        while piece := self.sock.recv(65536):
            now = time.perf_counter()
            whole, _, self.rest = (self.rest + piece).rpartition(b"\n\n")
            for found in PROVEN.findall(whole):
                self.proven.setdefault(int(found), now)

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()


class House:
    """The simulated devices as the backend knows them; each order switches the next one over."""

    def __init__(self, target: Target) -> None:
        self.client = Client(target.port)
        self.stream = Stream(target.port)
        self.started: dict[int, float] = {}
        self.turn = 0
        listed = json.loads(self.client.get("/dispositivos?reclamado=true"))
        self.devices = {device["id"]: device["estado"] == "activo" for device in listed}
        self.ids = list(self.devices)

    def order(self) -> float:
        """Seconds from sending one until the answer that it is aplicada."""
        device = self.ids[self.turn % len(self.ids)]
        wanted = self.devices[device] = not self.devices[device]
        self.turn += 1
        start = time.perf_counter()
        body = self.client.send("PUT", f"/dispositivos/{device}?esperar=5", {"encendido": wanted})
        taken = time.perf_counter() - start
        order = json.loads(body)["orden"]
        if order is None or order["estado"] != "aplicada":
            raise BenchError(f"una orden no se probó en {taken:.1f} s: {order}")
        self.started[order["id"]] = start
        return taken

    def told(self) -> list[float]:
        """Seconds from sending each order until the live event that it is aplicada."""
        wait_for(lambda: self.started.keys() <= self.stream.proven.keys(), 5, lambda: BenchError("falta event: orden"))
        return [self.stream.proven[order] - start for order, start in self.started.items()]

    def close(self) -> None:
        self.stream.close()
        self.client.close()


def run(context: Context) -> None:
    with context.lab() as lab:
        broker = lab.mosquitto()
        lab.echo(broker)
        target = lab.backend(broker) if context.options.ours else None
        if target is not None:
            probe(lab, target, broker)
            furnish(lab, target, broker)
        times = under_load(context, lab, broker, target)
    context.report.detail(NAME, times.as_object())
    rows(context, times)


def furnish(lab: Lab, target: Target, broker: int) -> None:
    """Simulated devices, seen by the backend and claimed."""
    lab.simulated(broker, dispositivos=DEVICES, tipo=KIND, estilo="moderno", semilla=SEED)
    with closing(Client(target.port)) as client:
        specs = make_specs(DEVICES, "moderno", SEED, [kind_of(KIND)])
        path = f"/dispositivos?q={KIND}"
        wait_for(
            lambda: client.get(path).count(b'"serial_number"') == len(specs),
            20,
            lambda: target.child.failure("no ve los dispositivos simulados"),
            pause=0.1,
        )
        for spec in specs:
            client.send("POST", "/dispositivos/reclamar", spec.identity())


def under_load(context: Context, lab: Lab, broker: int, target: Target | None) -> Times:
    """Orders and round trips by turns, while the background reports; everything reported must be stored after."""
    load = lab.load(Plan(broker, rate=RATE))
    load.tell("go")
    with closing(Caller(broker)) as caller:
        if target is None:
            times = by_turns(context, caller, None)
        else:
            with closing(House(target)) as house:
                times = by_turns(context, caller, house)
                times.event = house.told()
    sent = stop(load)
    if target is not None:
        settle(target.database)
        require(audit(target.database, sent), target.name)
    return times


def by_turns(context: Context, caller: Caller, house: House | None) -> Times:
    times, chance = Times(), random.Random(context.options.seed)
    count = ORDERS_QUICK if context.options.quick else ORDERS
    for number in range(-WARM, count):
        if number == 0:
            times = Times()
            if house is not None:
                house.started.clear()
        if house is not None:
            times.answer.append(house.order())
        time.sleep(chance.uniform(0, PAUSE_S))
        times.echo.append(caller.round_trip(b'{"encendido":true,"version":%d}' % (number + WARM)))
        time.sleep(chance.uniform(0, PAUSE_S))
    return times


def stop(load: Talker) -> dict[str, Any]:
    load.tell("stop")
    result = load.hear()
    rate = result["sent"] / (result["last_sent"] - result["first"])
    if rate < 0.95 * RATE:
        raise BenchError(f"la carga de fondo fue de {rate:.0f} msg/s, no de {RATE}")
    return result


def rows(context: Context, times: Times) -> None:
    echo = summary(times.echo, 1000.0)
    for name, taken in (("respuesta de PUT ?esperar=5", times.answer), ("event: orden por SSE", times.event)):
        ours = summary(taken, 1000.0) if taken else None
        for mark in MARKS:
            goal = mark == "p99"
            context.report.add(
                Row(
                    NAME,
                    f"PUT -> aplicada, {RATE} msg/s de fondo, {name}, {mark}",
                    "ms",
                    ours[mark] if ours else None,
                    limit=echo[mark],
                    goal_text=f"p99 < {GOAL_MS:.0f} ms" if goal else "",
                    reached=ours[mark] < GOAL_MS if goal and ours else None,
                    limit_name="ida y vuelta MQTT",
                )
            )
