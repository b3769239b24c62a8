"""The end of orders that nobody answers: nothing that was asked long ago may still fire."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import datetime

from app import ordenes
from app.clock import Clock, iso_z
from app.db import Database, UnitOfWork, bulk_insert
from app.dispositivos import announce, by_ids, stamped
from app.domain import modo
from app.domain.causa import Causa
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.errors import DomainError
from app.domain.events import CambioDeseada
from app.domain.orden import EXPIRADA, Cierre, Orden, dump_deseos, load_deseos, vencer, word_of
from app.domain.valores import estado_of
from app.historial import append_logs
from app.models import dispositivo, row_of

log = logging.getLogger(__name__)

SLICE = 100
"""Orders ended in one unit of work, so that reports never wait long for the writer."""
RETRY_S = 5.0
STOP_S = 1.5


def vencer_ordenes(uow: UnitOfWork, limit: int = SLICE) -> int:
    """End the orders whose time is over, at most ``limit``; answers how many there were.

    A device that was asked to switch and last said otherwise is as it last said again, under a new version: one that
    comes back after hours finds that, and not what somebody wanted then.
    """
    over = ordenes.vencidas(uow, limit)
    devices = by_ids(uow.conn, {o.dispositivo_id for o in over})
    for order in over:
        devices[order.dispositivo_id] = _expire(uow, devices[order.dispositivo_id], order)
    return len(over)


def _expire(uow: UnitOfWork, antes: Dispositivo, order: Orden) -> Dispositivo:
    now = iso_z(uow.now)
    deseos, volver, motivo = vencer(load_deseos(antes.deseos_json), order.id, word_of(antes.estado_reportado))
    despues = replace(antes, deseos_json=dump_deseos(deseos), version=antes.version + 1, actualizado_en=now)
    if volver is not None:
        configuracion, estado = modo.settle(antes.configuracion, antes.estado, volver)
        despues = replace(
            despues,
            estado=estado,
            estado_en=now if estado != antes.estado else antes.estado_en,
            configuracion_json=dump_object(configuracion),
            configuracion_en_json=stamped(antes, configuracion, now),
            deseada_version=antes.deseada_version + 1,
        )
    bulk_insert(uow, dispositivo, [row_of(despues)], upsert=True)
    if despues.estado != antes.estado:
        cause = Causa("orden", orden=order.id, detalle=f"expiró; el dispositivo sigue {estado_of(bool(volver))}")
        append_logs(uow, [(despues.id, despues.estado, despues.parametros_json, cause.json())])
    announce(uow, despues, antes.reclamado, CambioDeseada.NO if volver is None else CambioDeseada.PEDIDA)
    ordenes.cerrar(uow, despues, [Cierre(order.id, EXPIRADA, motivo)])
    return despues


class Vencimientos:
    """The thread that ends orders in time, those of before this start included.

    Args:
        ttl_s: no order expires sooner after it was made, so looking this often misses none.
    """

    def __init__(self, db: Database, clock: Clock, ttl_s: float) -> None:
        self._db = db
        self._clock = clock
        self._ttl_s = ttl_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ordenes", daemon=True)

    def start(self) -> None:
        """Start ending orders."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is due then is ended by the next start."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def tick(self) -> float:
        """End what is due; answers after how many seconds to look again."""
        now = self._clock.now()
        with self._db.reader() as conn:
            due = ordenes.proxima(conn, now)
        if due is None:
            return self._ttl_s
        wait = (datetime.fromisoformat(due) - now).total_seconds()
        if wait > 0:
            return min(wait, self._ttl_s)
        with self._db.unit_of_work(Causa("orden", detalle="expiró")) as uow:
            vencer_ordenes(uow)
        return 0.0

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.wait(wait):
            try:
                wait = self.tick()
            except DomainError as error:  # locked or full: the order is late, nothing is lost
                log.warning("no se pueden cerrar las órdenes vencidas: %s", error.mensaje)
                wait = RETRY_S
            except Exception:
                log.exception("ending orders failed")
                wait = RETRY_S
