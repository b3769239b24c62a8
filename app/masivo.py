"""Many changes at once, each answered for itself: what cannot be done to one device never stops the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from app import dispositivos, grupos, habitaciones, ordenes
from app.alcance import vista
from app.db import UnitOfWork
from app.domain.errors import (
    DatosInvalidos,
    DispositivoNotFound,
    DomainError,
    ErrorCampo,
    RecursoNotFound,
    StorageBusy,
    StorageDamaged,
    StorageFull,
)
from app.domain.identidad import Alcance
from app.domain.peticiones import Cambios

CREADA, SIN_CAMBIO, ERROR = "creada", "sin_cambio", "error"
MAX_DISPOSITIVOS = 200


@dataclass(frozen=True, slots=True)
class Destino:
    """Whom a bulk change is for: these devices, or those of a room, or of a group; the one that is set."""

    dispositivos: tuple[int, ...] | None = None
    habitacion_id: int | None = None
    grupo_id: int | None = None


@dataclass(frozen=True, slots=True)
class Resultado:
    """What became of one device's change: an order (``creada``), nothing to ask (``sin_cambio``) or an ``error``."""

    dispositivo_id: int
    serial_number: str | None
    resultado: str
    orden: int | None = None
    error: str | None = None

    def as_object(self) -> dict[str, object]:
        """What clients read."""
        return {
            "dispositivo_id": self.dispositivo_id,
            "serial_number": self.serial_number,
            "resultado": self.resultado,
            "orden": self.orden,
            "error": self.error,
        }


def alcanzados(conn: Connection, destino: Destino, alcance: Alcance | None = None) -> Sequence[int]:
    """The ids of the devices that it is for, as somebody of this scope sees them; an empty room has none.

    Raises:
        DatosInvalidos: there is no such room or group, or it has more than MAX_DISPOSITIVOS devices.
    """
    if destino.dispositivos is not None:
        return destino.dispositivos
    campo = "habitacion_id" if destino.grupo_id is None else "grupo_id"
    try:
        found = _members(conn, destino, alcance)
    except RecursoNotFound:
        raise DatosInvalidos([ErrorCampo(campo, "no existe")]) from None
    if len(found) > MAX_DISPOSITIVOS:
        raise DatosInvalidos([ErrorCampo(campo, f"tiene más de {MAX_DISPOSITIVOS} dispositivos; pídalo por partes")])
    return found


def _members(conn: Connection, destino: Destino, alcance: Alcance | None) -> Sequence[int]:
    seen = vista(conn, alcance)
    shown: grupos.Grupo | habitaciones.Habitacion | None
    if destino.grupo_id is not None:
        group = grupos.obtener(conn, destino.grupo_id)
        shown = group if seen is None else grupos.recortar(group, seen)
    else:
        room = habitaciones.obtener(conn, destino.habitacion_id or 0)
        shown = room if seen is None else habitaciones.recortar(room, seen)
    if shown is None:
        raise RecursoNotFound
    return shown.dispositivos


def aplicar(
    uow: UnitOfWork, peticiones: Sequence[tuple[int, Cambios]], alcance: Alcance | None = None
) -> list[Resultado]:
    """Make each change, in order, all in this unit; one that is refused leaves nothing behind. A device that somebody
    of this scope does not see is as good as none.

    Raises:
        StorageBusy, StorageFull, StorageDamaged: nothing of the unit is kept.
    """
    seen = vista(uow.conn, alcance)
    return [
        _one(uow, device_id, cambios)
        if seen is None or device_id in seen.dispositivos
        else Resultado(device_id, None, ERROR, error=_words(DispositivoNotFound()))
        for device_id, cambios in peticiones
    ]


def _one(uow: UnitOfWork, device_id: int, cambios: Cambios) -> Resultado:
    file, told, secuencia = uow.file, len(uow.events), uow.secuencia
    before = uow.ordenes.pop(device_id, None)
    file.execute("SAVEPOINT uno")
    try:
        device = dispositivos.actualizar(uow, device_id, cambios, if_match=None)
    except (StorageBusy, StorageFull, StorageDamaged):
        raise
    except DomainError as error:
        file.execute("ROLLBACK TO uno")
        file.execute("RELEASE uno")
        del uow.events[told:]
        uow.secuencia = secuencia
        if before is not None:
            uow.ordenes[device_id] = before
        return Resultado(device_id, None, ERROR, error=_words(error))
    file.execute("RELEASE uno")
    orden = ordenes.creada(uow, device_id)
    return Resultado(device_id, device.serial_number, SIN_CAMBIO if orden is None else CREADA, orden)


def _words(error: DomainError) -> str:
    if isinstance(error, DispositivoNotFound):
        return "No existe ese dispositivo"
    if isinstance(error, DatosInvalidos):
        return "; ".join(f"{e.campo}: {e.mensaje}" for e in error.errores)
    return error.mensaje
