"""The commands on accounts while the program does not run: the same use-cases on the house's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app import tokens, usuarios
from app.contrasenas import Contrasenas
from app.domain.causa import Causa
from app.domain.identidad import Ambito, Rol
from app.entrada import Entrada
from app.intentos import Intentos
from app.secretos import new_token
from app.usuarios import CambioUsuario

if TYPE_CHECKING:
    from datetime import datetime

    from app.clock import Clock
    from app.db import Database

CONSOLA = Causa("sistema", quien="consola")


class Directa:
    """See :class:`app.cli_casa.Puerta`; what it refuses is a DomainError."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._entrada = Entrada(db, clock, Contrasenas(), Intentos())

    def usuarios(self) -> list[dict[str, Any]]:
        with self._db.reader() as conn:
            return [one.as_object() for one in usuarios.listar(conn)]

    def crear_usuario(self, nombre: str, clave: str, rol: str) -> dict[str, Any]:
        return self._entrada.crear(nombre, clave, CONSOLA, rol=Rol(rol)).as_object()

    def cambiar_usuario(self, usuario_id: int, cambio: dict[str, Any]) -> dict[str, Any]:
        rol = Rol(cambio["rol"]) if "rol" in cambio else None
        with self._db.unit_of_work(CONSOLA) as uow:
            return usuarios.cambiar(uow, usuario_id, CambioUsuario(rol, cambio.get("activo"))).as_object()

    def poner_clave(self, usuario_id: int, clave: str) -> None:
        self._entrada.poner_clave(usuario_id, clave, CONSOLA)

    def borrar_usuario(self, usuario_id: int) -> None:
        with self._db.unit_of_work(CONSOLA) as uow:
            usuarios.borrar(uow, usuario_id)

    def tokens(self, usuario: str | None) -> list[dict[str, Any]]:
        with self._db.reader() as conn:
            owner = None if usuario is None else usuarios.por_nombre(conn, usuarios.parse_nombre(usuario)).id
            return [one.as_object() for one in tokens.listar(conn, owner, self._clock.now())]

    def crear_token(self, usuario: str, nombre: str, ambito: str, expira_en: datetime | None) -> dict[str, Any]:
        secret = new_token()
        with self._db.unit_of_work(CONSOLA) as uow:
            owner = usuarios.por_nombre(uow.conn, usuarios.parse_nombre(usuario)).id
            made = tokens.crear(uow, owner, secret, nombre=nombre, ambito=Ambito(ambito), expira_en=expira_en)
        return {**made.as_object(), "token": secret}

    def revocar_token(self, token_id: int) -> None:
        with self._db.unit_of_work(CONSOLA) as uow:
            tokens.revocar(uow, token_id, None)
