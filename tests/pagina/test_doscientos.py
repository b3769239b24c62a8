"""A large house: two hundred devices are all there, found, switched and kept up to date on the smallest phone too."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.navegador import movil_y_mesa, sin_desborde, sin_faltas
from tests.support.pagina import dice, ficha, mando, valor, viva

CUANTOS = 200


@pytest.fixture(scope="module")
def grande(casa):
    return casa.muchos(CUANTOS)


@movil_y_mesa
def test_all_are_there_and_everything_works(grande, casa, ventanas, talla):
    """Every tile, each in its room; the search finds one, its switch switches it, and the frame stays where it is."""
    page = ventanas.abrir("#/", talla=talla)
    expect(page.locator("iot-ficha")).to_have_count(CUANTOS)
    viva(page)
    sin_desborde(page)
    ultimo = next(d for d in reversed(grande) if d["serial_number"].startswith("LGT0"))
    page.get_by_role("searchbox").fill(ultimo["nombre"])
    expect(page.locator("iot-ficha")).to_have_count(1)
    mando(page, ultimo["nombre"]).click()
    expect(mando(page, ultimo["nombre"])).to_have_attribute("aria-busy", "true")
    casa.obedecer(ultimo["serial_number"])
    expect(mando(page, ultimo["nombre"])).not_to_have_attribute("aria-busy", "true")
    page.get_by_role("searchbox").fill("")
    expect(page.locator("iot-ficha")).to_have_count(CUANTOS)


def test_a_burst_from_all_of_them_arrives(grande, casa, ventanas):
    """Each of them reports within the same instant; afterwards every tile shows what its device said last."""
    page = ventanas.abrir("#/", talla="escritorio")
    expect(page.locator("iot-ficha")).to_have_count(CUANTOS)
    viva(page)
    sensores = [d for d in grande if d["serial_number"].startswith("TMP0")]
    for turn in range(5):
        for n, d in enumerate(sensores):
            casa.mqtt.publish(
                f"dispositivos/{d['serial_number']}/estado", {"parametros": {"temperatura": n + turn / 10}}, wait=False
            )
    for n, d in enumerate(sensores):
        expect(valor(page, d["nombre"])).to_have_text(f"{n},4 °C")


def test_it_is_accessible(grande, ventanas):
    page = ventanas.abrir("#/", talla="telefono", tema="oscuro")
    expect(page.locator("iot-ficha")).to_have_count(CUANTOS)
    sin_faltas(page)


def test_what_is_silent_is_told_apart(grande, casa, ventanas):
    """Somebody who comes much later reads since when each has been silent, not that it is well."""
    page = ventanas.abrir(None, talla="escritorio")
    page.clock.install()
    page.goto(casa.base)
    viva(page)
    sensor = next(d for d in grande if d["serial_number"].startswith("TMP0"))
    expect(dice(page, sensor["nombre"])).to_have_text("Al día")
    page.clock.fast_forward(300_000)
    expect(dice(page, sensor["nombre"])).to_have_text("hace 5 min")
    expect(ficha(page, sensor["nombre"])).to_be_attached()


def test_a_change_moves_only_what_it_changes(grande, casa, ventanas):
    """With a filter on, values change in their tiles; the rooms are laid out anew only when somebody comes or goes."""
    sensor = casa.aparato("LGT0", "Vela", estado="activo", parametros={"brillo": 1})
    page = ventanas.abrir("#/", talla="escritorio")
    page.get_by_role("button", name="Encendidos").click()
    expect(ficha(page, "Vela")).to_be_visible()
    viva(page)
    page.evaluate("""() => { window.colocadas = 0
        new MutationObserver(() => colocadas++).observe(document.querySelector('.salas'), {childList: true}) }""")
    for n in range(2, 12):
        casa.informar(sensor["serial_number"], parametros={"brillo": n})
    expect(valor(page, "Vela")).to_have_text("11")
    assert page.evaluate("colocadas") == 0
    casa.informar(sensor["serial_number"], estado="inactivo")
    expect(ficha(page, "Vela")).to_have_count(0)
    assert page.evaluate("colocadas") == 1
