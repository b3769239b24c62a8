"""When the house does not answer: the page says so, keeps what it has, and loses nothing when it comes back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.navegador import movil_y_mesa, sin_faltas
from tests.support.pagina import dice, ficha, mando, valor, viva
from tests.support.procesos import wait_until
from tests.support.proxy import Proxy

CAIDA = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_INCOMPLETE_CHUNKED",
    "ERR_EMPTY_RESPONSE",
    "ERR_FAILED",
    "ERR_SOCKET",
)


@pytest.fixture(scope="module")
def settings():
    return {"SSE_HISTORY_EVENTS": 20}


@movil_y_mesa
def test_the_house_goes_away_and_comes_back(casa_propia, ventanas_propias, talla):
    """Words at once, a band once it may be old; afterwards what happened meanwhile is there, without a reload."""
    casa, ventanas = casa_propia, ventanas_propias
    ventanas.permitir(*CAIDA, "503")
    sensor, luz = casa.aparato("TMP0", "Termómetro"), casa.aparato("LGT0", "Lámpara")
    page = ventanas.abrir(None, talla=talla)
    page.clock.install()
    page.goto(casa.base)
    viva(page)
    page.evaluate("window.misma = true")
    casa.backend.stop()
    expect(page.locator(".conexion")).to_have_text("Sin conexión", timeout=15_000)
    casa.informar(sensor["serial_number"], parametros={"temperatura": 7.5})
    casa.informar(luz["serial_number"], estado="activo")
    expect(page.locator(".banda")).to_be_hidden()
    page.clock.fast_forward(45_000)
    expect(page.locator(".banda")).to_contain_text("Sin conexión con la casa. Lo que ves es de")
    expect(valor(page, "Termómetro")).to_have_text("21,4 °C")
    sin_faltas(page)
    mando(page, "Lámpara").click()
    expect(page.get_by_text("No se ha cambiado nada")).to_be_visible()
    expect(mando(page, "Lámpara")).to_have_attribute("aria-checked", "false")
    casa.backend.start()
    expect(valor(page, "Termómetro")).to_have_text("7,5 °C", timeout=20_000)
    expect(dice(page, "Lámpara")).to_have_text("Encendido")
    viva(page)
    expect(page.locator(".banda")).to_be_hidden()
    assert page.evaluate("window.misma")


def test_a_screen_that_could_not_be_loaded_is_there_on_the_next_try(casa_propia, ventanas_propias):
    """Over plain http nothing is kept ahead: a screen that was never seen can't be shown, which is said in words."""
    casa, ventanas = casa_propia, ventanas_propias
    ventanas.permitir(*CAIDA, "503")
    page = ventanas.abrir("#/", service_workers="block")
    viva(page)
    casa.backend.stop()
    page.get_by_role("link", name="Horarios").click()
    expect(page.get_by_role("alert")).to_contain_text("No hay conexión con la casa")
    expect(page.get_by_role("alert")).not_to_contain_text("module")
    casa.backend.start()
    page.get_by_role("button", name="Probar otra vez").click()
    expect(page.get_by_role("heading", level=1, name="Horarios")).to_be_visible()


def test_what_was_asked_while_away_is_not_done_later(casa_propia, ventanas_propias):
    """A press that failed is forgotten: nothing switches by itself when the house comes back."""
    casa, ventanas = casa_propia, ventanas_propias
    ventanas.permitir(*CAIDA, "503")
    casa.aparato("LGT0", "Lámpara")
    page = ventanas.abrir("#/")
    viva(page)
    casa.backend.stop()
    mando(page, "Lámpara").click()
    expect(page.get_by_text("No se ha cambiado nada")).to_be_visible()
    casa.backend.start()
    expect(page.locator(".conexion[data-estado=vivo]")).to_be_attached(timeout=20_000)
    expect(mando(page, "Lámpara")).to_have_attribute("aria-checked", "false")
    assert casa.http.device(casa.http.get("/dispositivos").json[0]["serial_number"])["deriva"] == {}


def test_what_is_deleted_disappears(casa_propia, ventanas_propias):
    casa, ventanas = casa_propia, ventanas_propias
    uno, otro = casa.aparato("LGT0", "Uno"), casa.aparato("LGT0", "Otro")
    page = ventanas.abrir("#/")
    viva(page)
    assert casa.http.request("DELETE", f"/dispositivos/{uno['id']}").status in (200, 204)
    expect(page.locator("iot-ficha")).to_have_count(1)
    casa.informar(otro["serial_number"], estado="activo")
    expect(dice(page, "Otro")).to_have_text("Encendido")


