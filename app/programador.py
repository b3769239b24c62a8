"""The scheduler: keeps every device that the backend drives at the level that its schedule says.

A level, not an edge: each look compares what the plan says now with what is wanted of the device, so a restart, a
missed minute, a clock step, a DST night or a device that comes back heal by themselves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any

from app import avisos, casa, dispositivos
from app.anulacion import ANULACION, CLAVES, guiado
from app.clock import Clock, iso_z
from app.db import Database, UnitOfWork
from app.domain.causa import Causa
from app.domain.dispositivo import Dispositivo
from app.domain.errors import DatosInvalidos, DispositivoNotFound, DomainError
from app.domain.events import DeviceRemoved, DeviceUpdated, Event, Suceso
from app.domain.horario import Plan, compilar
from app.domain.horario_tipos import Casa
from app.domain.peticiones import Cambios
from app.domain.reloj import puesto
from app.domain.valores import estado_of

log = logging.getLogger(__name__)

RECHECK_S = 60.0
"""The wall clock is looked at this often at least: it may have been set, or the machine may have slept."""
SLICE = 100
"""Devices in one unit of work, so that reports never wait long for the writer."""
RETRY_S = 5.0
STOP_S = 1.5
FAR = timedelta(days=365)
"""A level without a next transition is looked at again after this; a plan looks 400 days ahead."""
BACKOFF_S = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10800.0)
"""How long after an ask a device that was heard since and disagrees is asked again; after the last, not until the next
transition. One that was not heard is asked again with its first sign of life."""
MAX_ASKS = len(BACKOFF_S) + 1
RELOJ = "reloj"


@dataclass(slots=True)
class _Guiado:
    """A driven device: its plan, the level in [desde, hasta), and what was tried to bring it there."""

    texto: str
    horario: dict[str, Any]
    plan: Plan
    desde: datetime
    hasta: datetime
    nivel: bool | None
    intentos: int = 0
    pedido_en: datetime | None = None
    visto_en: str | None = None
    sin_noticias: bool = False
    otra_vez: datetime | None = None

    @property
    def cuando(self) -> datetime:
        """When to look at it next."""
        return self.hasta if self.otra_vez is None else min(self.hasta, self.otra_vez)

    def holds(self, now: datetime) -> bool:
        """Whether nothing is due: the level is that of ``now``, and no ask is to be repeated."""
        return self.desde <= now < self.cuando


class Programador:
    """The thread ``horarios``; :meth:`tick` is all it does, so that a test drives it in virtual time."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._guiados: dict[int, _Guiado] = {}
        self._otros: dict[int, int] = {}  # own devices that are not driven -> hash of their configuration
        self._heap: list[tuple[datetime, int]] = []
        self._lock = threading.Lock()
        self._changed: set[int] = set()
        self._reload = True
        self._casa = Casa()
        self._last = clock.now()
        self._checked = clock.monotonic()
        self._clock_bad: bool | None = None
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._counts = {"pedidos": 0, "repetidos": 0, "fallos": 0, "vueltas": 0}
        self._fault: str | None = None
        self._thread = threading.Thread(target=self._run, name="horarios", daemon=True)

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start driving."""
        self._thread.start()

    def stop(self) -> None:
        """End; the next start finds every level again."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stats(self) -> dict[str, Any]:
        """Devices driven, the next boundary, counts since the start, and what keeps it from working."""
        due = min((g.hasta for g in list(self._guiados.values())), default=None)
        return {
            "guiados": len(self._guiados),
            "proxima": None if due is None else iso_z(due),
            "sin_hora": bool(self._clock_bad),
            "fallo": self._fault,
            **self._counts,
        }

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.is_set():
            self._wake.wait(wait)
            self._wake.clear()
            if self._ending.is_set():
                return
            try:
                wait = self.tick()
                self._fault = None
            except DomainError as error:  # locked or full: late, nothing is lost
                self._failed(error.mensaje)
                wait = RETRY_S
            except Exception as error:
                log.exception("driving the schedules failed")
                self._failed(type(error).__name__)
                wait = RETRY_S

    def _failed(self, why: str) -> None:
        self._counts["fallos"] += 1
        self._fault = why

    # --- news ---------------------------------------------------------------------------------------------------------

    def on_events(self, events: Sequence[Event]) -> None:
        """A listener of the bus: notes whose schedule may have changed, and wakes. In the writer's thread, at once."""
        found = {e.dispositivo.id for e in events if isinstance(e, DeviceUpdated) and self._matters(e.dispositivo)}
        found |= {e.dispositivo.id for e in events if type(e) is DeviceRemoved}
        house = any(isinstance(e, Suceso) and e.tipo == "casa" for e in events)
        if found or house:
            with self._lock:
                self._changed |= found
                self._reload = self._reload or house
            self._wake.set()

    def _matters(self, d: Dispositivo) -> bool:
        """Thousands of times a second: a report that changes no configuration must cost next to nothing."""
        g = self._guiados.get(d.id)
        if g is None:
            return d.propio and self._otros.get(d.id) != hash(d.configuracion_json)
        return d.configuracion_json != g.texto or not d.propio or (g.sin_noticias and d.visto_en != g.visto_en)

    # --- one look -----------------------------------------------------------------------------------------------------

    def tick(self) -> float:
        """Bring every device whose level changed, or that changed itself, to its level; seconds until the next look.

        Raises:
            DomainError: the database could not be read or written; what was not done is done by the next tick.
        """
        now = self._clock.now()
        self._counts["vueltas"] += 1
        if not self._clock_is_good(now):
            return RECHECK_S
        with self._lock:
            changed, self._changed = self._changed, set()
            reload, self._reload = self._reload, False
        done, due = 0, sorted(changed)
        try:
            due = self._everybody(now) if reload else sorted(changed | self._due(now))
            reload = False
            for done in range(0, len(due), SLICE):
                self._look_at(due[done : done + SLICE], now)
        except BaseException:
            with self._lock:
                self._changed.update(due[done:])
                self._reload = self._reload or reload
            raise
        return self._wait(self._clock.now())

    def _clock_is_good(self, now: datetime) -> bool:
        """Told once when it is not, and once when it is again."""
        bad = not puesto(now)
        told = self._told() if self._clock_bad is None else self._clock_bad
        if bad and not self._clock_bad:
            texto = f"El reloj de la máquina dice {now:%Y-%m-%d}: los horarios esperan a que se ponga en hora."
            with self._db.unit_of_work() as uow:
                avisos.avisar(uow, tipo=RELOJ, clave=RELOJ, gravedad="grave", texto=texto)
        elif told and not bad:
            with self._db.unit_of_work() as uow:
                avisos.resolver(uow, RELOJ)
        self._clock_bad = bad
        return not bad

    def _told(self) -> bool:
        """Whether a notice of an earlier start is still open."""
        with self._db.reader() as conn:
            return avisos.abierto(conn, RELOJ)

    def _everybody(self, now: datetime) -> list[int]:
        """The house is read, and every plan is made again."""
        with self._db.reader() as conn:
            self._casa = casa.leer(conn, self._db.casa).casa
            own = dispositivos.propios(conn)
        gone = self._guiados.keys() - set(own)
        for device_id in gone:
            del self._guiados[device_id]
        for g in self._guiados.values():
            g.horario = {}
        self._otros.clear()
        self._checked = self._clock.monotonic()
        self._last = now
        return own

    def _due(self, now: datetime) -> set[int]:
        """Whose level, as it is remembered, need not be that of ``now`` any more."""
        found = set()
        while self._heap and self._heap[0][0] <= now:
            found.add(heappop(self._heap)[1])
        if now < self._last or self._clock.monotonic() - self._checked >= RECHECK_S:
            self._checked = self._clock.monotonic()
            found |= {device_id for device_id, g in self._guiados.items() if not g.holds(now)}
        self._last = now
        return found

    def _look_at(self, ids: Sequence[int], now: datetime) -> None:
        with self._db.reader() as conn:
            devices = dispositivos.by_ids(conn, ids)
        asks = []
        for device_id in ids:
            try:
                if self._disagrees(device_id, devices.get(device_id), now):
                    asks.append(device_id)
            except Exception:  # one schedule must not stop the others
                log.exception("the schedule of device %s could not be read", device_id)
                self._failed(f"el horario del dispositivo {device_id} no se pudo leer")
                self._forget(device_id, devices.get(device_id))
        if asks:
            self._ask_all(asks, now)

    def _disagrees(self, device_id: int, d: Dispositivo | None, now: datetime) -> bool:
        """Whether the device is to be asked now."""
        g = None if d is None else self._planned(d, now)
        if d is None or g is None:
            self._forget(device_id, d)
            return False
        g.sin_noticias, g.otra_vez = False, None
        if g.nivel is None or d.configuracion.get("encendido") is g.nivel or g.intentos >= MAX_ASKS:
            return False
        if g.pedido_en is None or not g.intentos:
            return True
        if d.visto_en == g.visto_en:
            g.sin_noticias = True
            return False
        again = g.pedido_en + timedelta(seconds=BACKOFF_S[g.intentos - 1])
        if g.pedido_en <= now < again:
            g.otra_vez = again
            heappush(self._heap, (again, device_id))
            return False
        return True

    def _planned(self, d: Dispositivo, now: datetime) -> _Guiado | None:
        """The device's plan and level, made again only where they changed."""
        g = self._guiados.get(d.id)
        configuracion = d.configuracion
        if not guiado(d, configuracion):
            return None
        schedule = {clave: configuracion.get(clave) for clave in (*CLAVES, ANULACION)}
        if g is None or g.horario != schedule:
            plan = compilar(configuracion, self._casa)
            if plan is None:
                return None
            old, g = g, _Guiado(d.configuracion_json, schedule, plan, now, now, None)
            self._level(g, d.id, now)
            if old is not None and (old.nivel, old.hasta) == (g.nivel, g.hasta):  # the same transition: tried already
                g.intentos, g.pedido_en, g.visto_en = old.intentos, old.pedido_en, old.visto_en
            self._guiados[d.id] = g
            self._otros.pop(d.id, None)
        elif not g.desde <= now < g.hasta:
            self._level(g, d.id, now)
        g.texto = d.configuracion_json
        return g

    def _level(self, g: _Guiado, device_id: int, now: datetime) -> None:
        nivel, coming = g.plan.nivel(now), g.plan.siguiente(now)
        g.nivel = None if nivel is None else nivel.encendido
        g.desde, g.hasta = now, coming.instante if coming else now + FAR
        g.intentos, g.pedido_en, g.otra_vez = 0, None, None
        heappush(self._heap, (g.hasta, device_id))

    def _forget(self, device_id: int, d: Dispositivo | None) -> None:
        self._guiados.pop(device_id, None)
        if d is not None and d.propio:
            self._otros[device_id] = hash(d.configuracion_json)
        else:
            self._otros.pop(device_id, None)

    # --- asking -------------------------------------------------------------------------------------------------------

    def _ask_all(self, ids: Sequence[int], now: datetime) -> None:
        try:
            with self._db.unit_of_work(Causa("horario")) as uow:
                asked = [device_id for device_id in ids if self._ask(uow, device_id, now)]
        except BaseException:
            for g in (self._guiados[i] for i in ids if i in self._guiados):
                g.texto = ""  # what stands there was not committed
            raise
        for g in (self._guiados[i] for i in asked):
            self._counts["pedidos"] += 1
            self._counts["repetidos"] += g.intentos > 0
            g.intentos, g.pedido_en = g.intentos + 1, now

    def _ask(self, uow: UnitOfWork, device_id: int, now: datetime) -> bool:
        """Ask under the cause that tells layer and slot; False when the device changed under our eyes: look again."""
        g = self._guiados[device_id]
        nivel = g.plan.nivel(now)
        try:
            d = dispositivos.obtener(uow.conn, device_id)
            if d.configuracion_json != g.texto or nivel is None:
                with self._lock:
                    self._changed.add(device_id)
                return False
            uow.causa = Causa("horario", detalle=f"{nivel.capa}: {nivel.detalle}")
            cambios = Cambios(estado=estado_of(nivel.encendido))
            found = dispositivos.actualizar(uow, device_id, cambios, if_match=None)
        except (DispositivoNotFound, DatosInvalidos) as error:
            log.warning("el horario no puede cambiar el dispositivo %s: %s", device_id, error.mensaje)
            return True
        g.texto, g.visto_en = found.configuracion_json, d.visto_en  # before the bus tells it
        return True

    def _wait(self, now: datetime) -> float:
        if len(self._heap) > 4 * len(self._guiados) + 1000:  # what was planned and then planned anew
            self._heap = [(g.cuando, device_id) for device_id, g in self._guiados.items()]
            heapify(self._heap)
        if self._changed:
            return 0.0
        left = (self._heap[0][0] - now).total_seconds() if self._heap else RECHECK_S
        return max(0.0, min(left, RECHECK_S))
