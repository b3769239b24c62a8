"""Accounts with what they prove it by, made by the use-cases themselves; nobody's password is hashed for it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime

from app import sesiones, tokens, usuarios
from app.db import Database
from app.domain.identidad import Alcance, Ambito, Rol
from app.secretos import digest, new_cookie, new_token

Headers = dict[str, str]


@dataclass
class Cuenta:
    """An account of a house under test; each method makes one more credential and answers the headers that show it."""

    db: Database
    id: int
    nombre: str
    ids: dict[str, int] = field(default_factory=dict)

    def session(self) -> Headers:
        cookie = new_cookie()
        with self.db.unit_of_work() as uow:
            self.ids["sesion"] = sesiones.abrir(uow, self.id, digest(cookie), agente="prueba")
        return {"Cookie": f"iot_sesion={cookie}"}

    def secret(self, ambito: Ambito = Ambito.TODO, expira_en: datetime | None = None) -> str:
        secret = new_token()
        with self.db.unit_of_work() as uow:
            made = tokens.crear(uow, self.id, secret, nombre="prueba", ambito=ambito, expira_en=expira_en)
            self.ids["token"] = made.id
        return secret

    def bearer(self, ambito: Ambito = Ambito.TODO, expira_en: datetime | None = None) -> Headers:
        return {"Authorization": f"Bearer {self.secret(ambito, expira_en)}"}

    def basic(self, ambito: Ambito = Ambito.TODO) -> Headers:
        return basic(self.nombre, self.secret(ambito))

    def revoke_token(self) -> None:
        with self.db.unit_of_work() as uow:
            tokens.revocar(uow, self.ids["token"], self.id)

    def end_session(self) -> None:
        with self.db.unit_of_work() as uow:
            sesiones.cerrar(uow, self.ids["sesion"], self.id)

    def change(self, **changes: object) -> None:
        with self.db.unit_of_work() as uow:
            usuarios.cambiar(uow, self.id, usuarios.CambioUsuario(**changes))


def an_account(db: Database, nombre: str, rol: Rol, alcance: Alcance | None = None) -> Cuenta:
    with db.unit_of_work() as uow:
        return Cuenta(db, usuarios.crear(uow, nombre, "sin clave", rol=rol, alcance=alcance).id, nombre)


def basic(nombre: str, secret: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(f"{nombre}:{secret}".encode()).decode()}
