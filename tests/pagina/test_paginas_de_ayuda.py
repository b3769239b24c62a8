"""The pages that are there to read, as a browser has them: the documentation of the API and how to trust the house."""

from __future__ import annotations

import pytest

from tests.support.navegador import sin_desborde, sin_faltas
from tests.support.procesos import free_port


@pytest.fixture(scope="module")
def settings():
    """A house with https, so that there is an authority to trust."""
    return {"HTTPS_ENABLED": "siempre", "HTTPS_PORT": free_port()}


@pytest.mark.parametrize(("talla", "tema"), [("telefono", "claro"), ("escritorio", "oscuro")])
@pytest.mark.parametrize("donde", ["docs", "autoridad"])
def test_it_is_accessible_and_fits(ventanas, donde, talla, tema):
    """axe finds nothing, nothing sticks out, nothing is complained about."""
    ventanas.permitir("favicon.ico")
    page = ventanas.abrir(donde, talla=talla, tema=tema)
    sin_faltas(page)
    sin_desborde(page)
