"""The watcher of silence: which devices are alive, doubtful or lost, each change stored, told and logged."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from app import avisos
from app.clock import Clock, iso_z
from app.db import Database, UnitOfWork, bulk_insert
from app.dispositivos import announce, by_ids, listar
from app.domain.causa import Causa
from app.domain.conectividad import DESCONOCIDO, EN_LINEA, FUERA, TESTAMENTO, Pulso, umbral
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.errors import DomainError
from app.domain.events import CambioDeseada, DeviceRemoved, DeviceUpdated, Event
from app.domain.filtro import FiltroLista
from app.historial import append_logs
from app.models import dispositivo, row_of
from app.representacion import conectividad_json

log = logging.getLogger(__name__)

LOOK_S = (0.2, 5.0)
"""The least and the most between two looks; a change for the better is looked at at once."""
SLICE = 200
BROKER_NOTICE_S = 15.0
STOP_S = 1.5
BROKER_CLAVE = "broker"


class Vigia:
    """Watches. ``on_events`` and ``on_will`` only note something and may come from any thread.

    Args:
        broker_up: whether devices can be heard at all; while they cannot, nobody is judged.
    """

    def __init__(self, db: Database, clock: Clock, broker_up: Callable[[], bool]) -> None:
        self._db = db
        self._clock = clock
        self._broker_up = broker_up
        self._pulses: dict[int, Pulso] = {}
        self._ids: dict[str, int] = {}
        self._since = clock.monotonic()
        self._down_since: float | None = self._since
        self._told_down = False
        self._fault: str | None = None
        self._ending = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vigia", daemon=True)
        with db.reader() as conn:
            for d in listar(conn, FiltroLista()):
                self._remember(d)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """End; the next start judges anew, after a grace."""
        self._ending = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stats(self) -> dict[str, Any]:
        """How many devices are in each state, and what keeps it from storing."""
        counts = Counter(p.estado for p in list(self._pulses.values()))
        return {**{name: counts[name] for name in ("en_linea", "dudoso", "fuera", "desconocido")}, "fallo": self._fault}

    def on_events(self, events: Sequence[Event]) -> None:
        """In the committing thread: a changed ``visto_en`` is a fresh message of the device itself."""
        now = None
        for event in events:
            if type(event) is not DeviceUpdated:
                if type(event) is DeviceRemoved:
                    self._pulses.pop(event.dispositivo.id, None)
                    self._ids.pop(event.dispositivo.serial_number, None)
                continue
            d = event.dispositivo
            pulse = self._pulses.get(d.id) or self._remember(d)
            if d.conectividad == DESCONOCIDO:  # introduced by a retained message, which is no life
                continue
            pulse.expected = umbral(d)
            if pulse.visto != d.visto_en:
                now = now or self._clock.monotonic()
                pulse.visto = d.visto_en
                pulse.hear(now)
                if pulse.estado == DESCONOCIDO:
                    pulse.estado, pulse.motivo = d.conectividad, d.conectividad_motivo
                elif pulse.estado != EN_LINEA:
                    self._wake.set()

    def on_will(self, serial: str, payload: bytes, retained: bool) -> None:
        """``dispositivos/<serial>/disponible`` (WIRE §1); ``online`` says nothing that a report does not say better."""
        pulse = self._pulses.get(self._ids.get(serial, 0))
        if pulse is not None and payload.strip().lower() == b"offline":
            pulse.say_goodbye(self._clock.monotonic(), retained=retained)
            self._wake.set()

    def tick(self) -> float:
        """Judge everybody; answers after how many seconds to look again."""
        now = self._clock.monotonic()
        if not self._watch_broker(now):
            return 1.0
        changed: dict[int, tuple[str, str]] = {}
        wait = LOOK_S[1]
        for device_id, pulse in list(self._pulses.items()):
            verdict = pulse.judge(now, self._since)
            if verdict != (pulse.estado, pulse.motivo):
                changed[device_id] = verdict
            elif pulse.estado != DESCONOCIDO:
                wait = min(wait, pulse.next_look(now, self._since))
        ids = list(changed)
        for done in range(0, len(ids), SLICE):
            self._change({i: changed[i] for i in ids[done : done + SLICE]}, now)
        return LOOK_S[0] if changed else max(LOOK_S[0], wait)

    def _remember(self, d: Dispositivo) -> Pulso:
        pulse = Pulso(self._clock.monotonic(), umbral(d), d.conectividad, d.conectividad_motivo, d.visto_en)
        self._ids[d.serial_number] = d.id
        return self._pulses.setdefault(d.id, pulse)

    def _forget(self, device_id: int) -> None:
        self._pulses.pop(device_id, None)
        self._ids = {serial: known for serial, known in self._ids.items() if known != device_id}

    def _watch_broker(self, now: float) -> bool:
        """Whether devices can be heard. An absent broker is one incident, and gives everybody a new grace after it."""
        if self._broker_up():
            if self._down_since is not None:
                self._since, self._down_since = now, None
            if self._told_down:
                with self._db.unit_of_work(Causa("conectividad", detalle="broker")) as uow:
                    avisos.resolver(uow, BROKER_CLAVE)
                self._told_down = False
            return True
        self._down_since = now if self._down_since is None else self._down_since
        if not self._told_down and now - self._down_since >= BROKER_NOTICE_S:
            texto = "No hay conexión con el broker MQTT: no se sabe nada nuevo de ningún dispositivo"
            with self._db.unit_of_work(Causa("conectividad", detalle="broker")) as uow:
                avisos.avisar(uow, tipo="broker_caido", clave=BROKER_CLAVE, gravedad="grave", texto=texto)
            self._told_down = True
        return False

    def _change(self, verdicts: dict[int, tuple[str, str]], now: float) -> None:
        with self._db.unit_of_work(Causa("conectividad")) as uow:
            found = by_ids(uow.conn, verdicts)
            for device_id, device in found.items():
                _store(uow, device, *verdicts[device_id])
        for device_id in verdicts.keys() - found.keys():  # gone meanwhile
            self._forget(device_id)
        for device_id in found:
            if (pulse := self._pulses.get(device_id)) is not None:  # gone since
                pulse.become(*verdicts[device_id], now)

    def _run(self) -> None:
        wait = 0.0
        while not self._ending:
            self._wake.wait(wait)
            self._wake.clear()
            try:
                wait = self.tick()
                self._fault = None
            except DomainError as error:  # locked or full: late, nothing is lost
                self._fault, wait = error.mensaje, LOOK_S[1]
            except Exception:
                log.exception("watching the devices failed")
                self._fault, wait = "fallo inesperado; véase el registro", LOOK_S[1]


def _store(uow: UnitOfWork, antes: Dispositivo, estado: str, motivo: str) -> None:
    now = iso_z(uow.now)
    despues = replace(
        antes,
        conectividad=estado,
        conectividad_motivo=motivo,
        conectividad_en=now if estado != antes.conectividad else antes.conectividad_en,
        version=antes.version + 1,
        actualizado_en=now,
    )
    bulk_insert(uow, dispositivo, [row_of(despues)], upsert=True)
    announce(uow, despues, antes.reclamado, CambioDeseada.NO)
    if estado == antes.conectividad:
        return
    cause = Causa("conectividad", detalle=f"{antes.conectividad} → {estado}: {motivo}")
    append_logs(uow, [(despues.id, despues.estado, despues.parametros_json, cause.json())])
    about = {"dispositivo_id": despues.id, "serial_number": despues.serial_number, "antes": antes.conectividad}
    head = dump_object(about)
    uow.tell("conectividad", f'{head[:-1]},"conectividad":{conectividad_json(despues)}}}', despues)
    clave = f"perdido:{despues.id}"
    if estado == FUERA and despues.reclamado and not avisos.abierto(uow.conn, clave):  # open: it comes and goes
        why = "se desconectó" if motivo == TESTAMENTO else "no da señales"
        texto = f"{despues.nombre} ({despues.serial_number}) {why}"
        avisos.avisar(
            uow, tipo="dispositivo_perdido", clave=clave, gravedad="advertencia", texto=texto, dispositivo=despues
        )
    elif estado == EN_LINEA:
        avisos.resolver(uow, clave)
