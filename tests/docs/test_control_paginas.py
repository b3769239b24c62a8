"""The pages on control: their commands work one after another in a new house, what they show comes out, their numbers
are true, and the English ones say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.consultas import MAX_ESPERAR_S
from app.domain.conectividad import DOUBT, LOST, MAX_S, MIN_S, WILL_GRACE_S
from app.domain.orden import ESTADOS, EXPECTED_REPORTS
from app.domain.regla import MAX_CADENA, MAX_HOJAS, MAX_HONDO
from app.escenas import MAX_ESCENAS
from app.espera import MAX_ESPERAS
from app.grupos import MAX_GRUPOS
from app.habitaciones import MAX_HABITACIONES
from app.masivo import MAX_DISPOSITIVOS
from app.motor import HEREDA_S, MAX_DISPAROS, SAVE_S, VENTANA_S
from app.reglas import EN_BUCLE, MAX_REGLAS
from app.routes_prueba import ABIERTA, RESULTADOS, SIN_ORDEN
from app.schemas_reglas import MAX_ACCIONES
from config import Config
from tests.docs.paginas import Bloque, blocks, control_pages, inline_code, links, prose, read
from tests.docs.recorrido import check_shape
from tests.support.backend import Backend
from tests.support.mqtt import own_topic
from tests.support.procesos import ROOT, require, wait_until

NAMES = control_pages()
RUN = (
    "control-escenas.md",
    "control-ordenes.md",
    "control-reglas.md",
    "control-vida.md",
    "historial.md",
    "respaldo.md",
)
"""Those whose blocks are run here; the bodies of control-horarios.md are tried in test_control_horarios.py."""


@pytest.fixture
def house(parts, mosquitto) -> Iterator[Backend]:
    """A house whose only device is number 1."""
    made = parts.backend(mosquitto, MQTT_CLIENT_ID="casa-paginas")
    with parts.client(made) as client:
        body = {"estado": "activo", "parametros": {"temp": 23.4}, "configuracion": {"intervalo_envio": 30}}
        client.publish(own_topic("TMP0603IF1WD"), body)
        assert made.wait_device("TMP0603IF1WD")["id"] == 1
    yield made
    made.stop()


@pytest.mark.parametrize("name", RUN)
def test_the_page_is_true(house: Backend, name: str) -> None:
    """From top to bottom, as somebody would paste it; a JSON block is what the command before it answers."""
    said = ""
    for block in blocks(read(f"docs/{name}")):
        if block.kind == "sh":
            said = run(house, block)
        else:
            check_answer(json.loads(block.text), last_json(said))


def run(house: Backend, block: Bloque) -> str:
    """What its commands print; a message that they publish is stored when this ends."""
    stored = house.http.get("/salud").json["ingesta"]["guardados"]
    script = block.text.replace("curl ", "curl -sS --fail-with-body ").replace(":5000/", f":{house.port}/")
    script = script.replace("./iot ", f"{sys.executable} -m app.cli ").replace("instance/", f"{house.instance}/")
    if "mosquitto_pub" in script:
        require("mosquitto_pub")
        script = script.replace("-h 127.0.0.1", f"-h 127.0.0.1 -p {house.mqtt_port}")
    done = subprocess.run(
        ["bash", "-e", "-c", script], capture_output=True, text=True, timeout=20, check=False, cwd=ROOT, env=house.env()
    )
    assert done.returncode == 0, f"line {block.line}: {done.stdout}{done.stderr}"
    assert '"error":"' not in done.stdout
    if "mosquitto_pub" in script:
        wait_until(lambda: house.http.get("/salud").json["ingesta"]["guardados"] > stored, 5, "the message is stored")
    return done.stdout


def last_json(printed: str) -> Any:
    """The last of the JSON texts that were printed one after another."""
    found, end = None, 0
    while end < len(printed.rstrip()):
        found, end = json.JSONDecoder().raw_decode(printed, end)
    return found


def check_answer(shown: dict[str, Any], real: dict[str, Any]) -> None:
    """One member alone stands for itself; anything else is the whole answer."""
    check_shape(shown, {name: real[name] for name in shown} if len(shown) == 1 else real)


def test_no_block_is_left_unchecked() -> None:
    """Every page is run, or has only bodies; where there are JSON blocks in one that is run, a command comes first."""
    assert set(RUN) | {"control-horarios.md"} == set(NAMES)
    assert {b.kind for b in blocks(read("docs/control-horarios.md"))} == {"json"}
    for name in RUN:
        kinds = [b.kind for b in blocks(read(f"docs/{name}"))]
        assert set(kinds) <= {"sh", "json"}
        assert all(before == "sh" for before, kind in zip(["", *kinds], kinds, strict=False) if kind == "json")


@pytest.mark.parametrize("name", NAMES)
def test_english_says_the_same(name: str) -> None:
    """The same blocks, headings and tables, words of the wire and figures; each page leads to the other."""
    spanish, english = (read(f"docs/{n}") for n in (name, name.replace(".md", ".en.md")))
    assert [(b.kind, b.arg, b.text) for b in blocks(english)] == [(b.kind, b.arg, b.text) for b in blocks(spanish)]
    marks = [[m[0] for m in re.finditer(r"^(#+ |- |\|)", prose(page), re.MULTILINE)] for page in (spanish, english)]
    assert marks[0] == marks[1]
    assert set(inline_code(english)) == set(inline_code(spanish))
    assert figures(english) == figures(spanish)
    assert links(spanish)[0] == name.replace(".md", ".en.md")
    assert links(english)[0] == name


def figures(page: str) -> list[str]:
    found = re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"`[^`\n]*`", "", prose(page)))
    return sorted(number.replace(",", ".") for number in found)


@pytest.mark.parametrize(("page", "ending"), [("README.md", ".md"), ("README.en.md", ".en.md")])
def test_the_readme_leads_to_each(page: str, ending: str) -> None:
    """In its own language, and to no page in the other."""
    led = {
        link for link in links(read(page)) if link.startswith("docs/") and link.replace(".en.md", ".md")[5:] in NAMES
    }
    assert led == {f"docs/{name.replace('.md', ending)}" for name in NAMES}


def test_the_numbers_of_orders_are_the_programs() -> None:
    page = plain("control-ordenes.md")
    for name, shown in {"COMMAND_GRACE_S": "10 segundos", "ORDER_TTL_S": "60 segundos"}.items():
        assert f"(`{name}`, {shown}" in page
        assert getattr(Config, name) == int(shown.split()[0])
    assert f"las últimas {Config.ORDERS_KEPT} (`ORDERS_KEPT`)" in page
    assert f"hasta {MAX_ESPERAR_S}, la respuesta" in page
    assert f"hasta {MAX_ESPERAS} a la vez" in page
    assert EXPECTED_REPORTS == 3
    assert "o tres informes de los que se esperan" in page
    for estado in ESTADOS:
        assert f"| `{estado}` |" in page
    for resultado in (*RESULTADOS.values(), ABIERTA, SIN_ORDEN):
        assert f"«{resultado}»" in page


def test_the_numbers_of_liveness_are_the_programs() -> None:
    page = plain("control-vida.md")
    assert f"más de {DOUBT:g} veces".replace(".", ",") in page
    assert f"más de {LOST:g} veces" in page
    assert f"ni que {MIN_S:g} segundos" in page
    assert f"de 1 a {MAX_S:g}" in page
    assert f"en {WILL_GRACE_S:g} segundos no dice nada" in page


def plain(name: str) -> str:
    return " ".join(read(f"docs/{name}").split())


def test_the_numbers_are_the_programs() -> None:
    scenes, rules = plain("control-escenas.md"), plain("control-reglas.md")
    assert f"{MAX_HABITACIONES} habitaciones, {MAX_GRUPOS} grupos y {MAX_ESCENAS} escenas" in scenes
    assert f"{MAX_DISPOSITIVOS} dispositivos en un grupo" in scenes
    assert f"{MAX_REGLAS} reglas, de {MAX_ACCIONES} acciones" in rules
    assert (MAX_HONDO, MAX_HOJAS, MAX_CADENA, HEREDA_S, SAVE_S) == (4, 16, 4, 60, 1)
    assert "hasta cuatro niveles y dieciséis cosas" in rules
    assert "la quinta no se ejecuta" in rules
    assert f"más de {MAX_DISPAROS} veces en un minuto" in rules
    assert VENTANA_S == 60
    assert re.search(rf"`{EN_BUCLE}`", rules)
