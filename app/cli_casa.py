"""How a command reaches the house: over loopback when the program runs, else through the same use-cases itself."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from app import control
from app.cerrojo import InstanceBusyError, only_one
from app.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from app.config_load import Settings

TIMEOUT_S = 30.0
BUSY_TRIES, BUSY_PAUSE_S = 20, 0.25
"""How long a command waits for a program that is just starting, or for another command that has the folder."""


SILENT = "el programa está en marcha pero no contesta; vea ./iot doctor"


class OrderFailed(Exception):
    """What was asked was refused; the message says why, in Spanish."""


class Puerta(Protocol):
    """What the commands on accounts need."""

    def usuarios(self) -> list[dict[str, Any]]: ...
    def crear_usuario(self, nombre: str, clave: str, rol: str) -> dict[str, Any]: ...
    def cambiar_usuario(self, usuario_id: int, cambio: dict[str, Any]) -> dict[str, Any]: ...
    def poner_clave(self, usuario_id: int, clave: str) -> None: ...
    def borrar_usuario(self, usuario_id: int) -> None: ...
    def tokens(self, usuario: str | None) -> list[dict[str, Any]]: ...
    def crear_token(self, usuario: str, nombre: str, ambito: str, expira_en: datetime | None) -> dict[str, Any]: ...
    def revocar_token(self, token_id: int) -> None: ...


@contextmanager
def house(settings: Settings) -> Iterator[Puerta]:
    """The door that is there now. Which one, the folder's lock says.

    Raises:
        OrderFailed: somebody has the folder and does not answer.
    """
    clock = Clock()
    for _ in range(BUSY_TRIES):
        try:
            with only_one(settings.instance_path), _directly(settings, clock) as door:
                yield door
                return
        except InstanceBusyError:
            over = running(settings)
            if over is not None:
                yield over
                return
        clock.sleep(BUSY_PAUSE_S)
    raise OrderFailed(SILENT)


def running(settings: Settings) -> PorHttp | None:
    """The program that has the folder now, if it answers."""
    found = control.read(settings.instance_path)
    return over if found is not None and (over := PorHttp(found)).answers() else None


class PorHttp:
    """The running program, asked over loopback."""

    def __init__(self, found: control.Control) -> None:
        self._control = found

    def answers(self) -> bool:
        """Whether it is there and takes our credential: after a kill the file is an older run's."""
        try:
            found: dict[str, Any] = self.ask("GET", "/sesion")
            return bool(found["quien"] == "consola")
        except (OrderFailed, KeyError, TypeError):
            return False

    def usuarios(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/usuarios")
        return found

    def crear_usuario(self, nombre: str, clave: str, rol: str) -> dict[str, Any]:
        made: dict[str, Any] = self.ask("POST", "/usuarios", {"nombre": nombre, "clave": clave, "rol": rol})
        return made

    def cambiar_usuario(self, usuario_id: int, cambio: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.ask("PUT", f"/usuarios/{usuario_id}", cambio)
        return made

    def poner_clave(self, usuario_id: int, clave: str) -> None:
        self.ask("PUT", f"/usuarios/{usuario_id}/clave", {"nueva": clave})

    def borrar_usuario(self, usuario_id: int) -> None:
        self.ask("DELETE", f"/usuarios/{usuario_id}")

    def tokens(self, usuario: str | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/tokens?usuario={quote(usuario)}" if usuario else "/tokens")
        return found

    def crear_token(self, usuario: str, nombre: str, ambito: str, expira_en: datetime | None) -> dict[str, Any]:
        end = {} if expira_en is None else {"expira_en": expira_en.isoformat()}
        sent = {"usuario": usuario, "nombre": nombre, "ambito": ambito, **end}
        made: dict[str, Any] = self.ask("POST", "/tokens", sent)
        return made

    def revocar_token(self, token_id: int) -> None:
        self.ask("DELETE", f"/tokens/{token_id}")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON that it answers.

        Raises:
            OrderFailed: it refuses, or does not answer.
        """
        url = urlsplit(self._control.url)
        headers = {"Authorization": f"Bearer {self._control.token}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise OrderFailed(f"el programa no contesta: {error}") from None
        finally:
            connection.close()
        return _value(answer.status, text)


def _value(status: int, text: bytes) -> Any:
    value: Any = None
    try:
        value = json.loads(text or b"null")
    except ValueError:
        raise OrderFailed(f"lo que contesta no es este programa ({status})") from None
    if status >= 400:
        raise OrderFailed(value["error"])
    return value


@contextmanager
def _directly(settings: Settings, clock: Clock) -> Iterator[Puerta]:
    """The house's own file, brought up to date as a start would; nobody else has it meanwhile."""
    from app.db import Database
    from app.domain.errors import DomainError
    from app.migrations import DatabaseFault, migrate

    try:
        migrate(settings.database_path, clock.now())
        db = Database(settings.sqlalchemy_database_uri, settings.instance_path, clock, lambda _events: None)
        try:
            from app.cli_directo import Directa

            yield Directa(db, clock)
        finally:
            db.close()
    except DatabaseFault as error:
        raise OrderFailed(str(error)) from None
    except DomainError as error:
        raise OrderFailed(error.mensaje) from None
