"""Why is it on? One sentence and the chain behind it (README)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.causa import Causa
from app.domain.porque import IDIOMAS, REASONS, Hecho, Situacion, explicar, razon_de, tardanza
from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until

ROOT = Path(__file__).parents[2]


def why(http, device, language=None):
    headers = {"Accept-Language": language} if language else {}
    return http.get(f"/dispositivos/{device['id']}/porque", headers=headers)


def test_its_own_word(http, detectar):
    device = detectar(estado="activo")
    told = why(http, device).json
    assert re.fullmatch(r"«.*» figura como encendido desde el .* porque lo dijo el propio dispositivo\.", told["frase"])
    assert [step["tipo"] for step in told["cadena"]] == ["dispositivo"]


def test_asked_over_http_unproven_then_proven(backend, http, mqtt, serial):
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo", "parametros": {"n": 1}})
    device = backend.wait_device(serial, estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    told = why(http, device).json
    assert "encendido" in told["frase"]
    assert "lo pidió alguien de la red de confianza desde 127.0.0.1" in told["frase"]
    assert told["frase"].endswith("Se pidió encender y el dispositivo aún no lo ha confirmado.")
    version = http.get(f"/dispositivos/{device['id']}/ordenes").json["data"][0]["version"]
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "activo", "version": version})
    backend.wait_device(serial, deriva={})
    told = why(http, device).json
    assert re.search(r"desde 127.0.0.1, y el dispositivo lo confirmó (\d+ ms|\d+(,\d)? s) después\.$", told["frase"])
    assert [step["tipo"] for step in told["cadena"]] == ["orden", "http"]
    assert told["cadena"][1]["causa"]["desde"] == "127.0.0.1"


def test_refused(backend, http, mqtt, serial):
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo", "parametros": {"n": 1}})
    device = backend.wait_device(serial, estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    version = http.get(f"/dispositivos/{device['id']}/ordenes").json["data"][0]["version"]
    refusal = {"version": version, "motivo": "sin agua"}
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo", "rechazo": refusal})
    backend.wait_device(serial, estado="inactivo")
    assert "Se pidió encender y el dispositivo no lo hizo (sin agua)." in why(http, device).json["frase"]


def test_what_its_report_contradicts(backend, http, mqtt, serial):
    """The program's own conclusion is in the language of the sentence; the device's own words stay as they are."""
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo", "parametros": {"n": 1}})
    device = backend.wait_device(serial, estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    version = http.get(f"/dispositivos/{device['id']}/ordenes").json["data"][0]["version"]
    mqtt.publish(own_topic(serial), {"serial_number": serial, "estado": "inactivo", "version": version})
    wait_until(lambda: http.get(f"/dispositivos/{device['id']}/ordenes").json["data"][0]["cerrada_en"], 5, "its end")
    assert "el dispositivo no lo hizo (el dispositivo sigue inactivo)." in why(http, device, "es").json["frase"]
    assert "It was asked to turn on and did not (it is still off)." in why(http, device, "en").json["frase"]


def test_languages(http, detectar):
    device = detectar(estado="inactivo")
    for header, expected in ((None, "es"), ("en", "en"), ("en-GB,en;q=0.9,es;q=0.1", "en"), ("es;q=1,en;q=0.5", "es")):
        answer = why(http, device, header)
        assert (answer.headers["Content-Language"], answer.json["idioma"]) == (expected, expected)
        assert "Accept-Language" in answer.headers["Vary"]
    assert "is shown as off since" in why(http, device, "en").json["frase"]


def test_of_nobody(http):
    assert http.get("/dispositivos/999999/porque").status == 404


def test_every_kind_of_cause_has_a_sentence_in_both_languages():
    """Each ``Causa("…"`` of the source, and each kind that its docstring names."""
    used = {k for f in (ROOT / "app").rglob("*.py") for k in re.findall(r'\bCausa\("([a-z_]+)"', f.read_text("utf-8"))}
    named = set(re.findall(r"``([a-z]+)``", (Causa.__doc__ or "").split("``cadena``")[0])) & set(REASONS)
    assert used <= set(REASONS)
    for kind in used | named:
        for idioma in IDIOMAS:
            told = razon_de({"tipo": kind, "nombre": "N", "detalle": "D", "quien": "Q", "desde": "X"}, idioma)
            assert told
            assert "{" not in told


@pytest.mark.parametrize(
    ("more", "es", "en"),
    [
        ({}, "", ""),
        ({"quien": "ana", "desde": "::1"}, ", que aplicó ana desde ::1", ", applied by ana from ::1"),
        ({"detalle": "Siesta"}, ", que aplicó la regla «Siesta»", ", applied by the rule “Siesta”"),
    ],
)
def test_a_scene_names_who_applied_it(more, es, en):
    causa = {"tipo": "escena", "id": 1, "nombre": "Noche", **more}
    assert razon_de(causa, "es") == f"lo pidió la escena «Noche»{es}"
    assert razon_de(causa, "en") == f"the scene “Noche” asked for it{en}"


@pytest.mark.parametrize(
    ("seconds", "es", "en"),
    [
        (0, "1 ms", "1 ms"), (0.012, "12 ms", "12 ms"), (0.3, "0,3 s", "0.3 s"), (2.04, "2 s", "2 s"),
        (59.96, "1 min", "1 min"), (119 * 60, "119 min", "119 min"), (7200, "2 h", "2 h"), (86_400, "24 h", "24 h"),
    ],
)  # fmt: skip
def test_how_long_the_proof_took(seconds, es, en):
    assert (tardanza(seconds, "es"), tardanza(seconds, "en")) == (es, en)


@pytest.mark.parametrize(("proven", "told"), [(10, "lo confirmó 10 s después."), (-10, "lo confirmó.")])
def test_a_proof_before_the_order_is_a_clock_that_was_set_back(proven, told):
    """No duration is told then. ``desde`` is when it was asked, also where the row is the proof."""
    asked = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    closed = (asked + timedelta(seconds=proven)).isoformat()
    orden = {"id": 1, "estado": "aplicada", "causa": {"tipo": "sistema"}, "creada_en": asked.isoformat(),
             "cerrada_en": closed}  # fmt: skip
    hecho = Hecho(closed, {"tipo": "dispositivo", "orden": 1}, orden)
    frase = explicar(Situacion("Luz", "activo", hecho, {}, {}), UTC, "es")["frase"]
    assert frase.startswith("«Luz» figura como encendido desde el 24/11/2026 a las 10:00:00 porque")
    assert frase.endswith(told)


def test_an_override_without_end():
    aside = {"desde": None, "hasta": None}
    told = [explicar(Situacion("Luz", "activo", None, {}, {}, anulacion=aside), UTC, lang)["frase"] for lang in IDIOMAS]
    assert told[0].endswith("No sigue su horario hasta que se cancele la anulación.")
    assert told[1].endswith("It does not follow its schedule until the override is cancelled.")
