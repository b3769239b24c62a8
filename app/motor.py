"""The engine of rules: follows their conditions event by event, and carries each out once when it becomes met.

A rule fires when its condition goes from not met to met, in the same transaction that remembers it: a crash neither
loses nor repeats that. What it knows besides (since when something holds) is kept at most a second later.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any

from app import casa, disparo, dispositivos, reglas
from app.clock import Clock
from app.db import Database, UnitOfWork
from app.domain.causa import Causa
from app.domain.dispositivo import Dispositivo, load_object
from app.domain.errors import DomainError
from app.domain.events import DeviceUpdated, Event, Suceso
from app.domain.horario_tipos import Casa
from app.domain.regla import MAX_CADENA
from app.regla_viva import ReglaViva
from app.reglas import Regla

log = logging.getLogger(__name__)

MAX_COLA = 10_000
"""News that wait; beyond it only the latest of each device is kept, so a pulse may be missed, and is counted."""
BURST = 500
RECHECK_S = 60.0
SAVE_S = 1.0
RETRY_S = 5.0
STOP_S = 1.5
STEP_S = 2.0
"""A wall clock that moved this much against the monotonic one was set."""
MAX_DISPAROS, VENTANA_S = 10, 60.0
"""A rule fires this often in that many seconds; more is a loop through the world, which no chain can show."""
HEREDA_S = 60.0
"""What a device does within this time after a rule asked something of it counts as that rule's doing."""
Cadena = tuple[str, ...]


