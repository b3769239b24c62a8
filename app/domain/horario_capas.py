"""Reading the layers over the week: exceptions, holidays, occurrences to skip, and the manual override."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.domain.horario_franjas import DIAS, Programa, fijo, read_dia, read_horarios, siempre_como
from app.domain.horario_tipos import Aviso, Casa
from app.domain.horario_zona import UTC_ZONE, find_zona, read_instante
from app.domain.valores import parse_encendido

MAX_CAPAS = 64
"""Exceptions, and skipped occurrences, that are read; the rest does nothing."""
SEMANA, EXCEPCION, FESTIVO, SALTAR, ANULACION = "semana", "excepcion", "festivo", "saltar", "anulacion"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Capa(NamedTuple):
    """What rules a local date: ``prefijo`` starts its details (``excepción Navidad``), nothing for the week."""

    nombre: str
    prefijo: str
    programa: Programa

    def detalle(self, dia: int, texto: str) -> str:
        """The slot in words: ``lunes 07:00–09:00``, ``excepción Navidad: 07:00–09:00``; ``dia`` is an ordinal."""
        return f"{self.prefijo}: {texto}" if self.prefijo else f"{DIAS[(dia - 1) % 7]} {texto}"


@dataclass(frozen=True, slots=True)
class Excepcion:
    """Dates (ordinals, both ends included) with a programme of their own; ``anual`` repeats them by month and day.

    A yearly one that starts or ends on 29 February has one day less in common years.
    """

    desde: int
    hasta: int
    anual: bool
    capa: Capa
    indice: int

    def cubre(self, dia: int) -> bool:
        if not self.anual:
            return self.desde <= dia <= self.hasta
        if self.hasta - self.desde >= 365:
            return True
        first, last, today = (month_day(x) for x in (self.desde, self.hasta, dia))
        return first <= today <= last if first <= last else today >= first or today <= last

    def proxima(self, dia: int) -> int | None:
        """The first date at or after ``dia`` that it may cover: never too late, None when it is past."""
        if not self.anual:
            return None if self.hasta < dia else max(dia, self.desde)
        return next((day for day in range(dia, dia + 367) if self.cubre(day)), dia + 367)


class Anulacion(NamedTuple):
    """On or off by hand in [desde, hasta), seconds of 1970; None: without end, ``-inf``: since ever."""

    encendido: bool
    desde: float
    hasta: int | None


@dataclass(frozen=True, slots=True)
class Capas:
    """All that a configuration and its house say about time. ``semana`` is None when it holds no usable slot."""

    zona: ZoneInfo
    lugar: tuple[float, float] | None
    semana: Programa | None
    excepciones: tuple[Excepcion, ...]
    festivos: frozenset[int]
    festivo: Capa | None
    saltar: frozenset[int]
    anulacion: Anulacion | None


def read_capas(configuracion: Mapping[str, Any], casa: Casa, fallos: list[Aviso]) -> Capas:
    """Everything readable; what is not is added to ``fallos``, with paths below ``configuracion``."""
    lugar = read_lugar(casa)
    value, sol = configuracion.get("horarios"), lugar is not None
    semana = None if value is None else read_horarios(value, "configuracion.horarios", fallos, sol=sol)
    if semana is not None and not semana.slots:
        semana = None
    festivo = _festivo(configuracion.get("festivos"), semana, fallos, sol=sol)
    return Capas(
        zona=read_zona(configuracion, casa, fallos),
        lugar=lugar,
        semana=semana,
        excepciones=tuple(_excepciones(configuracion.get("excepciones"), fallos, sol=sol)),
        festivos=frozenset(day.toordinal() for day in casa.festivos) if festivo else frozenset(),
        festivo=festivo,
        saltar=frozenset(read_saltar(configuracion.get("saltar"), fallos)),
        anulacion=read_anulacion(configuracion.get("anulacion"), fallos),
    )


def read_zona(configuracion: Mapping[str, Any], casa: Casa, fallos: list[Aviso]) -> ZoneInfo:
    """The device's zone, the house's when it names none or an unknown one, UTC when that is unknown too."""
    name = configuracion.get("zona")
    if name is not None:
        zona = find_zona(name) if isinstance(name, str) else None
        if zona is not None:
            return zona
        text = "No se conoce esa zona horaria; se usa la de la casa."
        fallos.append(Aviso("configuracion.zona", "zona_desconocida", text))
    return find_zona(casa.zona) or UTC_ZONE


def read_lugar(casa: Casa) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, None when one is missing or off the globe."""
    lat, lon = casa.latitud, casa.longitud
    if lat is None or lon is None or not (math.isfinite(lat) and math.isfinite(lon)):
        return None
    return (float(lat), float(lon)) if abs(lat) <= 90 and abs(lon) <= 180 else None


