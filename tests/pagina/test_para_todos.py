"""The house for everyone: WCAG 2.2 AA in every state and theme, keyboard only, 320 px, without motion, far away."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.navegador import cada_idioma, cada_talla, cada_tema, sin_desborde, sin_faltas, tabular
from tests.support.pagina import dice, ficha, mando, sitio, viva

LARGO = "Ventilador de techo del dormitorio de invitados con un nombre larguísimo"


@pytest.fixture(scope="module")
def settings():
    return {"ORDER_TTL_S": 2}


@pytest.fixture(scope="module")
def estados(casa):
    """A tile in each state: on, off, refused, unanswered; long names; a smell of smoke; a scene; somebody new."""
    found = {"on": casa.aparato("LGT0", "Encendida", sala="Salón", estado="activo")}
    found |= {name: casa.aparato("LGT0", name, sala="Cocina") for name in ("Muda", "Apagada")}
    seldom = {"intervalo_envio": 3600}  # two words of it and then silence are no reason to miss it
    found["Rechazada"] = casa.aparato("LGT0", "Rechazada", sala="Cocina", configuracion=seldom)
    casa.aparato("FAN0", LARGO, sala="Habitación de los abuelos y de quien venga", estado="activo")
    casa.aparato("SMK0", "Humo", parametros={"humo_detectado": True})
    casa.aparato("CO20", "Aire", parametros={"co2_ppm": 1_900})
    casa.aparato("TMP0", "Fuera", parametros={"temperatura": -12.5, "humedad": 100})
    perdida = casa.aparato("TMP0", "Perdida", parametros={"temperatura": 18.0, "humedad": 55})
    casa.callar(perdida["serial_number"])
    acciones = [{"dispositivo_id": found["on"]["id"], "configuracion": {"encendido": False}}]
    casa.http.post("/escenas", {"nombre": "Buenas noches a toda la casa", "acciones": acciones})
    casa.desconocido()
    for name in ("Rechazada", "Muda"):
        casa.http.put(f"/dispositivos/{found[name]['id']}", {"encendido": True})
    casa.rechazar(found["Rechazada"]["serial_number"], "no puedo")
    return found


@cada_talla
@cada_idioma
def test_the_house_is_accessible_and_fits(estados, casa, ventanas, talla, idioma):
    """In all its states: on, off, refused, unanswered, pending; in the light, and in the dark that falls."""
    page = ventanas.abrir("#/", idioma=idioma)
    expect(dice(page, "Muda")).to_have_text({"es": "No contestó", "en": "It did not answer"}[idioma])
    expect(dice(page, "Rechazada")).to_have_text({"es": "No lo ha hecho", "en": "It did not do it"}[idioma])
    expect(dice(page, "Perdida")).to_contain_text({"es": "Sin señal desde", "en": "No signal since"}[idioma])
    pedida = casa.aparato("LGT0", f"Pedida {talla} {idioma}", sala="Cocina")["nombre"]
    mando(page, pedida).click()
    expect(mando(page, pedida)).to_have_attribute("aria-busy", "true")
    sin_faltas(page)
    sin_desborde(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)  # what changes its colour slowly
    sin_faltas(page)


@cada_tema
def test_the_empty_house_is_accessible_and_fits(casa_propia, ventanas_propias, tema):
    page = ventanas_propias.abrir("#/", talla="estrecho", tema=tema)
    expect(page.get_by_role("heading", name="Aún no hay nada")).to_be_visible()
    sin_faltas(page)
    sin_desborde(page)


@cada_idioma
def test_nothing_sticks_out_of_320_px_and_everything_can_be_touched(estados, ventanas, idioma):
    """The narrowest phone; what is to be touched there is large enough, and the frame hides none of it."""
    page = ventanas.abrir("#/", talla="estrecho", idioma=idioma)
    expect(ficha(page, LARGO)).to_be_visible()
    sin_desborde(page)
    small = page.evaluate("""[...document.querySelectorAll('button, nav a, input')].filter(e => e.checkVisibility())
        .map(e => [e.getAttribute('aria-label') || e.textContent, e.getBoundingClientRect()])
        .filter(([, r]) => r.height < 32 || r.width < 32).map(([t, r]) => `${t}: ${r.width} x ${r.height}`)""")
    assert small == []
    last = page.locator("iot-ficha").last
    last.scroll_into_view_if_needed()
    expect(last.get_by_role("link")).to_be_in_viewport()


def test_the_text_may_be_twice_as_large(estados, ventanas):
    """WCAG 1.4.4 and 1.4.10: as on a desktop zoomed to 400 %, nothing is lost sideways."""
    page = ventanas.abrir("#/", talla="escritorio", viewport={"width": 320, "height": 256})
    expect(ficha(page, "Encendida")).to_be_attached()
    sin_desborde(page)


@pytest.mark.parametrize("talla", ["telefono", "escritorio"])
def test_with_the_keyboard_only(estados, casa, ventanas, talla):
    """Skip what is repeated, search, switch a lamp over, go elsewhere and come back; the focus is always seen."""
    page = ventanas.abrir("#/", talla=talla)
    expect(mando(page, "Encendida")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Ir al contenido")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tabular(page, page.get_by_role("searchbox"))
    page.keyboard.type("encendida")
    tabular(page, mando(page, "Encendida"))
    before = mando(page, "Encendida").get_attribute("aria-checked")
    page.keyboard.press("Space")
    expect(mando(page, "Encendida")).to_have_attribute("aria-busy", "true")
    casa.obedecer(estados["on"]["serial_number"])
    expect(mando(page, "Encendida")).not_to_have_attribute("aria-busy", "true")
    assert mando(page, "Encendida").get_attribute("aria-checked") != before
    expect(mando(page, "Encendida")).to_be_focused()
    tabular(page, ficha(page, "Encendida").get_by_role("link"), tecla="Shift+Tab")


def test_a_change_does_not_take_the_focus_away(estados, casa, ventanas):
    """Somebody with a keyboard or a screen reader stays where they are when the house changes around them."""
    page = ventanas.abrir("#/", talla="escritorio")
    viva(page)
    for n, place in enumerate((mando(page, "Apagada"), page.get_by_role("button", name="Buenas noches"))):
        place.focus()
        casa.aparato("LGT0", f"Recién llegada {n}", sala="Cocina")
        expect(ficha(page, f"Recién llegada {n}")).to_be_visible()
        expect(place).to_be_focused()


@pytest.mark.parametrize("quieto", [False, True])
def test_a_wish_breathes_unless_motion_is_unwanted(casa, ventanas, quieto):
    """Under reduced motion nothing moves, and the wish is still told in words."""
    luz = casa.aparato("LGT0", f"Deseo {quieto}")
    page = ventanas.abrir("#/", quieto=quieto)
    mando(page, luz["nombre"]).click()
    expect(dice(page, luz["nombre"])).to_have_text("Encendiendo…")
    moving = """() => document.getAnimations().filter(a => a.playState === 'running'
        && a.effect.getComputedTiming().iterations === Infinity).length"""
    if quieto:
        assert page.evaluate(moving) == 0
    else:
        page.wait_for_function(moving)


def test_what_is_read_aloud_names_each_thing(estados, ventanas):
    """Landmarks, one heading of the first level, the place where one is, switches with the name of their device."""
    page = ventanas.abrir("#/", talla="escritorio")
    expect(mando(page, "Muda")).to_have_accessible_name("Encender Muda")
    assert page.get_by_role("heading", level=1).count() == 1
    for role in ("banner", "navigation", "main", "search"):
        assert page.get_by_role(role).count() == 1, role
    expect(sitio(page, "Casa")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("region", name="Cocina")).to_contain_text("Muda")


def test_the_theme_follows_the_system_until_somebody_chooses(estados, ventanas):
    """Light and dark differ, and a change of the system's mind is followed at once."""
    page = ventanas.abrir("#/", tema="claro")
    expect(ficha(page, "Encendida")).to_be_visible()
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {colour} !== light", arg=light)


@pytest.mark.parametrize("tema", ["claro", "oscuro"])
def test_forced_colours_keep_the_switch(estados, ventanas, tema):
    """Windows' high contrast: on and off still look different."""
    page = ventanas.abrir("#/", tema=tema, forced_colors="active")
    shots = [mando(page, name).screenshot() for name in ("Rechazada", "Muda")]
    casa_on = ficha(page, LARGO).get_by_role("switch")
    expect(casa_on).to_have_attribute("aria-checked", "true")
    assert casa_on.screenshot() not in shots
