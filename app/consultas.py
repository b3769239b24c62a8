"""Query parameters: strict where a number is meant, empty reads as not given where a filter is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.domain.aviso import ESTADOS, FiltroAvisos
from app.domain.conectividad import ESTADOS as ESTADOS_CONECTIVIDAD
from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.filtro import FiltroLista, FiltroStream
from app.domain.orden import ESTADOS as ESTADOS_ORDEN
from app.domain.periodo import Periodo
from app.domain.valores import ESTADO_DESCONOCIDO, estado_of, is_serial, parse_encendido

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PER_PAGE = 50
MAX_PER_PAGE = 200
MAX_TEXT = 200
MAX_ESPERAR_S = 30

FIRST_YEAR, LAST_YEAR = 1971, 2198
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})?)?", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_TRUE_FALSE = {"true": True, "false": False}
_YES_NO = {**_TRUE_FALSE, "1": True, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class PeticionStream:
    """What a reader of the live stream wants."""

    filtro: FiltroStream
    snapshot: bool
    last_event_id: str | None


def parse_pagina(args: Mapping[str, str]) -> tuple[int, int]:
    """(page, per_page).

    Raises:
        DatosInvalidos: not a decimal number from 1, or per_page beyond its bound.
    """
    per_page = _positive(args, "per_page", PER_PAGE)
    if per_page > MAX_PER_PAGE:
        raise _wrong("per_page", f"no puede pasar de {MAX_PER_PAGE}")
    return _positive(args, "page", 1), per_page


def parse_filtro_lista(args: Mapping[str, str]) -> FiltroLista:
    """Filters of the device list.

    Raises:
        DatosInvalidos: a filter can't mean anything.
    """
    return FiltroLista(
        _true_false(args, "reclamado"),
        _text(args, "tipo"),
        parse_estado(args),
        _text(args, "q"),
        _true_false(args, "deriva"),
        _one_of(args, "conectividad", ESTADOS_CONECTIVIDAD),
        _id(args, "habitacion"),
        _id(args, "grupo"),
    )


def parse_estado_orden(args: Mapping[str, str]) -> str | None:
    """Which orders of a device.

    Raises:
        DatosInvalidos: not a state of an order.
    """
    return _one_of(args, "estado", ESTADOS_ORDEN)


def parse_texto(args: Mapping[str, str], name: str) -> str | None:
    """A text to look for; None: not given, or empty.

    Raises:
        DatosInvalidos: too long.
    """
    return _text(args, name)


def parse_esperar(args: Mapping[str, str]) -> float | None:
    """For how many seconds to wait for the proof of an order; None: not at all, and nothing is told of it.

    Raises:
        DatosInvalidos: not a number from 0 to 30.
    """
    text = args.get("esperar")
    if text is None:
        return None
    if _SECONDS.fullmatch(text) is None or float(text) > MAX_ESPERAR_S:
        raise _wrong("esperar", f"debe ser un número de segundos, de 0 a {MAX_ESPERAR_S}")
    return float(text)


def parse_stream(args: Mapping[str, str], last_event_id: str | None) -> PeticionStream:
    """A reader's wishes; the header ``Last-Event-ID`` wins over the parameter, because a browser keeps it current.

    Raises:
        DatosInvalidos: a filter can't mean anything.
    """
    serial = _text(args, "serial")
    if serial is not None and not is_serial(serial):
        raise _wrong("serial", "no es un número de serie")
    snapshot = _YES_NO.get(args.get("snapshot", "").lower())
    if snapshot is None:
        raise _wrong("snapshot", "debe ser 1 o 0")
    filtro = FiltroStream(serial, _true_false(args, "reclamado"))
    return PeticionStream(filtro, snapshot, last_event_id or args.get("last_event_id") or None)


def parse_filtro_avisos(args: Mapping[str, str]) -> FiltroAvisos:
    """Filters of the inbox.

    Raises:
        DatosInvalidos: a filter can't mean anything.
    """
    estado = args.get("estado", "").lower() or None
    if estado is not None and estado not in ESTADOS:
        raise _wrong("estado", f"debe ser {', '.join(ESTADOS)}")
    return FiltroAvisos(estado, _id(args, "dispositivo"))


def parse_periodo(args: Mapping[str, str]) -> Periodo:
    """``desde`` and ``hasta``: instants, local times, or dates, of which the last is included.

    Raises:
        DatosInvalidos: one of them is no time between 1970 and 2199.
    """
    return Periodo(parse_momento(args, "desde", days=0), parse_momento(args, "hasta", days=1))


def parse_momento(args: Mapping[str, str], name: str, *, days: int) -> datetime | None:
    """An ISO 8601 time, naive when it has no offset; of a date the beginning of the day ``days`` after it."""
    text = args.get(name, "").strip().replace(" ", "+")  # a plus that was not escaped
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise _wrong(name, "debe ser una fecha (2026-11-24) o un instante (2026-11-24T07:00:00Z)")
    return found if len(text) > len("2026-11-24") else found + timedelta(days=days)


def _wrong(campo: str, mensaje: str) -> DatosInvalidos:
    return DatosInvalidos([ErrorCampo(campo, mensaje)])


def _positive(args: Mapping[str, str], name: str, default: int) -> int:
    text = args.get(name)
    if text is None:
        return default
    if _NUMBER.fullmatch(text) is None or int(text) == 0:
        raise _wrong(name, "debe ser un número entero desde 1")
    return int(text)


def _id(args: Mapping[str, str], name: str) -> int | None:
    return _positive(args, name, 1) if args.get(name) else None


def _true_false(args: Mapping[str, str], name: str) -> bool | None:
    text = args.get(name, "").lower()
    if not text:
        return None
    if text not in _TRUE_FALSE:
        raise _wrong(name, "debe ser true o false")
    return _TRUE_FALSE[text]


def _one_of(args: Mapping[str, str], name: str, words: Sequence[str]) -> str | None:
    text = args.get(name, "").lower()
    if text and text not in words:
        raise _wrong(name, f"debe ser {', '.join(words[:-1])} o {words[-1]}")
    return text or None


def _text(args: Mapping[str, str], name: str) -> str | None:
    text = args.get(name, "")
    if len(text) > MAX_TEXT or "\x00" in text:
        raise _wrong(name, f"debe ser un texto de hasta {MAX_TEXT} caracteres")
    return text or None


def parse_estado(args: Mapping[str, str]) -> str | None:
    """A state of a device, however it is spelt.

    Raises:
        DatosInvalidos: not a state.
    """
    text = args.get("estado", "").lower()
    if not text or text == ESTADO_DESCONOCIDO:
        return text or None
    on = parse_encendido(text)
    if on is None:
        raise _wrong("estado", "debe ser activo, inactivo o desconocido")
    return estado_of(on)
