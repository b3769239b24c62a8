"""Schedules: every device's plan compiled and its next boundary found, in processor time, and what the plans weigh."""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from app.domain.horario import Casa, compilar
from bench.report import Row

if TYPE_CHECKING:
    from bench.runs import Context

NAME = "horario"
DEVICES, SLOTS, GOAL_SECONDS = 2000, 4, 1.0
HOUSE = Casa("Europe/Madrid", 40.4168, -3.7038, (date(2026, 12, 25), date(2027, 1, 1)))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")


def run(context: Context) -> None:
    """Half the devices with windows, half with events; then the same with sun times and layers."""
    for layered, label in ((False, "reloj"), (True, "sol y capas")):
        chance = random.Random(context.options.seed)
        devices = [schedule(chance, index, layered=layered) for index in range(DEVICES)]
        seconds = [boundaries(devices) for _ in range(max(context.options.rounds, 1))]
        weight = plan_bytes(devices)
        context.report.detail(f"{NAME}.{label}", {"cpu_seconds": seconds, "plan_bytes": weight})
        best = sorted(seconds)[len(seconds) // 2]
        name = f"{DEVICES} equipos x {SLOTS} franjas ({label})"
        goal = f"< {GOAL_SECONDS:g} s"
        context.report.add(
            Row(NAME, f"{name}, CPU", "s", best, goal_text=goal, reached=best < GOAL_SECONDS),
        )
        context.report.add(Row(NAME, f"{name}, memoria por plan", "kB", weight / 1000))


def boundaries(devices: list[dict[str, Any]]) -> float:
    """Processor seconds to compile every plan and find its level and next boundary."""
    start = time.process_time()
    for device in devices:
        plan = compilar(device, HOUSE)
        if plan is None or plan.nivel(NOW) is None:
            raise AssertionError(device)
        plan.siguiente(NOW)  # None for the few that random windows keep on for ever: the dearest ones
    return time.process_time() - start


def plan_bytes(devices: list[dict[str, Any]]) -> float:
    """Memory that one compiled plan keeps, after it has been asked."""
    gc.collect()
    tracemalloc.start()
    plans = [compilar(device, HOUSE) for device in devices]
    for plan in plans:
        if plan is not None:
            plan.siguiente(NOW)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / len(plans)


def schedule(chance: random.Random, index: int, *, layered: bool) -> dict[str, Any]:
    clock = [f"{chance.randrange(24):02}:{chance.randrange(60):02}" for _ in range(2 * SLOTS)]
    if layered:
        clock[0], clock[SLOTS] = f"atardecer-{chance.randrange(60)}", "amanecer"
    configuracion: dict[str, Any] = {"modo": "horario"}
    if index % 2:
        configuracion["horarios"] = [
            {"dias": chance.sample(DAYS, 5), "inicio": clock[slot], "fin": clock[SLOTS + slot]} for slot in range(SLOTS)
        ]
    else:
        events = [[clock[slot], "off" if slot % 2 else "on"] for slot in range(SLOTS)]
        configuracion["horarios"] = dict.fromkeys(chance.sample(DAYS, 5), events)
    if layered:
        configuracion["festivos"] = "domingo"
        configuracion["excepciones"] = [
            {"nombre": "Viaje", "desde": "2026-11-20", "hasta": "2026-11-30", "encendido": False},
            {"nombre": "Navidad", "desde": "2026-12-20", "hasta": "2027-01-06", "cada_ano": True, "encendido": True},
        ]
    return configuracion
