"""Use-cases of what is not to appear (SECURITY: the quarantine): devices of the neighbours, and noise.

Only who is not claimed is ignored: what somebody has is never touched, whatever its serial.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app import borrado, nombrados
from app.auditoria import apuntar
from app.clock import iso_z
from app.db import UnitOfWork, insert_one, raw
from app.domain.dispositivo import Dispositivo
from app.domain.errors import DemasiadosNombrados, NombreRepetido, SerialIgnorado
from app.domain.ignorado import Ignorado, Ignorados
from app.models import DEVICE_FIELDS, device_of, ignorado

MAX_IGNORADOS = 500
SLICE = 50
"""Devices deleted in one unit of work, so that reports never wait long for the writer."""
IGNORADA, ATENDIDA = "serie_ignorada", "serie_atendida"


def listar(conn: Connection) -> list[Ignorado]:
    """All of them, oldest first."""
    return [Ignorado(i, p, bool(x), c) for i, p, x, c in nombrados.filas(conn, ignorado)]


def leer(conn: Connection) -> Ignorados:
    """All of them, ready to be asked."""
    found = raw(conn).execute("SELECT patron, prefijo FROM ignorado").fetchall()
    return Ignorados(frozenset(p for p, x in found if not x), tuple(p for p, x in found if x))


def comprobar(conn: Connection, serial: str) -> None:
    """Whether a device of that serial may appear.

    Raises:
        SerialIgnorado: it is ignored.
    """
    if serial in leer(conn):
        raise SerialIgnorado


def ignorar(uow: UnitOfWork, patron: str, *, prefijo: bool) -> tuple[Ignorado, int]:
    """Ignore a serial for ever, or all that begin so; it, and how many unclaimed devices it makes go away, the first of
    them now. In a unit of work that admits orphans.

    Raises:
        NombreRepetido: it is ignored already.
        DemasiadosNombrados: there are MAX_IGNORADOS.
    """
    known = listar(uow.conn)
    if any((k.patron, k.prefijo) == (patron, prefijo) for k in known):
        raise NombreRepetido("Eso ya se ignora")
    if len(known) >= MAX_IGNORADOS:
        raise DemasiadosNombrados(f"Ya se ignoran {MAX_IGNORADOS} series o prefijos; quite alguno")
    made_at = iso_z(uow.now)
    made = Ignorado(insert_one(uow, ignorado, (patron, prefijo, made_at)), patron, prefijo, made_at)
    matching = _matching(uow.conn, patron, prefijo, -1)
    apuntar(uow, IGNORADA, patron, detalle={"prefijo": prefijo, "quitados": len(matching)})
    _remove(uow, matching[:SLICE])
    return made, len(matching)


def atender(uow: UnitOfWork, ignorado_id: int) -> None:
    """Do not ignore it any more; what it hid appears when it speaks again.

    Raises:
        RecursoNotFound: there is none of that id.
    """
    _, patron, prefijo, _ = nombrados.fila(uow.conn, ignorado, ignorado_id)
    nombrados.quitar(uow, ignorado, ignorado_id)
    apuntar(uow, ATENDIDA, patron, detalle={"prefijo": bool(prefijo)})


def barrer(uow: UnitOfWork) -> int:
    """Delete unclaimed devices that are ignored, at most SLICE; how many went. The unit of work admits orphans."""
    for each in listar(uow.conn):
        matching = _matching(uow.conn, each.patron, each.prefijo, SLICE)
        if matching:
            _remove(uow, matching)
            return len(matching)
    return 0


def _matching(conn: Connection, patron: str, prefijo: bool, limit: int) -> Sequence[Dispositivo]:
    test = "substr(serial_number, 1, length(?)) = ?" if prefijo else "? = serial_number AND serial_number = ?"
    query = f"SELECT {','.join(DEVICE_FIELDS)} FROM dispositivo WHERE NOT reclamado AND {test} ORDER BY id LIMIT ?"
    return [device_of(row) for row in raw(conn).execute(query, (patron, patron, limit))]


def _remove(uow: UnitOfWork, devices: Sequence[Dispositivo]) -> None:
    for device in devices:
        borrado.retirar(uow, device)
