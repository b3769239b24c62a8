"""Use-cases of notices: what somebody should know, kept until it is over, and out through the doors once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from app import alcance as alcances
from app.clock import iso_z
from app.db import UnitOfWork, bulk_insert, insert_one, raw, select_in
from app.domain.aviso import GRAVEDADES, NUEVO, PUERTAS, RESUELTO, TODAS, VISTO, Aviso, FiltroAvisos
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.errors import RecursoNotFound
from app.domain.identidad import Alcance
from app.historial import Pagina, make_page
from app.models import aviso, device_of, dispositivo

MAX_TEXTO = 500
MAX_CLAVE = 120
MAX_ID = 2**63 - 1
_FIELDS = ",".join(f"a.{c.name}" for c in aviso.columns)
_WITH_SERIAL = f"SELECT {_FIELDS}, d.serial_number FROM aviso a LEFT JOIN dispositivo d ON d.id = a.dispositivo_id"


def avisar(
    uow: UnitOfWork,
    *,
    tipo: str,
    clave: str,
    texto: str,
    gravedad: str = "info",
    dispositivo: Dispositivo | None = None,
    datos: Mapping[str, Any] | None = None,
) -> None:
    """Tell people something. One open notice of each ``clave``: told again it is once more, new, and goes out again.

    ``texto`` is a Spanish sentence, kept to 500 characters; ``datos`` are plain JSON values; ``gravedad`` is info,
    advertencia or grave.
    """
    if gravedad not in GRAVEDADES:
        raise ValueError(gravedad)
    clave, now = clave[:MAX_CLAVE], iso_z(uow.now)
    antes = _open_of(uow.conn, clave)
    nuevo = Aviso(
        id=antes.id if antes else 0,
        clave=clave,
        tipo=tipo,
        gravedad=gravedad,
        texto=texto[:MAX_TEXTO],
        dispositivo_id=dispositivo.id if dispositivo else None,
        datos_json=dump_object(dict(datos or {})),
        estado=NUEVO,
        veces=antes.veces + 1 if antes else 1,
        creado_en=antes.creado_en if antes else now,
        actualizado_en=now,
        visto_en=None,
        resuelto_en=None,
        por_enviar=TODAS,
        abandonado=0,
        secuencia=uow.secuencia + 1,
    )
    _save(uow, nuevo, dispositivo)
    if antes is None:
        podar(uow, uow.limites.avisos)


def resolver(uow: UnitOfWork, clave: str) -> None:
    """It is over: the open notice of ``clave``, if there is one, is resolved, and that goes out too."""
    antes = _open_of(uow.conn, clave[:MAX_CLAVE])
    if antes is not None:
        now = iso_z(uow.now)
        _save(
            uow,
            replace(
                antes,
                estado=RESUELTO,
                resuelto_en=now,
                actualizado_en=now,
                por_enviar=TODAS,
                abandonado=0,
                secuencia=uow.secuencia + 1,
            ),
            _device(uow.conn, antes.dispositivo_id),
        )


def desligar(uow: UnitOfWork, clave: str) -> None:
    """Whoever told the open notice of ``clave`` is no more: it stays for people to see to, and what is told under the
    same key from now on is another one."""
    uow.file.execute(
        "UPDATE aviso SET clave = substr(clave, 1, ?) || '#' || id WHERE clave = ? AND estado != ?",
        (MAX_CLAVE - 20, clave[:MAX_CLAVE], RESUELTO),
    )


def marcar_visto(uow: UnitOfWork, aviso_id: int) -> Aviso:
    """Somebody read it; a notice that is over stays so.

    Raises:
        RecursoNotFound: no notice has that id.
    """
    antes, device = _one(uow.conn, aviso_id)
    if antes.estado != NUEVO:
        return antes
    return _save(uow, replace(antes, estado=VISTO, visto_en=iso_z(uow.now)), device)


def marcar_resuelto(uow: UnitOfWork, aviso_id: int) -> Aviso:
    """Somebody took care of it: it is over, and needs no telling outside any more.

    Raises:
        RecursoNotFound: no notice has that id.
    """
    antes, device = _one(uow.conn, aviso_id)
    if not antes.open:
        return antes
    now = iso_z(uow.now)
    seen = antes.visto_en or now
    return _save(uow, replace(antes, estado=RESUELTO, visto_en=seen, resuelto_en=now, por_enviar=0), device)


def marcar_todos_vistos(uow: UnitOfWork, alcance: Alcance | None = None) -> int:
    """Somebody of this scope read all that is new; how many there were."""
    where, values = _where(FiltroAvisos(NUEVO, alcance=alcance))
    nuevos = [_aviso(row) for row in uow.file.execute(f"{_SELECT} a{where} ORDER BY secuencia", values)]
    ids = list({a.dispositivo_id for a in nuevos if a.dispositivo_id is not None})
    devices = {d.id: d for d in map(device_of, select_in(uow.conn, dispositivo, "id", ids))}
    for antes in nuevos:
        about = devices.get(antes.dispositivo_id) if antes.dispositivo_id is not None else None
        _save(uow, replace(antes, estado=VISTO, visto_en=iso_z(uow.now)), about)
    return len(nuevos)


def podar(uow: UnitOfWork, keep: int) -> int:
    """Keep ``keep`` notices: the oldest resolved go first, then the oldest seen, then the oldest new; how many went."""
    gone = uow.file.execute(
        "DELETE FROM aviso WHERE id IN (SELECT id FROM aviso ORDER BY CASE estado WHEN 'nuevo' THEN 0 "
        "WHEN 'visto' THEN 1 ELSE 2 END, secuencia DESC LIMIT -1 OFFSET ?)",
        (keep,),
    )
    return gone.rowcount


def listar(conn: Connection, filtro: FiltroAvisos, *, page: int, per_page: int) -> Pagina[str]:
    """A page of notices as JSON texts, the latest news first."""
    where, values = _where(filtro)
    total: int = raw(conn).execute(f"SELECT count(*) FROM aviso a{where}", values).fetchone()[0]
    offset = (page - 1) * per_page
    if offset >= total:
        return make_page(page, per_page, total, [])
    query = f"{_WITH_SERIAL}{where} ORDER BY a.secuencia DESC, a.id DESC LIMIT ? OFFSET ?"
    rows = raw(conn).execute(query, (*values, per_page, offset))
    return make_page(page, per_page, total, [notice_json(_aviso(r[:-1]), r[-1]) for r in rows])


def obtener(conn: Connection, aviso_id: int, alcance: Alcance | None = None) -> str:
    """The notice as JSON text.

    Raises:
        RecursoNotFound: no notice has that id, or none that somebody of this scope sees.
    """
    found, device = _one(conn, aviso_id)
    if alcance is not None and (device is None or not alcance.includes(device.id, device.habitacion_id)):
        raise RecursoNotFound
    return notice_json(found, device.serial_number if device else None)


def contar(conn: Connection, alcance: Alcance | None = None) -> dict[str, int]:
    """How many of a scope there are of each state, and of all, given up at some door (``abandonados``)."""
    where, values = _where(FiltroAvisos(alcance=alcance))
    rows = dict(raw(conn).execute(f"SELECT estado, count(*) FROM aviso a{where} GROUP BY estado", values).fetchall())
    given_up: int = raw(conn).execute("SELECT count(*) FROM aviso WHERE abandonado != 0").fetchone()[0]
    return {"nuevos": rows.get(NUEVO, 0), "vistos": rows.get(VISTO, 0), "resueltos": rows.get(RESUELTO, 0),
            "abandonados": given_up}  # fmt: skip


def notice_json(found: Aviso, serial_number: str | None) -> str:
    """The notice as clients, streams and webhooks read it: compact JSON text."""
    return dump_object(found.as_object(serial_number))


# --- the doors out ------------------------------------------------------------------------------------------


def siguiente(conn: Connection, puerta: int, gravedades: Sequence[str]) -> tuple[Aviso, str | None] | None:
    """The notice that is next to go out through a door, in the order in which they were told, with its serial."""
    marks = ",".join("?" * len(gravedades))
    query = f"{_WITH_SERIAL} WHERE a.por_enviar & ? AND a.gravedad IN ({marks}) ORDER BY a.secuencia LIMIT 1"
    row = raw(conn).execute(query, (puerta, *gravedades)).fetchone()
    return (_aviso(row[:-1]), row[-1]) if row else None


def por_enviar(conn: Connection, puerta: int, gravedades: Sequence[str]) -> int:
    """How many wait at a door."""
    marks = ",".join("?" * len(gravedades))
    query = f"SELECT count(*) FROM aviso WHERE por_enviar & ? AND gravedad IN ({marks})"
    count: int = raw(conn).execute(query, (puerta, *gravedades)).fetchone()[0]
    return count


def enviado(uow: UnitOfWork, salio: Aviso, puerta: int, *, abandonado: bool = False) -> None:
    """A notice went out through a door, or was given up there; news that came meanwhile still have to go."""
    assert puerta in PUERTAS
    uow.file.execute(
        "UPDATE aviso SET por_enviar = por_enviar & ~?, abandonado = abandonado | ? WHERE id = ? AND secuencia = ?",
        (puerta, puerta if abandonado else 0, salio.id, salio.secuencia),
    )


def abierto(conn: Connection, clave: str) -> bool:
    """Whether there is an open notice of ``clave``."""
    return _open_of(conn, clave) is not None


def olvidar_dispositivo(uow: UnitOfWork, device_id: int) -> None:
    """The device is about to be no more: notices keep their words, which name it."""
    uow.file.execute("UPDATE aviso SET dispositivo_id = NULL WHERE dispositivo_id = ?", (device_id,))


def cerrar_puertas(uow: UnitOfWork, puertas: int) -> None:
    """Nothing waits at a door that this house does not have: what is old must not come out the day that it gets one."""
    uow.file.execute("UPDATE aviso SET por_enviar = por_enviar & ~? WHERE por_enviar & ?", (puertas, puertas))


# --- rows ------------------------------------------------------------------------------------------

_SELECT = f"SELECT {','.join(c.name for c in aviso.columns)} FROM aviso"


def _save(uow: UnitOfWork, despues: Aviso, device: Dispositivo | None) -> Aviso:
    """Write a notice and tell it."""
    if despues.id == 0:
        despues = replace(despues, id=insert_one(uow, aviso, _row(despues)[1:]))
    else:
        bulk_insert(uow, aviso, [_row(despues)], upsert=True)
    uow.tell("aviso", notice_json(despues, device.serial_number if device else None), device)
    return despues


def _open_of(conn: Connection, clave: str) -> Aviso | None:
    query = f"{_SELECT} WHERE clave = ? AND estado != ? ORDER BY id DESC LIMIT 1"
    row = raw(conn).execute(query, (clave, RESUELTO)).fetchone()
    return _aviso(row) if row else None


def _one(conn: Connection, aviso_id: int) -> tuple[Aviso, Dispositivo | None]:
    row = raw(conn).execute(f"{_SELECT} WHERE id = ?", (aviso_id,)).fetchone() if aviso_id <= MAX_ID else None
    if row is None:
        raise RecursoNotFound
    found = _aviso(row)
    return found, _device(conn, found.dispositivo_id)


def _device(conn: Connection, device_id: int | None) -> Dispositivo | None:
    rows: Iterator[Any] = select_in(conn, dispositivo, "id", [] if device_id is None else [device_id])
    return next(map(device_of, rows), None)


def _where(filtro: FiltroAvisos) -> tuple[str, list[Any]]:
    wanted = {"estado": filtro.estado, "dispositivo_id": filtro.dispositivo_id}
    given = {name: value for name, value in wanted.items() if value is not None}
    parts, values = [f"a.{name} = ?" for name in given], list(given.values())
    if filtro.alcance is not None:
        parts.append(f"a.dispositivo_id IN {alcances.DENTRO}")
        values += alcances.valores(filtro.alcance)
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values


def _aviso(row: Sequence[Any]) -> Aviso:
    return Aviso(*row)


def _row(a: Aviso) -> tuple[Any, ...]:
    return tuple(getattr(a, name) for name in Aviso.__slots__)
