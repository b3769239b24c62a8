"""People and the house in a real browser: signing in, accounts, tokens, rooms, scenes, backups, health, audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, expect

from tests.support.casa_viva import Casa
from tests.support.navegador import Ventanas, caja, movil_y_mesa, sin_faltas, vigiladas
from tests.support.pagina import ficha, viva
from tests.support.procesos import wait_until

CLAVE = "tres palabras bien sueltas"


@contextmanager
def asked(page: Page) -> Iterator[Any]:
    """The dialog that is open; it is closed by what is done in it."""
    dialog = page.get_by_role("dialog").last
    expect(dialog).to_be_visible()
    yield dialog
    expect(page.get_by_role("dialog")).to_have_count(0)


def listed(page: Page, text: str) -> Any:
    return page.locator("main li.tarjeta").filter(has_text=text)


def account(casa: Casa, nombre: str, rol: str = "miembro", **more: Any) -> None:
    answer = casa.http.post("/usuarios", {"nombre": nombre, "clave": CLAVE, "rol": rol, **more})
    assert answer.status == 201, answer.text


@movil_y_mesa
def test_rooms_are_made_filled_and_let_go(casa, ventanas, talla):
    device = casa.aparato("LGT0", f"Mudada {talla}")
    room = f"Desván {talla}"
    page = ventanas.abrir("#/mas/habitaciones", talla=talla)
    viva(page)
    page.get_by_label("Habitación nueva").fill(room)
    page.get_by_role("button", name="Añadir", exact=True).click()
    page.get_by_role("button", name=f"Cambiar {room}").click()
    with asked(page) as dialog:
        dialog.get_by_label(device["nombre"]).check()
        dialog.get_by_role("button", name="Guardar").click()
    expect(listed(page, room)).to_contain_text(device["nombre"])
    page.get_by_role("button", name=f"Borrar {room}").click()
    with asked(page) as dialog:
        dialog.get_by_role("button", name="Borrar").click()
    expect(listed(page, room)).to_have_count(0)
    assert casa.http.get(f"/dispositivos/{device['id']}").json["habitacion_id"] is None


@movil_y_mesa
def test_a_scene_is_made_and_applied_from_the_house(casa, ventanas, talla):
    device, scene = casa.aparato("LGT0", f"De escena {talla}"), f"Cine {talla}"
    page = ventanas.abrir("#/mas/escenas")
    viva(page)
    page.get_by_role("button", name="Escena nueva").click()
    with asked(page) as dialog:
        dialog.get_by_label("Nombre").fill(scene)
        dialog.get_by_label(device["nombre"]).select_option(label="Encendido")
        dialog.get_by_role("button", name="Guardar").click()
    expect(listed(page, scene)).to_contain_text(f"Encendido: {device['nombre']}")
    page.goto(page.url.split("#")[0] + "#/")
    page.get_by_role("button", name=scene, exact=True).click()
    expect(page.locator(".dicho")).to_contain_text(f"«{scene}» está pedida")
    expect(ficha(page, device["nombre"]).locator(".dice")).to_have_text("Encendiendo…")
    casa.obedecer(device["serial_number"])
    expect(ficha(page, device["nombre"]).locator(".dice")).to_have_text("Encendido")


def test_what_else_a_scene_says_is_kept(casa, ventanas):
    device = casa.aparato("FAN0", "Con modo")
    actions = [{"dispositivo_id": device["id"], "configuracion": {"modo": "manual", "encendido": True}}]
    made = casa.http.post("/escenas", {"nombre": "Rica", "acciones": actions}).json
    page = ventanas.abrir("#/mas/escenas")
    viva(page)
    page.get_by_role("button", name="Cambiar Rica").click()
    with asked(page) as dialog:
        dialog.get_by_label("Con modo").select_option(label="Apagado")
        dialog.get_by_role("button", name="Guardar").click()
    found = casa.http.get(f"/escenas/{made['id']}").json["acciones"][0]["configuracion"]
    assert found == {"modo": "manual", "encendido": False}


@movil_y_mesa
def test_name_place_and_holidays(casa, ventanas):
    page = ventanas.abrir("#/mas/casa")
    viva(page)
    page.get_by_label("Nombre").fill("Casa del lago")
    page.get_by_label("Zona horaria").fill("Europe/Madrid")
    page.get_by_label("Latitud").fill("40.4")
    page.get_by_label("Longitud").fill("-3.7")
    for day in ("2026-12-24", "2026-12-25", "2027-01-06"):
        page.get_by_label("Festivo nuevo").fill(day)
        if day < "2027":  # the last is written and not added: saving takes it all the same
            page.get_by_role("button", name="Añadir").click()
    page.get_by_role("button", name="Quitar 24 de diciembre de 2026").click()
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator(".nombre-casa")).to_have_text("Casa del lago")
    found = casa.http.get("/casa").json
    assert (found["latitud"], found["festivos"]) == (40.4, ["2026-12-25", "2027-01-06"])


def test_a_wrong_zone_is_said_beside_what_was_written(casa, ventanas):
    ventanas.permitir("422")
    page = ventanas.abrir("#/mas/casa")
    viva(page)
    page.get_by_label("Zona horaria").fill("Europa/Madriz")
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_role("alert").filter(has_text=re.compile("zona", re.IGNORECASE))).to_be_visible()
    expect(page.get_by_label("Zona horaria")).to_have_value("Europa/Madriz")


@movil_y_mesa
def test_accounts_with_a_part_of_the_house(casa, ventanas):
    """Made, limited, shut out, deleted."""
    casa.sala("Cuarto de Luis")
    page = ventanas.abrir("#/mas/cuentas")
    viva(page)
    page.get_by_role("button", name="Cuenta nueva").click()
    with asked(page) as dialog:
        dialog.get_by_label("Usuario").fill("luis")
        dialog.get_by_label("Contraseña").fill(CLAVE)
        dialog.get_by_label("Qué puede").select_option("invitado")
        dialog.get_by_label("Solo una parte de la casa").check()
        dialog.get_by_label("Cuarto de Luis").check()
        dialog.get_by_role("button", name="Añadir").click()
    expect(listed(page, "luis")).to_contain_text("Invitado · Cuarto de Luis")
    page.get_by_role("button", name="Cambiar la cuenta de luis").click()
    with asked(page) as dialog:
        dialog.get_by_label("Puede entrar").select_option(label="No")
        dialog.get_by_role("button", name="Guardar").first.click()
    expect(listed(page, "luis")).to_contain_text("no puede entrar")
    page.get_by_role("button", name="Cambiar la cuenta de luis").click()
    page.get_by_role("dialog").get_by_role("button", name="Borrar a luis").click()
    page.get_by_role("dialog").last.get_by_role("button", name="Borrar", exact=True).click()
    expect(listed(page, "luis")).to_have_count(0)


@movil_y_mesa
def test_a_token_is_shown_once_and_revoked(casa, ventanas, talla):
    account(casa, f"marta.{talla}", "administrador")
    page = ventanas.abrir("#/mas/accesos")
    viva(page)
    page.get_by_role("button", name="Token nuevo").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Nombre").fill("tableta")
    dialog.get_by_label("Usuario").fill(f"marta.{talla}")
    dialog.get_by_role("button", name="Crear").click()
    shown = page.get_by_role("dialog", name="tableta").get_by_label("Copiar").first
    expect(shown).to_have_value(re.compile("^iot_"))
    page.get_by_role("button", name="Ya lo tengo").click()
    row = listed(page, "tableta")
    expect(row).to_contain_text(f"Ver y encender · marta.{talla} · sin usar")
    row.get_by_role("button", name="Revocar").click()
    expect(row).to_have_count(0)


@movil_y_mesa
def test_a_backup_is_made_and_taken_away(casa, ventanas):
    page = ventanas.abrir("#/mas/respaldos")
    viva(page)
    page.get_by_role("button", name="Hacer uno ahora").click()
    row = page.locator("li.tarjeta").first
    expect(row).to_be_visible(timeout=20_000)
    box = caja(row.locator("p"))
    assert box["width"] > 120, "its buttons leave room for its words, or are below them"
    with page.expect_download() as started:
        row.get_by_role("link", name="Descargar").click()
    assert started.value.path().stat().st_size > 1000
    row.get_by_role("button", name="Volver a este").click()
    expect(page.get_by_role("dialog")).to_contain_text("El programa se reinicia")
    page.get_by_role("dialog").get_by_role("button", name="Cancelar").click()


@movil_y_mesa
def test_health_in_plain_words(ventanas):
    page = ventanas.abrir("#/mas/salud")
    expect(page.locator(".grande")).to_be_visible()
    part = page.locator("li", has_text="Conexión con los dispositivos")
    expect(part).to_contain_text("conectado")
    part.locator("summary").click()
    expect(part.locator("dt").first).to_be_visible()


def test_health_speaks_english_too(casa, ventanas):
    """A house that is well is told of without a word of Spanish."""
    casa.http.post("/respaldos", {})
    wait_until(lambda: casa.http.get("/salud").json["respaldos"]["ultimo"], 20, "a backup")
    page = ventanas.abrir("#/mas/salud", idioma="en")
    parts = page.locator("li", has=page.locator("summary"))
    expect(parts.filter(has_text="Connection to the devices")).to_contain_text("connected to the broker")
    expect(parts.filter(has_text="Backups").locator("small")).to_have_text(re.compile(r"^the last one: .*\d\d:\d\d$"))
    expect(parts.locator("small[lang=es]")).to_have_count(0)


@movil_y_mesa
def test_the_audit_says_who_did_what(casa, ventanas):
    casa.aparato("LGT0", "Anotada en el registro")
    page = ventanas.abrir("#/mas/registro")
    expect(page.locator(".registro li").filter(has_text="Reclamado").first).to_contain_text("red de confianza")


def test_another_phone_is_told_an_address_that_it_reaches(ventanas):
    page = ventanas.abrir("#/mas/telefono")
    expect(page.get_by_role("heading", name="Abrir en otro teléfono")).to_be_visible()
    expect(page.locator(".secreto input")).to_have_value(re.compile("^http://"))


@movil_y_mesa
def test_language_and_theme_are_this_browsers(ventanas):
    page = ventanas.abrir("#/mas")
    page.get_by_label("Aspecto").select_option("oscuro")
    expect(page.locator("html")).to_have_attribute("data-tema", "oscuro")
    page.get_by_label("Idioma").select_option("en")
    expect(page.get_by_role("heading", level=1)).to_have_text("More")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("More")


@movil_y_mesa
def test_the_first_account_then_out_and_in_again(navegador, own_parts, talla):
    """In a house that asks everybody for an account: by the code that the start showed; a wrong password is told; who
    signs in comes to where they were going."""
    backend = own_parts.backend(own_parts.mosquitto(), start=False, TRUSTED_NETWORKS="[]")
    backend.launch()
    code = wait_until(lambda: re.search(r"con el código\s+(\S+)", backend.process.log()), 20, "the code is shown")
    with vigiladas(Ventanas(navegador, f"http://127.0.0.1:{backend.port}/", talla)) as ventanas:
        ventanas.permitir("401", "403", "422")
        page = ventanas.abrir("#/mas/cuentas")
        expect(page.get_by_role("heading", name="Bienvenida")).to_be_visible()
        sin_faltas(page)
        page.get_by_label("Código de instalación").fill(code[1])
        page.get_by_label("Usuario").fill("ana")
        page.get_by_label("Contraseña").fill(CLAVE)
        page.get_by_role("button", name="Crear la cuenta").click()
        expect(listed(page, "ana")).to_contain_text("Administra")
        page.goto(page.url.split("#")[0] + "#/mas")
        page.get_by_role("button", name="Salir").click()
        expect(page.get_by_role("heading", name="Entrar en casa")).to_be_visible()
        sin_faltas(page)
        page.get_by_label("Usuario").fill("ana")
        page.get_by_label("Contraseña").fill("no es esta")
        page.get_by_role("button", name="Entrar").click()
        expect(page.get_by_role("alert")).to_contain_text("no son esos")
        page.get_by_label("Contraseña").fill(CLAVE)
        page.get_by_role("button", name="Entrar").click()
        viva(page)
        expect(page.get_by_role("heading", level=1, name="Casa")).to_be_visible()
