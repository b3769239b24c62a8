"""The browser and the house of the page's tests; tests/support/navegador.py says how to use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.conftest import Parts
from tests.support.backend import Backend
from tests.support.casa_viva import Casa
from tests.support.navegador import PATIENCE_MS, Ventanas, chromium, vigiladas
from tests.support.turnos import red_quieta


@pytest.fixture(autouse=True)
def quiet_network() -> Iterator[None]:
    """No interface comes or goes during a test of this folder."""
    with red_quieta():
        yield


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """What drives browsers. Until it ends, with the folder's last test, this thread has a running event loop."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def navegador(playwright: Playwright) -> Iterator[Browser]:
    """One Chromium for this folder (and for each worker)."""
    with chromium(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def casa(navegador: Browser, parts: Parts, backend: Backend) -> Iterator[Casa]:
    """The house of the module, empty at first; its settings are those of the fixture ``settings``."""
    with ExitStack() as stack:
        yield Casa(backend, stack, parts.folder("simulador"))


@pytest.fixture
def casa_propia(navegador: Browser, own_parts: Parts, settings: dict[str, Any]) -> Iterator[Casa]:
    """A house of the test's own, which it may stop, start again and fill."""
    with ExitStack() as stack:
        yield Casa(own_parts.backend(own_parts.mosquitto(), **settings), stack, own_parts.folder("simulador"))


@pytest.fixture
def talla() -> str:
    """The size of windows: a phone's, unless the test asks for more than one (``movil_y_mesa``)."""
    return "telefono"


@pytest.fixture
def ventanas(navegador: Browser, casa: Casa, talla: str) -> Iterator[Ventanas]:
    """Opens windows on the page of ``casa``; at the end nothing may have gone wrong in them."""
    with vigiladas(Ventanas(navegador, casa.base, talla)) as windows:
        yield windows


@pytest.fixture
def ventanas_propias(navegador: Browser, casa_propia: Casa, talla: str) -> Iterator[Ventanas]:
    """The same on ``casa_propia``."""
    with vigiladas(Ventanas(navegador, casa_propia.base, talla)) as windows:
        yield windows
