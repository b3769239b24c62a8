"""The shell: kept by a service worker where the address is secure, installed as an app, and at home below a prefix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.support.navegador import chromium, movil_y_mesa, sin_desborde, sin_faltas, tras_prefijo
from tests.support.pagina import dice, mando, valor, viva

CAIDA = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE", "ERR_FAILED")
CONTROLLED = "() => navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller))"


@pytest.fixture(scope="module")
def navegador(playwright: Playwright) -> Iterator[Browser]:
    """The whole browser: to install a page is its business."""
    with chromium(playwright, entero=True) as browser:
        yield browser


@movil_y_mesa
def test_opened_while_the_house_is_away_it_says_so_and_comes_back(casa_propia, ventanas_propias, talla):
    """Our page, not the browser's own error: it says that there is no connection, and shows the house when there is."""
    casa, ventanas = casa_propia, ventanas_propias
    ventanas.permitir(*CAIDA, "503")
    casa.aparato("TMP0", "Termómetro")
    page = ventanas.abrir("#/", talla=talla)
    viva(page)
    page.wait_for_function(CONTROLLED)
    page.reload()  # its files are kept by now
    viva(page)
    casa.backend.stop()
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("No hay conexión con la casa")
    sin_faltas(page)
    sin_desborde(page)
    casa.backend.start()
    expect(valor(page, "Termómetro")).to_have_text("21,4 °C", timeout=20_000)
    viva(page)


def test_whoever_does_not_want_to_wait_may_ask(casa_propia, ventanas_propias):
    """The button asks at once; the screen that was asked for comes, not the first one."""
    casa, ventanas = casa_propia, ventanas_propias
    ventanas.permitir(*CAIDA, "503")
    page = ventanas.abrir("#/avisos")
    viva(page)
    page.wait_for_function(CONTROLLED)
    page.reload()
    viva(page)
    casa.backend.stop()
    page.clock.install()
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Sin conexión con la casa")
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    casa.backend.start()
    page.get_by_role("button", name="Probar otra vez").click()
    expect(page.get_by_role("heading", level=1, name="Avisos")).to_be_visible()


def test_it_can_be_installed(casa, ventanas):
    """A manifest with a name, colours, a start inside of its scope and icons that are there."""
    page = ventanas.abrir("#/")
    href = page.locator("link[rel=manifest]").get_attribute("href")
    manifest = page.evaluate("href => fetch(href).then(r => r.json())", href)
    assert manifest["name"]
    assert manifest["display"] == "standalone"
    where = page.evaluate("href => new URL(href, document.baseURI).href", href)
    join = "([a, b]) => new URL(a, b).href"
    start = page.evaluate(join, [manifest["start_url"], where])
    scope = page.evaluate(join, [manifest.get("scope", "."), where])
    assert start.startswith(scope)
    for icon in manifest["icons"]:
        status = page.evaluate("href => fetch(href).then(r => r.status)", page.evaluate(join, [icon["src"], where]))
        assert status == 200, icon


def test_it_lives_below_a_prefix(casa, ventanas):
    """As behind a proxy that serves the house at /casa/: every address of the page is relative."""
    luz = casa.aparato("LGT0", "Detrás")
    page = ventanas.abrir(None, service_workers="block")
    page.context.add_init_script("delete window.SharedWorker")  # what a worker asks for could not be led through
    page.goto(tras_prefijo(page, casa.base))
    viva(page)
    mando(page, "Detrás").click()
    expect(dice(page, "Detrás")).to_have_text("Encendiendo…")
    casa.obedecer(luz["serial_number"])
    expect(dice(page, "Detrás")).to_have_text("Encendido")
    page.get_by_role("link", name="Avisos").click()
    expect(page.get_by_role("heading", level=1, name="Avisos")).to_be_visible()
