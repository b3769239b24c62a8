"""A whole house in virtual time: scheduler, rules, watcher and the end of orders over one database, and its devices."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app import casa, dispositivos, reglas
from app.domain.aviso import RESUELTO
from app.domain.dispositivo import dump_object
from app.domain.peticiones import Cambios
from app.domain.reporte import parse
from app.motor import Motor
from app.programador import Programador
from app.reportes import apply_reportes
from app.vencimientos import Vencimientos
from app.vigia import Vigia
from tests.support.horarios import PERSONA
from tests.support.nucleo import BEGINNING, FakeClock, House

STEP_S = 60


class WholeHouse(House):
    """Devices with topics of their own that do as they are told, as long as there is a broker. :meth:`restart` makes
    all the parts that think anew."""

    def __init__(self, folder: Path, start: datetime, zona: str) -> None:
        self.fake = FakeClock()
        self.fake.jump((start - BEGINNING).total_seconds())
        super().__init__(folder, self.fake)
        self.broker = True
        self.devices: dict[str, dict[str, Any]] = {}
        with self.db.unit_of_work(PERSONA) as uow:
            casa.cambiar(uow, {"zona": zona})
        self._leave: list[Callable[[], None]] = []
        self.restart()

    def restart(self) -> None:
        """As a kill and a start leave it."""
        for leave in self._leave:
            leave()
        self.programador = Programador(self.db, self.fake)
        self.motor = Motor(self.db, self.fake)
        self.vigia = Vigia(self.db, self.fake, lambda: self.broker)
        self.vencimientos = Vencimientos(self.db, self.fake, 60.0)
        parts = (self.programador, self.motor, self.vigia)
        self._leave = [self.bus.subscribe(part.on_events) for part in parts]

    # --- what is in it ------------------------------------------------------------------------------------------------
    def add(self, serial: str, **configuracion: Any) -> int:
        """A device that is heard, claimed, and set up."""
        self.devices[serial] = {"estado": "inactivo", "parametros": {"x": 0}}
        self.hear(serial)
        with self.db.unit_of_work(PERSONA) as uow:
            uow.conn.exec_driver_sql("UPDATE dispositivo SET reclamado = 1")
        self.ask(serial, configuracion=configuracion)
        self.obey(serial)
        self.hear(serial)
        return self.device(serial).id

    def rule(self, nombre: str, condicion: dict[str, Any], *acciones: dict[str, Any]) -> int:
        with self.db.unit_of_work(PERSONA) as uow:
            return reglas.crear(uow, nombre, True, condicion, list(acciones)).id

    def ask(self, serial: str, **fields: Any) -> None:
        with self.db.unit_of_work(PERSONA) as uow:
            dispositivos.actualizar(uow, self.device(serial).id, Cambios(**fields), if_match=None)

    # --- time ---------------------------------------------------------------------------------------------------------
    def step(self) -> None:
        """A minute: everybody looks, the devices obey and speak, everybody looks again."""
        self.fake.advance(STEP_S - 2)
        self.think()
        self.fake.advance(2)
        self.think()
        if self.broker:
            for serial in self.devices:
                self.obey(serial)
                self.hear(serial)
        self.think()

    def until(self, end: datetime) -> None:
        while self.fake.now() < end:
            self.step()

    def think(self) -> None:
        """Until nobody has anything left to do now."""
        for part in (self.vigia, self.vencimientos, self.programador, self.motor, self.programador):
            for _ in range(50):
                if part.tick() > 0:
                    break
            else:
                raise AssertionError(f"{type(part).__name__} never comes to rest")

    def obey(self, serial: str) -> None:
        """The broker has the newest desired configuration, and the device reads it."""
        d = self.device(serial)
        if d.deseada_version > d.deseada_confirmada:
            with self.db.unit_of_work() as uow:
                dispositivos.confirmar_deseadas(uow, [(d.id, d.deseada_version)])
        on = d.configuracion.get("encendido") is True
        self.devices[serial] |= {"estado": "activo" if on else "inactivo", "version": d.deseada_version}

    def hear(self, serial: str) -> None:
        body = dump_object({"serial_number": serial, **self.devices[serial]}).encode()
        reporte = parse(f"dispositivos/{serial}/estado", body)
        with self.db.unit_of_work() as uow:
            known = dispositivos.by_serials(uow.conn, [serial])
            apply_reportes(uow, [reporte], known, grace=timedelta(seconds=10))

    # --- what became of it --------------------------------------------------------------------------------------------
    def on(self, serial: str) -> bool:
        """What the device itself said last."""
        return self.device(serial).estado_reportado == "activo"

    def fired(self, regla_id: int) -> int:
        count: int = self.scalar(f"SELECT disparos FROM regla WHERE id = {regla_id}")
        return count

    def open_notices(self) -> list[str]:
        return [row[0] for row in self.rows(f"SELECT tipo FROM aviso WHERE estado != '{RESUELTO}' ORDER BY id")]

    def told(self, tipo: str) -> int:
        """How many notices of a kind there were."""
        count: int = self.scalar(f"SELECT count(*) FROM aviso WHERE tipo = '{tipo}'")
        return count

    def orders(self, serial: str) -> list[tuple[str, str]]:
        """(state, kind of cause), oldest first."""
        rows = self.rows(f"SELECT estado, causa FROM orden WHERE dispositivo_id = {self.device(serial).id} ORDER BY id")
        return [(estado, json.loads(causa)["tipo"]) for estado, causa in rows]
