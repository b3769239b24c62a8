"""QR codes read and drawn over HTTP, and the addresses by which the house is found; and what large bodies may cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from app import create_app
from app.domain.errors import DatosInvalidos
from app.lector_qr import TIPO, leer
from app.server_cuerpos import AT_ONCE, IMAGEN_MAX
from app.servicios import Cifrado
from tests.support.edge import Edge, EdgeSettings, make_services, running
from tests.support.procesos import wait_until

STICKER = '{"serial_number":"TMP0603IF1WD","nombre":"Sensor del salón"}'


def picture(*texts: str, scale: int = 5, width: int = 0) -> bytes:
    """QR codes one below the other, as a graymap."""
    rows: list[bytes] = []
    for text in texts:
        code = segno.make(text, micro=False)
        rows += [bytes(0 if dark else 255 for dark in row) for row in code.matrix_iter(scale=scale, border=4)]
    wide = max([width, *(len(row) for row in rows)])
    return b"P5\n%d %d\n255\n" % (wide, len(rows)) + b"".join(row.ljust(wide, b"\xff") for row in rows)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    found = make_services(tmp_path, EdgeSettings(), {})
    yield create_app(found).test_client()
    found.db.close()


def read(client: Any, data: bytes, kind: str = TIPO) -> Any:
    return client.post("/qr/leer", data=data, content_type=kind)


def test_a_sticker_is_read(client):
    assert read(client, picture(STICKER)).get_json() == {"textos": [STICKER]}


def test_several_and_none(client):
    found = read(client, picture("uno", "dos")).get_json()["textos"]
    assert sorted(found) == ["dos", "uno"]
    assert read(client, b"P5 64 64 255\n" + bytes(4096)).get_json() == {"textos": []}


def test_it_is_seen_in_grey_and_noise():
    """A photo is no drawing: low contrast, noise, a border of something else."""
    clean = picture(STICKER, scale=6)
    head = clean.index(b"255\n") + 4
    noise = os.urandom(len(clean) - head)
    dull = bytes(90 + (pixel >> 2) + (speck >> 4) for pixel, speck in zip(clean[head:], noise, strict=True))
    assert leer(clean[:head] + dull) == [STICKER]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P6\n2 2\n255\n1234",
        b"P5\n2 2\n255\n123",
        b"P5\n2 2\n255\n12345",
        b"P5\n0 2\n255\n",
        b"P5\n99999 1\n255\n" + bytes(99999),
        b"P5\n-2 2\n255\n1234",
        b"P5\n2 2\n65535\n12345678",
        b"P5\n2 2\n255",
        b"\x89PNG\r\n\x1a\n",
        b"P5" + b"\n#" * 4000,
    ],
)
def test_what_is_no_picture_is_told_and_never_a_500(client, data):
    answer = read(client, data)
    assert answer.status_code == 422, answer.data
    assert answer.get_json()["error"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 70), st.integers(0, 70))
def test_any_bytes_are_read_or_refused(data, width, height):
    for text in (data, b"P5 %d %d 255 " % (width, height) + data):
        with suppress(DatosInvalidos):
            assert isinstance(leer(text), list)


def test_other_types_are_refused(client):
    for kind in ("image/png", "image/jpeg", "application/json", ""):
        assert read(client, picture("x"), kind).status_code == 415


def test_a_large_picture_passes_where_other_bodies_would_not(tmp_path):
    """Through the real server, whose bound on bodies is lower; beyond its own it is a 413."""
    with running(None, tmp_path) as edge:
        data = picture(STICKER, width=1000)
        assert len(data) > EdgeSettings().http_body_max
        assert b" 200 " in post(edge, "/qr/leer", data).split(b"\r\n", 1)[0]
        assert b" 413 " in post(edge, "/casa", data).split(b"\r\n", 1)[0]
        assert b" 413 " in post(edge, "/qr/leer", data, told=IMAGEN_MAX + 1).split(b"\r\n", 1)[0]


def test_few_large_bodies_are_held_at_a_time(tmp_path):
    """The next one is told to come back, and the ordinary ones are served meanwhile; places are given back."""
    with running(None, tmp_path) as edge, ExitStack() as stack:
        held = [stack.enter_context(edge.connect()) for _ in range(AT_ONCE)]
        for sock in held:
            sock.sendall(head("/qr/leer", 200_000) + b"P5")
        data = picture(STICKER, width=1000)
        wait_busy(edge, data)
        assert b" 200 " in edge.raw(b"GET /salud/viva HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        for sock in held:
            sock.close()
        wait_served(edge, data)


def head(path: str, size: int) -> bytes:
    text = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {TIPO}\r\nContent-Length: {size}\r\n"
    return text.encode() + b"Connection: close\r\n\r\n"


def post(edge: Edge, path: str, data: bytes, told: int | None = None) -> bytes:
    with edge.connect() as sock:
        sock.sendall(head(path, len(data) if told is None else told))
        with suppress(OSError):  # it was refused by its head already
            sock.sendall(data)
        found = b""
        with suppress(OSError):
            while chunk := sock.recv(65536):
                found += chunk
        return found


def wait_busy(edge: Edge, data: bytes) -> None:
    wait_until(lambda: b" 503 " in post(edge, "/qr/leer", data)[:20] or None, 5, "the places are taken")


def wait_served(edge: Edge, data: bytes) -> None:
    wait_until(lambda: b" 200 " in post(edge, "/qr/leer", data)[:20] or None, 5, "a place is free again")


def test_a_qr_is_drawn_and_says_what_it_was_given(client):
    answer = client.get("/qr.svg", query_string={"texto": "http://192.168.1.20:5000/#/anadir?qr=ñ"})
    assert answer.content_type == "image/svg+xml"
    assert answer.data.startswith(b"<svg")
    assert b"script" not in answer.data
    for text in ("", "x" * 1001):
        assert client.get("/qr.svg", query_string={"texto": text}).status_code == 422


def test_the_addresses_of_the_house(tmp_path):
    """What the network can't reach is null, and an own broker that only this machine hears is not offered."""
    base = EdgeSettings(backend_host="0.0.0.0", public_backend_url="http://192.168.1.20:5000", mqtt_broker_port=1884)
    cases = (
        (base, None, ("http://192.168.1.20:5000/", None, None)),
        (replace(base, backend_host="127.0.0.1"), 5443, (None, None, None)),
        (replace(base, mqtt_listen_host="0.0.0.0"), 5443, ("http://192.168.1.20:5000/", "192.168.1.20", 8883)),
        (replace(base, mqtt_listen_host="10.0.0.7"), None, ("http://192.168.1.20:5000/", "10.0.0.7", None)),
        (replace(base, mqtt_broker_url="broker.casa"), 5443, ("http://192.168.1.20:5000/", "broker.casa", None)),
    )
    for number, (given_settings, https, expected) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        services = make_services(tmp_path / str(number), given_settings, {}, cifrado=Cifrado(https))
        found = create_app(services).test_client().get("/direcciones").get_json()
        services.db.close()
        assert (found["pagina"], found["mqtt"]["anfitrion"], found["mqtt"]["tls_puerto"]) == expected
        assert (found["mqtt"]["puerto"], found["https_puerto"]) == (1884, https)
