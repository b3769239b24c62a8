"""On a phone of the house's network, over plain http: no secure context, and everything that matters works."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import zxingcpp
from playwright.sync_api import Browser, Playwright, expect

from tests.conftest import Parts
from tests.support.casa_viva import Casa
from tests.support.navegador import Ventanas, cada_tema, chromium, sin_desborde, sin_faltas, vigiladas
from tests.support.pagina import dice, mando, viva
from tests.support.red import OtraMaquina

_GREY = """() => {
    const paper = Object.assign(document.createElement('canvas'), {width: 240, height: 240}).getContext('2d')
    paper.fillStyle = '#fff'
    paper.fillRect(0, 0, 240, 240)
    paper.drawImage(document.querySelector('img.qr'), 0, 0, 240, 240)
    return [...paper.getImageData(0, 0, 240, 240).data.filter((_, i) => i % 4 === 0)]
}"""


@pytest.fixture(scope="module")
def cable() -> Iterator[OtraMaquina]:
    with OtraMaquina(7) as cable:
        yield cable


@pytest.fixture(scope="module")
def navegador(playwright: Playwright, cable: OtraMaquina) -> Iterator[Browser]:
    """Chromium on the other machine."""
    with chromium(playwright, netns=cable.name, entero=True) as browser:
        yield browser


@pytest.fixture(scope="module")
def settings(cable):
    """A house that everybody on that network may use."""
    return {"BACKEND_HOST": "0.0.0.0", "TRUSTED_NETWORKS": f"127.0.0.0/8,{cable.network}"}


@pytest.fixture
def ventanas(navegador: Browser, casa: Casa, cable: OtraMaquina) -> Iterator[Ventanas]:
    with vigiladas(Ventanas(navegador, f"http://{cable.here}:{casa.backend.port}/")) as windows:
        yield windows


@pytest.mark.parametrize("talla", ["telefono", "escritorio"])
def test_the_house_is_live_without_a_secure_context(casa, cable, ventanas, talla):
    """Seen, switched and proven, on an address where browsers give pages less than on localhost."""
    luz = casa.aparato("LGT0", f"Lámpara {talla}")
    page = ventanas.abrir("#/", talla=talla)
    assert page.evaluate("[isSecureContext, location.hostname]") == [False, cable.here]
    viva(page)
    mando(page, luz["nombre"]).click()
    expect(dice(page, luz["nombre"])).to_have_text("Encendiendo…")
    casa.obedecer(luz["serial_number"])
    expect(dice(page, luz["nombre"])).to_have_text("Encendido")
    sin_faltas(page)


def test_the_address_of_the_page_is_offered_to_other_phones(ventanas, cable):
    """As a code that their cameras read, and in letters."""
    ventanas.permitir("/autoridad")  # is there one to trust? Here there is none
    page = ventanas.abrir("#/mas/telefono")
    code = page.get_by_role("img", name=cable.here)
    expect(code).to_be_visible()
    page.wait_for_function("() => document.querySelector('img.qr').naturalWidth > 0")
    expect(page.get_by_role("main").get_by_role("textbox")).to_have_value(ventanas.base)
    grey = bytes(page.evaluate(_GREY))
    (found,) = zxingcpp.read_barcodes(memoryview(grey).cast("B", (240, 240)))
    assert found.text == ventanas.base


@cada_tema
def test_whoever_the_house_does_not_know_is_asked_to_sign_in(navegador, cable, own_parts: Parts, tema):
    """Nobody is let in for being on the network: the page asks, and shows nothing of the house meanwhile."""
    backend = own_parts.backend(own_parts.mosquitto(), BACKEND_HOST="0.0.0.0")
    with vigiladas(Ventanas(navegador, f"http://{cable.here}:{backend.port}/")) as windows:
        windows.permitir("401")
        page = windows.abrir("#/mas/cuentas", tema=tema)
        expect(page).to_have_url(re.compile("#/entrar"))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("navigation", name="Sitios")).to_be_hidden()
        sin_faltas(page)
        sin_desborde(page)
