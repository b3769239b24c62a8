"""The schedule editor in a real browser: painted with a finger, typed, by keys; saved, or not; what comes next."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.casa_viva import Casa
from tests.support.navegador import Dedos, Ventanas, caja, movil_y_mesa, sin_desborde, sin_faltas
from tests.support.pagina import viva

LUNES = {"dias": ["lunes"], "inicio": "10:00", "fin": "12:00"}
MANANA = {"modo": "horario", "horarios": [{"inicio": "00:00", "fin": "12:00"}]}
NOCHE = {"modo": "horario", "horarios": [{"inicio": "22:00", "fin": "06:00"}]}
EVENTOS = {"diario": [["07:00", "on"], ["09:00", "off"]]}


def editor(ventanas: Ventanas, device: dict[str, Any], **how: Any) -> Page:
    page = ventanas.abrir(f"#/horario/{device['id']}", **how)
    expect(page.locator("iot-semana .pista")).to_have_count(7)
    return page


def pista(page: Page, dia: int) -> Locator:
    """The row of a day; 0 is Monday."""
    return page.locator(f".pista[data-dia='{dia}']")


def arrastrar(page: Page, fila: Locator, desde: float, hasta: float) -> None:
    """Drag along a row, from one hour to another."""
    fila.scroll_into_view_if_needed()
    box = caja(fila)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * desde / 24, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + box["width"] * (desde + (hasta - desde) * step / 5) / 24, y)
    page.mouse.up()


def guardar(page: Page) -> None:
    page.get_by_role("button", name="Guardar", exact=True).click()
    expect(page.get_by_role("button", name="Guardar", exact=True)).to_be_hidden()


def horarios(casa: Casa, device: dict[str, Any]) -> Any:
    return casa.http.get(f"/dispositivos/{device['id']}").json["configuracion"].get("horarios")


@movil_y_mesa
def test_a_window_is_painted_saved_and_told_of(casa, ventanas, talla):
    device = casa.aparato("LGT0", f"Pintada {talla}")
    page = editor(ventanas, device, talla=talla)
    arrastrar(page, pista(page, 2), 7, 9)
    expect(page.locator(".globo")).to_have_text("miércoles: 07:00 – 09:00")
    page.get_by_role("button", name="Por horario").click()
    guardar(page)
    assert horarios(casa, device) == [{"dias": ["miercoles"], "inicio": "07:00", "fin": "09:00"}]
    previa = page.locator("section", has=page.get_by_role("heading", name="Lo que viene"))
    expect(previa.locator("li")).to_have_count(2)
    expect(previa).to_contain_text("Se enciende")


def test_it_is_painted_and_stretched_with_a_finger(casa, ventanas):
    device = casa.aparato("LGT0", "Con el dedo")
    page = editor(ventanas, device)
    row = pista(page, 2)
    row.scroll_into_view_if_needed()
    box = caja(row)
    y, hour = box["y"] + box["height"] / 2, box["width"] / 24
    fingers = Dedos(page)
    fingers.arrastrar((box["x"] + 7 * hour, y), (box["x"] + 12 * hour, y))
    expect(page.locator(".globo")).to_have_text("miércoles: 07:00 – 12:00")
    handle = caja(page.locator(".asa.fin"))
    assert min(handle["width"], handle["height"]) >= 44
    x = handle["x"] + 8
    fingers.arrastrar((x, y), (x + 3 * hour, y))
    expect(page.locator(".globo")).to_have_text("miércoles: 07:00 – 15:00")


def test_scrolling_over_the_week_paints_nothing(casa, ventanas):
    """A finger that goes up or down scrolls; the browser takes the touch back from the row that it began on."""
    sunny = [{"dias": ["viernes"], "inicio": "amanecer", "fin": "atardecer"}]
    device = casa.aparato("LGT0", "De paso", configuracion={"horarios": sunny})
    page = editor(ventanas, device)
    sheet, fingers = page.locator("#hoja"), Dedos(page)
    for row in (3, 4):  # where nothing is, and on a window of the sun
        sheet.evaluate("e => e.scrollTo(0, 0)")
        box = caja(pista(page, row))
        x, y = box["x"] + box["width"] / 2, box["y"] + 20
        fingers.arrastrar((x, y), (x + 4, y - 220))
        page.wait_for_function("() => document.querySelector('#hoja').scrollTop > 50")
    page.get_by_role("heading", name="Lo que viene").tap()
    expect(page.locator(".pieza")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Guardar", exact=True)).to_be_hidden()


def test_it_is_moved_and_stretched_by_keys(casa, ventanas):
    """Quarter of an hour by quarter; the end with Shift, the start with Alt; Delete takes it away."""
    device = casa.aparato(
        "LGT0", "Teclas", configuracion={"horarios": [{"dias": ["lunes"], "inicio": "10:00", "fin": "12:00"}]}
    )
    page = editor(ventanas, device)
    page.locator(".pieza").focus()
    for keys, told in (
        ("ArrowRight", "lunes: 10:15 – 12:15"),
        ("Shift+ArrowRight", "lunes: 10:15 – 12:30"),
        ("Alt+ArrowLeft", "lunes: 10:00 – 12:30"),
        ("ArrowLeft", "lunes: 09:45 – 12:15"),
    ):
        page.keyboard.press(keys)
        expect(page.locator(".globo")).to_have_text(told)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".pieza").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".pieza")).to_have_count(0)


def test_a_day_is_reached_without_a_pointer(casa, ventanas):
    device = casa.aparato("LGT0", "Sin ratón")
    page = editor(ventanas, device)
    page.get_by_role("button", name="Añadir una franja el jueves").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("checkbox", name="jue")).to_be_checked()


def test_midnight_is_passed_in_sight(casa, ventanas):
    """A window of Sunday night goes on in Monday's row, and is one window."""
    device = casa.aparato(
        "LGT0", "Noche", configuracion={"horarios": [{"dias": ["domingo"], "inicio": "22:00", "fin": "02:00"}]}
    )
    page = editor(ventanas, device)
    expect(pista(page, 6).locator(".pieza")).to_have_count(1)
    expect(pista(page, 0).locator(".pieza.sigue")).to_have_count(1)
    expect(page.locator("ul.corta li", has_text="domingo: 22:00 – 02:00")).to_have_count(1)


