"""From deliveries to the database: natural batches, acknowledged only after their commit (ARCHITECTURE §4).

While one batch commits the next one collects; there is no timer. A few messages that find nothing before them are
stored at once by the thread that read them, without waking the committer (docs/adr/0001). What
can't be stored now (locked, disk full) is tried again by the committer and not acknowledged, so the broker keeps what
follows; what can never be stored is found by halving the batch and kept as a rejection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

from app import dispositivos, entregas, ignorados, rechazos
from app.clock import Clock
from app.db import Database, UnitOfWork
from app.domain.criba import Criba
from app.domain.dispositivo import Dispositivo
from app.domain.errors import StorageBusy, StorageDamaged, StorageFull
from app.domain.reporte import SHARED_TOPIC, Reporte, ReporteRechazado, parse
from app.frenos import Freno
from app.limitador import IngestLimits, Limitador
from app.rechazos import NuevoRechazo
from app.reportes import apply_reportes

_T = TypeVar("_T")
log = logging.getLogger(__name__)

BACKOFF_S = (0.05, 5.0)
DIRECT_MAX = 16
"""So many messages of one read are stored by the thread that read them, when nothing waits before them."""
MAX_KNOWN = 1000  # devices remembered between batches, some 2 KB each
NEVER = -1
CON_CREDENCIAL = (
    "serial_con_credencial",
    "ese dispositivo tiene usuario propio en el broker, y por el tema común podría hablar cualquiera en su nombre",
)
WILL_SUFFIX = "/disponible"
STOP_S = 1.5
"""Stopping waits this long for the queue to be stored, and once more for the batch in hand to be given up."""


class Delivery(NamedTuple):
    """One MQTT message as the broker handed it over. ``mid`` and ``epoch`` name it when it is acknowledged."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    dup: bool
    retain: bool
    epoch: int


class Confirmed(NamedTuple):
    """The broker holds this version of a device's desired configuration."""

    device_id: int
    version: int


class _Mark:
    """A word to the ingest thread in the order of the queue."""


_SESSION_LOST = _Mark()
_STOP = _Mark()


@dataclass(slots=True)
class _Batch:
    """What was decided about a run of deliveries; deciding is done once, storing as often as it takes."""

    deliveries: list[Delivery]
    reportes: list[tuple[Reporte, Delivery]]
    rechazos: list[NuevoRechazo]
    confirmed: list[Confirmed]
    session_lost: bool = False

    def halves(self) -> tuple[_Batch, _Batch]:
        """Two batches of the reports; rejections and confirmations go with the first."""
        middle = len(self.reportes) // 2
        first = _Batch([], self.reportes[:middle], self.rechazos, self.confirmed, self.session_lost)
        return first, _Batch([], self.reportes[middle:], [], [])


class _Fate(NamedTuple):
    """What became of a batch's reports: how many were stored, were retained and so told nothing new, came from ignored
    devices; and those that must be rejected."""

    stored: int = 0
    retained: int = 0
    ignored: int = 0
    rejected: Sequence[NuevoRechazo] = ()


_Heard = tuple[Reporte, Delivery]
Item = Delivery | Confirmed | _Mark | _Batch


