"""Use-case: a device is no more, and nothing that named it goes on as if it were there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app import alcance, avisos, credenciales, dispositivos, escenas, grupos, propiedad, reglas
from app.auditoria import apuntar
from app.db import UnitOfWork
from app.domain.dispositivo import Dispositivo
from app.escenas import Escena
from app.grupos import Grupo
from app.reglas import Regla

BORRADO = "dispositivo_borrado"


@dataclass(frozen=True, slots=True)
class Rastro:
    """What named a device, as it is without it."""

    grupos: Sequence[Grupo] = ()
    escenas: Sequence[Escena] = ()
    reglas: Sequence[Regla] = ()

    def as_object(self) -> dict[str, Any]:
        """What clients read."""
        return {
            "grupos": [{"id": g.id, "nombre": g.nombre} for g in self.grupos],
            "escenas": [{"id": e.id, "nombre": e.nombre} for e in self.escenas],
            "reglas": [{"id": r.id, "nombre": r.nombre, "activa": r.activa} for r in self.reglas],
        }


def borrar(uow: UnitOfWork, device_id: int) -> Rastro:
    """Delete a device for somebody who asks: with its history, its owner, its code and its broker user, as a
    family expects.

    The rows of its history go afterwards, in slices; nobody can read them any more.

    Raises:
        DispositivoNotFound: there is none of that id.
    """
    found = dispositivos.obtener(uow.conn, device_id)
    rastro = retirar(uow, found)
    propiedad.olvidar_codigo(uow, found.serial_number)
    credenciales.olvidar(uow, found.serial_number)
    apuntar(uow, BORRADO, found.serial_number, detalle={"id": found.id, "nombre": found.nombre, **rastro.as_object()})
    return rastro


def retirar(uow: UnitOfWork, device: Dispositivo) -> Rastro:
    """Delete a device, in a unit of work that admits orphans; its code stays, so that it comes back as it went."""
    propiedad.olvidar(uow, device, "el dispositivo se borró")
    rastro = _unname(uow, device) if _is_named(uow, device.id) else Rastro()
    avisos.olvidar_dispositivo(uow, device.id)
    alcance.olvidar(uow, dispositivo=device.id)
    dispositivos.quitar(uow, device)
    return rastro


def _is_named(uow: UnitOfWork, device_id: int) -> bool:
    """Whether a group, scene or rule may name it: a cheap look, for where hundreds go that nobody ever named."""
    return bool(uow.file.execute(_NAMED, {"i": str(device_id)}).fetchone()[0])


_NAMED = (
    "SELECT EXISTS (SELECT 1 FROM grupo WHERE instr(dispositivos, :i)) "
    "OR EXISTS (SELECT 1 FROM escena WHERE instr(acciones, :i)) "
    "OR EXISTS (SELECT 1 FROM regla WHERE instr(definicion, :i))"
)


def _unname(uow: UnitOfWork, device: Dispositivo) -> Rastro:
    """Take it out of what names it; people are told of scenes and rules that do less than they did."""
    rules = reglas.olvidar(uow, device.id)
    rastro = Rastro(grupos.olvidar(uow, device.id), escenas.olvidar(uow, device.id), rules)
    if rastro.escenas or rules:
        names = ", ".join([f"la escena «{e.nombre}»" for e in rastro.escenas] + [_of_rule(r) for r in rules])
        avisos.avisar(
            uow,
            tipo=BORRADO,
            clave=f"borrado:{device.id}",
            gravedad="info" if all(r.activa for r in rules) else "advertencia",
            texto=f"Se borró {device.nombre} ({device.serial_number}), y ya no cuentan con él: {names}",
            datos=rastro.as_object(),
        )
    return rastro


def _of_rule(r: Regla) -> str:
    return f"la regla «{r.nombre}»" + ("" if r.activa else " (desactivada)")