class Motor:
    """The thread ``reglas``; :meth:`tick` is all it does, so that a test drives it in virtual time."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._vivas: dict[int, ReglaViva] = {}
        self._of_device: dict[int, list[ReglaViva]] = {}
        self._world: dict[int, Dispositivo] = {}
        self._watched: frozenset[int] = frozenset()
        self._queue: deque[tuple[Dispositivo, Cadena]] = deque()
        self._lock = threading.Lock()
        self._reload = True
        self._started = False
        self._inherited: dict[int, tuple[Cadena, float]] = {}
        self._acting: Cadena = ()
        self._ident = 0
        self._offset = self._wall() - clock.monotonic()
        self._due = 0.0
        self._saved = clock.monotonic()
        self._counts = {"disparos": 0, "omitidos": 0, "fallos": 0, "agrupados": 0}
        self._fault: str | None = None
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reglas", daemon=True)

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start following."""
        self._thread.start()

    def stop(self) -> None:
        """End, and keep what is known."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stats(self) -> dict[str, Any]:
        """Rules that are followed, what was carried out since the start, and what keeps it from working."""
        return {"activas": len(self._vivas), "en_cola": len(self._queue), "fallo": self._fault, **self._counts}

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.is_set():
            self._wake.wait(wait)
            self._wake.clear()
            try:
                wait = self.tick()
                self._fault = None
            except DomainError as error:  # locked or full: late, nothing is lost
                self._fault, wait = error.mensaje, RETRY_S
            except Exception:
                log.exception("following the rules failed")
                self._counts["fallos"] += 1
                self._fault, wait = "fallo inesperado; véase el registro", RETRY_S
        try:
            self.guardar()
        except DomainError as error:
            log.warning("no se pudo guardar lo que saben las reglas: %s", error.mensaje)

    # --- news ---------------------------------------------------------------------------------------------------------

    def on_events(self, events: Sequence[Event]) -> None:
        """A listener of the bus, in the writer's thread: notes what devices in rules are now, in order."""
        mine = self._acting if threading.get_ident() == self._ident else ()
        watched = self._watched
        heard = [(e.dispositivo, mine) for e in events if type(e) is DeviceUpdated and e.dispositivo.id in watched]
        reload = any(isinstance(e, Suceso) and _lays_anew(e) for e in events)
        if not heard and not reload:
            return
        with self._lock:
            self._reload = self._reload or reload
            self._queue.extend(heard)
            if len(self._queue) > MAX_COLA:
                latest = {d.id: (d, cadena) for d, cadena in self._queue}
                self._counts["agrupados"] += len(self._queue) - len(latest)
                self._queue = deque(latest.values())
        self._wake.set()

    # --- one look -----------------------------------------------------------------------------------------------------

    def tick(self) -> float:
        """Follow what was heard and what time brought; answers after how many seconds to look again.

        Raises:
            DomainError: the database could not be read or written; what was not done is done by the next tick.
        """
        self._ident = threading.get_ident()
        now = self._now()
        self._act_all(self._vivas.values())
        self._follow(now)
        with self._lock:
            reload, self._reload = self._reload, False
        if reload:
            self._load(now)
        if now >= self._due:
            for viva in self._vivas.values():
                viva.mirar_hora(now)
                self._decide(viva, now, viva.origen)
            self._act_all(self._vivas.values())
        if self._clock.monotonic() - self._saved >= SAVE_S:
            self.guardar()
        return self._wait(now)

    def _follow(self, now: float) -> None:
        """What is in the queue now, in order; what it leads to comes with the next look."""
        for _ in range(min(BURST, len(self._queue))):
            with self._lock:
                d, cadena = self._queue.popleft()
            self._hear(d, cadena, now)

    def guardar(self) -> None:
        """Keep what is known of the rules in which something changed."""
        self._saved = self._clock.monotonic()
        changed = [viva for viva in self._vivas.values() if viva.sucia]
        if changed:
            with self._db.unit_of_work() as uow:
                for viva in changed:
                    reglas.recordar(uow, viva.regla, viva.memoria())
            for viva in changed:
                viva.sucia = False

    def _wall(self) -> float:
        return self._clock.now().timestamp()

    def _now(self) -> float:
        """The wall clock; what was remembered moves with it when it is set."""
        wall = self._wall()
        step = wall - self._clock.monotonic() - self._offset
        if abs(step) > STEP_S:
            self._offset += step
            self._due = 0.0
            for viva in self._vivas.values():
                viva.desplazar(step)
        return wall

    def _load(self, now: float) -> None:
        """Read the rules, their devices and the house; rules that stayed as they were keep what they know."""
        try:
            self.guardar()
            with self._db.reader() as conn:
                found = reglas.activas(conn)
                house = casa.leer(conn, self._db.casa).casa
            vivas = [viva for regla in found if (viva := self._alive(regla, house)) is not None]
            # Noted by the bus from here on, so that nothing falls between this and what is read next.
            self._watched = frozenset(i for viva in vivas for i in viva.dispositivos)
            with self._db.reader() as conn:
                world = dispositivos.by_ids(conn, self._watched)
        except BaseException:
            self._reload = True
            raise
        self._vivas, self._of_device = {viva.regla.id: viva for viva in vivas}, defaultdict(list)
        # One that was watched before stands where the queue has brought it: the rest of the queue takes it further.
        self._world = {i: self._world.get(i, d) for i, d in world.items()}
        for viva in vivas:
            for device_id in viva.dispositivos:
                self._of_device[device_id].append(viva)
                viva.empezar(device_id, self._world.get(device_id), now, arranque=not self._started)
            viva.mirar_hora(now)
            self._decide(viva, now, ())
        self._started = True
        self._act_all(vivas)

    def _alive(self, regla: Regla, house: Casa) -> ReglaViva | None:
        """The rule as it is followed; one that cannot be must not stop the others."""
        try:
            return ReglaViva(regla, house, self._vivas.get(regla.id))
        except Exception:
            log.exception("rule %s could not be read", regla.id)
            self._counts["fallos"] += 1
            return None

    def _hear(self, d: Dispositivo, cadena: Cadena, now: float) -> None:
        known = self._world.get(d.id)
        if known is None or d.version <= known.version:
            return
        self._world[d.id] = d
        parametros = load_object(d.parametros_json)
        cadena = cadena or self._of_old(d.id)
        hearing = self._of_device.get(d.id, ())
        for viva in hearing:
            if viva.oir(d, parametros, now):
                viva.origen = cadena
            self._decide(viva, now, cadena)
        self._act_all(hearing)

    def _of_old(self, device_id: int) -> Cadena:
        cadena, until = self._inherited.get(device_id, ((), 0.0))
        if until and self._clock.monotonic() >= until:
            del self._inherited[device_id]
            return ()
        return cadena

    def _decide(self, viva: ReglaViva, now: float, cadena: Cadena) -> None:
        self._due = min(self._due, viva.proxima(now))
        viva.decidir(now, cadena)

    # --- acting -------------------------------------------------------------------------------------------------------

    def _act_all(self, vivas: Iterable[ReglaViva]) -> None:
        """Carry out what these owe. Only once all of them have seen the same: a database that is locked meanwhile makes
        some late, and none blind."""
        for viva in list(vivas):
            if viva.fuego is not None or viva.cese:
                self._act(viva)

    def _act(self, viva: ReglaViva) -> None:
        """Carry out what a rule owes; a fault of ours must not stop the other rules."""
        motivo = None if viva.fuego is None else self._loop(viva)
        fired, asked = viva.fuego is not None and motivo is None, set[int]()
        try:
            with self._db.unit_of_work(Causa("regla", id=viva.regla.id, nombre=viva.regla.nombre)) as uow:
                if reglas.recordar(uow, viva.regla, viva.memoria(hecho=True), disparada=fired):
                    asked = self._carry_out(uow, viva, motivo)
                else:  # switched off, changed or deleted meanwhile: nobody wants it any more
                    viva.fuego = None
        except DomainError:
            raise
        except Exception:
            log.exception("rule %s could not be carried out", viva.regla.id)
            self._counts["fallos"] += 1
            viva.hecho()
            return
        finally:
            cadena, self._acting = self._acting, ()
        if viva.fuego is not None:
            self._counts["disparos" if fired else "omitidos"] += 1
            if fired:
                viva.disparos.append(self._clock.monotonic())
        until = self._clock.monotonic() + HEREDA_S
        self._inherited.update(dict.fromkeys(asked, (cadena, until)))
        viva.hecho()

    def _carry_out(self, uow: UnitOfWork, viva: ReglaViva, motivo: str | None) -> set[int]:
        """What is owed, in the unit that remembers it as done; the ids of the devices that were asked for something."""
        asked = set[int]()
        if viva.fuego is not None:
            self._acting = (*viva.fuego, disparo.eslabon(viva.regla))
            if motivo is None:
                about = self._world.get(viva.dispositivos[0]) if len(viva.dispositivos) == 1 else None
                detalle = viva.detalle(self._world)
                asked = disparo.disparar(uow, viva.regla, detalle=detalle, cadena=viva.fuego, acerca=about)
            elif viva.avisa(self._clock.monotonic(), VENTANA_S):
                disparo.omitir(uow, viva.regla, motivo)
        if viva.cese:
            disparo.cesar(uow, viva.regla)
        return asked

    def _loop(self, viva: ReglaViva) -> str | None:
        """Why a rule must not be carried out now: it would never end."""
        if sum(link.startswith("regla ") for link in viva.fuego or ()) >= MAX_CADENA:
            return f"viene de {MAX_CADENA} reglas encadenadas ({', '.join(viva.fuego or ())})"
        since = self._clock.monotonic() - VENTANA_S
        while viva.disparos and viva.disparos[0] <= since:
            viva.disparos.popleft()
        if len(viva.disparos) >= MAX_DISPAROS:
            return f"ya se ejecutó {MAX_DISPAROS} veces en {VENTANA_S:.0f} segundos"
        return None

    def _wait(self, now: float) -> float:
        if self._queue or self._reload:
            return 0.0
        self._due = min((viva.proxima(now) for viva in self._vivas.values()), default=now + RECHECK_S)
        wait = min(RECHECK_S, max(0.0, self._due - now))
        return min(wait, SAVE_S) if any(viva.sucia for viva in self._vivas.values()) else wait


def _lays_anew(event: Suceso) -> bool:
    if event.tipo == "casa":
        return True
    return event.tipo == reglas.SUCESO and load_object(event.datos_json).get("cambio") != reglas.DISPARADA