@movil_y_mesa
def test_exact_times_days_and_the_sun_are_typed(casa, ventanas):
    casa.http.put("/casa", {"zona": "Europe/Madrid", "latitud": 40.4, "longitud": -3.7})
    device = casa.aparato("LGT0", "Escrita")
    page = editor(ventanas, device)
    expect(page.locator(".pista").first.locator(".sol")).to_have_count(2)
    page.get_by_role("button", name="Franja", exact=True).click()
    form = page.get_by_role("dialog")
    form.get_by_text("mar", exact=True).click()
    form.get_by_label("Empieza").first.select_option("atardecer")
    form.get_by_label("Minutos de más o de menos").first.fill("-15")
    form.locator("input[name=fin]").fill("23:50")
    form.get_by_role("button", name="Listo").click()
    expect(page.locator("ul.corta").first).to_contain_text("lunes y martes: 15 min antes de atardecer – 23:50")
    guardar(page)
    assert horarios(casa, device) == [{"dias": ["lunes", "martes"], "inicio": "atardecer-15", "fin": "23:50"}]


def test_events_stay_as_they_are_until_somebody_wants_windows(casa, ventanas):
    """The other shape is shown, not rewritten: mode and special days can be saved beside it."""
    device = casa.aparato("LGT0", "Momentos", configuracion={"horarios": EVENTOS})
    page = editor(ventanas, device)
    expect(page.locator(".pieza")).to_have_count(7)
    page.get_by_role("button", name="Por horario").click()
    guardar(page)
    assert horarios(casa, device) == EVENTOS
    page.get_by_role("button", name="Cambiar por franjas").click()
    guardar(page)
    found = horarios(casa, device)
    assert [(f["inicio"], f["fin"]) for f in found] == [("07:00", "09:00")] * 7


