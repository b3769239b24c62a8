"""Whose a cookie or token is, remembered so that a request costs no database read; revocations make it forget.

A listener of the revocations' bus (:meth:`Autenticador.on_revoked`). When each credential was last used is written by
whichever request comes when a minute has passed since the last writing: one commit a minute for all of them.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app import sesiones, tokens
from app.clock import iso_z
from app.db import Database, raw
from app.domain.errors import CredencialInvalida, DomainError
from app.domain.identidad import DE_AMBITO, DE_ROL, Ambito, Identidad, Permiso, Rol
from app.secretos import digest
from app.usuarios import parse_alcance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from app.clock import Clock
    from app.domain.events import AccesoRevocado

MAX_REMEMBERED = 4_096
"""The credential unused for longest is forgotten first, and read again when it comes."""
WRITE_USES_S = 60.0

_BY_COOKIE = (
    "SELECT u.id, u.nombre, u.rol, u.alcance, s.id, s.creada_en, s.usada_en FROM sesion s "
    "JOIN usuario u ON u.id = s.usuario_id WHERE s.huella = ? AND u.activo"
)
_BY_SHOWN = (
    "SELECT u.id, u.nombre, u.rol, u.alcance, t.id, t.nombre, t.ambito, t.expira_en FROM token t "
    "JOIN usuario u ON u.id = t.usuario_id WHERE t.huella = ? AND u.activo"
)
_USED = {
    "sesion": "UPDATE sesion SET usada_en = ? WHERE huella = ?",
    "token": "UPDATE token SET usado_en = ? WHERE huella = ?",
}
CONSOLA = Identidad("consola", Permiso.ADMINISTRAR, credencial="consola")
"""Who reads ``instance/control.json``: the command line, with the rights of the system's user whose house it is."""


@dataclass(slots=True)
class _Remembered:
    identidad: Identidad
    nombre: str
    creada_en: str | None
    """Of a session; its end moves with each use."""
    usada: datetime
    hasta: datetime | None


class Autenticador:
    """Any thread."""

    def __init__(self, db: Database, clock: Clock, *, control: str | None = None) -> None:
        self._db = db
        self._clock = clock
        self._control = None if control is None else digest(control)
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()
        self._revocations = 0
        self._used: dict[tuple[str, str], datetime] = {}
        self._written = clock.monotonic()

    def of_cookie(self, cookie: str) -> Identidad:
        """Who has that session.

        Raises:
            CredencialInvalida: nobody.
        """
        return self._find("sesion", digest(cookie)).identidad

    def of_token(self, secret: str, nombre: str | None = None) -> Identidad:
        """Who has that token; it must be ``nombre``'s when one is given.

        Raises:
            CredencialInvalida: nobody, or somebody else.
        """
        found = self._find("token", digest(secret))
        if nombre is not None and found.nombre != nombre:
            raise CredencialInvalida
        return found.identidad

    def is_control(self, secret: str) -> bool:
        """Whether it is this run's own credential, for the command line."""
        return self._control is not None and hmac.compare_digest(self._control, digest(secret))

    def on_revoked(self, facts: Sequence[AccesoRevocado]) -> None:
        """Forget what was revoked; a listener of the revocations' bus."""
        with self._lock:
            self._revocations += 1
            for key, one in list(self._known.items()):
                who = one.identidad
                if any(f.usuario_id == who.usuario_id and f.credencial in (None, who.credencial) for f in facts):
                    del self._known[key]

    def write_uses(self) -> None:
        """Note when credentials were last used, if a minute has passed since that was done. Never fails: that it can't
        be noted must not keep anybody from reading."""
        now = self._clock.monotonic()
        with self._lock:
            if not self._used or now - self._written < WRITE_USES_S:
                return
            self._written, used, self._used = now, self._used, {}
        try:
            with self._db.unit_of_work() as uow:
                for (kind, huella), at in used.items():
                    uow.file.execute(_USED[kind], (iso_z(at), huella))
        except DomainError:
            return

    def _find(self, kind: str, huella: str) -> _Remembered:
        key, now = (kind, huella), self._clock.now()
        with self._lock:
            revocations, found = self._revocations, self._known.get(key)
        if found is None:
            with self._db.reader() as conn:
                found = _read_session(conn, huella) if kind == "sesion" else _read_token(conn, huella, now)
        if found is None or (found.hasta is not None and found.hasta <= now):
            raise CredencialInvalida
        found.usada = now
        if found.creada_en is not None:
            found.hasta = sesiones.ends(found.creada_en, iso_z(now))
        self._remember(key, found, revocations)
        return found

    def _remember(self, key: tuple[str, str], found: _Remembered, revocations: int) -> None:
        with self._lock:
            self._used[key] = found.usada
            if self._revocations != revocations:  # it was read before somebody took it away, perhaps this one
                return
            self._known[key] = found
            self._known.move_to_end(key)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)


def _read_session(conn: Connection, huella: str) -> _Remembered | None:
    row = raw(conn).execute(_BY_COOKIE, (huella,)).fetchone()
    if row is None:
        return None
    *account, sesion_id, creada_en, usada_en = row
    who = _identity(account, account[1], sesiones.credential(sesion_id), Ambito.TODO)
    end = sesiones.ends(creada_en, usada_en)
    return _Remembered(who, account[1], creada_en, datetime.fromisoformat(usada_en), end)


def _read_token(conn: Connection, huella: str, now: datetime) -> _Remembered | None:
    row = raw(conn).execute(_BY_SHOWN, (huella,)).fetchone()
    if row is None:
        return None
    *account, token_id, nombre, ambito, expira_en = row
    who = _identity(account, f"{account[1]} (token {nombre})", tokens.credential(token_id), Ambito(ambito))
    end = None if expira_en is None else datetime.fromisoformat(expira_en)
    return _Remembered(who, account[1], None, now, end)


def _identity(account: Sequence[Any], quien: str, credencial: str, ambito: Ambito) -> Identidad:
    usuario_id, _, rol_text, alcance = account
    rol = Rol(rol_text)
    permiso = min(DE_ROL[rol], DE_AMBITO[ambito])
    return Identidad(quien, permiso, usuario_id, rol, credencial, parse_alcance(alcance))
