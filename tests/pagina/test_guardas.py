"""The guards of these tests see what they are there to see: on pages made bad on purpose."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.navegador import Ventanas, sin_desborde, sin_faltas, tabular

BAD = """<!doctype html><html lang="es"><title>Mala</title><meta name="viewport" content="width=device-width">
<main><h1>Mala</h1><p style="color:#999">gris</p><img src="data:,"><button>Sí</button>
<div style="width:900px">ancha</div></main></html>"""
HIDDEN = """<!doctype html><html lang="es"><title>Tapada</title><main><button>Uno</button>
<button id="b">Dos</button><div style="position:fixed;inset:0;background:#fff"></div></main></html>"""


@pytest.fixture
def otras(navegador, casa):
    """Windows whose faults nobody checks at the end."""
    windows = Ventanas(navegador, casa.base)
    yield windows
    windows.cerrar()


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("console.error('ay')", "console: ay"),
        ("setTimeout(() => { throw new Error('roto') }, 0)", "exception: roto"),
        ("fetch('/no-hay')", r"answer: GET http://127.0.0.1:\d+/no-hay: 404"),
        ("fetch('http://127.0.0.1:2/').catch(() => 0)", "CSP: connect-src forbids http://127.0.0.1:2"),
        ("document.head.append(Object.assign(document.createElement('style'), {textContent: 'p{}'}))", "CSP: style"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_a_page_fails_its_test(otras, script, seen):
    """An error in the console, an exception, an answer of 400 or more, a breach of the policy."""
    page = otras.abrir("docs")
    page.evaluate(script + "; 0")
    page.wait_for_timeout(200)
    with pytest.raises(AssertionError, match=seen):
        otras.comprobar()


def test_a_backend_that_is_gone_is_seen_and_may_be_permitted(otras, casa):
    """A request nobody answers fails the test, unless the test says that it is its doing."""
    page = otras.abrir(None)
    with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
        page.goto("http://127.0.0.1:2/")
    with pytest.raises(AssertionError, match=r"request: GET http://127\.0\.0\.1:2/"):
        otras.comprobar()
    otras.permitir("ERR_CONNECTION_REFUSED")
    otras.comprobar()


def test_axe_and_the_width_find_what_is_wrong(otras):
    """Grey on white, a picture without words, something wider than the window."""
    page = otras.abrir(None, talla="telefono")
    page.set_content(BAD)
    with pytest.raises(AssertionError, match=r"(?s)color-contrast.*image-alt"):
        sin_faltas(page)
    with pytest.raises(AssertionError, match="900px"):
        sin_desborde(page)


def test_the_keyboard_finds_what_is_covered(otras):
    """A focus that nobody sees is a fault."""
    page = otras.abrir(None, talla="escritorio")
    page.set_content(HIDDEN)
    with pytest.raises(AssertionError, match="the focus is hidden"):
        tabular(page, page.locator("#b"))


def test_a_window_has_the_settings_of_a_person(otras):
    """Size, theme, language, motion and zone arrive in the page."""
    page = otras.abrir("docs", talla="estrecho", tema="oscuro", idioma="en", quieto=True)
    told = page.evaluate("""[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, navigator.language,
        matchMedia('(prefers-reduced-motion: reduce)').matches, Intl.DateTimeFormat().resolvedOptions().timeZone]""")
    assert told == [320, True, "en-GB", True, "Europe/Madrid"]
    expect(page).to_have_title(re.compile("^IoT Backend"))