def test_what_else_a_window_says_is_kept(casa, ventanas):
    mine = [{"dias": ["lunes"], "inicio": "07:00", "fin": "08:00", "nota": "la abuela"}]
    device = casa.aparato("LGT0", "Anotada", configuracion={"horarios": mine, "otra": 1})
    page = editor(ventanas, device)
    page.locator(".pieza").focus()
    page.keyboard.press("Shift+ArrowRight")
    guardar(page)
    assert horarios(casa, device) == [{**mine[0], "fin": "08:15"}]
    assert casa.http.get(f"/dispositivos/{device['id']}").json["configuracion"]["otra"] == 1


@movil_y_mesa
def test_nothing_of_somebody_elses_is_overwritten_unseen(casa, ventanas):
    device = casa.aparato("LGT0", "De dos")
    page = editor(ventanas, device)
    arrastrar(page, pista(page, 0), 7, 8)
    theirs = [{"dias": ["viernes"], "inicio": "20:00", "fin": "21:00"}]
    casa.http.put(f"/dispositivos/{device['id']}", {"configuracion": {"horarios": theirs}})
    page.get_by_role("button", name="Guardar", exact=True).click()
    asked = page.get_by_role("dialog", name="Otra persona lo ha cambiado")
    expect(asked).to_be_visible()
    asked.get_by_role("button", name="Cancelar").click()
    assert horarios(casa, device) == theirs
    page.get_by_role("button", name="Guardar", exact=True).click()
    page.get_by_role("button", name="Guardar este").click()
    expect(page.locator(".dicho")).to_contain_text("Guardado")
    assert horarios(casa, device) == [{"dias": ["lunes"], "inicio": "07:00", "fin": "08:00"}]


@movil_y_mesa
def test_a_draft_that_was_left_is_not_lost(casa, ventanas):
    device = casa.aparato("LGT0", "Borrador")
    page = editor(ventanas, device)
    arrastrar(page, pista(page, 0), 7, 8)
    page.get_by_role("button", name="Cerrar").first.click()
    expect(page.locator(".dicho")).to_contain_text("El horario quedó sin guardar")
    page.locator(".dicho").get_by_role("button", name="Volver").click()
    expect(page.locator(".globo")).to_be_visible()
    expect(page.locator(".pieza")).to_have_count(1)
    guardar(page)


@movil_y_mesa
def test_special_days_and_holidays(casa, ventanas):
    device = casa.aparato("LGT0", "Navidad")
    page = editor(ventanas, device)
    page.get_by_role("button", name="Fechas con otro plan").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Nombre").fill("Navidad")
    form.get_by_label("Desde").fill("2026-12-24")
    form.get_by_label("Hasta (incluido)").fill("2027-01-06")
    form.get_by_role("button", name="Añadir").click()
    page.get_by_label("Los festivos de la casa").select_option("domingo")
    guardar(page)
    found = casa.http.get(f"/dispositivos/{device['id']}").json["configuracion"]
    assert found["excepciones"] == [
        {"nombre": "Navidad", "desde": "2026-12-24", "hasta": "2027-01-06", "encendido": False}
    ]
    assert found["festivos"] == "domingo"


@movil_y_mesa
def test_aside_from_the_schedule_and_back(casa, ventanas):
    device = casa.aparato(
        "LGT0",
        "Aparte",
        configuracion=MANANA,
    )
    page = editor(ventanas, device)
    page.get_by_role("button", name="Encender un rato").click()
    page.get_by_label("Cuánto").select_option("7200")
    page.get_by_role("button", name="Listo").click()
    expect(page.get_by_text("diga lo que diga el horario")).to_be_visible()
    assert casa.http.get(f"/dispositivos/{device['id']}").json["configuracion"]["anulacion"]["encendido"] is True
    page.get_by_role("button", name="Volver al horario").click()
    expect(page.get_by_role("button", name="Encender un rato")).to_be_visible()
    page.get_by_role("button", name="Saltar la próxima").click()
    expect(page.get_by_role("button", name="No saltar nada")).to_be_visible()


def test_what_the_linter_says_is_told(casa, ventanas):
    """Windows on top of each other are saved, and said."""
    twice = [{"inicio": "07:00", "fin": "09:00"}, {"inicio": "08:00", "fin": "10:00"}]
    device = casa.aparato("LGT0", "Pisadas", configuracion={"horarios": twice})
    page = editor(ventanas, device)
    page.locator(".pieza").first.focus()
    page.keyboard.press("Shift+ArrowRight")
    guardar(page)
    expect(page.locator("ul.avisa li")).not_to_have_count(0)


