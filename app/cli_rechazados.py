"""`./iot rechazados`: the messages that ingest refused, from the running server or else from the database file."""

from __future__ import annotations

import http.client
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.config_net import is_any

if TYPE_CHECKING:
    from app.config_load import Settings

_TIMEOUT_S = 3.0


class NoAnswer(Exception):
    """The server could not be asked; the message (Spanish) says why."""


def show(settings: Settings, page: int, per_page: int, *, as_json: bool) -> int:
    """Print one page of them; the exit code."""
    try:
        found = ask_server(settings, page, per_page)
    except NoAnswer as reason:
        print(f"{reason} Se lee la base de datos directamente.", file=sys.stderr)
        try:
            found = read_database(settings, page, per_page)
        except NoAnswer as fault:
            print(fault, file=sys.stderr)
            return 1
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print_page(found)
    return 0


def ask_server(settings: Settings, page: int, per_page: int) -> dict[str, Any]:
    """The server's own answer, asked over loopback. Raises `NoAnswer`."""
    host = "127.0.0.1" if is_any(settings.backend_host) else settings.backend_host
    connection = http.client.HTTPConnection(host, settings.backend_port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"/mensajes/rechazados?page={page}&per_page={per_page}")
        response = connection.getresponse()
        status, body = response.status, response.read(16 << 20)
    except (OSError, http.client.HTTPException):
        raise NoAnswer(f"El servidor no está en marcha en {host}:{settings.backend_port}.") from None
    finally:
        connection.close()
    if status != http.client.OK:
        raise NoAnswer(f"Lo que hay en {host}:{settings.backend_port} contestó {status}.")
    try:
        found = json.loads(body)
        assert isinstance(found["data"], list)
    except (ValueError, KeyError, TypeError, AssertionError):
        raise NoAnswer(f"Lo que hay en {host}:{settings.backend_port} no es este programa.") from None
    return dict(found)


def read_database(settings: Settings, page: int, per_page: int) -> dict[str, Any]:
    """The same page, read from the file without writing to it. Raises `NoAnswer`."""
    from sqlalchemy.exc import SQLAlchemyError

    from app import rechazos
    from app.clock import Clock
    from app.db import Database
    from app.domain.errors import DomainError

    path = settings.database_path
    if not path.is_file():
        raise NoAnswer(f"Todavía no hay base de datos en {path}: arranque primero con ./iot")
    database = Database(settings.sqlalchemy_database_uri, settings.instance_path, Clock(), lambda _events: None)
    try:
        with database.reader() as conn:
            return asdict(rechazos.listar(conn, page=page, per_page=per_page))
    except (SQLAlchemyError, DomainError) as error:
        raise NoAnswer(f"No se puede leer {path} ({error.__class__.__name__}); ./iot doctor dice más.") from None
    finally:
        database.close()


def _print_page(found: dict[str, Any]) -> None:
    if not found["total"]:
        print("No hay mensajes rechazados.")
        return
    for row in found["data"]:
        print(f"{row['timestamp']}  {row['topic']}")
        print(f"    {row['motivo']}: {row['detalle']}")
        print(f"    {row['payload']}")
    print(f"Página {found['page']} de {found['pages']}; se guardan {found['total']} (los más recientes primero).")
