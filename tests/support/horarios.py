"""A house with the scheduler in it, in virtual time: the wall clock goes from one thing to do to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import casa, dispositivos
from app.domain.causa import Causa
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.peticiones import Cambios
from app.domain.reporte import parse
from app.programador import Programador
from app.reportes import apply_reportes
from app.vencimientos import vencer_ordenes
from tests.support.nucleo import BEGINNING, FakeClock, House

PERSONA = Causa("http", quien="alguien", desde="127.0.0.1")


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class HorarioHouse(House):
    """Devices of their own topics with schedules, driven by :meth:`until`; ``restart`` makes a new scheduler."""

    def __init__(self, folder: Path, start: datetime, zona: str = "UTC") -> None:
        clock = FakeClock()
        clock.jump((start - BEGINNING).total_seconds())
        super().__init__(folder, clock)
        self.fake = clock
        if zona != "UTC":
            self.set_house(zona=zona)
        self.programador = Programador(self.db, clock)
        self._unsubscribe: Callable[[], None] = self.bus.subscribe(self.programador.on_events)

    def set_house(self, **cambios: Any) -> None:
        with self.db.unit_of_work(PERSONA) as uow:
            casa.cambiar(uow, cambios)

    def restart(self) -> None:
        self._unsubscribe()
        self.programador = Programador(self.db, self.fake)
        self._unsubscribe = self.bus.subscribe(self.programador.on_events)

    def say(self, serial: str, *, own: bool = True, **body: Any) -> None:
        """A report on the device's own topic, or on the shared one."""
        topic = f"dispositivos/{serial}/estado" if own else "dispositivos/estado"
        reporte = parse(topic, dump_object({"serial_number": serial, **body}).encode())
        with self.db.unit_of_work() as uow:
            known = dispositivos.by_serials(uow.conn, [serial])
            apply_reportes(uow, [reporte], known, grace=timedelta(seconds=10))

    def obey(self, serial: str) -> None:
        """The device reads what is wanted, is so, and says so."""
        d = self.device(serial)
        on = bool(d.configuracion.get("encendido"))
        self.say(serial, estado="activo" if on else "inactivo", version=d.deseada_version)

    def scheduled(self, serial: str, horarios: Any, *, own: bool = True, **more: Any) -> Dispositivo:
        """A device that was heard once, off, and then got a schedule."""
        self.say(serial, own=own, estado="inactivo")
        self.ask(serial, configuracion={"modo": "horario", "horarios": horarios, **more})
        return self.device(serial)

    def ask(self, serial: str, **fields: Any) -> Dispositivo:
        """Somebody changes the device."""
        with self.db.unit_of_work(PERSONA) as uow:
            return dispositivos.actualizar(uow, self.device(serial).id, Cambios(**fields), if_match=None)

    def expire(self) -> None:
        """The orders whose time is over end."""
        with self.db.unit_of_work() as uow:
            vencer_ordenes(uow)

    def on(self, serial: str) -> bool:
        """Whether the device is wanted to be on."""
        return self.device(serial).configuracion.get("encendido") is True

    def set_clock(self, moment: datetime) -> None:
        self.fake.jump((moment - self.fake.now()).total_seconds())

    def tick(self) -> float:
        """Look until there is nothing left to do now."""
        for _ in range(20):
            wait = self.programador.tick()
            if wait > 0:
                return wait
        raise AssertionError("the scheduler never comes to rest")

    def until(self, end: datetime, after_tick: Callable[[], object] = lambda: None) -> None:
        """Let time pass as the thread would see it."""
        while True:
            wait = self.tick()
            after_tick()
            left = (end - self.fake.now()).total_seconds()
            if left <= 0:
                return
            self.fake.advance(min(max(wait, 0.001), left))

    def orders(self, serial: str) -> Sequence[Any]:
        """(state, cause) of the orders to a device, oldest first."""
        return self.rows(f"SELECT estado, causa FROM orden WHERE dispositivo_id={self.device(serial).id} ORDER BY id")
