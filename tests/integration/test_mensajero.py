"""Notices on their way out: real HTTP receivers, a clock that only moves when told, apprise itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import avisos, casa
from app.domain.aviso import APPRISE, GRAVEDADES, TODAS, WEBHOOK
from app.mensajero import BURST, GIVE_UP_S, IDLE_S, MAX_TRIES, PACE_S, Mensajero
from app.puertas import Apprise, Webhook
from tests.support.nucleo import FakeClock, House
from tests.support.receptor import Receiver


class Told(House):
    """A house that tells; ``door`` is its messenger."""

    def __init__(self, folder: Path, url: str = "", secret: str = "", gravedades: tuple[str, ...] = GRAVEDADES) -> None:
        self.fake = FakeClock()
        super().__init__(folder, self.fake)
        self.url, self.secret, self.gravedades = url, secret, gravedades
        self.restart()

    def restart(self) -> None:
        self.door = Mensajero(self.db, self.fake, Webhook(self.url, self.secret, self.fake, "9.9"), self.gravedades)

    def tell(self, clave: str, texto: str = "", gravedad: str = "info") -> None:
        with self.db.unit_of_work() as uow:
            avisos.avisar(uow, tipo="prueba", clave=clave, texto=texto or clave, gravedad=gravedad)

    def over(self, clave: str) -> None:
        with self.db.unit_of_work() as uow:
            avisos.resolver(uow, clave)

    def ticks(self, seconds: float) -> None:
        """Looks as often as the messenger asks for, for so long."""
        end = self.fake.monotonic() + seconds
        while self.fake.monotonic() <= end:
            wait = self.door.tick()
            if wait:
                self.fake.advance(wait)

    def left(self) -> list[tuple[str, int, int]]:
        return [tuple(row) for row in self.rows("SELECT clave, por_enviar, abandonado FROM aviso ORDER BY id")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.running() as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, receiver: Receiver) -> Iterator[Told]:
    with Told(tmp_path, receiver.url, "¡secreto!") as made:
        yield made


def test_a_notice_goes_out_signed_and_once(house: Told, receiver: Receiver) -> None:
    with house.db.unit_of_work() as uow:
        casa.cambiar(uow, {"nombre": "Casa del río"})
    house.tell("a", "¡Humo!", "grave")
    house.ticks(10)
    ((path, headers, body),) = receiver.got
    assert path == "/avisos?clave=x%20y"
    found = json.loads(body)
    assert (found["evento"], found["casa"], found["aviso"]["texto"], found["aviso"]["gravedad"]) == (
        "aviso", "Casa del río", "¡Humo!", "grave",
    )  # fmt: skip
    assert headers["X-IoT-Entrega"] == found["entrega"]
    t, _, given = headers["X-IoT-Firma"].partition(",v1=")
    moment = t.removeprefix("t=")
    expected = hmac.new("¡secreto!".encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(given, expected)
    assert int(moment) <= house.fake.now().timestamp()
    assert house.left() == [("a", APPRISE, 0)]
    assert house.door.stats()["enviados"] == 1


def test_in_order_over_restarts_and_the_end_too(house: Told, receiver: Receiver) -> None:
    for clave in "abc":
        house.tell(clave)
    house.door.tick()
    house.restart()
    house.over("a")
    house.ticks(30)
    assert [(b["aviso"]["clave"], b["aviso"]["estado"]) for b in receiver.bodies] == [
        ("a", "nuevo"), ("b", "nuevo"), ("c", "nuevo"), ("a", "resuelto"),
    ]  # fmt: skip


def test_a_receiver_that_is_away_gets_all_later(house: Told, receiver: Receiver) -> None:
    """Errors of its own and of the way to it are tried again, ever more slowly, in order."""
    receiver.statuses = [503, 404, 301, 500, 429, 401]
    receiver.headers = {"Location": "http://127.0.0.1:9/otra"}
    house.tell("a")
    house.tell("b")
    house.ticks(5 + 15 + 60 + 300 + 900 + 3600 + 60)
    assert receiver.texts == ["a"] * 7 + ["b"]
    assert house.door.stats()["reintentos"] == 6
    assert [left[1:] for left in house.left()] == [(APPRISE, 0), (APPRISE, 0)]


def test_nobody_listens_for_a_day(tmp_path: Path) -> None:
    """Given up after a day, told in the notice, and the next one has its own tries."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with Told(tmp_path, url) as house:
        house.tell("a")
        house.door.tick()
        assert "no se pudo llegar" in house.door.stats()["fallo"]
        house.ticks(GIVE_UP_S * 1.2)
        assert house.left() == [("a", APPRISE, WEBHOOK)]
        assert house.door.stats()["reintentos"] < MAX_TRIES
        with house.db.reader() as conn:
            assert json.loads(avisos.obtener(conn, 1))["no_enviado_por"] == ["webhook"]
            assert avisos.contar(conn)["abandonados"] == 1


