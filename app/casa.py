"""What people decide for the whole house: its name, time zone, place and holidays. Unset: as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from app.db import UnitOfWork, raw
from app.domain.dispositivo import dump_object
from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.horario_tipos import Casa
from app.domain.horario_zona import UTC_ZONE, find_zona

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

CAMPOS = ("nombre", "zona", "latitud", "longitud", "festivos")


@dataclass(frozen=True, slots=True)
class Hogar:
    """The house as it is set up; ``casa`` is what schedules need of it."""

    nombre: str
    casa: Casa

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "nombre": self.nombre,
            "zona": self.casa.zona,
            "latitud": self.casa.latitud,
            "longitud": self.casa.longitud,
            "festivos": [day.isoformat() for day in self.casa.festivos],
        }


def leer(conn: Connection, defecto: Casa) -> Hogar:
    """The house; ``defecto`` holds what the settings say, for what nobody has decided."""
    rows = raw(conn).execute("SELECT clave, valor FROM casa_texto").fetchall()
    said = {clave: from_json(valor) for clave, valor in rows if clave in CAMPOS}
    placed = "latitud" in said and "longitud" in said
    return Hogar(
        said.get("nombre", ""),
        Casa(
            zona=said.get("zona", defecto.zona),
            latitud=said["latitud"] if placed else defecto.latitud,
            longitud=said["longitud"] if placed else defecto.longitud,
            festivos=tuple(map(date.fromisoformat, said["festivos"])) if "festivos" in said else defecto.festivos,
        ),
    )


def zona(conn: Connection, defecto: Casa) -> ZoneInfo:
    """The house's time zone; UTC when this machine does not know it."""
    return find_zona(leer(conn, defecto).casa.zona) or UTC_ZONE


def cambiar(uow: UnitOfWork, cambios: Mapping[str, Any]) -> Hogar:
    """Decide some of :data:`CAMPOS`, validated; None: as the settings say. Told as the event ``casa``, with which every
    schedule is planned again.

    Raises:
        DatosInvalidos: a latitude would be left without its longitude, or the other way round.
    """
    file = uow.file
    for clave, valor in cambios.items():
        if valor is None:
            file.execute("DELETE FROM casa_texto WHERE clave = ?", (clave,))
        else:
            row = (clave, to_json(valor).decode())
            file.execute("INSERT INTO casa_texto VALUES (?, ?) ON CONFLICT DO UPDATE SET valor = excluded.valor", row)
    stored = {clave for (clave,) in file.execute("SELECT clave FROM casa_texto WHERE clave IN ('latitud', 'longitud')")}
    if len(stored) == 1:
        missing = "longitud" if "latitud" in stored else "latitud"
        raise DatosInvalidos([ErrorCampo(missing, "la latitud y la longitud van juntas")])
    hogar = leer(uow.conn, uow.casa)
    uow.tell("casa", dump_object(hogar.as_object()))
    return hogar