def read_fecha(value: object) -> int | None:
    """The ordinal of ``YYYY-MM-DD``, else None."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return None
    try:
        return date.fromisoformat(value).toordinal()
    except ValueError:
        return None


def month_day(dia: int) -> tuple[int, int]:
    day = date.fromordinal(dia)
    return day.month, day.day


def read_saltar(value: object, fallos: list[Aviso]) -> list[int]:
    """The instants at which skipped occurrences start, in the order given."""
    found = []
    for index, item in enumerate(_bounded(value, "configuracion.saltar", fallos)):
        instante = read_instante(item)
        if instante is None:
            text = "Debe ser un instante ISO 8601; no salta nada."
            fallos.append(Aviso(f"configuracion.saltar[{index}]", "instante_invalido", text))
        else:
            found.append(instante)
    return found


def read_anulacion(value: object, fallos: list[Aviso]) -> Anulacion | None:
    """The override; without ``desde`` it is in force already, without ``hasta`` (or null) it has no end."""
    if value is None:
        return None
    campo = "configuracion.anulacion"
    if not isinstance(value, dict):
        fallos.append(Aviso(campo, "anulacion_invalida", "Debe ser un objeto; no anula nada."))
        return None
    on = parse_encendido(value.get("encendido"))
    desde, hasta = (None if value.get(key) is None else read_instante(value[key]) for key in ("desde", "hasta"))
    unreadable = any(value.get(key) is not None and read_instante(value[key]) is None for key in ("desde", "hasta"))
    if on is None or unreadable or (desde is not None and hasta is not None and hasta <= desde):
        text = "Necesita encendido, y desde y hasta (posterior, o null) en ISO 8601; no anula nada."
        fallos.append(Aviso(campo, "anulacion_invalida", text))
        return None
    return Anulacion(on, -math.inf if desde is None else desde, hasta)


def _excepciones(value: object, fallos: list[Aviso], *, sol: bool) -> list[Excepcion]:
    found = []
    for index, item in enumerate(_bounded(value, "configuracion.excepciones", fallos)):
        campo = f"configuracion.excepciones[{index}]"
        excepcion = _excepcion(item, index, campo, fallos, sol=sol)
        if excepcion is not None:
            found.append(excepcion)
    return found


def _excepcion(item: Any, indice: int, campo: str, fallos: list[Aviso], *, sol: bool) -> Excepcion | None:
    if not isinstance(item, dict):
        fallos.append(Aviso(campo, "excepcion_invalida", "Debe ser un objeto; no actúa."))
        return None
    desde = read_fecha(item.get("desde"))
    hasta = desde if item.get("hasta") is None else read_fecha(item["hasta"])
    if desde is None or hasta is None or hasta < desde:
        text = "Necesita desde y hasta (no anterior) como AAAA-MM-DD; no actúa."
        fallos.append(Aviso(f"{campo}.desde", "fecha_invalida", text))
        return None
    suyo = _programa(item, campo, fallos, sol=sol)
    if suyo is None:
        return None
    nombre = item.get("nombre")
    named = nombre.strip()[:80] if isinstance(nombre, str) and nombre.strip() else item["desde"]
    capa = Capa(EXCEPCION, f"excepción {named}", suyo)
    return Excepcion(desde, hasta, parse_encendido(item.get("cada_ano")) is True, capa, indice)


def _festivo(value: object, semana: Programa | None, fallos: list[Aviso], *, sol: bool) -> Capa | None:
    if value is None:
        return None
    campo = "configuracion.festivos"
    if isinstance(value, dict):
        suyo = _programa(value, campo, fallos, sol=sol)
        return Capa(FESTIVO, "festivo", suyo) if suyo is not None else None
    days = read_dia(value)
    if len(days) != 1:
        text = "Debe ser un objeto con horarios o encendido, o el nombre de un día; no actúa."
        fallos.append(Aviso(campo, "festivos_invalido", text))
        return None
    day = next(iter(days))
    return Capa(FESTIVO, f"festivo como {DIAS[day]}", siempre_como(semana, day)) if semana is not None else None


def _programa(item: dict[Any, Any], campo: str, fallos: list[Aviso], *, sol: bool) -> Programa | None:
    """The programme of a layer's days: ``horarios`` when it has them, else ``encendido`` for whole days."""
    if item.get("horarios") is not None:
        return read_horarios(item["horarios"], f"{campo}.horarios", fallos, sol=sol)
    on = parse_encendido(item.get("encendido"))
    if on is None:
        fallos.append(Aviso(campo, "vacio", "No dice horarios ni encendido; no actúa."))
        return None
    return fijo(on)


def _bounded(value: object, campo: str, fallos: list[Aviso]) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        fallos.append(Aviso(campo, "forma_desconocida", "Debe ser una lista; no actúa."))
        return []
    if len(value) > MAX_CAPAS:
        fallos.append(Aviso(campo, "demasiadas", f"Solo se leen las primeras {MAX_CAPAS}; las demás no actúan."))
    return value[:MAX_CAPAS]
