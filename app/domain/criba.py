"""Which reports become rows, when only changes are to be recorded: a value within its band of the last row says nothing
new. Pure; one :class:`Criba` is the memory of one ingest.

As historians do it ("exception reporting"): what leaves the band is a row, and so is, before it and with its own
instant, the last one that was left out, so that a drawn line has its corner where the value really began to move.
State, texts and yes-or-no have no band. However quiet a device is, after ``hueco`` it is a row again, and the device
itself always shows its newest value: what is left out is never the last that is known, only its repetition.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

MAX_DEVICES = 10_000
"""Of more, those that were quiet for longest are forgotten: their next report is a row."""
TODOS = "*"


class Fila(NamedTuple):
    """A row of the log: device, estado, parametros (JSON), instant as the log has it, cause (JSON; None: its own)."""

    dispositivo_id: int
    estado: str
    parametros_json: str
    sello: str
    causa_json: str | None


class _Ultima(NamedTuple):
    """The last row of a device, and the report after it that was left out."""

    estado: str
    parametros: dict[str, Any]
    en: datetime
    omitida: Fila | None


class Criba:
    """``bandas``: by parameter, ``*`` for all others (without it these have none: each report with them is a row)."""

    def __init__(self, bandas: Mapping[str, float], hueco: timedelta) -> None:
        self._bandas = bandas
        self._hueco = hueco
        self._known: OrderedDict[int, _Ultima] = OrderedDict()
        self._new: dict[int, _Ultima] = {}
        self.omitidas = 0
        self._omitted = 0

    def elegir(self, fila: Fila, now: datetime, *, estado_de_ahora: str) -> list[Fila]:
        """The rows that a report makes: none, itself, or what was left out and itself. ``estado_de_ahora``: what the
        device was before it, which others may have changed since its last row."""
        device = fila.dispositivo_id
        last = self._new.get(device) or self._known.get(device)
        parametros = json.loads(fila.parametros_json)
        same = last is not None and fila.estado == last.estado and self._within(last.parametros, parametros)
        own = fila.causa_json is None and fila.estado == estado_de_ahora
        if last is not None and same and own and now - last.en < self._hueco:
            self._new[device] = last._replace(omitida=fila)
            self._omitted += 1
            return []
        self._new[device] = _Ultima(fila.estado, parametros, now, None)
        corner = None if last is None or same else last.omitida
        return [fila] if corner is None else [corner, fila]

    def confirmar(self) -> None:
        """What was chosen since the last time is stored."""
        for device, last in self._new.items():
            self._known[device] = last
            self._known.move_to_end(device)
        while len(self._known) > MAX_DEVICES:
            self._known.popitem(last=False)
        self.omitidas += self._omitted
        self.olvidar()

    def olvidar(self) -> None:
        """It is not: choose again as before."""
        self._new = {}
        self._omitted = 0

    def _within(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        return before.keys() == now.keys() and all(self._same(name, before[name], value) for name, value in now.items())

    def _same(self, name: str, before: Any, now: Any) -> bool:
        band = self._bandas.get(name, self._bandas.get(TODOS))
        if band is None:
            return False
        if _is_number(before) and _is_number(now):
            return bool(abs(now - before) <= band)
        return type(before) is type(now) and bool(before == now)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
