"""Use-cases of schedules: what comes, what to look at, skipping the next occurrence and forgetting that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isinf
from typing import TYPE_CHECKING, Any

from app import casa, dispositivos
from app.anulacion import ANULACION, CLAVES, guiado
from app.clock import iso_z
from app.db import UnitOfWork
from app.domain import horario
from app.domain.dispositivo import Dispositivo
from app.domain.errors import HorarioNoAplicable
from app.domain.horario_capas import read_anulacion
from app.domain.horario_tipos import Aviso, Casa, Nivel, Transicion
from app.domain.horario_zona import UTC_ZONE, find_zona, write_instante
from app.domain.periodo import Periodo
from app.domain.peticiones import Cambios

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

MAX_TRANSICIONES = 1000
TOCAN = frozenset((*CLAVES, "modo"))
"""Of the configuration: what makes the answer to an edit carry the linter's remarks."""


def previa(conn: Connection, device_id: int, periodo: Periodo, *, ahora: datetime, defecto: Casa) -> dict[str, Any]:
    """What a device's schedule says now, every change to come, and the linter's remarks; plain values.

    Raises:
        DispositivoNotFound: no device has that id.
        DatosInvalidos: the period makes no sense.
    """
    device = dispositivos.obtener(conn, device_id)
    hogar = casa.leer(conn, defecto).casa
    configuracion = device.configuracion
    zona = zone_of(configuracion, hogar)
    desde, hasta = periodo.between(zona, ahora)
    plan = horario.compilar(configuracion, hogar)
    nivel = plan.nivel(ahora) if plan else None
    coming = plan.transiciones(desde, hasta, MAX_TRANSICIONES + 1) if plan else []
    return {
        "zona": zona.key,
        "desde": iso_z(desde),
        "hasta": iso_z(hasta),
        "gobierna": "backend" if device.propio else "dispositivo",
        "ahora": None if nivel is None else _level(nivel),
        "transiciones": [transition(t) for t in coming[:MAX_TRANSICIONES]],
        "truncado": len(coming) > MAX_TRANSICIONES,
        "avisos": [remark(a) for a in horario.revisar(configuracion, hogar, ahora)],
    }


def zone_of(configuracion: Mapping[str, Any], hogar: Casa) -> ZoneInfo:
    """The zone in which a device's schedule is read: its own, the house's, UTC."""
    own = configuracion.get("zona")
    found = find_zona(own) if isinstance(own, str) else None
    return found or find_zona(hogar.zona) or UTC_ZONE


def anulada(configuracion: Mapping[str, Any], hogar: Casa, ahora: datetime) -> dict[str, str | None] | None:
    """The override that rules a schedule now, None for none: ``desde`` (None: for ever), ``hasta`` (None: no end)."""
    plan = horario.compilar(configuracion, hogar)
    nivel = plan.nivel(ahora) if plan else None
    found = read_anulacion(configuracion.get(ANULACION), [])
    if found is None or nivel is None or nivel.capa != ANULACION:
        return None
    desde, hasta = (None if i is None or isinf(i) else write_instante(int(i)) for i in (found.desde, found.hasta))
    return {"desde": desde, "hasta": hasta}


def transition(t: Transicion) -> dict[str, Any]:
    """A change as clients read it."""
    return {
        "instante": iso_z(t.instante),
        "local": t.local.isoformat(),
        "encendido": t.encendido,
        "capa": t.capa,
        "detalle": t.detalle,
    }


def _level(n: Nivel) -> dict[str, Any]:
    return {"encendido": n.encendido, "capa": n.capa, "detalle": n.detalle}


def remark(a: Aviso) -> dict[str, str]:
    """A remark of the linter as clients read it."""
    return {"campo": a.campo, "codigo": a.codigo, "mensaje": a.mensaje}


def revision(uow: UnitOfWork, device: Dispositivo, sent: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """The linter's remarks to an edit that touched the schedule; none to any other."""
    if not sent or not TOCAN & sent.keys():
        return []
    hogar = casa.leer(uow.conn, uow.casa).casa
    return [remark(a) for a in horario.revisar(device.configuracion, hogar, uow.now)]


def saltar(uow: UnitOfWork, device_id: int, *, if_match: int | None) -> tuple[Dispositivo, Transicion]:
    """Skip the next occurrence of a device's schedule; answers the device and what is skipped.

    Raises:
        DispositivoNotFound, VersionConflict: as of any edit.
        HorarioNoAplicable: the backend does not drive its schedule, or nothing comes that could be skipped.
    """
    device = driven(uow, device_id)
    found = horario.saltar_siguiente(device.configuracion, uow.now, casa.leer(uow.conn, uow.casa).casa)
    if found is None:
        raise HorarioNoAplicable(
            "No hay nada que saltar: el horario no tiene próxima franja, o ya se saltan demasiadas"
        )
    configuracion, skipped = found
    cambios = Cambios(configuracion={"saltar": configuracion["saltar"]})
    return dispositivos.actualizar(uow, device_id, cambios, if_match=if_match), skipped


def olvidar_saltos(uow: UnitOfWork, device_id: int, *, if_match: int | None) -> Dispositivo:
    """Nothing is skipped any more.

    Raises:
        DispositivoNotFound, VersionConflict: as of any edit.
    """
    return _without(uow, device_id, "saltar", if_match)


def anular(uow: UnitOfWork, device_id: int, cambios: Cambios, *, if_match: int | None) -> Dispositivo:
    """Put a device's schedule aside (see :mod:`app.anulacion`).

    Raises:
        DispositivoNotFound, VersionConflict, DatosInvalidos: as of any edit.
        HorarioNoAplicable: the backend does not drive its schedule.
    """
    driven(uow, device_id)
    return dispositivos.actualizar(uow, device_id, cambios, if_match=if_match)


def quitar_anulacion(uow: UnitOfWork, device_id: int, *, if_match: int | None) -> Dispositivo:
    """The schedule rules again.

    Raises:
        DispositivoNotFound, VersionConflict: as of any edit.
    """
    return _without(uow, device_id, ANULACION, if_match)


def _without(uow: UnitOfWork, device_id: int, clave: str, if_match: int | None) -> Dispositivo:
    """The device with nothing under a key; as it was, when there is nothing."""
    device = dispositivos.obtener(uow.conn, device_id)
    if device.configuracion.get(clave) is None:
        return device
    return dispositivos.actualizar(uow, device_id, Cambios(configuracion={clave: None}), if_match=if_match)


def driven(uow: UnitOfWork, device_id: int) -> Dispositivo:
    """The device, when the backend drives its schedule.

    Raises:
        DispositivoNotFound: no device has that id.
        HorarioNoAplicable: it does not.
    """
    device = dispositivos.obtener(uow.conn, device_id)
    if not device.propio:
        raise HorarioNoAplicable("El dispositivo evalúa su propio horario; este programa solo lo observa")
    if not guiado(device, device.configuracion):
        raise HorarioNoAplicable("El dispositivo no está en modo horario")
    return device
