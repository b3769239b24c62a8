"""Why a device is as it is while an order is open and after it failed, in virtual time."""

from __future__ import annotations

import pytest

from app import dispositivos
from app.domain.horario_tipos import Casa
from app.domain.peticiones import Cambios
from app.porque import porque
from app.vencimientos import vencer_ordenes
from tests.support.nucleo import House

LAMP = "LGT0ABCD1234"


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as house:
        house.report({"serial_number": LAMP, "estado": "inactivo"})
        house.clock.advance(60)
        yield house


def switch_on(house):
    with house.db.unit_of_work() as uow:
        dispositivos.actualizar(uow, house.device(LAMP).id, Cambios(encendido=True), if_match=None)
    house.clock.advance(1)


def says(house, estado):
    house.report({"serial_number": LAMP, "estado": estado})
    house.clock.advance(1)


def expire(house):
    house.clock.advance(60)
    with house.db.unit_of_work() as uow:
        assert vencer_ordenes(uow) == 1


def why(house):
    with house.db.reader() as conn:
        told = porque(conn, house.device(LAMP).id, Casa("Europe/Madrid"), "es")
    return told["desde"], told["frase"]


def test_a_device_that_says_otherwise_does_not_hide_who_asked(house):
    """Within the grace its own word is in the history, but the wish rules."""
    asked = house.clock.now()
    switch_on(house)
    says(house, "inactivo")
    desde, frase = why(house)
    assert desde.startswith(f"{asked:%Y-%m-%dT%H:%M:%S}")
    assert frase == (
        "«No definido» figura como encendido desde el 23/11/2026 a las 15:01:00 porque lo hizo el propio programa. "
        "Se pidió encender y el dispositivo aún no lo ha confirmado."
    )
    says(house, "activo")
    assert why(house)[1].endswith("a las 15:01:00 porque lo hizo el propio programa, y el dispositivo lo confirmó.")


@pytest.mark.parametrize("words", [(), ("inactivo", "inactivo")])
def test_after_an_order_that_nobody_obeyed(house, words):
    """Whether the device was silent or said no: it is off since the order ended, and nobody asked for that."""
    switch_on(house)
    for word in words:
        says(house, word)
    expire(house)
    desde, frase = why(house)
    assert desde.startswith("2026-11-23T14:02:0")
    assert " figura como apagado desde el 23/11/2026 a las 15:02:0" in frase
    assert frase.endswith(
        " porque una orden no se cumplió (expiró; el dispositivo sigue inactivo). "
        "Se pidió encender y no lo confirmó a tiempo."
    )
