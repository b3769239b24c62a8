"""A real Mosquitto of the test's own, on a port of its own."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.procesos import Proceso, accepts, free_port, require, wait_until


class Mosquitto:
    """A broker child.

    ``persistent`` keeps its memory over a clean restart; ``durable`` over a kill too, by writing it all down at every
    change, which holds it to some hundred messages a second.
    """

    def __init__(
        self,
        folder: Path,
        *,
        persistent: bool = True,
        durable: bool = False,
        port: int | None = None,
        extra: str = "",
        anonymous: bool = True,
    ) -> None:
        self.folder, self.persistent, self.durable = folder, persistent, durable
        self.port = port or free_port()
        self.binary = require("mosquitto")
        self.extra, self.anonymous = extra, anonymous
        self._process: Proceso | None = None

    def start(self) -> Mosquitto:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        config.write_text(self._config())
        self._process = Proceso("mosquitto", [self.binary, "-c", str(config)], self.folder / "mosquitto.log")
        wait_until(lambda: accepts(self.port) or not self._process.alive, 10, "mosquitto listening")
        assert self._process.alive, self._process.log()
        return self

    def _config(self) -> str:
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(self.anonymous).lower()}",
            "max_inflight_messages 1000",
            "max_queued_messages 0",
            "max_queued_bytes 0",
            "user root",
            "sys_interval 1",
        ]
        if self.persistent:
            lines += [
                "persistence true",
                f"persistence_location {self.folder}/",
                f"autosave_on_changes {str(self.durable).lower()}",
                f"autosave_interval {1 if self.durable else 1800}",
            ]
        else:
            lines.append("persistence false")
        return "\n".join([*lines, self.extra]) + "\n"

    def pause(self) -> None:
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate(10)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> Mosquitto:
        self.stop()
        return self.start()