@pytest.fixture
def red(casa):
    """The network between the phone and the house."""
    with Proxy(casa.backend.port) as proxy:
        yield proxy


@pytest.mark.parametrize("while_away", [3, 60])
def test_a_phone_that_was_out_of_reach_misses_nothing(casa, red, ventanas, while_away):
    """Less happened than the house remembers: it resumes. More: ``reset``, and all is fetched; the deleted is gone."""
    ventanas.permitir(*CAIDA)
    sensor, luz = casa.aparato("TMP0", f"Lejos {while_away}"), casa.aparato("LGT0", f"Borrada {while_away}")
    page = ventanas.abrir("#/", base=f"http://127.0.0.1:{red.port}")
    viva(page)
    red.away = True
    red.cut()
    expect(page.locator(".conexion")).to_have_text("Sin conexión")
    for n in range(while_away):
        casa.informar(sensor["serial_number"], parametros={"temperatura": 10 + n / 10})
    casa.http.request("DELETE", f"/dispositivos/{luz['id']}")
    red.away = False
    expect(valor(page, sensor["nombre"])).to_have_text(f"{10 + (while_away - 1) / 10:.1f} °C".replace(".", ","))
    viva(page)
    expect(ficha(page, luz["nombre"])).to_have_count(0)


def test_a_network_that_died_without_a_word_is_noticed(casa, red, ventanas):
    """The connection looks open and nothing comes: after two heartbeats missed the page believes it no more."""
    ventanas.permitir(*CAIDA)
    luz = casa.aparato("LGT0", "Detrás del muro")
    page = ventanas.abrir(None)
    page.context.add_init_script("delete window.SharedWorker")  # a worker's clock can't be moved
    page.clock.install()
    page.goto(f"http://127.0.0.1:{red.port}/")
    viva(page)
    red.silent = True
    casa.informar(luz["serial_number"], estado="activo")
    page.clock.run_for(60_000)
    expect(page.locator(".conexion")).to_have_text("Sin conexión")
    expect(page.locator(".banda")).to_contain_text("Lo que ves es de")
    expect(dice(page, "Detrás del muro")).not_to_have_text("Encendido")
    red.silent = False
    red.cut()
    page.clock.run_for(10_000)
    expect(dice(page, "Detrás del muro")).to_have_text("Encendido")
    viva(page)


def test_all_tabs_share_one_stream(casa, ventanas):
    """However many pages one browser has open, the house has one reader more; each of them is live."""
    luz = casa.aparato("LGT0", "Compartida")
    wait_until(lambda: casa.backend.streams() == 0, 10, "nobody looks")
    page = ventanas.abrir("#/")
    others = [ventanas.otra(page, "#/") for _ in range(3)]
    for tab in (page, *others):
        viva(tab)
    assert casa.backend.streams() == 1
    casa.informar(luz["serial_number"], estado="activo")
    for tab in (page, *others):
        expect(dice(tab, "Compartida")).to_have_text("Encendido")
    page.close()
    casa.informar(luz["serial_number"], estado="inactivo")
    expect(dice(others[-1], "Compartida")).to_have_text("Apagado")


def test_where_there_is_no_shared_worker_one_tab_leads(casa, ventanas):
    """As in some phones' browsers: still one stream, and another tab takes over when the leading one is closed."""
    luz = casa.aparato("LGT0", "Sin obrero")
    wait_until(lambda: casa.backend.streams() == 0, 10, "nobody looks")
    page = ventanas.abrir(None)
    page.context.add_init_script("delete window.SharedWorker")
    page.goto(casa.base)
    viva(page)
    other = ventanas.otra(page)
    viva(other)
    assert casa.backend.streams() == 1
    casa.informar(luz["serial_number"], estado="activo")
    for tab in (page, other):
        expect(dice(tab, "Sin obrero")).to_have_text("Encendido")
    page.close()
    casa.informar(luz["serial_number"], estado="inactivo")
    expect(dice(other, "Sin obrero")).to_have_text("Apagado", timeout=15_000)
