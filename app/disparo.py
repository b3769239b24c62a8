"""What a rule does when it is met: notices, orders and scenes, in one unit of work, under the rule as their cause."""

from __future__ import annotations

from typing import Any

from app import avisos, escenas, masivo, reglas
from app.db import UnitOfWork
from app.domain.causa import Causa
from app.domain.dispositivo import Dispositivo
from app.domain.errors import RecursoNotFound
from app.domain.peticiones import Cambios
from app.reglas import Accion, Regla

MAX_CONTADOS = 20
"""Failures that a notice tells one by one: it has to fit through the doors of others."""


def disparar(
    uow: UnitOfWork, regla: Regla, *, detalle: str, cadena: tuple[str, ...], acerca: Dispositivo | None
) -> set[int]:
    """Carry a rule out; the ids of the devices that were asked for something.

    ``detalle``: what met it; ``cadena``: the rules and scenes that led here; ``acerca``: the only device that its
    condition looks at. What cannot be done to one is told and does not stop the rest.

    Raises:
        StorageBusy, StorageFull, StorageDamaged: nothing of it was done.
    """
    uow.causa = Causa("regla", id=regla.id, nombre=regla.nombre, detalle=detalle, cadena=(*cadena, eslabon(regla)))
    results: list[dict[str, Any]] = []
    for n, accion in enumerate(regla.acciones):
        results += _do(uow, regla, n, accion, detalle, acerca)
    failed = [r for r in results if r.get("error")]
    if failed:
        texto = f"La regla «{regla.nombre}» se cumplió, pero no todo se pudo pedir: {failed[0]['error']}"
        avisos.avisar(
            uow, tipo=reglas.FALLIDA, clave=f"{reglas.FALLIDA}:{regla.id}", gravedad="advertencia", texto=texto,
            datos={"regla": regla.id, "fallos": len(failed), "resultados": failed[:MAX_CONTADOS]},
        )  # fmt: skip
    else:
        avisos.resolver(uow, f"{reglas.FALLIDA}:{regla.id}")
    avisos.resolver(uow, f"{reglas.EN_BUCLE}:{regla.id}")
    reglas.contar_disparo(uow, regla, detalle, results)
    return {r["dispositivo_id"] for r in results if r.get("orden") is not None}


def eslabon(regla: Regla) -> str:
    """The rule as a link of a chain of causes."""
    return f"regla {regla.id}"


def omitir(uow: UnitOfWork, regla: Regla, motivo: str) -> None:
    """Tell that a rule was met and not carried out, because it would never end."""
    texto = f"La regla «{regla.nombre}» se cumplió y no se ejecutó: {motivo}"
    clave = f"{reglas.EN_BUCLE}:{regla.id}"
    avisos.avisar(uow, tipo=reglas.EN_BUCLE, clave=clave, gravedad="grave", texto=texto, datos={"regla": regla.id})


def cesar(uow: UnitOfWork, regla: Regla) -> None:
    """A rule is not met any more: its notices that end by themselves are over."""
    for n, accion in enumerate(regla.acciones):
        if accion["tipo"] == "aviso" and accion.get("se_resuelve"):
            avisos.resolver(uow, reglas.clave_aviso(regla.id, n))


def _do(
    uow: UnitOfWork, regla: Regla, n: int, accion: Accion, detalle: str, acerca: Dispositivo | None
) -> list[dict[str, Any]]:
    if accion["tipo"] == "aviso":
        avisos.avisar(
            uow,
            tipo="regla",
            clave=reglas.clave_aviso(regla.id, n),
            texto=accion["texto"],
            gravedad=accion.get("gravedad") or "info",
            dispositivo=acerca,
            datos={"regla": regla.id, "nombre": regla.nombre, "detalle": detalle},
        )
        return [{"tipo": "aviso", "texto": accion["texto"]}]
    if accion["tipo"] == "orden":
        asked = [(accion["dispositivo_id"], Cambios(configuracion=accion["configuracion"]))]
        return [{"tipo": "orden", **r.as_object()} for r in masivo.aplicar(uow, asked)]
    try:
        return [{"tipo": "escena", **r.as_object()} for r in escenas.aplicar(uow, accion["escena_id"])]
    except RecursoNotFound:
        return [{"tipo": "escena", "escena_id": accion["escena_id"], "error": "No existe esa escena"}]
