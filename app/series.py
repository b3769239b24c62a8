"""Use-case: series of devices, fit to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app import bloques, dias, resumenes
from app.clock import iso_z
from app.domain.cubos import Corte, cortar
from app.domain.horario_zona import seconds_of
from app.domain.niveles import CINCO, DIA, HORA, Calendario
from app.domain.resumen import US, Cubo, Punto, Resumen, cubo, es_contador
from app.historial import stamp_of
from app.retencion import horizontes

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from app.bloques import Fila
    from app.resumenes import Cambio, Serie

MAX_TAIL = 20_000
"""Rows of a device that the summaries do not tell of yet and that an answer takes in by itself."""
NO_LIMIT = 2**62
_CHEAP = 8
"""Rows read for each point that is wanted, at most, to show the rows themselves."""


@dataclass(frozen=True, slots=True)
class Peticion:
    """From when to when (UTC), in how many points at most, and where the calendar is."""

    desde: datetime
    hasta: datetime
    puntos: int
    zona: ZoneInfo
    ahora: datetime


def leer_series(conn: Connection, pedidos: Sequence[tuple[int, Sequence[str]]], que: Peticion) -> dict[str, Any]:
    """What clients read: (device, names of series; none: all that it has). The devices exist."""
    reader = _Lector(conn, que)
    found = [each for device_id, names in pedidos for each in reader.of_device(device_id, names)]
    return {
        "zona": que.zona.key,
        "desde": iso_z(que.desde),
        "hasta": iso_z(que.hasta),
        "paso": reader.corte.paso,
        "completo": reader.whole,
        "conservado_desde": reader.kept.as_object(),
        "series": found,
    }


class _Lector:
    """One snapshot, one stretch of time."""

    def __init__(self, conn: Connection, que: Peticion) -> None:
        self._conn, self._que = conn, que
        self._days = Calendario(que.zona)
        self.kept = horizontes(conn)
        first = seconds_of(que.desde)
        least = CINCO if first >= self.kept.cinco else HORA if first >= self.kept.hora else DIA
        self.corte: Corte = cortar(first, seconds_of(que.hasta), que.puntos, que.zona, least)
        self._nivel = self.corte.nivel
        if self._nivel == DIA and not dias.listos(conn, que.zona.key):
            self._nivel = Corte("", self.corte.limites).nivel
        self._told = bloques.contado_hasta(conn)
        self._now = int(que.ahora.timestamp() * US)
        self.whole = True

    def of_device(self, device_id: int, names: Sequence[str]) -> list[dict[str, Any]]:
        """Its series, each as an object."""
        tail = bloques.siguen_de(self._conn, device_id, self._told, MAX_TAIL + 1)
        if len(tail) > MAX_TAIL:
            self.whole, tail = False, []
        change = resumenes.calcular(self._conn, tail, self._days, limit=NO_LIMIT)
        known = resumenes.series_de(self._conn, device_id)
        known |= {s.nombre: s for s in change.series.values()}
        found = []
        for name in dict.fromkeys(names or known):
            serie = known.get(name)
            head = {"dispositivo_id": device_id, "parametro": name}
            found.append({**head, **(_EMPTY if serie is None else self._serie(serie, change, tail))})
        return found

    def _serie(self, serie: Serie, change: Cambio, tail: Sequence[Fila]) -> dict[str, Any]:
        logical, counter = bool(serie.logica), es_contador(serie.nombre)
        buckets = self._buckets(serie, change)
        kind = {"tipo": "logico" if logical else "numero"}
        rows_kept = seconds_of(self._que.desde) >= self.kept.crudo
        if rows_kept and not counter and sum(b.n for b in buckets) <= self._que.puntos and self._cheap(serie):
            points = self._points(serie, tail)
            shown = [{"instante": _iso(p.en), "valor": bool(p.valor) if logical else p.valor} for p in points]
            return {**kind, "crudo": True, "datos": shown}
        shape = _logical if logical else _counter if counter else _number
        return {**kind, "crudo": False, "datos": [shape(b) for b in _trimmed(buckets)]}

    def _buckets(self, de: Serie, change: Cambio) -> list[Cubo]:
        limits, nivel, serie_id = self.corte.limites, self._nivel, de.id
        found = dict(resumenes.leer(self._conn, nivel, serie_id, limits[0], limits[-1]))
        before = resumenes.anterior(self._conn, nivel, serie_id, limits[0])
        for (level, serie, begin), r in change.resumenes.items():
            if (level, serie) == (nivel, serie_id):
                if limits[0] <= begin < limits[-1]:
                    found[begin] = r
                elif begin < limits[0] and (before is None or r.ultimo_en >= before.en):
                    before = Punto(r.ultimo_en, r.ultimo)
        return self._cut(sorted(found.items()), before, es_contador(de.nombre))

    def _cut(self, told: Sequence[tuple[int, Resumen]], before: Punto | None, counter: bool) -> list[Cubo]:
        """The summaries dealt out to the stretches; those to come are left out."""
        found, at = [], 0
        limits = self.corte.limites
        for n in range(len(limits) - 1):
            start, end = limits[n], limits[n + 1]
            inside: list[Resumen] = []
            while at < len(told) and told[at][0] < end:
                inside.append(told[at][1])
                at += 1
            if not inside and start * US >= self._now:
                continue
            until = min(end * US, max([self._now, *(r.ultimo_en for r in inside[-1:])]))
            found.append(cubo(before, inside, start * US, until, contador=counter))
            if inside:
                before = Punto(inside[-1].ultimo_en, inside[-1].ultimo)
        return found

    def _cheap(self, serie: Serie) -> bool:
        """Whether the log of that time is short enough to be read whole."""
        blocks = bloques.cuantos_entre(
            self._conn, serie.dispositivo_id, stamp_of(self._que.desde), stamp_of(self._que.hasta)
        )
        return blocks * bloques.BLOQUE <= _CHEAP * self._que.puntos + 2 * bloques.BLOQUE

    def _points(self, serie: Serie, tail: Sequence[Fila]) -> list[Punto]:
        que = self._que
        rows = bloques.entre(self._conn, serie.dispositivo_id, stamp_of(que.desde), stamp_of(que.hasta))
        points = resumenes.puntos([*rows, *tail], serie.nombre)
        first, end = (int((each - _EPOCH).total_seconds() * US) for each in (que.desde, que.hasta))
        return [p for p in points if first <= p.en < end]


_EMPTY = {"tipo": None, "crudo": True, "datos": list[Any]()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _trimmed(buckets: Sequence[Cubo]) -> Sequence[Cubo]:
    """Without those before and after all that is known."""
    known = [n for n, b in enumerate(buckets) if b.n or b.cubierto]
    return buckets[known[0] : known[-1] + 1] if known else []


def _number(b: Cubo) -> dict[str, Any]:
    return {"inicio": _iso(b.inicio), "min": b.minimo, "media": b.media, "max": b.maximo, "n": b.n}


def _counter(b: Cubo) -> dict[str, Any]:
    return {**_number(b), "subida": b.subida}


def _logical(b: Cubo) -> dict[str, Any]:
    return {
        "inicio": _iso(b.inicio),
        "activo_s": b.integral / US,
        "conocido_s": b.cubierto / US,
        "cambios": b.cambios,
        "n": b.n,
    }


def _iso(en: int) -> str:
    seconds, micros = divmod(en, US)
    return iso_z(datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros))
