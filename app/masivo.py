"""Many changes at once, each answered for itself: what cannot be done to one device never stops the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app import dispositivos, ordenes
from app.db import UnitOfWork, raw
from app.domain.errors import DatosInvalidos, DispositivoNotFound, DomainError, StorageBusy, StorageDamaged, StorageFull
from app.domain.peticiones import Cambios

CREADA, SIN_CAMBIO, ERROR = "creada", "sin_cambio", "error"
MAX_DISPOSITIVOS = 200


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


def aplicar(uow: UnitOfWork, peticiones: Sequence[tuple[int, Cambios]]) -> list[Resultado]:
    """Make each change, in order, all in this unit; one that is refused leaves nothing behind.

    Raises:
        StorageBusy, StorageFull, StorageDamaged: nothing of the unit is kept.
    """
    return [_one(uow, device_id, cambios) for device_id, cambios in peticiones]


def _one(uow: UnitOfWork, device_id: int, cambios: Cambios) -> Resultado:
    file, told, secuencia = raw(uow.conn), len(uow.events), uow.secuencia
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
