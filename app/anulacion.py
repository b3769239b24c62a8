"""The manual override: what asking a scheduled device to be on or off means while the schedule rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app import casa
from app.db import UnitOfWork
from app.domain import horario, modo
from app.domain.dispositivo import Dispositivo
from app.domain.errors import DatosInvalidos, ErrorCampo
from app.domain.horario_tipos import Casa

ANULACION = "anulacion"
HORARIO = "horario"
MAX_FIN = timedelta(days=366)
CLAVES = ("horarios", "excepciones", "festivos", "zona", "saltar")
"""Of the configuration: what makes the schedule, beside the mode and the override."""


@dataclass(frozen=True, slots=True)
class Plazo:
    """How long an override lasts: until an instant (aware) or for some seconds; neither: until the next transition."""

    hasta: datetime | None = None
    durante_s: float | None = None

    @property
    def campo(self) -> str | None:
        """The field that said so."""
        return "hasta" if self.hasta is not None else "durante_s" if self.durante_s is not None else None

    def fin(self, ahora: datetime) -> datetime | None:
        """The instant; None when none was given."""
        return self.hasta if self.durante_s is None else ahora + timedelta(seconds=self.durante_s)


SIN_PLAZO = Plazo()


def guiado(device: Dispositivo, configuracion: dict[str, Any]) -> bool:
    """Whether the backend drives the device: it reads its desired configuration, and its mode is ``horario``."""
    return device.propio and modo.mode_of(configuracion) == HORARIO


def ajustar(
    uow: UnitOfWork, antes: Dispositivo, merged: dict[str, Any], sent: dict[str, Any], pedido: bool | None, plazo: Plazo
) -> dict[str, Any]:
    """The configuration of an edit with the override that it means put in or taken away.

    Asking a driven device to be otherwise than its schedule says is an override; asking what the schedule says ends
    one. An edit of the schedule itself, or of the override, is none. What is over is cleared.

    Raises:
        DatosInvalidos: a time was given for what is no override.
    """
    if not guiado(antes, merged):
        _no_time(plazo, "solo vale para un dispositivo cuyo horario lleva este programa")
        return merged
    if plazo.campo and pedido is None:
        _no_time(plazo, "necesita saber si encendido o apagado")
    if pedido is None or uow.causa.tipo == HORARIO or _about_schedule(antes, sent):
        _no_time(plazo, "no se puede a la vez que se cambia el horario")
        return horario.limpiar(merged, uow.now)
    hogar = casa.leer(uow.conn, uow.casa).casa
    return _override(horario.limpiar(merged, uow.now), pedido, plazo, uow.now, hogar)


def _override(c: dict[str, Any], pedido: bool, plazo: Plazo, ahora: datetime, hogar: Casa) -> dict[str, Any]:
    plan = horario.compilar(sin(c), hogar)
    fin = plazo.fin(ahora)
    if fin is not None and not ahora < fin <= ahora + MAX_FIN:
        _no_time(plazo, "ya ha pasado" if fin <= ahora else "está a más de un año")
    if plan is None:
        _no_time(plazo, "el dispositivo no tiene un horario que anular")
        return c
    nivel = plan.nivel(ahora)
    if nivel is None or nivel.encendido is pedido:
        if fin is None:
            # Null, not gone: the device is told so, and a report that was under way does not bring it back.
            return c if c.get(ANULACION) is None else {**c, ANULACION: None}
    elif fin is None and _already(c, pedido, ahora, hogar):
        return c
    return horario.poner_anulacion(sin(c), pedido, hasta=fin, ahora=ahora, casa=hogar)


def _already(c: dict[str, Any], pedido: bool, ahora: datetime, hogar: Casa) -> bool:
    """Whether an override says so: asked once more without a time, it keeps the one that it has."""
    plan = horario.compilar(c, hogar)
    nivel = plan.nivel(ahora) if plan and c.get(ANULACION) is not None else None
    return nivel is not None and nivel.capa == ANULACION and nivel.encendido is pedido


def sin(configuracion: dict[str, Any]) -> dict[str, Any]:
    """A configuration without its override."""
    return {k: v for k, v in configuracion.items() if k != ANULACION}


def _about_schedule(antes: Dispositivo, sent: dict[str, Any]) -> bool:
    """Whether an edit changes the schedule, switches to it, or says itself what the override is."""
    before = antes.configuracion
    if modo.mode_of(before) != HORARIO:
        return True
    return any(sent[clave] != before.get(clave) for clave in (*CLAVES, ANULACION) if clave in sent)


def _no_time(plazo: Plazo, why: str) -> None:
    if plazo.campo is not None:
        raise DatosInvalidos([ErrorCampo(plazo.campo, why)])
