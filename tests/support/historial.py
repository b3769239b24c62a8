"""Rows of the log put there as they were said, and the summaries and pages that a slow reading makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app import casa
from app.bloques import Fila, entre
from app.db import bulk_insert, raw
from app.domain.niveles import CINCO, DIA, HORA, Calendario, instante_us, valores
from app.domain.resumen import US, Punto, Resumen, es_contador, plegar
from app.models import dispositivo, estado_log, row_of
from app.resumenes import leer
from app.resumidor import Resumidor
from tests.support.horarios import PERSONA
from tests.support.nucleo import House, a_device

Row = tuple[int, str | None, dict[str, Any], str | None]
"""(device, estado, parametros, timestamp)."""


class HouseWithHistory(House):
    """Devices 1 to ``devices``, and the thread's work done by hand."""

    def __init__(self, folder: Path, devices: int = 3, zona: str = "Europe/Madrid") -> None:
        super().__init__(folder)
        self.resumidor = Resumidor(self.db, self.clock)
        with self.db.unit_of_work(PERSONA) as uow:
            bulk_insert(uow, dispositivo, [row_of(a_device(i + 1)) for i in range(devices)], upsert=True)
        self.move(zona)

    def move(self, zona: str) -> None:
        with self.db.unit_of_work(PERSONA) as uow:
            casa.cambiar(uow, {"zona": zona})

    def log(self, rows: Iterable[Row]) -> None:
        with self.db.unit_of_work() as uow:
            bulk_insert(uow, estado_log, [(d, e, json.dumps(p), t, None) for d, e, p, t in rows])

    def settle(self) -> None:
        """Until the thread would have nothing to do."""
        while self.resumidor.tick(all_now=True) == 0.0:
            pass

    def told(self, device_id: int) -> list[Fila]:
        with self.db.reader() as conn:
            return entre(conn, device_id, "", "9")


def stored(house: House) -> dict[tuple[int, str, int, int], Resumen]:
    """(device, series, level, beginning) -> summary, as the tables have it."""
    found = {}
    with house.db.reader() as conn:
        assert raw(conn).execute(
            "SELECT count(*) FROM resumen WHERE (partes IS NULL) <> (nivel = 86400)"
        ).fetchone() == (0,)
        for serie_id, device, name in raw(conn).execute("SELECT id, dispositivo_id, nombre FROM serie").fetchall():
            for nivel in (CINCO, HORA, DIA):
                told = leer(conn, nivel, serie_id, -(2**40), 2**40)
                found |= {(device, name, nivel, begin): r for begin, r in told}
    return found


def expected(house: House, zona: str) -> dict[tuple[int, str, int, int], Resumen]:
    """The same, each summary folded from all its points."""
    days = Calendario(ZoneInfo(zona))
    begins: Sequence[tuple[int, Callable[[int], int]]] = (
        (CINCO, lambda s: s - s % CINCO), (HORA, lambda s: s - s % HORA), (DIA, lambda s: days.dia(s)[0]),
    )  # fmt: skip
    found: dict[tuple[int, str, int, int], list[Punto]] = {}
    for device, estado, parametros, stamp in house.rows(
        "SELECT dispositivo_id, estado, parametros, timestamp FROM estado_log ORDER BY id"
    ):
        if (en := instante_us(stamp)) is None:
            continue
        for name, value, _ in valores(estado, json.loads(parametros)):
            for nivel, begin in begins:
                found.setdefault((device, name, nivel, begin(en // US)), []).append(Punto(en, value))
    return {
        key: plegar(sorted(points, key=lambda p: p.en), contador=es_contador(key[1])) for key, points in found.items()
    }
