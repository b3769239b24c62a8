"""Why it is as it is: after a long history, while an order is open and after it failed; in virtual time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app import dispositivos
from app.clock import iso_z
from app.domain.causa import SISTEMA, Causa
from app.domain.horario_tipos import Casa
from app.domain.peticiones import Cambios
from app.historial import escritas_en
from app.porque import ROWS, porque
from app.vencimientos import vencer_ordenes
from tests.support.nucleo import FakeClock, House

LAMP, OTHER = "LGT0AAAAAAAA", "LGT0BBBBBBBB"
ANA = Causa("http", quien="ana", desde="10.0.0.2")


class Asked(House):
    """A house in which people ask and devices answer; a second passes before each."""

    fake: FakeClock

    def say(self, estado: str, serial: str = LAMP) -> None:
        self.fake.advance(1)
        self.report({"serial_number": serial, "estado": estado})

    def ask(self, on: bool, causa: Causa = ANA) -> None:
        self.fake.advance(1)
        with self.db.unit_of_work(causa) as uow:
            dispositivos.actualizar(uow, self.device(LAMP).id, Cambios(encendido=on), if_match=None)

    def sent(self) -> None:
        """The broker holds what was asked."""
        d = self.device(LAMP)
        with self.db.unit_of_work() as uow:
            dispositivos.confirmar_deseadas(uow, [(d.id, d.deseada_version)])

    def expire(self) -> None:
        """Nobody answers: the open order ends."""
        self.fake.advance(60)
        with self.db.unit_of_work() as uow:
            assert vencer_ordenes(uow) == 1

    def set_back(self) -> None:
        """Yesterday again, after more rows than are read at a place."""
        for _ in range(ROWS + 1):
            self.say("inactivo")
        self.fake.jump(-timedelta(days=1).total_seconds())

    def why(self, zona: str = "UTC") -> dict[str, Any]:
        with self.db.reader() as conn:
            return porque(conn, self.device(LAMP).id, ahora=self.fake.now(), defecto=Casa(zona), idioma="es")


@pytest.fixture
def house(tmp_path: Path) -> Any:
    clock = FakeClock()
    with Asked(tmp_path, clock) as made:
        made.fake = clock
        made.say("inactivo")
        yield made


def test_hours_of_reports_later_it_is_still_known(house: Asked) -> None:
    """A thousand reports of it and of another hide nothing; neither do thirty orders that ask for something else."""
    house.ask(True)
    house.sent()
    house.say("activo")
    asked = house.why()
    for _ in range(1000):
        house.say("activo")
        house.say("inactivo", OTHER)
    for n in range(30):
        with house.db.unit_of_work(ANA) as uow:
            cambios = Cambios(configuracion={"intervalo_envio": n + 1})
            dispositivos.actualizar(uow, house.device(LAMP).id, cambios, if_match=None)
    later = house.why()
    assert later["frase"] == asked["frase"]
    assert "porque lo pidió ana desde 10.0.0.2, y el dispositivo lo confirmó 1 s después." in later["frase"]


def test_what_it_said_before_it_had_heard_is_not_why(house: Asked) -> None:
    """It goes on saying off within its grace: still shown as on, because of who asked, and since then."""
    house.ask(True)
    since = house.device(LAMP).estado_en
    house.say("inactivo")
    told = house.why()
    assert (told["estado"], told["desde"]) == ("activo", since)
    assert "a las 14:00:02 porque lo pidió ana" in told["frase"]


def test_a_device_that_says_otherwise_does_not_hide_who_asked(house: Asked) -> None:
    """Within the grace its own word is in the history, but the wish rules: open, and then proven."""
    house.ask(True, SISTEMA)
    house.say("inactivo")
    asked = "«No definido» figura como encendido desde el 23/11/2026 a las 15:00:02 porque lo hizo el propio programa"
    told = house.why("Europe/Madrid")
    assert told["frase"] == f"{asked}. Se pidió encender y el dispositivo aún no lo ha confirmado."
    house.say("activo")
    assert house.why("Europe/Madrid")["frase"] == f"{asked}, y el dispositivo lo confirmó 2 s después."


@pytest.mark.parametrize("words", [(), ("inactivo", "inactivo")])
@pytest.mark.parametrize("set_back", [False, True])
def test_after_an_order_that_nobody_obeyed(house: Asked, words: tuple[str, ...], set_back: bool) -> None:
    """Whether the device was silent or said no: it is off since the order ended, and nobody asked for that;
    also where the clock was set back."""
    if set_back:
        house.set_back()
    house.ask(True)
    for word in words:
        house.say(word)
    house.expire()
    told = house.why()
    assert told["desde"] == house.device(LAMP).estado_en == iso_z(house.fake.now())
    assert told["frase"] == (
        f"«No definido» figura como apagado desde el {house.fake.now():%d/%m/%Y a las %H:%M:%S} porque una orden no se "
        "cumplió (expiró; el dispositivo sigue inactivo). Se pidió encender y no lo confirmó a tiempo."
    )


def test_asked_twice_proven_once(house: Asked) -> None:
    """The second order took the first one's place; what it proved is that ana's wish came true, three seconds later."""
    house.ask(True)
    house.ask(True, Causa("http", quien="luis", desde="10.0.0.3"))
    house.sent()
    house.say("activo")
    assert house.rows("SELECT estado FROM orden ORDER BY id") == [("sustituida",), ("aplicada",)]
    assert "porque lo pidió ana desde 10.0.0.2, y el dispositivo lo confirmó 2 s después." in house.why()["frase"]


def test_several_words_in_one_batch(house: Asked) -> None:
    """On, off and on again, stored at one instant: the last change is why."""
    house.fake.advance(1)
    house.report(*({"serial_number": LAMP, "estado": e} for e in ("activo", "inactivo", "activo")))
    assert "a las 14:00:02 porque lo dijo el propio dispositivo" in house.why()["frase"]


def test_a_clock_that_was_set_back_in_between(house: Asked) -> None:
    """Halving looks in the wrong place then; the newest rows are looked through instead."""
    house.set_back()
    house.ask(True)
    assert "porque lo pidió ana" in house.why()["frase"]


def test_what_is_not_kept_is_said(house: Asked) -> None:
    with house.db.unit_of_work() as uow:
        uow.conn.exec_driver_sql("DELETE FROM estado_log")
    assert house.why()["frase"] == "«No definido» figura como apagado, y ya no se guarda por qué."


def test_every_instant_of_a_history_is_found(house: Asked) -> None:
    """And nothing between two of them, before the first or after the last."""
    for n in range(40):
        house.say("activo", LAMP if n % 3 else OTHER)
    me = house.device(LAMP).id
    with house.db.reader() as conn:
        stamps = [t for (t,) in house.rows(f"SELECT timestamp FROM estado_log WHERE dispositivo_id = {me}")]
        for stamp in stamps:
            assert len(escritas_en(conn, me, f"{stamp.replace(' ', 'T')}Z")) == 1
        for absent in ("2026-11-23T14:00:02.500000Z", "1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"):
            assert escritas_en(conn, me, absent) == []
        assert escritas_en(conn, 999, f"{stamps[0].replace(' ', 'T')}Z") == []
