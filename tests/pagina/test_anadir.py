"""Devices come into the house in a real browser: by inbox, photo, camera, text and link, and made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.sync_api import Page, Playwright, expect

from tests.support.casa_viva import Casa
from tests.support.mqtt import own_topic
from tests.support.navegador import Ventanas, chromium, movil_y_mesa, sin_desborde, sin_faltas, vigiladas
from tests.support.pagina import viva


def sticker(serial: str, **more: Any) -> str:
    return json.dumps({"serial_number": serial, "nombre": "Lámpara de noche", "tipo": "actuador", **more})


def photo(folder: Path, text: str) -> Path:
    path = folder / "foto.png"
    segno.make(text).save(str(path), scale=12, border=8)
    return path


def claim(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Añadir a la casa").click()


@movil_y_mesa
def test_what_speaks_is_nobodys_and_becomes_ours(casa, ventanas, talla):
    page = ventanas.abrir("#/anadir", talla=talla)
    viva(page)
    serial = casa.desconocido("TMP0")
    row = page.get_by_role("listitem").filter(has_text=serial)
    expect(row).to_contain_text("Termómetro")
    expect(row).to_contain_text("21,4 °C")
    row.get_by_role("button", name="Es mío").click()
    claim(page, Nombre=f"Despensa {talla}")
    expect(page.get_by_role("heading", name="Añadido")).to_be_focused()
    assert casa.http.device(serial)["reclamado"] is True
    page.get_by_role("link", name="Verlo").click()
    expect(page.get_by_role("heading", level=1, name=f"Despensa {talla}")).to_be_visible()


@movil_y_mesa
def test_a_photo_of_the_sticker(casa, ventanas, tmp_path):
    """Read by the backend; what the sticker says is filled in."""
    serial = casa.desconocido("LGT0")
    page = ventanas.abrir("#/anadir")
    page.locator("input[type=file]").set_input_files(photo(tmp_path, sticker(serial)))
    expect(page.get_by_label("Nombre")).to_have_value("Lámpara de noche")
    casa.sala("Alcoba")
    claim(page)
    expect(page.get_by_role("heading", name="Añadido")).to_be_visible()
    assert casa.http.device(serial)["nombre"] == "Lámpara de noche"


def test_a_photo_of_something_else(ventanas, tmp_path):
    page = ventanas.abrir("#/anadir")
    page.locator("input[type=file]").set_input_files(photo(tmp_path, "hola, esto no es"))
    expect(page.locator(".dicho")).to_contain_text("Eso no es la pegatina")
    page.locator("input[type=file]").set_input_files(
        {"name": "f.png", "mimeType": "image/png", "buffer": page.screenshot()}
    )
    expect(page.get_by_text("no se ve ningún QR")).to_be_visible()


@movil_y_mesa
def test_a_link_that_the_phones_own_camera_opens(casa, ventanas):
    serial = casa.desconocido("PLG0")
    page = ventanas.abrir(f"#/anadir?qr={serial}")
    expect(page.get_by_text(serial)).to_be_visible()
    expect(page.get_by_label("Nombre")).to_have_value("Enchufe")


@movil_y_mesa
def test_typed_and_not_heard_yet(casa, ventanas, talla):
    """It says what to do, and goes on by itself when the device speaks."""
    ventanas.permitir(r"/dispositivos/reclamar: 404", "status of 404")
    serial = f"LGT0TARDIO-{talla}"
    page = ventanas.abrir("#/anadir")
    viva(page)
    page.get_by_label("Número de serie, o el texto del QR").fill(serial)
    page.get_by_role("button", name="Seguir").click()
    claim(page, Nombre="Tardía")
    expect(page.get_by_text("Todavía no se le ha oído")).to_be_visible()
    casa.mqtt.publish(own_topic(serial), {"estado": "inactivo"})
    expect(page.get_by_role("heading", name="Añadido")).to_be_visible()
    assert casa.http.device(serial)["nombre"] == "Tardía"


@movil_y_mesa
def test_it_has_an_owner_already(casa, ventanas):
    device = casa.aparato("LGT0", "De antes")
    page = ventanas.abrir("#/")
    viva(page)
    page.goto(page.url.split("#")[0] + f"#/anadir?qr={device['serial_number']}")
    expect(page.get_by_role("heading", name="Ya tiene dueño")).to_be_visible()
    expect(page.get_by_role("link", name="Verlo")).to_be_visible()


@movil_y_mesa
def test_somebody_elses_is_ignored(casa, ventanas):
    serial = casa.desconocido("MOV0")
    page = ventanas.abrir("#/anadir")
    row = page.get_by_role("listitem").filter(has_text=serial)
    row.get_by_role("button", name="Ignorar").click()
    page.get_by_role("dialog").get_by_role("button", name="Ignorar").click()
    expect(row).to_have_count(0)


@movil_y_mesa
def test_one_made_by_hand_is_told_what_to_put_into_it(casa, ventanas, talla):
    """The lines name its own topic, the broker and its port; its password is shown once."""
    serial = f"MIO-{talla}"
    page = ventanas.abrir("#/anadir")
    page.get_by_role("button", name="Ver qué ponerle").click()
    expect(page.get_by_role("heading", level=1, name="Uno hecho por uno mismo")).to_be_visible()
    page.get_by_label("Número de serie").fill(serial)
    page.get_by_label("Nombre").fill("Mi placa")
    page.get_by_role("button", name="Crearlo").click()
    expect(page.locator("pre").first).to_contain_text(f"-p {casa.backend.mqtt_port} -u {serial}")
    expect(page.locator("dd", has_text=f"dispositivos/{serial}/estado")).to_be_visible()
    assert casa.http.device(serial)["reclamado"] is True


@pytest.fixture
def con_camara(playwright: Playwright, casa: Casa, tmp_path: Path) -> Iterator[Ventanas]:
    """A browser whose camera looks at a sticker (a film of one picture in YUV4MPEG2)."""
    serial = casa.desconocido("FAN0")
    film = tmp_path / "pegatina.y4m"
    film.write_bytes(still(sticker(serial)))
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags.append(f"--use-file-for-fake-video-capture={film}")
    with chromium(playwright, *flags, entero=True) as browser:
        with vigiladas(Ventanas(browser, casa.base)) as windows:
            yield windows


def still(text: str, width: int = 640, height: int = 480) -> bytes:
    """A QR code in the middle of a grey frame, several times."""
    rows = [bytes(16 if dark else 235 for dark in row) for row in segno.make(text).matrix_iter(scale=8, border=4)]
    top, left = (height - len(rows)) // 2, (width - len(rows[0])) // 2
    luma = bytearray(b"\x80" * width * height)
    for y, row in enumerate(rows):
        start = (top + y) * width + left
        luma[start : start + len(row)] = row
    frame = b"FRAME\n" + bytes(luma) + b"\x80" * (width * height // 2)
    return f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420mpeg2\n".encode() + frame * 10


def test_the_live_camera_reads_it_and_is_let_go(con_camara):
    page = con_camara.abrir("#/anadir", talla="telefono", permissions=["camera"])
    page.get_by_role("button", name="Con la cámara").click()
    expect(page.get_by_label("Nombre")).to_have_value("Lámpara de noche", timeout=15_000)
    assert page.locator("video").count() == 0


@pytest.mark.parametrize(("talla", "tema"), [("estrecho", "oscuro"), ("escritorio", "claro")])
def test_for_everyone(casa, ventanas, tema, talla):
    casa.desconocido("CAM0")
    page = ventanas.abrir("#/anadir", tema=tema, talla=talla)
    expect(page.get_by_role("button", name="Es mío").first).to_be_visible()
    sin_faltas(page)
    sin_desborde(page)
    page.get_by_role("button", name="Es mío").first.click()
    expect(page.get_by_role("button", name="Añadir a la casa")).to_be_visible()
    sin_faltas(page)
    page.get_by_role("button", name="Volver").click()
    page.get_by_role("button", name="Ver qué ponerle").click()
    expect(page.locator("pre").first).to_be_visible()
    sin_faltas(page)
    sin_desborde(page)