class Ingest:
    """What devices say, committed in order: by its own thread, or by the one that reads while that one rests.

    Args:
        ack: called after the commit, in arrival order, with the QoS 1 deliveries of the batch.
        on_will: gets the serial, the payload and the retained flag of each ``dispositivos/<serial>/disponible``.
    """

    def __init__(
        self,
        db: Database,
        limits: IngestLimits,
        clock: Clock,
        ack: Callable[[Sequence[Delivery]], None],
        on_will: Callable[[str, bytes, bool], None] = lambda *_: None,
    ) -> None:
        self._db = db
        self._limits = limits
        self._clock = clock
        self._ack = ack
        self._on_will = on_will
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._queued = 0  # put into the queue, by the thread that reads; of those handled, by the committer
        self._handled = 0
        self._limiter = Limitador(limits.device_rate)
        self._newcomers = Freno(limits.new_per_min)
        self._with_user: frozenset[str] = frozenset()
        self._grace = timedelta(seconds=limits.grace_s)
        self._criba = Criba(limits.bandas, timedelta(seconds=limits.hueco_s))
        self._known: dict[str, Dispositivo] = {}
        self._known_at = NEVER
        with db.reader() as conn:
            self._ventana = entregas.load(conn)
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._giving_up = threading.Event()
        self._fault: str | None = None
        self._counts = {
            "recibidos": 0,
            "guardados": 0,
            "duplicados": 0,
            "rechazados": 0,
            "limitados": 0,
            "retenidos": 0,
            "ignorados": 0,
            "lotes": 0,
            "lotes_directos": 0,
            "reintentos": 0,
        }

    def start(self) -> None:
        """Start committing."""
        self._thread.start()

    def stop(self) -> None:
        """Commit and acknowledge what is queued, then end; gives up after ``STOP_S`` (the broker keeps the rest)."""
        self._queue.put(_STOP)
        self._thread.join(STOP_S)
        self._giving_up.set()
        self._thread.join(STOP_S)

    def take_in(self, deliveries: Sequence[Delivery]) -> None:
        """The messages of one read: stored now if they are few and nothing waits before them, else queued. This and
        what follows is for the one thread that reads. Ask :meth:`full` before reading more."""
        if len(deliveries) <= DIRECT_MAX and self._queued == self._handled and not self._limits.linger_s:
            self._safely(self._store_now, deliveries)
        else:
            for delivery in deliveries:
                self.offer(delivery)

    def offer(self, delivery: Delivery) -> None:
        """Queue a message; returns at once."""
        self._put(delivery)

    def confirm(self, device_id: int, version: int) -> None:
        """Queue the news that the broker holds a desired configuration."""
        self._put(Confirmed(device_id, version))

    def session_lost(self) -> None:
        """The broker forgot the session: packet ids start again, no old one names a redelivery any more."""
        self._put(_SESSION_LOST)

    def full(self) -> bool:
        """Whether the reader of the socket must wait: QoS 0 has no window of its own."""
        return self._queue.qsize() >= self._limits.queue_max

    def stats(self) -> dict[str, object]:
        """Counts since the start, the queue's length, and what keeps it from storing."""
        counts = {**self._counts, "sin_cambio": self._criba.omitidas}
        return {**counts, "en_cola": self._queue.qsize(), "fallo": self._fault, **self._limiter.stats()}

    def reserve(self, serials: frozenset[str]) -> None:
        """The devices with a broker user of their own: on the shared topic anybody could name them, so nobody may."""
        self._with_user = serials

    def stuck(self) -> bool:
        """Whether something keeps it from storing."""
        return self._fault is not None

    def alive(self) -> bool:
        """Whether the committing thread runs."""
        return self._thread.is_alive()

    def _put(self, item: Item) -> None:
        self._queued += 1
        self._queue.put(item)

    def _run(self) -> None:
        while (items := self._take()) is not None:
            self._safely(self._process, items)
            self._handled += len(items)
            if self._giving_up.is_set():
                return

    def _safely(self, process: Callable[[Sequence[_T]], None], items: Sequence[_T]) -> None:
        try:
            process(items)
        except Exception:
            self._ventana.forget()  # the broker sends it again after a reconnect, and that is no duplicate
            log.exception("a batch could not be handled; it is not acknowledged")

    def _take(self) -> list[Item] | None:
        first = self._queue.get()
        if first is _STOP:
            return None
        items = [first]
        if isinstance(first, _Batch):  # decided already, so by itself
            return items
        end = self._clock.monotonic() + self._limits.linger_s
        while len(items) < self._limits.batch_max:
            try:
                item = self._queue.get(timeout=max(0.0, end - self._clock.monotonic()))
            except Empty:
                break
            if item is _STOP:
                self._queue.put(item)
                break
            items.append(item)
        return items

    def _store_now(self, deliveries: Sequence[Delivery]) -> None:
        batch = self._decide(deliveries)
        try:
            self._store(batch, final=True)
        except Exception:  # noqa: BLE001 - the committer meets it again and deals with it: waits, or halves the batch
            self._put(batch)
        else:
            self._counts["lotes_directos"] += 1
            self._finish(batch)

    def _process(self, items: Sequence[Item]) -> None:
        batch = items[0] if isinstance(items[0], _Batch) else self._decide(items)
        if self._store_until_done(batch):
            self._finish(batch)

    def _finish(self, batch: _Batch) -> None:
        if batch.deliveries:
            self._ack([d for d in batch.deliveries if d.qos])
        self._counts["lotes"] += 1

    def _decide(self, items: Sequence[Item]) -> _Batch:
        batch = _Batch([], [], [], [])
        now = self._clock.monotonic()
        for item in items:
            if isinstance(item, Delivery):
                batch.deliveries.append(item)
                self._judge(item, batch, now)
            elif isinstance(item, Confirmed):
                batch.confirmed.append(item)
            elif item is _SESSION_LOST:
                self._ventana.clear()
                batch.confirmed.clear()
                batch.session_lost = True
        self._counts["recibidos"] += len(batch.deliveries)
        return batch

    def _judge(self, delivery: Delivery, batch: _Batch, now: float) -> None:
        if delivery.qos and not self._ventana.admit(delivery.mid, delivery.payload, dup=delivery.dup):
            self._counts["duplicados"] += 1
            return
        if delivery.topic.endswith(WILL_SUFFIX):
            self._on_will(delivery.topic.split("/")[1], delivery.payload, delivery.retain)
            return
        try:
            reporte = parse(delivery.topic, delivery.payload)
        except ReporteRechazado as error:
            batch.rechazos.append(NuevoRechazo(delivery.topic, delivery.payload, error.motivo, error.detalle))
            self._counts["rechazados"] += 1
            return
        if self._with_user and reporte.topic == SHARED_TOPIC and reporte.serial_number in self._with_user:
            batch.rechazos.append(NuevoRechazo(delivery.topic, delivery.payload, *CON_CREDENCIAL))
            self._counts["rechazados"] += 1
            return
        if self._limiter.allow(reporte.serial_number, now):
            batch.reportes.append((reporte, delivery))
        else:
            self._counts["limitados"] += 1

    def _store_until_done(self, batch: _Batch, *, final: bool = True) -> bool:
        """True once stored; False when told to stop before it could be. Only the ``final`` part of what was decided
        together remembers the deliveries: a crash before it may store a message twice, never lose one."""
        wait = BACKOFF_S[0]
        while True:
            try:
                self._store(batch, final=final)
            except (StorageBusy, StorageFull, StorageDamaged) as error:
                self._complain(error.mensaje)
                if self._giving_up.wait(wait):
                    return False
                wait = min(wait * 2, BACKOFF_S[1])
            except Exception as error:  # noqa: BLE001 - whatever can't be stored is looked for by halving
                return self._isolate(batch, error, final=final)
            else:
                self._fault = None
                return True

    def _complain(self, mensaje: str) -> None:
        self._counts["reintentos"] += 1
        if self._fault != mensaje:
            log.warning("no se puede guardar; se reintenta sin acusar recibo: %s", mensaje)
        self._fault = mensaje

    def _isolate(self, batch: _Batch, error: Exception, *, final: bool) -> bool:
        """Halve a batch that can't be stored until the one message that breaks it stands alone, and reject that."""
        if len(batch.reportes) > 1:
            first, second = batch.halves()
            return self._store_until_done(first, final=False) and self._store_until_done(second, final=final)
        log.error("a message can't be stored: %s", error)
        broken = [NuevoRechazo(d.topic, d.payload, "no_almacenable", type(error).__name__) for _, d in batch.reportes]
        if not broken:
            raise error
        self._counts["rechazados"] += len(broken)
        return self._store_until_done(_Batch([], [], [*batch.rechazos, *broken], batch.confirmed), final=final)

    def _store(self, batch: _Batch, *, final: bool) -> None:
        self._criba.olvidar()  # what an earlier try chose
        self._known_at = NEVER if batch.confirmed or batch.session_lost else self._known_at  # those write to devices
        with self._db.unit_of_work() as uow:
            if batch.session_lost:
                dispositivos.olvidar_confirmadas(uow)
            # First what the broker holds: a report in the same batch may be the answer to it.
            dispositivos.confirmar_deseadas(uow, batch.confirmed)
            fate = self._apply(uow, batch.reportes)
            rechazos.registrar(uow, [*batch.rechazos, *fate.rejected], keep=self._limits.rejected_max)
            if final:
                self._ventana.save(uow)
        if batch.reportes:
            self._known_at = uow.number
        if final:
            self._ventana.saved()
        self._criba.confirmar()
        self._counts["guardados"] += fate.stored
        self._counts["retenidos"] += fate.retained
        self._counts["ignorados"] += fate.ignored
        self._counts["rechazados"] += len(fate.rejected)

    def _devices(self, uow: UnitOfWork, serials: set[str]) -> dict[str, Dispositivo]:
        """The devices among ``serials``, and others: those of our last unit are remembered while nobody else writes."""
        if self._known_at != uow.number - 1 or len(self._known) > MAX_KNOWN:
            self._known = {}
        self._known_at = NEVER  # until this unit is committed
        missing = [serial for serial in serials if serial not in self._known]
        if missing:
            self._known.update(dispositivos.by_serials(uow.conn, missing))
        return self._known

    def _let_in(
        self, uow: UnitOfWork, reportes: Sequence[_Heard], known: Mapping[str, Dispositivo]
    ) -> tuple[Sequence[_Heard], list[NuevoRechazo]]:
        """The reports but those of unknown devices that are ignored, or too many; and what becomes of the latter.

        An ignored device has no row, so those that have one are not even looked at: ignoring costs them nothing.
        """
        silenced = ignorados.leer(uow.conn)
        room = self._limits.max_unclaimed - dispositivos.contar_no_reclamados(uow.conn)
        now = self._clock.monotonic()
        out: dict[str, str | None] = {}
        for serial in dict.fromkeys(r.serial_number for r, _ in reportes if r.serial_number not in known):
            if serial in silenced:
                out[serial] = None
            elif room <= 0:
                out[serial] = "demasiados_sin_reclamar"
            elif self._newcomers.take("", now):
                out[serial] = "demasiados_nuevos"
            else:
                room -= 1
        rejected = []
        for reporte, delivery in reportes:
            motivo = out.get(reporte.serial_number)
            if motivo is not None:
                rejected.append(NuevoRechazo(delivery.topic, delivery.payload, motivo, _WHY_NOT[motivo]))
        return [(r, d) for r, d in reportes if r.serial_number not in out], rejected

    def _apply(self, uow: UnitOfWork, reportes: Sequence[_Heard]) -> _Fate:
        if not reportes:
            return _Fate()
        came = len(reportes)
        known = self._devices(uow, {r.serial_number for r, _ in reportes})
        rejected: list[NuevoRechazo] = []
        if any(r.serial_number not in known for r, _ in reportes):
            reportes, rejected = self._let_in(uow, reportes, known)
        # A retained report is an old one, sent at each subscription: it introduces a device, it tells nothing new.
        fresh = [
            r._replace(retenido=True) if d.retain else r
            for r, d in reportes
            if not d.retain or r.serial_number not in known
        ]
        if fresh:
            apply_reportes(uow, fresh, known, grace=self._grace, criba=self._criba if self._limits.bandas else None)
        return _Fate(len(fresh), len(reportes) - len(fresh), came - len(reportes) - len(rejected), rejected)


_WHY_NOT = {
    "demasiados_sin_reclamar": "ya hay demasiados dispositivos sin reclamar (MAX_UNCLAIMED)",
    "demasiados_nuevos": "aparecen demasiados dispositivos nuevos a la vez (NEW_DEVICES_PER_MIN)",
}
