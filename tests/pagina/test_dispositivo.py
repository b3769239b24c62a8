"""A device's screen in a real browser: values, charts, strip, why, orders, log, settings; and the notices."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.casa_viva import Casa
from tests.support.navegador import Dedos, Ventanas, caja, movil_y_mesa, sin_desborde, sin_faltas
from tests.support.pagina import viva


def open_device(ventanas: Ventanas, device: dict[str, Any], **how: Any) -> Page:
    page = ventanas.abrir(f"#/dispositivo/{device['id']}", **how)
    expect(page.get_by_role("heading", level=1, name=device["nombre"])).to_be_visible()
    return page


def part(page: Page, titulo: str) -> Locator:
    """A part that is opened by its title."""
    return page.locator("details", has=page.get_by_role("heading", name=titulo, exact=True))


def abrir(page: Page, titulo: str) -> Locator:
    found = part(page, titulo)
    found.locator("summary").first.click()
    return found


@pytest.fixture(scope="module")
def termometro(casa: Casa) -> dict[str, Any]:
    """It has said some twenty different things."""
    device = casa.aparato("TMP0", "Con historia", sala="Salón")
    for n in range(20):
        casa.informar(device["serial_number"], parametros={"temperatura": 20 + n / 10, "humedad": 40 + n})
    casa.backend.http.get("/salud")
    return device


@movil_y_mesa
def test_what_it_says_is_there_live(casa, ventanas, talla):
    device = casa.aparato("TMP0", f"En vivo {talla}")
    page = open_device(ventanas, device, talla=talla)
    viva(page)
    expect(page.locator(".valores")).to_contain_text("21,4 °C")
    casa.informar(device["serial_number"], parametros={"temperatura": 22.6, "humedad": 50})
    expect(page.locator(".valores")).to_contain_text("22,6 °C")


def test_beside_the_house_on_a_desk_and_instead_of_it_on_a_phone(casa, ventanas):
    device = casa.aparato("LGT0", "De lado")
    page = open_device(ventanas, device, talla="escritorio")
    expect(page.locator("main iot-ficha").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#hoja")).to_be_hidden()
    page = open_device(ventanas, device, talla="telefono")
    page.get_by_role("button", name="Cerrar").click()
    expect(page.locator("main iot-ficha").first).to_be_visible()


@movil_y_mesa
def test_asked_proven_refused(casa, ventanas):
    """Each in words, with what to do."""
    device = casa.aparato("LGT0", "Mandada")
    page = open_device(ventanas, device)
    viva(page)
    says = page.locator("#hoja .dice")
    page.locator("#hoja").get_by_role("switch").click()
    expect(says).to_have_text("Encendiendo…")
    expect(page.get_by_text("Cuando el propio dispositivo lo diga")).to_be_visible()
    casa.obedecer(device["serial_number"])
    expect(says).to_have_text("Encendido")
    page.locator("#hoja").get_by_role("switch").click()
    casa.rechazar(device["serial_number"], "tapa abierta")
    expect(says).to_have_text("No lo ha hecho")
    expect(page.get_by_text("Dice que no puede")).to_be_visible()
    orders = abrir(page, "Órdenes")
    expect(orders.locator("li").first).to_contain_text("Apagar · no la hizo (tapa abierta)")
    expect(orders.locator("li").nth(1)).to_contain_text("Encender · hecha")
    expect(part(page, "Por qué está así")).to_contain_text("tapa abierta")


@pytest.mark.parametrize(
    ("idioma", "told"), [("es", "no la hizo (sigue apagado)"), ("en", "it did not do it (it is still off)")]
)
def test_an_order_that_its_report_contradicts_says_what_it_still_is(casa, ventanas, idioma, told):
    device = casa.aparato("LGT0", f"Terca {idioma}", estado="inactivo")
    page = open_device(ventanas, device, idioma=idioma)
    viva(page)
    page.locator("#hoja").get_by_role("switch").click()
    casa.desobedecer(device["serial_number"])
    orders = page.locator("details[data-de=ordenes]")
    orders.locator("summary").click()
    expect(orders.locator("li").first).to_contain_text(told)
    casa.http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    casa.rechazar(device["serial_number"], "el dispositivo sigue caliente")
    page.reload()
    orders.locator("summary").click()
    expect(orders.locator("li").first).to_contain_text("(el dispositivo sigue caliente)")  # its own words stay
    expect(orders).to_contain_text("red de confianza" if idioma == "es" else "the trusted network")


def test_the_chart_is_read_by_finger_keys_and_table(casa, ventanas, termometro):
    page = open_device(ventanas, termometro)
    chart = page.locator("iot-grafica")
    expect(chart.locator("path.linea")).not_to_have_count(0)
    chart.locator("svg").focus()
    page.keyboard.press("End")
    expect(chart.locator(".lectura")).to_contain_text("°C")
    last = chart.locator(".lectura").inner_text()
    for _ in range(30):
        page.keyboard.press("+")
    expect(chart.locator(".lienzos[aria-busy]")).to_have_count(0)
    expect(chart.locator("svg")).to_be_focused()
    expect(chart.locator(".lectura")).to_contain_text("°C")
    page.keyboard.press("Home")
    expect(chart.locator(".lectura")).not_to_have_text(last)
    chart.get_by_role("button", name="Tabla").click()
    expect(chart.get_by_role("table")).to_contain_text("Temperatura")
    assert chart.locator("tbody tr").count() >= 2
    chart.get_by_role("button", name="Tabla").click()
    chart.locator("svg").hover(position={"x": 200, "y": 60})
    expect(chart.locator(".cruz")).to_have_attribute("d", re.compile("M"))


def test_ranges_parameters_and_moving(casa, ventanas, termometro):
    page = open_device(ventanas, termometro, talla="escritorio")
    chart = page.locator("iot-grafica")
    chart.get_by_role("button", name="Humedad").click()
    expect(chart.locator("svg")).to_have_count(2)
    chart.get_by_role("button", name="2 años").click()
    expect(chart.get_by_role("button", name="2 años")).to_have_attribute("aria-pressed", "true")
    ticks = chart.locator("svg").first.locator("text[text-anchor=middle]")
    expect(ticks.first).to_have_text(re.compile(r"^[a-z]{3,4}\.? \d\d$"))
    assert ticks.count() <= 6
    chart.get_by_role("button", name="Antes").click()
    expect(chart.get_by_role("button", name="2 años")).to_have_attribute("aria-pressed", "false")
    chart.get_by_role("button", name="Día").click()
    expect(chart.locator("svg").first.locator("path.linea")).not_to_have_count(0)


def test_two_fingers_zoom_and_one_reads(casa, ventanas, termometro):
    """A pinch goes on as long as the fingers do, although the chart is drawn again at each move of theirs."""
    page = open_device(ventanas, termometro)
    chart = page.locator("iot-grafica")
    expect(chart.locator("path.linea")).not_to_have_count(0)
    chart.locator("svg").tap(position={"x": 280, "y": 60})
    expect(chart.locator(".lectura[data-lee]")).to_contain_text("°C")
    box = caja(chart.locator("svg"))
    middle, y = box["x"] + box["width"] / 2, box["y"] + 60
    fingers, widths = Dedos(page), [chart.evaluate("grafica => grafica.ancho")]
    fingers.poner((middle - 20, y), (middle + 20, y))
    for apart in (40, 80, 120):
        fingers.llevar((middle - apart, y), (middle + apart, y))
        widths.append(chart.evaluate("grafica => grafica.ancho"))
    fingers.quitar()
    assert [round(widths[0] / each, 1) for each in widths] == [1, 2, 4, 6]


def test_the_mouse_drags_it_along(casa, ventanas, termometro):
    page = open_device(ventanas, termometro, talla="escritorio")
    chart = page.locator("iot-grafica")
    expect(chart.locator("path.linea")).not_to_have_count(0)
    box = caja(chart.locator("svg"))
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    ends = []
    for x in (140, 180, 220):
        page.mouse.move(box["x"] + x, box["y"] + 60)
        ends.append(chart.evaluate("grafica => grafica.hasta"))
    page.mouse.up()
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == len(ends), ends


def test_past_the_end_of_a_year_nothing_is_drawn_and_said(casa, ventanas, termometro):
    page = open_device(ventanas, termometro)
    chart = page.locator("iot-grafica")
    chart.get_by_role("button", name="Mes").click()
    for _ in range(6):
        chart.get_by_role("button", name="Antes").click()
    expect(chart.locator("path.linea")).to_have_count(0)


def test_when_it_was_on(casa, ventanas):
    device = casa.aparato("LGT0", "A ratos")
    for estado in ("activo", "inactivo", "activo"):
        casa.informar(device["serial_number"], estado=estado)
    page = open_device(ventanas, device)
    expect(page.locator("iot-tira figcaption")).to_have_text("Encendido: 0 min, cambió 3 veces")


@movil_y_mesa
def test_its_log_by_pages_and_states(casa, ventanas, termometro):
    page = open_device(ventanas, termometro)
    log = abrir(page, "Registro")
    expect(log.locator("li").first).to_contain_text("Temperatura 21,9 °C")
    before = log.locator("li").count()
    assert before <= 30
    log.get_by_label("Cómo estaba").select_option("inactivo")
    expect(log.locator("li")).to_have_count(0)
    with page.expect_download() as started:
        log.get_by_role("link", name="CSV").click()
    text = started.value.path().read_text()
    assert "temperatura" in text.splitlines()[0] or "parametros" in text.splitlines()[0]


@movil_y_mesa
def test_settings_are_saved_and_only_what_changed_is_asked(casa, ventanas):
    device = casa.aparato("LGT0", "Antes")
    casa.sala("Estudio")
    page = open_device(ventanas, device)
    viva(page)
    form = abrir(page, "Ajustes")
    form.get_by_label("Nombre").fill("Después")
    form.get_by_label("Habitación").select_option(label="Estudio")
    form.get_by_role("button", name="Guardar").click()
    expect(page.get_by_role("heading", level=1, name="Después")).to_be_visible()
    expect(page.locator("#hoja")).to_contain_text("Estudio · actuador")
    found = casa.http.get(f"/dispositivos/{device['id']}").json
    assert (found["nombre"], "modo" in found["configuracion"]) == ("Después", False)


@movil_y_mesa
def test_it_is_released_and_deleted_only_when_that_is_confirmed(casa, ventanas):
    device = casa.aparato("LGT0", "De paso")
    page = open_device(ventanas, device)
    form = abrir(page, "Ajustes")
    form.get_by_role("button", name="Borrar").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancelar").click()
    assert casa.http.device(device["serial_number"])
    form.get_by_role("button", name="Borrar").click()
    page.get_by_role("dialog").get_by_role("button", name="Borrar").click()
    expect(page.locator("#hoja")).to_be_hidden()
    assert casa.http.get(f"/dispositivos/{device['id']}").status == 404


def test_one_that_is_no_more(ventanas):
    ventanas.permitir("404")
    page = ventanas.abrir("#/dispositivo/999999")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Probar otra vez")).to_be_visible()


@movil_y_mesa
def test_notices_are_seen_and_solved(casa, ventanas, talla):
    device = casa.aparato("LGT0", f"Negada {talla}")
    casa.http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    casa.rechazar(device["serial_number"], "sin agua")
    page = ventanas.abrir("#/avisos")
    viva(page)
    row = page.get_by_role("listitem").filter(has_text=f"Negada {talla}")
    expect(row).to_contain_text("Nuevo:")
    row.get_by_role("button", name="Visto").click()
    expect(row).not_to_contain_text("Nuevo:")
    row.get_by_role("button", name="Resuelto").click()
    expect(row).to_contain_text("resuelto")
    expect(row).not_to_contain_text(device["serial_number"])
    row.get_by_role("link", name=f"Negada {talla}").click()
    expect(page.get_by_role("heading", level=1, name=f"Negada {talla}")).to_be_visible()


def test_notices_are_told_in_english_too(casa, ventanas):
    device = casa.aparato("LGT0", "Refused")
    casa.http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    casa.rechazar(device["serial_number"], "sin agua")
    page = ventanas.abrir("#/avisos", idioma="en")
    link = page.get_by_role("link", name="Refused did not do what it was asked")
    expect(link).to_be_visible()
    assert link.get_attribute("lang") is None


@pytest.mark.parametrize(("talla", "tema"), [("estrecho", "oscuro"), ("escritorio", "claro")])
def test_for_everyone(casa, ventanas, termometro, tema, talla):
    page = open_device(ventanas, termometro, tema=tema, talla=talla)
    viva(page)
    expect(page.locator("path.linea")).not_to_have_count(0)
    for titulo in ("Órdenes", "Registro", "Ajustes"):
        abrir(page, titulo)
    expect(part(page, "Registro").locator("li")).not_to_have_count(0)
    sin_faltas(page)
    sin_desborde(page)
    page.locator("iot-grafica").get_by_role("button", name="Tabla").click()
    sin_faltas(page)
    page = ventanas.abrir("#/avisos", tema=tema, talla=talla)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    sin_faltas(page)
    sin_desborde(page)
