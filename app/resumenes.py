"""Summaries of the series, kept exactly: what rows of the log that are new make of what is stored.

A row that is newer than its stretch's last point is joined to it. One that comes late makes its five minutes be read
again from the log, and its day be joined again from its parts: nothing beyond them depends on it. An hour is always
joined again from its five minutes, which are in its own row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from app import bloques
from app.db import raw
from app.domain.dispositivo import load_object
from app.domain.niveles import CINCO, DIA, HORA, Calendario, instante_us, sello_de, valores
from app.domain.partes import desempaquetar, empaquetar
from app.domain.resumen import US, Punto, Resumen, es_contador, plegar, unir, unir_todos
from app.retencion import horizontes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.bloques import Fila

MAX_SERIES = 64
"""Series of one device; a parameter beyond them is in the log only."""


class Serie(NamedTuple):
    """A row of ``serie``."""

    id: int
    dispositivo_id: int
    nombre: str
    logica: int


Clave = tuple[int, int, int]
"""(level, series, beginning)."""


@dataclass(slots=True)
class Cambio:
    """What rows change, not stored yet: summaries of all levels, and the five minutes of the hours, (series, beginning)
    each. ``ultimo_id`` is the last row that is in it."""

    ultimo_id: int
    filas: int = 0
    series: dict[int, Serie] = field(default_factory=dict)
    resumenes: dict[Clave, Resumen] = field(default_factory=dict)
    partes: dict[tuple[int, int], dict[int, Resumen]] = field(default_factory=dict)


def calcular(conn: Connection, filas: Iterable[Fila], calendario: Calendario, *, limit: int) -> Cambio:
    """What these rows, which follow on what is stored, make of it; those that would touch more than ``limit`` hours
    of series are left for the next time. Only reads."""
    work = _Calculo(conn, calendario)
    for fila in filas:
        work.take(fila)
        if len(work.touched) >= limit:
            break
    work.sum_up()
    return work.cambio


def series_de(conn: Connection, dispositivo_id: int) -> dict[str, Serie]:
    """What is summarised of a device, by name."""
    rows = raw(conn).execute("SELECT * FROM serie WHERE dispositivo_id = ? ORDER BY id", (dispositivo_id,))
    return {row[2]: Serie(*row) for row in rows}


class _Calculo:
    def __init__(self, conn: Connection, calendario: Calendario) -> None:
        self._conn = conn
        self._days = calendario
        self._kept = horizontes(conn).exactos
        self._known: dict[int, dict[str, Serie]] = {}
        self._next_id = 0
        self.cambio = Cambio(0)
        self.fives: defaultdict[tuple[int, int], list[Punto]] = defaultdict(list)  # (series, beginning): new points
        self.touched: set[tuple[int, int]] = set()  # (series, hour)
        self._series: dict[int, Serie] = {}

    def take(self, fila: Fila) -> None:
        """One more row."""
        self.cambio.ultimo_id = fila.id
        self.cambio.filas += 1
        en = instante_us(fila.timestamp)
        if en is None:
            return
        second = en // US
        if second < self._kept:  # what it would change can't be calculated again
            return
        begin, hour = second - second % CINCO, second - second % HORA
        for name, value, logical in _values(fila):
            found = self._serie(fila.dispositivo_id, name, logical)
            if found is not None:
                self.fives[found.id, begin].append(Punto(en, value))
                self.touched.add((found.id, hour))

    def sum_up(self) -> None:
        """From points to five minutes, from these to hours and days."""
        hours: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for serie_id, begin in self.fives:
            hours[serie_id, begin - begin % HORA].append(begin)
        days: defaultdict[Clave, list[Resumen]] = defaultdict(list)
        late: set[Clave] = set()
        for (serie_id, hour), begins in hours.items():
            parts, counted = self._hour(serie_id, hour), es_contador(self._series[serie_id].nombre)
            for begin in sorted(begins):
                day = DIA, serie_id, self._days.dia(begin)[0]
                points = sorted(self.fives[serie_id, begin], key=lambda p: p.en)  # stable: then the greater id is later
                new = plegar(points, contador=counted)
                days[day].append(new)
                if not _join(parts, begin, new):
                    parts[begin] = self._again(serie_id, begin, points)
                    late.add(day)
                self.cambio.resumenes[CINCO, serie_id, begin] = parts[begin]
            self.cambio.partes[serie_id, hour] = parts
            self.cambio.resumenes[HORA, serie_id, hour] = unir_todos(parts[begin] for begin in sorted(parts))
        for key, new_parts in days.items():
            self._day(key, sorted(new_parts, key=lambda r: r.primero_en), late=key in late)

    def _hour(self, serie_id: int, hour: int) -> dict[int, Resumen]:
        row = raw(self._conn).execute(_PARTS, (serie_id, hour)).fetchone()
        return {} if row is None else desempaquetar(hour, row[0])

    def _day(self, key: Clave, new: Sequence[Resumen], *, late: bool) -> None:
        """What comes after all that is stored is joined to it; else the day is joined again from what it is made of."""
        row = raw(self._conn).execute(_ONE, key).fetchone()
        old = None if row is None else Resumen(*row)
        if old is None and not late:
            self.cambio.resumenes[key] = unir_todos(new)
        elif old is not None and not late and new[0].primero_en >= old.ultimo_en:
            self.cambio.resumenes[key] = unir_todos([old, *new])
        else:
            self.cambio.resumenes[key] = unir_todos(self._parts_of_day(key))

    def _again(self, serie_id: int, begin: int, points: list[Punto]) -> Resumen:
        """Five minutes from the log, and these points that follow in it."""
        serie = self._series[serie_id]
        rows = bloques.entre(self._conn, serie.dispositivo_id, sello_de(begin), sello_de(begin + CINCO))
        told = [p for row in rows if (p := _point(row, serie.nombre)) is not None]
        return plegar(sorted([*told, *points], key=lambda p: p.en), contador=es_contador(serie.nombre))

    def _parts_of_day(self, key: Clave) -> list[Resumen]:
        """What a day is made of, with what changes now, in the order of time."""
        _, serie_id, begin = key
        below, first, end = self._days.partes(begin)
        found = dict(leer(self._conn, below, serie_id, first, end))
        for start in range(first, end, below):
            changed = self.cambio.resumenes.get((below, serie_id, start))
            if changed is not None:
                found[start] = changed
        return [found[start] for start in sorted(found)]

    def _serie(self, dispositivo_id: int, name: str, logical: bool) -> Serie | None:
        known = self._known.get(dispositivo_id)
        if known is None:
            known = self._known[dispositivo_id] = series_de(self._conn, dispositivo_id)
        found = known.get(name)
        if found is None:
            if len(known) >= MAX_SERIES:
                return None
            found = Serie(self._new_id(), dispositivo_id, name, int(logical))
            self.cambio.series[found.id] = found
        elif found.logica and not logical:
            found = self.cambio.series[found.id] = found._replace(logica=0)
        known[name] = self._series[found.id] = found
        return found

    def _new_id(self) -> int:
        last = self._next_id or raw(self._conn).execute("SELECT ifnull(max(id), 0) FROM serie").fetchone()[0]
        self._next_id = last + 1
        return self._next_id


def _values(fila: Fila) -> Iterable[tuple[str, float, bool]]:
    parametros = load_object(fila.parametros) if fila.parametros and fila.parametros != "{}" else {}
    return valores(fila.estado, parametros)


def _point(fila: Fila, nombre: str) -> Punto | None:
    en = instante_us(fila.timestamp)
    value = next((v for name, v, _ in _values(fila) if name == nombre), None)
    return None if en is None or value is None else Punto(en, value)


def puntos(filas: Iterable[Fila], nombre: str) -> list[Punto]:
    """The points of a series in these rows, in the order of time."""
    found = [p for fila in filas if (p := _point(fila, nombre)) is not None]
    return sorted(found, key=lambda p: p.en)


def _join(parts: dict[int, Resumen], begin: int, new: Resumen) -> bool:
    """Whether it comes after what is known of those five minutes, and so is joined to it."""
    old = parts.get(begin)
    if old is not None and new.primero_en < old.ultimo_en:
        return False
    parts[begin] = new if old is None else unir(old, new)
    return True


def leer(conn: Connection, nivel: int, serie_id: int, desde: int, hasta: int) -> list[tuple[int, Resumen]]:
    """The summaries of a level that begin from ``desde`` to before ``hasta``, in the order of time."""
    if nivel == CINCO:
        hours = raw(conn).execute(_ALL_PARTS, (serie_id, desde - desde % HORA, hasta))
        parts = (part for hour, data in hours for part in desempaquetar(hour, data).items())
        return [(begin, r) for begin, r in parts if desde <= begin < hasta]
    rows = raw(conn).execute(_SOME, (nivel, serie_id, desde, hasta))
    return [(begin, Resumen(*values)) for begin, *values in rows]


def anterior(conn: Connection, nivel: int, serie_id: int, antes_de: int) -> Punto | None:
    """The last point of the last summary of a level that begins before that second."""
    if nivel == CINCO:
        here = leer(conn, CINCO, serie_id, antes_de - antes_de % HORA, antes_de)
        if here:
            return Punto(here[-1][1].ultimo_en, here[-1][1].ultimo)
        nivel = HORA
        antes_de -= antes_de % HORA
    row = raw(conn).execute(_BEFORE, (nivel, serie_id, antes_de)).fetchone()
    return None if row is None else Punto(*row)


def guardar(conn: Connection, cambio: Cambio) -> None:
    """Store what was calculated."""
    raw(conn).executemany("INSERT OR REPLACE INTO serie VALUES (?, ?, ?, ?)", cambio.series.values())
    hours = [
        (HORA, serie_id, hour, *cambio.resumenes[HORA, serie_id, hour], empaquetar(hour, parts))
        for (serie_id, hour), parts in sorted(cambio.partes.items())
    ]
    raw(conn).executemany(_PUT, hours)
    poner_dias(conn, {key: r for key, r in cambio.resumenes.items() if key[0] == DIA})


def poner_dias(conn: Connection, dias: Mapping[Clave, Resumen]) -> None:
    """Store summaries of days."""
    raw(conn).executemany(_PUT, [(*key, *dias[key], None) for key in sorted(dias)])


_VALUES = "n, cambios, minimo, maximo, primero_en, primero, ultimo_en, ultimo, integral, cubierto, subida"
_ONE = f"SELECT {_VALUES} FROM resumen WHERE nivel = ? AND serie_id = ? AND inicio = ?"
_SOME = (
    f"SELECT inicio, {_VALUES} FROM resumen WHERE nivel = ? AND serie_id = ? AND inicio >= ? AND inicio < ? "
    "ORDER BY inicio"
)
_PARTS = f"SELECT partes FROM resumen WHERE nivel = {HORA} AND serie_id = ? AND inicio = ?"
_ALL_PARTS = (
    f"SELECT inicio, partes FROM resumen WHERE nivel = {HORA} AND serie_id = ? AND inicio >= ? AND inicio < ? "
    "ORDER BY inicio"
)
_BEFORE = (
    "SELECT ultimo_en, ultimo FROM resumen WHERE nivel = ? AND serie_id = ? AND inicio < ? ORDER BY inicio DESC LIMIT 1"
)
_PUT = f"INSERT OR REPLACE INTO resumen (nivel, serie_id, inicio, {_VALUES}, partes) VALUES ({','.join('?' * 15)})"
