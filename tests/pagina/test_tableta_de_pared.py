"""A tablet on the wall never closes the page: nothing of what was shown before stays behind."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.pagina import valor, viva

ROUNDS = 6
SCREENS = ("#/horarios", "#/avisos", "#/mas", "#/anadir", "#/mas/cuentas", "#/mas/salud", "#/dispositivo/{}", "#/")


@pytest.fixture(scope="module")
def settings():
    return {"INGEST_DEVICE_RATE": 0}


def counts(session) -> dict[str, int]:
    """Elements and listeners that are still held, after what can be let go was let go."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    told = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    return {name: int(told[name]) for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}


def go_round(page, sensor) -> None:
    for address in SCREENS:
        page.evaluate("a => { location.hash = a }", address.format(sensor))
        page.wait_for_function("() => document.querySelector('h1') && !document.querySelector('main [aria-busy=true]')")
        page.wait_for_timeout(150)


def test_screens_leave_nothing_behind(casa, ventanas):
    """Going round all of them again and again holds no more elements, no more listeners, no more memory."""
    sensor = casa.aparato("TMP0", "Termómetro", sala="Salón")
    casa.aparato("LGT0", "Lámpara")
    page = ventanas.abrir("#/", talla="tableta")
    viva(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    for _ in range(2):  # what is loaded once
        go_round(page, sensor["id"])
    before = counts(session)
    for _ in range(ROUNDS):
        go_round(page, sensor["id"])
    after = counts(session)
    assert after["Nodes"] <= before["Nodes"] + 50, (before, after)
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 5, (before, after)
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] * 1.2, (before, after)


def test_changes_leave_nothing_behind(casa, ventanas):
    """Thousands of reports: each is drawn where the one before was."""
    sensores = [casa.aparato("TMP0", f"Sonda {n}") for n in range(5)]
    page = ventanas.abrir("#/", talla="tableta")
    viva(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def speak(base: int) -> None:
        for n in range(300):
            for s in sensores:
                topic = f"dispositivos/{s['serial_number']}/estado"
                casa.mqtt.publish(topic, {"parametros": {"temperatura": base + n / 10}}, wait=False)
        for s in sensores:
            casa.informar(s["serial_number"], parametros={"temperatura": base})
            expect(valor(page, s["nombre"])).to_have_text(f"{base},0 °C")

    speak(10)
    before = counts(session)
    speak(20)
    speak(30)
    after = counts(session)
    assert after["Nodes"] <= before["Nodes"] + 50, (before, after)
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 5, (before, after)
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] * 1.2, (before, after)
