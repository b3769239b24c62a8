"""`./iot exportar`: the log as a file, read from the database itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app import casa, dispositivos
from app.clock import Clock
from app.consultas_historial import parse_elegidos, parse_filtro_log, parse_formato
from app.db import Database
from app.domain.errors import DatosInvalidos, DomainError, ErrorCampo
from app.exportacion import Exportacion, archivo
from app.runtime_ajustes import house

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.config_load import Settings


def write(settings: Settings, wanted: Mapping[str, str], seriales: Sequence[str]) -> int:
    """Write it to standard output; the exit code."""
    if not settings.database_path.is_file():
        print(f"Todavía no hay base de datos en {settings.database_path}: arranque primero con ./iot", file=sys.stderr)
        return 1
    given = {name: text for name, text in wanted.items() if text}
    database = Database(settings.sqlalchemy_database_uri, settings.instance_path, Clock(), lambda _events: None)
    try:
        for piece in archivo(database.reader, _asked(database, settings, given, seriales)):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except DatosInvalidos as error:
        print("; ".join(f"{e.campo}: {e.mensaje}" for e in error.errores) or error.mensaje, file=sys.stderr)
        return 2
    except DomainError as error:
        print(error.mensaje, file=sys.stderr)
        return 1
    finally:
        database.close()
    return 0


def _asked(db: Database, settings: Settings, given: Mapping[str, str], seriales: Sequence[str]) -> Exportacion:
    with db.reader() as conn:
        filtro = parse_filtro_log(given, casa.zona(conn, house(settings)))
        found = dispositivos.by_serials(conn, list(seriales))
    missing = [serial for serial in seriales if serial not in found]
    if missing:
        raise DatosInvalidos([ErrorCampo("dispositivo", f"no hay ninguno con el número de serie {missing[0]}")])
    ids = frozenset(d.id for d in found.values()) if seriales else None
    names = parse_elegidos([given.get("parametros", "")])
    return Exportacion(parse_formato(given), filtro, ids, parametros=names)
