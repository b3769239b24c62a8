"""The calm line that says how the simulation goes, and the summary at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from simulator.fleet import Fleet

_PLAIN_EVERY_S = 5.0
_NAMES = {
    "enviados": "informes entregados al broker",
    "fallos": "fallos de MQTT",
    "descartados": "informes descartados (el broker no estaba)",
    "desconexiones": "desconexiones",
    "consultas": "consultas al backend",
    "fallos_http": "fallos de HTTP",
    "ordenes": "configuraciones recibidas y aplicadas",
    "lentas": "configuraciones obedecidas tarde",
    "rechazadas": "configuraciones rechazadas",
    "desobedecidas": "configuraciones desobedecidas",
    "ordenes_viejas": "configuraciones viejas, sin efecto",
    "ordenes_malas": "configuraciones que no se entienden",
    "cambios_por_horario": "cambios por horario",
    "muertes": "muertes sin despedida",
    "parpadeos": "conexiones cortadas a propósito",
    "atascados": "informes con un valor atascado",
    "silenciados": "informes callados",
    "duplicados": "informes duplicados",
    "desordenados": "informes desordenados",
    "basura": "mensajes de basura",
}


class Status:
    """Writes to ``out``: one line rewritten each second on a terminal, a line every 5 s elsewhere."""

    def __init__(self, fleet: Fleet, out: TextIO) -> None:
        self._fleet = fleet
        self._out = out
        self._started = self._before = self._printed = time.monotonic()
        self._sent = 0
        self._terminal = out.isatty()

    def line(self) -> None:
        now = time.monotonic()
        if not self._terminal and now - self._printed < _PLAIN_EVERY_S:
            return
        counts = self._fleet.stats.snapshot()
        sent, failures = counts.get("enviados", 0), counts.get("fallos", 0) + counts.get("fallos_http", 0)
        rate = (sent - self._sent) / max(now - self._before, 0.001)
        self._sent, self._before, self._printed = sent, now, now
        text = (
            f"{now - self._started:6.0f} s · {len(self._fleet.specs)} dispositivos · {sent} enviados "
            f"({rate:.1f}/s) · {failures} fallos".replace(".", ",")
        )
        if failures and self._fleet.stats.last_failure:
            text += f" · {self._fleet.stats.last_failure[:60]}"
        self._write(text)

    def summary(self) -> None:
        counts = self._fleet.stats.snapshot()
        if self._terminal:
            print(file=self._out)
        seconds = time.monotonic() - self._started
        print(f"Resumen: {len(self._fleet.specs)} dispositivos durante {seconds:.0f} s", file=self._out)
        for name, words in _NAMES.items():
            if counts.get(name) or name in ("enviados", "fallos"):
                print(f"  {counts.get(name, 0):>9}  {words}", file=self._out)
        if self._fleet.stats.last_failure:
            print(f"  último fallo: {self._fleet.stats.last_failure}", file=self._out)

    def _write(self, text: str) -> None:
        if self._terminal:
            print(f"\r{text:<100.120}", end="", flush=True, file=self._out)
        else:
            print(text, flush=True, file=self._out)
