"""A stretch of time as somebody asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.domain.errors import DatosInvalidos, ErrorCampo

if TYPE_CHECKING:
    from datetime import tzinfo

DIAS = 7
MAX_DIAS = 400


@dataclass(frozen=True, slots=True)
class Periodo:
    """Instants, or local times (naive) of whom it is about; None: from now, for a week."""

    desde: datetime | None = None
    hasta: datetime | None = None

    def between(self, zona: tzinfo, ahora: datetime) -> tuple[datetime, datetime]:
        """Its two instants, in UTC.

        Raises:
            DatosInvalidos: it ends before it begins, or is too long.
        """
        found, end = self.placed(zona)
        desde = found or ahora
        hasta = end or desde + timedelta(days=DIAS)
        if hasta <= desde:
            raise DatosInvalidos([ErrorCampo("hasta", "debe ser posterior a desde")])
        if hasta - desde > timedelta(days=MAX_DIAS):
            raise DatosInvalidos([ErrorCampo("hasta", f"no puede estar a más de {MAX_DIAS} días de desde")])
        return desde, hasta

    def placed(self, zona: tzinfo) -> tuple[datetime | None, datetime | None]:
        """Its two instants, in UTC, each as far as it was asked for."""
        return _placed(self.desde, zona), _placed(self.hasta, zona)


def _placed(moment: datetime | None, zona: tzinfo) -> datetime | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zona)).astimezone(UTC)
