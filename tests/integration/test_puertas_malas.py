"""Webhook receivers that are slow, endless, rude or broken: bounded time, bounded memory, and no secret told."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.clock import Clock
from app.domain.aviso import APPRISE, WEBHOOK
from app.mensajero import MAX_TRIES
from app.puertas import Fallo, Webhook
from tests.integration.test_mensajero import Told
from tests.support.receptor import Receiver

AVISO = {"id": 1, "texto": "¡Humo!", "estado": "nuevo"}
TOKEN, SECRET = "t0k3n-de-la-direccion", "cl4ve-de-la-firma"
OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """The address of a server that reads a request and then does as it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(10)
                peer.recv(65536)
                try:
                    talk(peer)
                except OSError:
                    return  # they had enough

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/{TOKEN}?clave={TOKEN}"
        finally:
            thread.join()


def send(url: str) -> None:
    Webhook(url, SECRET, Clock(), "9.9").enviar(AVISO, "1-1", "casa")


def drip(peer: socket.socket) -> None:
    for byte in itertools.chain(b"HTTP/1.1 200 OK\r\nX-Lento: ", itertools.repeat(120)):
        peer.sendall(bytes([byte]))
        threading.Event().wait(0.01)


@pytest.mark.parametrize("kind", ["drip", "continue"])
def test_an_answer_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A byte now and then, or one interim answer after another: no more than the time that an answer has."""

    def interim(peer: socket.socket) -> None:
        while True:
            peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            threading.Event().wait(0.01)

    monkeypatch.setattr("app.puertas.TIMEOUT_S", 0.5)
    with answering(drip if kind == "drip" else interim) as url:
        began = time.monotonic()
        with pytest.raises(Fallo, match="timed out"):
            send(url)
        assert time.monotonic() - began < 3


def test_a_body_without_end_is_not_read() -> None:
    sent = []

    def flood(peer: socket.socket) -> None:
        peer.sendall(OK + b"Content-Length: 99999999999\r\n\r\n")
        while True:
            sent.append(peer.send(b"x" * 1_000_000))

    tracemalloc.start()
    try:
        with answering(flood) as url:
            send(url)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert sum(sent) < 64_000_000


@pytest.mark.parametrize(
    "answer",
    [
        b"A" * 1_000_000,
        OK + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 veinte OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
        b"\x1b[2J\x00\r\n\r\n",
        b"",
    ],
    ids=lambda a: repr(a[:24]),
)
def test_answers_that_are_none(answer: bytes) -> None:
    """A failure that may be tried again, in a few printable words."""
    with answering(lambda peer: peer.sendall(answer)) as url, pytest.raises(Fallo) as caught:
        send(url)
    assert not caught.value.definitivo
    assert len(caught.value.motivo) < 250
    assert caught.value.motivo.isprintable()


def bad_addresses() -> list[str]:
    return [
        f"http://127.0.0.1:1/{TOKEN}",
        f"http://{'a' * 70}.invalid/{TOKEN}",
        f"http://127.0.0.1:1/{TOKEN}?clave=\x01",
        f"http://127.0.0.1:1/{TOKEN}?ñ",
        f"https://127.0.0.1:1/{TOKEN}",
    ]


@pytest.mark.parametrize("url", bad_addresses(), ids=ascii)
def test_addresses_that_lead_nowhere_are_no_fault_of_ours(url: str) -> None:
    with pytest.raises(Fallo):
        send(url)


def test_redirections_are_not_followed(tmp_path: Path) -> None:
    """Neither there nor to another door, whatever the kind; nor is the secret sent there."""
    with Receiver.running() as other, Receiver.running() as receiver, Told(tmp_path, receiver.url, SECRET) as house:
        receiver.statuses = [301, 302, 303, 307, 308]
        receiver.headers = {"Location": other.url}
        house.tell("a")
        house.ticks(2000)
        assert len(receiver.got) == 6
        assert other.got == []


def test_nothing_secret_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither address nor key, in the log or in what /salud shows, whatever goes wrong and when all goes well."""
    caplog.set_level(logging.DEBUG)
    said: list[Any] = []
    with Receiver.running() as receiver:
        for n, url in enumerate([*bad_addresses(), f"{receiver.url}&clave={TOKEN}", f"{receiver.url}&clave={TOKEN}"]):
            folder = tmp_path / str(n)
            folder.mkdir()
            receiver.statuses = [422] if n == 6 else []
            with Told(folder, url, SECRET) as house:
                house.tell("a")
                house.ticks(100)
                said.append(house.door.stats())
                said.append([tuple(row) for row in house.rows("SELECT * FROM aviso")])
    assert len(receiver.got) == 2
    text = f"{said}\n{caplog.text}"
    assert TOKEN not in text
    assert SECRET not in text


def test_who_speaks_no_tls_is_told_nothing() -> None:
    heard: list[bytes] = []

    def plain(peer: socket.socket) -> None:
        peer.sendall(OK + b"\r\n")
        peer.shutdown(socket.SHUT_WR)
        heard.extend(iter(lambda: peer.recv(65536), b""))

    with answering(plain) as url, pytest.raises(Fallo, match="SSL"):
        send(url.replace("http:", "https:"))
    assert b"POST" not in b"".join(heard)


def test_a_fault_of_ours_bars_the_way_of_no_other_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Given up after as many tries as any other."""
    with Receiver.running() as receiver, Told(tmp_path, receiver.url) as house:
        real = Webhook.enviar

        def broken(door: Webhook, aviso: Any, entrega: str, casa: str) -> None:
            if aviso["clave"] == "veneno":
                raise RuntimeError("?")
            real(door, aviso, entrega, casa)

        monkeypatch.setattr(Webhook, "enviar", broken)
        house.tell("veneno")
        house.tell("b")
        house.ticks(30 * 3600)
        assert receiver.texts == ["b"]
        assert house.left() == [("veneno", APPRISE, WEBHOOK), ("b", APPRISE, 0)]
        assert house.door.stats()["reintentos"] < MAX_TRIES
        assert "sending a notice through webhook failed" in caplog.text


def test_a_queue_that_nobody_takes_is_bounded(tmp_path: Path) -> None:
    """Ten thousand notices and a receiver that is away: as many are kept as the inbox holds, the newest of them."""
    with Told(tmp_path, "http://127.0.0.1:1/") as house:
        keep = house.db._limites.avisos
        for n in range(keep + 300):
            house.tell(f"clave {n}")
        house.door.tick()
        assert house.door.stats()["por_enviar"] == keep
        assert house.scalar("SELECT min(id) FROM aviso") == 301
