"""A house with three devices whose rules are followed, in virtual time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app import avisos, reglas
from app.domain.aviso import FiltroAvisos
from app.motor import Motor
from tests.support.nucleo import FakeClock, House

A, B, C = "AAA0000001", "BBB0000001", "CCC0000001"
AVISO = {"tipo": "aviso", "texto": "¡ya!"}


class Ruled(House):
    """A house with three devices whose rules are followed."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeClock()
        super().__init__(folder, self.fake)
        for serial in (A, B, C):
            self.say(serial, estado="inactivo", parametros={"x": 0})
        self.follow()

    def follow(self) -> None:
        self.motor = Motor(self.db, self.fake)
        self._unsubscribe = self.bus.subscribe(self.motor.on_events)

    def die(self) -> None:
        """As kill -9 leaves it; the next one starts from what is stored."""
        self._unsubscribe()
        self.follow()

    def say(self, serial: str, **fields: Any) -> None:
        self.report({"serial_number": serial, **fields})

    def x(self, value: Any, serial: str = A) -> None:
        """A report, followed at once."""
        self.say(serial, parametros={"x": value})
        self.settle()

    def settle(self) -> None:
        for _ in range(20):
            if self.motor.tick() > 0:
                return
        raise AssertionError("it never comes to rest")

    def go(self, seconds: float) -> None:
        """Time passes, one look a second."""
        for _ in range(int(seconds)):
            self.fake.advance(1)
            self.motor.tick()

    def id(self, serial: str) -> int:
        return self.device(serial).id

    def lay(self, condicion: dict[str, Any], *acciones: dict[str, Any], nombre: str = "regla") -> int:
        with self.db.unit_of_work() as uow:
            return reglas.crear(uow, nombre, True, condicion, list(acciones) or [AVISO]).id

    def when(self, condicion: dict[str, Any], *acciones: dict[str, Any], nombre: str = "regla") -> int:
        made = self.lay(condicion, *acciones, nombre=nombre)
        self.settle()
        return made

    def above(self, valor: float = 10, serial: str = A, **more: Any) -> dict[str, Any]:
        return {"dispositivo_id": self.id(serial), "parametro": "x", "operador": ">", "valor": valor, **more}

    def is_(self, serial: str, estado: str, **more: Any) -> dict[str, Any]:
        return {"dispositivo_id": self.id(serial), "estado": estado, **more}

    def order(self, serial: str, on: bool) -> dict[str, Any]:
        return {"tipo": "orden", "dispositivo_id": self.id(serial), "configuracion": {"encendido": on}}

    def fired(self, regla_id: int) -> int:
        with self.db.reader() as conn:
            return reglas.obtener(conn, regla_id).disparos

    def notices(self, tipo: str = "regla") -> list[dict[str, Any]]:
        with self.db.reader() as conn:
            found = map(json.loads, avisos.listar(conn, FiltroAvisos(), page=1, per_page=200).data)
            return [a for a in found if a["tipo"] == tipo]
