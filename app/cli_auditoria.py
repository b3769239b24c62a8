"""`./iot auditoria`: who did what, read from the database file; a server may run or not."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.auditoria import Anotacion
    from app.config_load import Settings
    from app.historial import Pagina


def show(settings: Settings, page: int, per_page: int, filtros: Mapping[str, str], *, as_json: bool) -> int:
    """Print one page; the exit code. ``filtros``: quien, accion, desde, hasta, as the API takes them."""
    from app.domain.errors import DatosInvalidos

    path = settings.database_path
    if not path.is_file():
        print(f"Todavía no hay base de datos en {path}: arranque primero con ./iot", file=sys.stderr)
        return 1
    try:
        found = _read(settings, page, per_page, filtros)
    except DatosInvalidos as error:
        print(f"./iot auditoria: {error.mensaje}", file=sys.stderr)
        return 2
    except _unreadable() as error:
        print(f"No se puede leer {path} ({error.__class__.__name__}); ./iot doctor dice más.", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(_as_object(found), ensure_ascii=False, indent=2))
    else:
        _print_page(found)
    return 0


def _unreadable() -> tuple[type[Exception], ...]:
    import sqlite3

    from sqlalchemy.exc import SQLAlchemyError

    from app.domain.errors import DomainError

    return SQLAlchemyError, sqlite3.Error, DomainError


def _read(settings: Settings, page: int, per_page: int, filtros: Mapping[str, str]) -> Pagina[Anotacion]:
    from app import auditoria, casa
    from app.clock import Clock
    from app.consultas import parse_periodo
    from app.db import Database
    from app.horarios import zone_of
    from app.runtime_ajustes import house

    periodo = parse_periodo(filtros)
    database = Database(settings.sqlalchemy_database_uri, settings.instance_path, Clock(), lambda _events: None)
    try:
        with database.reader() as conn:
            desde, hasta = periodo.placed(zone_of({}, casa.leer(conn, house(settings)).casa))
            quien, accion = filtros.get("quien") or None, filtros.get("accion") or None
            filtro = auditoria.FiltroAuditoria.make(quien, accion, desde, hasta)
            return auditoria.listar(conn, filtro, page=page, per_page=per_page)
    finally:
        database.close()


def _as_object(found: Pagina[Anotacion]) -> dict[str, Any]:
    head = {"page": found.page, "per_page": found.per_page, "total": found.total, "pages": found.pages}
    return {**head, "data": [line.as_object() for line in found.data]}


def _print_page(found: Pagina[Anotacion]) -> None:
    from app.auditoria import printable

    if not found.total:
        print("No hay anotaciones.")
        return
    for line in found.data:
        about = f" {line.objeto}" if line.objeto else ""
        result = "" if line.resultado == "hecho" else f" [{line.resultado}]"
        print(f"{line.instante}  {line.quien} ({line.desde or 'este programa'}): {line.accion}{about}{result}")
        if line.detalle_json != "{}":
            print(f"    {printable(line.detalle_json)}")
    print(f"Página {found.page} de {found.pages}; hay {found.total} (las más recientes primero).")