def test_the_linter_speaks_english_too(casa, ventanas):
    twice = [{"inicio": "07:00", "fin": "09:00"}, {"inicio": "08:00", "fin": "10:00"}]
    device = casa.aparato("LGT0", "Twice", configuracion={"horarios": twice})
    page = editor(ventanas, device, idioma="en")
    expect(page.locator("ul.avisa li")).to_have_text("every day: 08:00 – 10:00: it overlaps with another window")


def test_the_list_says_what_comes_next(casa, ventanas):
    casa.aparato("LGT0", "Con plan", configuracion=MANANA)
    page = ventanas.abrir("#/horarios")
    row = page.get_by_role("link", name="Con plan")
    expect(row).to_contain_text("todos los días: 00:00 – 12:00")
    expect(row).to_contain_text("Se ")
    row.click()
    expect(page.locator("iot-semana")).to_be_visible()


def test_days_are_told_as_people_say_them(casa, ventanas):
    days = ["domingo", "lunes", "martes"], ["viernes", "domingo"], ["sabado", "domingo"]
    windows = [{"dias": each, "inicio": "20:00", "fin": "21:00"} for each in days]
    device = casa.aparato("LGT0", "Contada")
    casa.http.put(f"/dispositivos/{device['id']}", {"configuracion": {"horarios": windows}})
    page = editor(ventanas, device)
    for told in ("de domingo a martes: 20:00", "viernes y domingo: 20:00", "fin de semana: 20:00"):
        expect(page.locator("ul.corta li", has_text=told)).to_have_count(1)


def test_the_list_follows_what_others_change(casa, ventanas):
    device = casa.aparato("LGT0", "Cambiada")
    page = ventanas.abrir("#/horarios")
    viva(page)
    row = page.get_by_role("link", name="Cambiada")
    expect(row).to_contain_text("A mano")
    week = [{"dias": ["jueves"], "inicio": "20:00", "fin": "21:00"}]
    casa.http.put(f"/dispositivos/{device['id']}", {"configuracion": {"horarios": week, "modo": "horario"}})
    expect(row).to_contain_text("jueves: 20:00")


def test_a_house_without_a_place_has_no_sun_and_says_so(casa, ventanas):
    casa.http.put("/casa", {"latitud": None, "longitud": None})
    windows = [{"dias": ["todos"], "inicio": "atardecer", "fin": "23:00"}]
    device = casa.aparato("LGT0", "A oscuras")
    casa.http.put(f"/dispositivos/{device['id']}", {"configuracion": {"horarios": windows, "modo": "horario"}})
    page = ventanas.abrir("#/horarios")
    row = page.locator("li", has_text="A oscuras")
    expect(row).to_contain_text("la casa no sabe dónde está")
    row.get_by_role("link").click()
    page.get_by_role("link", name="Poner su lugar").click()
    expect(page.get_by_label("Latitud")).to_be_visible()


def test_a_dialog_is_left_without_a_keyboard(casa, ventanas):
    device = casa.aparato("LGT0", "Por tocar")
    page = editor(ventanas, device)
    page.get_by_role("button", name="Copiar un día").tap()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("select")).to_be_focused()
    dialog.get_by_role("button", name="Cerrar").tap()
    expect(dialog).to_have_count(0)
    expect(page.locator("iot-semana")).to_be_visible()


def test_the_way_back_leaves_no_dialog_behind(casa, ventanas):
    device = casa.aparato("LGT0", "Por volver")
    page = ventanas.abrir("#/horarios")
    page.get_by_role("link", name="Por volver").click()
    page.get_by_role("button", name="Copiar un día").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", level=1, name="Horarios")).to_be_visible()
    assert horarios(casa, device) is None


@pytest.mark.parametrize(("talla", "tema"), [("estrecho", "oscuro"), ("escritorio", "claro")])
def test_for_everyone(casa, ventanas, tema, talla):
    device = casa.aparato(
        "LGT0",
        f"Para todos {tema} {talla}",
        configuracion=NOCHE,
    )
    page = editor(ventanas, device, tema=tema, talla=talla)
    viva(page)
    sin_faltas(page)
    sin_desborde(page)
