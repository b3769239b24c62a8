"""Made-up committed events for tests of the hub, and a reader that keeps what a page would show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from app.domain.events import CambioDeseada, DeviceUpdated
from tests.support.nucleo import a_device


def an_event(secuencia: int, device_id: int, *, antes: bool | None = False, **fields: Any) -> DeviceUpdated:
    """Event ``secuencia``: the device as it is now; ``antes``: claimed before, None for a new one."""
    return DeviceUpdated(secuencia, a_device(device_id, **fields), antes, CambioDeseada.NO)


def frames(data: bytes) -> list[tuple[str | None, str, Any]]:
    """(id, event, data) of each frame that has data; a plain update's event is ``message``."""
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        if "data" in lines:
            found.append((lines.get("id"), lines.get("event", "message"), json.loads(lines["data"])))
    return found


@dataclass
class Page:
    """What a client that follows the contract believes, over any number of connections."""

    last_id: str | None = None
    devices: dict[int, Any] = field(default_factory=dict)
    updates: list[int] = field(default_factory=list)
    resets: int = 0

    def take(self, data: bytes) -> None:
        for id_, event, value in frames(data):
            if event == "message":
                self.devices[value["id"]] = value
                if id_ is not None:
                    self.updates.append(int(id_.rpartition("-")[2]))
            elif event == "leave":
                self.devices.pop(value["id"], None)
            elif event == "reset":
                self.resets += 1
                self.devices.clear()
            if id_ is not None:
                self.last_id = id_
