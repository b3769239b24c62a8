"""Who asks: the identity that a request has, whichever credential proved it (SECURITY items 1 to 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum


class Rol(Enum):
    """What an account is in the house."""

    ADMINISTRADOR = "administrador"
    MIEMBRO = "miembro"
    INVITADO = "invitado"


class Permiso(IntEnum):
    """What an operation asks for; each includes those before it."""

    NADIE = 0
    """Anybody may, signed in or not: signing in itself, whether the program is alive, the authority's certificate."""
    VER = 1
    """See the house."""
    CONTROLAR = 2
    """Switch things and set them up: orders, schedules, scenes applied, notices seen."""
    GESTIONAR = 3
    """Arrange the house: claim, rooms, groups, scenes and rules made and removed."""
    ADMINISTRAR = 4
    """Accounts, other people's tokens and sessions, the house's settings, audit, broker credentials, backups."""


class Ambito(Enum):
    """What a token may do at most, whatever its account may."""

    LEER = "leer"
    CONTROLAR = "controlar"
    TODO = "todo"


DE_ROL = {Rol.INVITADO: Permiso.VER, Rol.MIEMBRO: Permiso.GESTIONAR, Rol.ADMINISTRADOR: Permiso.ADMINISTRAR}
DE_AMBITO = {Ambito.LEER: Permiso.VER, Ambito.CONTROLAR: Permiso.CONTROLAR, Ambito.TODO: Permiso.ADMINISTRAR}


@dataclass(frozen=True, slots=True)
class Alcance:
    """The part of the house that an account sees: the devices named, and those that are in the rooms named."""

    habitaciones: frozenset[int] = frozenset()
    dispositivos: frozenset[int] = frozenset()

    def includes(self, dispositivo_id: int, habitacion_id: int | None) -> bool:
        """Whether a device that is now in that room belongs to it."""
        return dispositivo_id in self.dispositivos or habitacion_id in self.habitaciones


@dataclass(frozen=True, slots=True)
class Identidad:
    """One caller.

    ``quien`` is what causes and the audit keep; ``credencial`` names what proved it (``sesion:12``, ``token:3``, None
    for a trusted network) and is what is closed when that is revoked; ``alcance`` None is the whole house.
    """

    quien: str
    permiso: Permiso
    usuario_id: int | None = None
    rol: Rol | None = None
    credencial: str | None = None
    alcance: Alcance | None = None

    def can(self, permiso: Permiso) -> bool:
        """Whether it may do what asks for that."""
        return self.permiso >= permiso

    def is_of(self, usuario_id: int, credencial: str | None) -> bool:
        """Whether it was proved by that credential of an account, or by any of it (None)."""
        return self.usuario_id == usuario_id and credencial in (None, self.credencial)

    def sees(self, dispositivo_id: int, habitacion_id: int | None) -> bool:
        """Whether it may know of a device that is now in that room."""
        return self.alcance is None or self.alcance.includes(dispositivo_id, habitacion_id)


LOCAL = Identidad("red de confianza", Permiso.ADMINISTRAR)
"""Somebody of a trusted network, without credentials: the built-in user ``local``."""
ANONIMO = Identidad("nadie", Permiso.NADIE)
"""Somebody who proved nothing."""
