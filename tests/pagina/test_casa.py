"""The house as a family sees it: what devices say appears, switches tell a wish from a fact, and things are found."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.navegador import cada_idioma, movil_y_mesa
from tests.support.pagina import dice, ficha, mando, sitio, valor, viva


@pytest.fixture(scope="module")
def settings():
    return {"ORDER_TTL_S": 3}


@movil_y_mesa
def test_what_a_device_reports_appears(casa, ventanas, talla):
    """A value, its words and its unit, without anybody asking; a device that is new to the house too."""
    sensor = casa.aparato("TMP0", f"Termómetro {talla}", parametros={"temperatura": 21.4, "humedad": 47})
    page = ventanas.abrir("#/", talla=talla)
    expect(valor(page, sensor["nombre"])).to_have_text("21,4 °C")
    expect(ficha(page, sensor["nombre"])).to_contain_text("47 %")
    viva(page)
    casa.informar(sensor["serial_number"], parametros={"temperatura": -3.05, "humedad": 51})
    expect(valor(page, sensor["nombre"])).to_have_text(re.compile("^[-−]3,1 °C$"))
    expect(ficha(page, sensor["nombre"])).to_contain_text("51 %")
    nuevo = casa.aparato("CO20", f"Aire {talla}", parametros={"co2_ppm": 1350})
    expect(valor(page, nuevo["nombre"])).to_have_text("1350 ppm")
    expect(ficha(page, nuevo["nombre"])).to_contain_text("Aire malo")


def test_large_powers_are_told_in_kilowatts_and_yes_or_no_in_words(casa, ventanas):
    casa.aparato("PLG0", "Horno", parametros={"consumo_w": 2150.0})
    casa.aparato("SMK0", "Humo", parametros={"humo_detectado": False})
    casa.aparato("TMP0", "Raro", parametros={"presion_del_aire": 1013})
    casa.aparato("FAN0", "Aspas", parametros={"velocidad": 3, "bateria": 80})
    page = ventanas.abrir("#/", talla="escritorio")
    expect(valor(page, "Horno")).to_have_text("2,15 kW")
    expect(ficha(page, "Aspas").locator(".resto")).to_have_text("Velocidad · Batería 80 %")
    expect(ficha(page, "Raro").locator(".resto")).to_have_text("Presion del aire")
    expect(valor(page, "Humo")).to_have_text("Sin humo")
    expect(valor(page, "Raro")).to_contain_text("1013")


@cada_idioma
def test_numbers_and_words_are_of_the_reader_s_language(casa, ventanas, idioma):
    casa.aparato("TMP0", f"Fuera {idioma}", parametros={"temperatura": 5.5})
    page = ventanas.abrir("#/", idioma=idioma)
    expect(valor(page, f"Fuera {idioma}")).to_have_text({"es": "5,5 °C", "en": "5.5 °C"}[idioma])
    expect(page.get_by_role("heading", level=1)).to_have_text({"es": "Casa", "en": "Home"}[idioma])
    assert page.locator("html").get_attribute("lang") == idioma


# --- switches ---------------------------------------------------------------------------------------------------------
@movil_y_mesa
def test_a_wish_is_pending_until_the_device_has_proven_it(casa, ventanas, talla):
    """Asked for: the switch is where it is wanted, and says that nothing is certain; proven: it says so."""
    luz = casa.aparato("LGT0", f"Luz {talla}")
    page = ventanas.abrir("#/", talla=talla)
    boton = mando(page, luz["nombre"])
    expect(boton).to_have_attribute("aria-checked", "false")
    expect(dice(page, luz["nombre"])).to_have_text("Apagado")
    boton.click()
    expect(boton).to_have_attribute("aria-checked", "true")
    expect(boton).to_have_attribute("aria-busy", "true")
    expect(dice(page, luz["nombre"])).to_have_text("Encendiendo…")
    casa.obedecer(luz["serial_number"])
    expect(dice(page, luz["nombre"])).to_have_text("Encendido")
    expect(boton).not_to_have_attribute("aria-busy", "true")
    expect(boton).to_have_attribute("aria-checked", "true")


def test_what_the_device_refuses_is_said_and_the_switch_tells_what_is(casa, ventanas):
    luz = casa.aparato("LGT0", "Terca")
    page = ventanas.abrir("#/")
    mando(page, "Terca").click()
    expect(dice(page, "Terca")).to_have_text("Encendiendo…")
    casa.rechazar(luz["serial_number"], "bombilla fundida")
    expect(dice(page, "Terca")).to_have_text("No lo ha hecho")
    expect(mando(page, "Terca")).to_have_attribute("aria-checked", "false")


def test_what_the_device_never_answers_ends_and_is_said(casa, ventanas):
    casa.aparato("LGT0", "Muda")
    page = ventanas.abrir("#/")
    mando(page, "Muda").click()
    expect(dice(page, "Muda")).to_have_text("Encendiendo…")
    expect(dice(page, "Muda")).to_have_text("No contestó", timeout=10_000)
    expect(mando(page, "Muda")).to_have_attribute("aria-checked", "false")


def test_a_wish_that_the_backend_refuses_is_said_and_changes_nothing(casa, ventanas):
    """The house is gone between two looks: the device was deleted by somebody else."""
    luz = casa.aparato("LGT0", "Borrada")
    page = ventanas.abrir("#/")
    page.route("**/dispositivos/*", lambda route: route.fulfill(status=507, json={"error": "No queda espacio"}))
    ventanas.permitir("507")
    mando(page, "Borrada").click()
    expect(page.get_by_text("No queda espacio")).to_be_visible()
    expect(mando(page, "Borrada")).to_have_attribute("aria-checked", "false")
    assert casa.http.get(f"/dispositivos/{luz['id']}").json["deriva"] == {}


@movil_y_mesa
def test_two_people_see_the_same_at_once(casa, ventanas, talla):
    """What one asks for is pending for the other too, and proven for both."""
    luz = casa.aparato("LGT0", f"De todos {talla}")
    uno, otro = ventanas.abrir("#/", talla=talla), ventanas.abrir("#/", talla=talla, tema="oscuro", idioma="en")
    viva(otro)
    mando(uno, luz["nombre"]).click()
    expect(dice(otro, luz["nombre"])).to_have_text("Turning on…")
    expect(mando(otro, luz["nombre"])).to_have_attribute("aria-checked", "true")
    casa.obedecer(luz["serial_number"])
    for page, word in ((uno, "Encendido"), (otro, "On")):
        expect(dice(page, luz["nombre"])).to_have_text(word)


def test_the_tile_opens_the_device_and_its_switch_does_not(casa, ventanas):
    luz = casa.aparato("LGT0", "Pasillo")
    page = ventanas.abrir("#/", talla="escritorio")
    mando(page, "Pasillo").click()
    expect(page).to_have_url(re.compile("#/$"))
    expect(ficha(page, "Pasillo").get_by_role("link")).to_have_attribute("href", f"#/dispositivo/{luz['id']}")


# --- finding ----------------------------------------------------------------------------------------------------------
@movil_y_mesa
def test_search_and_filters_leave_what_was_asked_for(casa, ventanas, talla):
    """Names, rooms and serial numbers, whatever the accents; what is on, what is pending; nothing is said kindly."""
    casa.aparato("LGT0", f"Lámpara {talla}", sala="Baño", estado="activo")
    casa.aparato("RGD0", f"Geranios {talla}", sala="Terraza")
    page = ventanas.abrir("#/", talla=talla)
    lampara, geranios = ficha(page, f"Lámpara {talla}"), ficha(page, f"Geranios {talla}")
    busca = page.get_by_role("searchbox")
    for words, seen, gone in (
        ("lampara", lampara, geranios),
        ("TERRAZA", geranios, lampara),
        ("bano", lampara, geranios),
    ):
        busca.fill(words)
        expect(seen).to_be_visible()
        expect(gone).to_have_count(0)
    busca.fill("xyz no hay")
    expect(page.locator("iot-ficha")).to_have_count(0)
    expect(page.get_by_role("heading", name="Nada así")).to_be_visible()
    busca.fill("")
    page.get_by_role("button", name="Encendidos").click()
    expect(lampara).to_be_visible()
    expect(geranios).to_have_count(0)
    page.get_by_role("button", name="Todo", exact=True).click()
    mando(page, f"Geranios {talla}").click()
    page.get_by_role("button", name="Por cumplir").click()
    expect(geranios).to_be_visible()
    expect(lampara).to_have_count(0)


def test_a_filter_follows_what_happens(casa, ventanas):
    """A lamp that somebody switches on joins what is on."""
    luz = casa.aparato("LGT0", "Farol")
    page = ventanas.abrir("#/")
    page.get_by_role("button", name="Encendidos").click()
    viva(page)
    expect(ficha(page, "Farol")).to_have_count(0)
    casa.informar(luz["serial_number"], estado="activo")
    expect(ficha(page, "Farol")).to_be_visible()
    casa.informar(luz["serial_number"], estado="inactivo")
    expect(ficha(page, "Farol")).to_have_count(0)


def test_devices_are_in_their_rooms_and_move_when_they_are_moved(casa, ventanas):
    luz = casa.aparato("LGT0", "Nómada", sala="Ático")
    page = ventanas.abrir("#/")
    aqui = page.get_by_role("region", name="Ático").locator("iot-ficha", has_text="Nómada")
    expect(aqui).to_be_visible()
    viva(page)
    casa.http.put(f"/dispositivos/{luz['id']}", {"habitacion_id": casa.sala("Sótano")})
    expect(page.get_by_role("region", name="Sótano")).to_contain_text("Nómada")
    expect(aqui).to_have_count(0)


# --- scenes and notices -----------------------------------------------------------------------------------------------
@movil_y_mesa
def test_a_scene_asks_all_of_its_devices(casa, ventanas, talla):
    luces = [casa.aparato("LGT0", f"{lado} {talla}") for lado in ("Izquierda", "Derecha")]
    acciones = [{"dispositivo_id": luz["id"], "configuracion": {"encendido": True}} for luz in luces]
    assert casa.http.post("/escenas", {"nombre": f"Cine {talla}", "acciones": acciones}).status == 201
    page = ventanas.abrir("#/", talla=talla)
    page.get_by_role("button", name=f"Cine {talla}").click()
    for luz in luces:
        expect(dice(page, luz["nombre"])).to_have_text("Encendiendo…")
        casa.obedecer(luz["serial_number"])
        expect(dice(page, luz["nombre"])).to_have_text("Encendido")


def test_a_new_notice_is_counted_where_notices_are(casa_propia, ventanas_propias):
    """Told by the stream, with words for those who hear the page; in a house where nothing else goes wrong."""
    luz = casa_propia.aparato("LGT0", "Avisada")
    page = ventanas_propias.abrir("#/")
    viva(page)
    expect(page.locator(".cuenta")).to_be_hidden()
    mando(page, "Avisada").click()
    expect(dice(page, "Avisada")).to_have_text("Encendiendo…")
    casa_propia.rechazar(luz["serial_number"], "no")
    expect(sitio(page, "Avisos")).to_contain_text("1 sin leer")


@movil_y_mesa
def test_whoever_comes_back_from_a_device_is_where_they_were(casa, ventanas, talla):
    """The house is under the sheet as it was left: scrolled, searched, with the focus; closing it is the way back."""
    for n in range(14):
        casa.aparato("TMP0", f"Vuelta {talla} {n:02d}", sala=f"Sala {talla} {n:02d}")
    page = ventanas.abrir("#/", talla=talla)
    viva(page)
    page.get_by_role("searchbox").fill(f"vuelta {talla}")
    last = ficha(page, f"Vuelta {talla} 13").get_by_role("link")
    last.scroll_into_view_if_needed()
    page.wait_for_timeout(400)  # tiles that were never seen have an estimated height
    scrolled = page.evaluate("scrollY")
    length = page.evaluate("history.length")
    for close in (
        lambda: page.get_by_role("button", name="Cerrar").click(),
        page.go_back,
        lambda: page.keyboard.press("Escape"),
    ):
        last.click()
        expect(page.get_by_role("heading", level=1, name=f"Vuelta {talla} 13")).to_be_visible()
        close()
        expect(page.locator("#hoja")).to_be_hidden()
        page.wait_for_function("y => scrollY === y", arg=scrolled)
        expect(last).to_be_focused()
        expect(page.get_by_role("searchbox")).to_have_value(f"vuelta {talla}")
    assert page.evaluate("history.length") == length + 1


def test_a_device_without_an_owner_is_announced(casa, ventanas):
    """Whoever may add devices sees that one is there, also when it comes later."""
    page = ventanas.abrir("#/")
    viva(page)
    casa.desconocido()
    expect(page.get_by_role("link", name="nuevo")).to_have_attribute("href", "#/anadir")


def test_a_house_without_devices_invites_to_add_one(casa_propia, ventanas_propias):
    """Nothing is on the way of who comes first."""
    page = ventanas_propias.abrir("#/")
    expect(page.get_by_role("heading", name="Aún no hay nada")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Añadir dispositivo")).to_have_count(2)
