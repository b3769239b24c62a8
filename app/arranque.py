"""From the command line to a running house and back: the lock on its folder, a restoration that somebody asked for, and
the start anew that does it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app import avisos, restauracion
from app.auditoria import apuntar
from app.cerrojo import InstanceBusyError, only_one
from app.clock import Clock
from app.domain.causa import SISTEMA, Causa
from app.domain.errors import DomainError
from app.migrations import DatabaseDamaged, DatabaseFault
from app.reparacion import reparar
from app.respaldo import RespaldoError
from app.runtime import Runtime, StartError
from app.runtime_ajustes import backup_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config_load import Settings
    from app.db import Database
    from app.runtime import RuntimeInfo

log = logging.getLogger(__name__)

RESTAURADO, FALLIDO, REPARADA = "respaldo_restaurado", "restauracion_fallida", "base_reparada"


def run_forever(settings: Settings, *, demo: bool = False, banner: Callable[[RuntimeInfo], None]) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    os.umask(0o077)  # the house's data and their copies are nobody else's on this machine
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with only_one(settings.instance_path):
            tell = _restore(settings)
            try:
                runtime = Runtime(settings, Clock())
            except DatabaseDamaged as damage:
                tell = _mend(settings, damage)
                runtime = Runtime(settings, Clock())
            tell(runtime.db)
            runtime.run(banner, demo=demo)
    except (StartError, InstanceBusyError, DatabaseFault, DomainError) as error:
        print(f"No se puede arrancar: {error}", file=sys.stderr)
        return 1
    if runtime.restarting:
        log.warning("se vuelve a arrancar")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves, as we were started
    return 0


def _restore(settings: Settings) -> Callable[[Database], None]:
    """Do what somebody asked for over HTTP; answers how to tell of it once the database is open."""
    asked = restauracion.pendiente(settings.instance_path)
    if asked is None:
        return lambda _db: None
    path, causa = Path(asked["archivo"]), Causa("http", quien=asked.get("quien"), desde=asked.get("desde"))
    try:
        done = restauracion.restaurar(path, settings.database_path, Clock().now(), settings.backup_passphrase)
    except RespaldoError as error:
        restauracion.hecha(settings.instance_path)
        log.error("no se restauró %s: %s", path, error)
        fault = str(error)
        return lambda db: _tell(db, causa, FALLIDO, path.name, f"No se restauró {path.name}: {fault}")
    restauracion.hecha(settings.instance_path)
    log.warning("restaurado de %s; lo que había está en %s", path, done.apartada)
    texto = f"La casa es ahora la de {path.name}, del {done.contenido.creado_en}. Lo de después está en {done.apartada}"
    return lambda db: _tell(db, causa, RESTAURADO, path.name, texto)


def _mend(settings: Settings, damage: DatabaseDamaged) -> Callable[[Database], None]:
    """The last good backup in its place; answers how to tell of it. Without one it stays as it is.

    Raises:
        DatabaseFault: it can't be mended.
    """
    log.error("%s", damage)
    try:
        done = reparar(settings.database_path, backup_folder(settings), Clock().now(), settings.backup_passphrase)
    except RespaldoError as error:
        raise DatabaseFault(f"{damage} No se pudo volver al último respaldo: {error}") from error
    if done is None:
        raise damage
    texto = done.texto(str(damage).split(". ")[0])
    log.error("%s", texto)
    return lambda db: _tell(db, SISTEMA, REPARADA, done.respaldo.ruta.name, texto, gravedad="grave")


def _tell(db: Database, causa: Causa, accion: str, nombre: str, texto: str, gravedad: str = "advertencia") -> None:
    with db.unit_of_work(causa) as uow:
        apuntar(uow, accion, nombre, detalle={"texto": texto})
        avisos.avisar(uow, tipo=accion, clave=accion, gravedad=gravedad, texto=texto, datos={"nombre": nombre})