def test_what_is_refused_for_good_stops_nobody(house: Told, receiver: Receiver) -> None:
    receiver.statuses = [422]
    house.tell("a")
    house.tell("b")
    house.ticks(10)
    assert receiver.texts == ["a", "b"]
    assert house.left() == [("a", APPRISE, WEBHOOK), ("b", APPRISE, 0)]


def test_news_that_come_while_it_is_sent_go_out_too(house: Told, receiver: Receiver) -> None:
    house.tell("a", "uno")
    real = house.door._puerta.enviar

    def meanwhile(*args: Any) -> None:
        house.door._puerta.enviar = real  # type: ignore[method-assign]
        house.tell("a", "dos")
        real(*args)

    house.door._puerta.enviar = meanwhile  # type: ignore[method-assign]
    house.ticks(10)
    assert receiver.texts == ["uno", "dos"]


def test_a_storm_is_slowed_and_gathered(house: Told, receiver: Receiver) -> None:
    """The same thing told a thousand times in a minute goes out some tens of times, with how often it was."""
    house.door.tick()
    for _ in range(1000):
        house.tell("bucle")
        house.fake.advance(0.06)
        house.door.tick()
    house.ticks(10)
    assert len(receiver.got) <= BURST + 70 / PACE_S + 1
    assert receiver.bodies[-1]["aviso"]["veces"] == 1000


def test_light_ones_stay_in_the_inbox(tmp_path: Path, receiver: Receiver) -> None:
    with Told(tmp_path, receiver.url, gravedades=("grave",)) as house:
        house.tell("leve")
        house.tell("malo", gravedad="grave")
        house.ticks(10)
        assert receiver.texts == ["malo"]
        assert "X-IoT-Firma" not in receiver.got[0][1]
        assert house.door.tick() == IDLE_S


def test_a_door_that_is_closed_keeps_nothing(house: Told) -> None:
    house.tell("a")
    with house.db.unit_of_work() as uow:
        avisos.cerrar_puertas(uow, TODAS)
    assert house.left() == [("a", 0, 0)]
    assert house.door.tick() == IDLE_S


def test_a_server_that_hangs_is_left(house: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.puertas.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        house.url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        house.restart()
        house.tell("a")
        assert house.door.tick() > 0
        assert "timed out" in house.door.stats()["fallo"]


def test_something_that_is_no_http(house: Told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        house.url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        house.restart()
        house.tell("a")

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"SSH-2.0-hola\r\n\r\n" * 10)

        thread = threading.Thread(target=answer)
        thread.start()
        assert house.door.tick() > 0
        thread.join()
        assert "no se pudo llegar" in house.door.stats()["fallo"]


in_apprise = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own, of Python's locale module


@in_apprise
def test_through_apprise_itself(house: Told, receiver: Receiver) -> None:
    """Its own ``json://`` service, over real HTTP; what is over says so."""
    url = receiver.url.replace("http://", "json://").partition("?")[0]
    door = Mensajero(house.db, house.fake, Apprise([url]), GRAVEDADES)
    house.tell("a", "¡Humo!", "grave")
    door.tick()
    house.over("a")
    door.tick()
    first, second = receiver.bodies
    assert (first["title"], first["message"], first["type"]) == ("Aviso", "¡Humo!", "failure")
    assert (second["title"], second["type"]) == ("Resuelto", "success")
    assert house.left() == [("a", WEBHOOK, 0)]


@in_apprise
def test_an_apprise_address_that_fails_is_tried_again(house: Told, receiver: Receiver) -> None:
    receiver.statuses = [500]
    url = receiver.url.replace("http://", "json://").partition("?")[0]
    door = Mensajero(house.db, house.fake, Apprise([url]), GRAVEDADES)
    house.tell("a")
    assert door.tick() > 0
    assert "NOTIFY_APPRISE_URLS" in door.stats()["fallo"]
    house.fake.advance(5)
    assert door.tick() == 0
    assert len(receiver.got) == 2


@in_apprise
@pytest.mark.parametrize("urls", [["nadie://x"], ["no es una dirección"]])
def test_an_apprise_address_that_means_nothing_is_told_without_telling_it(house: Told, urls: list[str]) -> None:
    door = Mensajero(house.db, house.fake, Apprise(urls), GRAVEDADES)
    house.tell("a")
    assert door.tick() > 0
    assert door.stats()["fallo"] == "NOTIFY_APPRISE_URLS tiene una dirección que apprise no entiende"


def test_without_apprise_it_says_how(house: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.puertas.apprise_installed", lambda: False)
    door = Mensajero(house.db, house.fake, Apprise(["json://x"]), GRAVEDADES)
    house.tell("a")
    door.tick()
    assert "requirements-avisos.txt" in door.stats()["fallo"]
