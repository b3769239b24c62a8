"""Every screen that the page can show, whoever wrote it: accessible in both themes, at each size, in both languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.navegador import movil_y_mesa, sin_desborde, sin_faltas
from tests.support.procesos import ROOT

JS = ROOT / "app" / "web" / "static" / "js"
ROUTE = re.compile(r"^  \[/\^(?P<pattern>.*)\$/, '(?P<screen>\w+)'", re.MULTILINE)
SCREENS = {
    m["pattern"].replace(r"\/", "/"): m["screen"]
    for m in ROUTE.finditer((JS / "rutas.js").read_text())
    if (JS / "pantallas" / f"{m['screen']}.js").exists()
}
# A key of a catalogue where words should be: `sin_habitacion`, `medida.db`.
KEY = re.compile(r"(?<![\w./-])[a-z]+(?:_[a-z0-9]+)+(?![\w./-])|(?<![\w./@-])[a-z_]+\.[a-z_]+(?![\w./-])")
DARK = "() => getComputedStyle(document.documentElement).colorScheme === 'dark'"
NO_KEYS = {"max_queued_messages", "upgrade_outgoing_qos"}  # settings of a broker, as it calls them


@pytest.fixture(scope="module")
def amueblada(casa):
    """A house in which no screen is empty: its lamp and its thermometer."""
    luz = casa.aparato("LGT0", "Lámpara de pie", sala="Salón", estado="activo")
    sensor = casa.aparato("TMP0", "Termómetro", sala="Cocina")
    casa.aparato("PLG0", "Enchufe con un nombre larguísimo del cuarto de la lavadora", sala="Cocina")
    for degrees in (20, 21.5, 22):
        casa.informar(sensor["serial_number"], parametros={"temperatura": degrees, "humedad": 50})
    week = [{"dias": ["todos"], "inicio": "22:00", "fin": "01:30"}]
    made = [
        casa.http.put(f"/dispositivos/{luz['id']}", {"configuracion": {"modo": "horario", "horarios": week}}),
        casa.http.post("/escenas", {"nombre": "Noche", "acciones": [accion(luz, False)]}),
        casa.http.post("/usuarios", {"nombre": "Luis", "clave": "una frase bien larga", "rol": "miembro"}),
        casa.http.post("/respaldos", {}),
    ]
    assert [answer.status // 100 for answer in made] == [2] * len(made), [answer.text for answer in made]
    terca = casa.aparato("LGT0", "Terca")
    casa.http.put(f"/dispositivos/{terca['id']}", {"encendido": True})
    casa.rechazar(terca["serial_number"], "no puedo")
    casa.desconocido()
    casa.sala("Salón de las horas muertas y otras cosas largas")
    return {"dispositivo": sensor["id"], "horario": luz["id"]}


def accion(device, on):
    return {"dispositivo_id": device["id"], "configuracion": {"encendido": on}}


def address(route: str, furnished: dict[str, int]) -> str:
    return "#/" + route.replace(r"(\d+)", str(furnished.get(route.split("/")[0], 1)))


def opened(ventanas, route, furnished, **look):
    """The screen, once it has come and has nothing more to load."""
    ventanas.permitir("/autoridad")  # is there one to trust? Here there is none
    page = ventanas.abrir(address(route, furnished), **look)
    expect(page.locator("h1").first).to_be_visible()
    expect(page.locator("[aria-busy=true]:not(button)")).to_have_count(0)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)  # what is asked for after the first drawing
    return page


@pytest.mark.parametrize("route", list(SCREENS))
@movil_y_mesa
def test_it_is_accessible_and_fits(amueblada, ventanas, route):
    """In the light, and in the dark that falls while it is looked at."""
    page = opened(ventanas, route, amueblada)
    sin_faltas(page)
    sin_desborde(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)  # what changes its colour slowly
    assert page.evaluate(DARK)
    sin_faltas(page)


@pytest.mark.parametrize("route", list(SCREENS))
@pytest.mark.parametrize("idioma", ["es", "en"])
def test_nothing_sticks_out_of_320_px_and_every_sentence_has_words(amueblada, ventanas, route, idioma):
    """The narrowest phone; no key of a catalogue where words should be (codes hide in details); a title."""
    page = opened(ventanas, route, amueblada, talla="estrecho", idioma=idioma)
    sin_faltas(page)
    sin_desborde(page)
    shown = page.evaluate("""() => {
        const copy = document.body.cloneNode(true)
        copy.querySelectorAll('code, pre, textarea, input, script, style, details').forEach(e => e.remove())
        const told = [...document.querySelectorAll('[aria-label], [title], [placeholder]')]
            .flatMap(e => ['aria-label', 'title', 'placeholder'].map(a => e.getAttribute(a) ?? ''))
        return [copy.textContent, ...told].join('\\n')
    }""")
    assert set(KEY.findall(shown)) <= NO_KEYS
    assert page.title().strip()
