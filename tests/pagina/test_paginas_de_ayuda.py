"""The pages that are there to read, as a browser has them: the documentation of the API and how to trust the house."""

from __future__ import annotations

import pytest

from tests.support.navegador import sin_desborde, sin_faltas, tras_prefijo
from tests.support.procesos import free_port


@pytest.fixture(scope="module")
def settings():
    """A house with https, so that there is an authority to trust."""
    return {"HTTPS_ENABLED": "siempre", "HTTPS_PORT": free_port()}


@pytest.mark.parametrize(("talla", "tema"), [("telefono", "claro"), ("escritorio", "oscuro")])
@pytest.mark.parametrize("donde", ["docs", "autoridad"])
def test_it_is_accessible_and_fits(ventanas, donde, talla, tema):
    """axe finds nothing, nothing sticks out, nothing is complained about."""
    page = ventanas.abrir(donde, talla=talla, tema=tema)
    sin_faltas(page)
    sin_desborde(page)


@pytest.mark.parametrize("donde", ["docs", "autoridad"])
def test_below_a_prefix_it_has_its_looks_and_its_files(ventanas, donde):
    """Whatever it loads and links to is below the prefix too."""
    page = ventanas.abrir(None)
    prefix = tras_prefijo(page, ventanas.base)
    page.goto(f"{prefix}{donde}")
    assert page.evaluate("[...document.styleSheets].map(sheet => sheet.cssRules.length > 5)") == [True]
    own = page.evaluate("[...document.links].map(a => a.href).filter(href => href.startsWith(location.origin))")
    assert own
    assert [href for href in own if not href.startswith(prefix)] == []
