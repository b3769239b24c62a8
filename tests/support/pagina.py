"""Parts of the page that several tests look for."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def ficha(page: Page, nombre: str) -> Locator:
    """The tile of the device of that name."""
    return page.locator("iot-ficha", has=page.get_by_role("link", name=nombre, exact=True))


def mando(page: Page, nombre: str) -> Locator:
    """Its switch."""
    return ficha(page, nombre).get_by_role("switch")


def valor(page: Page, nombre: str) -> Locator:
    """The one value that matters most."""
    return ficha(page, nombre).locator(".valor")


def dice(page: Page, nombre: str) -> Locator:
    """What the tile says of the device's state, in words."""
    return ficha(page, nombre).locator(".dice")


def viva(page: Page) -> None:
    """Wait until the page hears the house: what is reported from now on comes by the stream."""
    expect(page.locator(".conexion[data-estado=vivo]")).to_be_attached()


def sitio(page: Page, nombre: str) -> Locator:
    """One of the four places of the frame."""
    return page.locator("nav.sitios").get_by_role("link", name=nombre)
