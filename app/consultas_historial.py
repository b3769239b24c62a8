"""Query parameters of history: stretches of time, and where a reader of the log goes on."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zlib import crc32

from app.consultas import MAX_TEXT, parse_estado, parse_momento, parse_periodo
from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.filtro import FiltroLog
from app.exportacion import CSV, FORMATOS
from app.historial import stamp_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

PUNTOS, MAX_PUNTOS = 300, 2000
MAX_SERIES = 64
MAX_PUNTOS_EN_TOTAL = 40_000
ALREDEDOR = timedelta(days=1)
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)
_ID_BYTES = 8


def parse_filtro_log(args: Mapping[str, str], zona: tzinfo) -> FiltroLog:
    """Which rows of a log; local times and dates are of ``zona``.

    Raises:
        DatosInvalidos: a filter can't mean anything, or the stretch ends before it begins.
    """
    desde, hasta = _stretch(args, zona)
    return FiltroLog(
        None if desde is None else stamp_of(desde), None if hasta is None else stamp_of(hasta), parse_estado(args)
    )


def cursor_of(dispositivo_id: int, antes_de: int) -> str:
    """An opaque text of 16 characters: from where to go on in the log of a device."""
    place = antes_de.to_bytes(_ID_BYTES)
    return base64.urlsafe_b64encode(place + _seal(dispositivo_id, place)).decode()


def parse_cursor(args: Mapping[str, str], dispositivo_id: int) -> int | None:
    """The place that a cursor names; None for an empty one: from the newest row on.

    Raises:
        DatosInvalidos: it is not one that was given out for this log, or comes together with ``page``.
    """
    if "page" in args:
        raise DatosInvalidos([ErrorCampo("cursor", "no se combina con page")])
    text = args["cursor"]
    if not text:
        return None
    found = base64.urlsafe_b64decode(text) if _CURSOR.fullmatch(text) else b""
    place, seal = found[:_ID_BYTES], found[_ID_BYTES:]
    if len(place) != _ID_BYTES or seal != _seal(dispositivo_id, place) or place[0] > 0x7F:
        raise DatosInvalidos([ErrorCampo("cursor", "no es un cursor de este historial")])
    return int.from_bytes(place)


def _seal(dispositivo_id: int, place: bytes) -> bytes:
    """No secret: it tells a slip of the pen, or another device's cursor, from one that was given out."""
    return crc32(place + dispositivo_id.to_bytes(_ID_BYTES, signed=True)).to_bytes(4)


def parse_tramo(args: Mapping[str, str], zona: tzinfo, ahora: datetime) -> tuple[datetime, datetime]:
    """From when to when; without more the last day.

    Raises:
        DatosInvalidos: no times, or the stretch ends before it begins.
    """
    desde, hasta = _stretch(args, zona)
    end = hasta or max(ahora, desde + timedelta(seconds=1) if desde else ahora)
    return desde or end - ALREDEDOR, end


def parse_puntos(args: Mapping[str, str]) -> int:
    """How many points a series may have at most.

    Raises:
        DatosInvalidos: not a number from 1 to 2000.
    """
    text = args.get("puntos", str(PUNTOS))
    if _ID.fullmatch(text) is None or int(text) > MAX_PUNTOS:
        raise DatosInvalidos([ErrorCampo("puntos", f"debe ser un número entero de 1 a {MAX_PUNTOS}")])
    return int(text)


def parse_parametros(texts: Sequence[str], name: str) -> list[str]:
    """Names of series, each by itself or several with commas between; none: all.

    Raises:
        DatosInvalidos: too many, or too long.
    """
    found = list(dict.fromkeys(each.strip() for text in texts for each in text.split(",") if each.strip()))
    if len(found) > MAX_SERIES or any(len(each) > MAX_TEXT for each in found):
        raise DatosInvalidos([ErrorCampo(name, f"son nombres de hasta {MAX_TEXT} caracteres, {MAX_SERIES} como mucho")])
    return found


def parse_elegidos(texts: Sequence[str]) -> tuple[str, ...]:
    """Names of parameters to export; none: all.

    Raises:
        DatosInvalidos: as :func:`parse_parametros`, or such that SQLite could not name them in a path of JSON.
    """
    found = parse_parametros(texts, "parametros")
    if any(char in name for name in found for char in '"\\'):
        raise DatosInvalidos([ErrorCampo("parametros", "un nombre con comillas o barras no se puede elegir")])
    return tuple(found)


def parse_dispositivos(args: Mapping[str, str]) -> list[int]:
    """Ids of devices, with commas between.

    Raises:
        DatosInvalidos: not ids, none, or too many.
    """
    texts = [each.strip() for each in args.get("dispositivos", "").split(",") if each.strip()]
    if not texts or len(texts) > MAX_SERIES or any(_ID.fullmatch(each) is None for each in texts):
        mensaje = f"hay que decir los ids de uno o más dispositivos, separados por comas ({MAX_SERIES} como mucho)"
        raise DatosInvalidos([ErrorCampo("dispositivos", mensaje)])
    return list(dict.fromkeys(map(int, texts)))


def parse_formato(args: Mapping[str, str]) -> str:
    """As what a log is to be written.

    Raises:
        DatosInvalidos: as nothing that there is.
    """
    found = args.get("formato", CSV)
    if found not in FORMATOS:
        raise DatosInvalidos([ErrorCampo("formato", f"debe ser uno de: {', '.join(FORMATOS)}")])
    return found


def check_total(series: int, puntos: int) -> None:
    """Refuse an answer that would be too long.

    Raises:
        DatosInvalidos: so it would be.
    """
    if series > MAX_SERIES or series * puntos > MAX_PUNTOS_EN_TOTAL:
        mensaje = f"son demasiadas series ({series}): como mucho {MAX_SERIES}, y {MAX_PUNTOS_EN_TOTAL} puntos en total"
        raise DatosInvalidos([ErrorCampo("puntos", mensaje)])


def parse_instante(args: Mapping[str, str], zona: tzinfo) -> datetime:
    """The instant of the past that is asked for; a date is its first moment in ``zona``.

    Raises:
        DatosInvalidos: no time between 1971 and 2198.
    """
    found = parse_momento(args, "instante", days=0)
    if found is None:
        raise DatosInvalidos([ErrorCampo("instante", "debe ser un instante (2026-11-24T07:00:00Z)")])
    return (found if found.tzinfo is not None else found.replace(tzinfo=zona)).astimezone(UTC)


def _stretch(args: Mapping[str, str], zona: tzinfo) -> tuple[datetime | None, datetime | None]:
    desde, hasta = parse_periodo(args).placed(zona)
    if desde is not None and hasta is not None and hasta <= desde:
        raise DatosInvalidos([ErrorCampo("hasta", "debe ser posterior a desde")])
    return desde, hasta
