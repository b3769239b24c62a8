"""The pages on scenes and rules: their commands work one after another in a new house, and their numbers are true."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from app.domain.regla import MAX_CADENA, MAX_HOJAS, MAX_HONDO
from app.escenas import MAX_ESCENAS
from app.grupos import MAX_GRUPOS
from app.habitaciones import MAX_HABITACIONES
from app.masivo import MAX_DISPOSITIVOS
from app.motor import HEREDA_S, MAX_DISPAROS, SAVE_S, VENTANA_S
from app.reglas import EN_BUCLE, MAX_REGLAS
from app.schemas_reglas import MAX_ACCIONES
from tests.docs.paginas import blocks, read
from tests.support.backend import Backend
from tests.support.mqtt import own_topic

SCENES, RULES = read("docs/control-escenas.md"), read("docs/control-reglas.md")


@pytest.fixture
def house(parts, mosquitto) -> Iterator[Backend]:
    """A house whose only device is number 1."""
    made = parts.backend(mosquitto, MQTT_CLIENT_ID="casa-paginas")
    with parts.client(made) as client:
        client.publish(own_topic("TMP0603IF1WD"), {"estado": "activo", "parametros": {"temp": 23.4}})
        assert made.wait_device("TMP0603IF1WD")["id"] == 1
    yield made
    made.stop()


@pytest.mark.parametrize("page", [SCENES, RULES], ids=["escenas", "reglas"])
def test_the_commands_work(house: Backend, page: str) -> None:
    """From top to bottom, as somebody would paste them."""
    for block in blocks(page):
        script = block.text.replace("curl ", "curl -sS --fail-with-body ").replace(":5000/", f":{house.port}/")
        done = subprocess.run(["bash", "-e", "-c", script], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, f"line {block.line}: {done.stdout}{done.stderr}"
        assert '"error":"' not in done.stdout


def test_the_numbers_are_the_programs() -> None:
    scenes, rules = (" ".join(page.split()) for page in (SCENES, RULES))
    assert f"{MAX_HABITACIONES} habitaciones, {MAX_GRUPOS} grupos y {MAX_ESCENAS} escenas" in scenes
    assert f"{MAX_DISPOSITIVOS} dispositivos en un grupo" in scenes
    assert f"{MAX_REGLAS} reglas, de {MAX_ACCIONES} acciones" in rules
    assert (MAX_HONDO, MAX_HOJAS, MAX_CADENA, HEREDA_S, SAVE_S) == (4, 16, 4, 60, 1)
    assert "hasta cuatro niveles y dieciséis cosas" in rules
    assert "la quinta no se ejecuta" in rules
    assert f"más de {MAX_DISPAROS} veces en un minuto" in rules
    assert VENTANA_S == 60
    assert re.search(rf"`{EN_BUCLE}`", rules)
