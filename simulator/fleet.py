"""A house of simulated devices, started and stopped as one."""

from __future__ import annotations

import random
import time
from datetime import datetime
from typing import TYPE_CHECKING

from simulator.catalogue import KINDS, Kind, kind_of, make_serial
from simulator.device import LEGACY, MODERN, Device, Spec
from simulator.faults import Fault, assign_faults
from simulator.legacy import LegacyDevice, LegacyWorld
from simulator.loop import Loop
from simulator.modern import ModernDevice
from simulator.pool import Pool
from simulator.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from simulator.backend import Backend
    from simulator.broker import Broker

_PER_LOOP = 1000
_LOOPS_MAX = 4
_LEGACY_STARTS_PER_S = 200


def specs_of(serials: Iterable[str], kinds: Sequence[Kind] = KINDS) -> list[Spec]:
    """Modern devices with these serials, of the kinds that their beginnings say."""
    return [Spec(serial, kind_of(serial, kinds), MODERN) for serial in serials]


def make_specs(amount: int, estilo: str, seed: object, kinds: Sequence[Kind] = KINDS) -> list[Spec]:
    """``amount`` devices, the kinds in turn; ``estilo`` "moderno", "legado" or "mezcla" . Same seed, same serials."""
    rng = random.Random(f"{seed}:seriales")
    specs: dict[str, Spec] = {}
    while len(specs) < amount:
        kind = kinds[len(specs) % len(kinds)]
        mixed = (LEGACY, MODERN)[(len(specs) // len(kinds) + len(specs)) % 2]
        serial = make_serial(kind.prefix, rng)
        specs.setdefault(serial, Spec(serial, kind, mixed if estilo == "mezcla" else estilo))
    return list(specs.values())


class Fleet:
    """``with Fleet(specs, broker, backend): ...``; ``stats`` counts what happens. Threads: see ``Pool`` and ``Loop``.

    Without a ``backend`` legacy devices have nobody to poll. ``intervalo`` replaces every kind's interval at the start;
    a configuration from the backend that names ``intervalo_envio`` still rules afterwards.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        broker: Broker,
        backend: Backend | None = None,
        *,
        seed: object = 0,
        intervalo: float | None = None,
        faults: Sequence[Fault] = (),
        local_time: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.specs = list(specs)
        self.stats = Stats()
        self._backend = backend
        struck = assign_faults(faults, [spec.serial for spec in specs], seed, self.stats)
        self.devices = [Device(spec, seed, intervalo=intervalo, faults=struck.get(spec.serial)) for spec in self.specs]
        pairs = list(zip(self.specs, self.devices, strict=True))
        legacy = [device for spec, device in pairs if spec.estilo == LEGACY]
        modern = [device for spec, device in pairs if spec.estilo != LEGACY]
        world = LegacyWorld(broker, backend, self.stats, local_time)
        now = time.monotonic()
        self._pool = Pool(
            [LegacyDevice(device, world, now + n / _LEGACY_STARTS_PER_S) for n, device in enumerate(legacy)], self.stats
        )
        clients = [ModernDevice(device, broker, self.stats) for device in modern]
        loops = min(-(-len(clients) // _PER_LOOP), _LOOPS_MAX)
        self._loops = [Loop(clients[n::loops], broker, self.stats, f"sim-moderno-{n}") for n in range(loops)]

    def start(self) -> None:
        self._pool.start()
        for loop in self._loops:
            loop.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Let messages under way arrive, say ``offline``, close everything; about ``timeout`` seconds at most."""
        deadline = time.monotonic() + timeout
        for loop in self._loops:
            loop.stop(deadline)
        self._pool.stop(deadline)
        for loop in self._loops:
            loop.join()
        if self._backend is not None:
            self._backend.close()

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _err: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()
