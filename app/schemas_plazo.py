"""Types of bodies that say until when: an instant, or for how long."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.horario_franjas import RELOJ, read_hora

MAX_DURANTE_S = 604_800
"""A week."""
_STAMP = 40


def read_stamp(text: str) -> datetime | None:
    """The instant of an ISO 8601 text with its offset, None when it is none."""
    try:
        moment = datetime.fromisoformat(text) if len(text) <= _STAMP and "T" in text else None
        return moment if moment is not None and moment.utcoffset() is not None else None
    except ValueError:
        return None


def _instante(value: str) -> str:
    if read_stamp(value) is None:
        raise PydanticCustomError(
            "instante", "{mensaje}", {"mensaje": "debe ser un instante como 2026-11-24T22:00:00Z"}
        )
    return value


def is_sun_time(value: str) -> bool:
    """``amanecer+30``, ``atardecer-01:00`` and the like."""
    hora = read_hora(value)
    return hora is not None and hora.base != RELOJ


SUN_PATTERN = "(amanecer|atardecer|sunrise|sunset)([+-]([0-9]{1,2}|[1-6][0-9]{2}|7[01][0-9]|720))?"
_INSTANTE: dict[str, Any] = {"type": "string", "format": "date-time", "examples": ["2026-11-24T22:00:00Z"]}
Instante = Annotated[str, AfterValidator(_instante), WithJsonSchema(_INSTANTE)]
Durante = Annotated[float, Field(ge=1, le=MAX_DURANTE_S)]


def one_end(hasta: str | None, durante_s: float | None) -> datetime | None:
    """The instant that was sent.

    Raises:
        DatosInvalidos: both were sent.
    """
    if hasta is not None and durante_s is not None:
        raise DatosInvalidos([ErrorCampo("durante_s", "use hasta o durante_s, no los dos")])
    return None if hasta is None else read_stamp(hasta)
