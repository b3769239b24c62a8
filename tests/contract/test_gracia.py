"""After a wish by HTTP, a legacy device's stale reports do not undo it; its own will does (COMMAND_GRACE_S)."""

from __future__ import annotations

import pytest

from tests.support.procesos import wait_until

ON, OFF = "activo", "inactivo"
GRACE = 3


@pytest.fixture(scope="module")
def settings():
    return {"COMMAND_GRACE_S": GRACE}


@pytest.fixture
def report(backend, mqtt):
    """Report estado with a step number, and wait until that very report shows."""

    def send(serial, estado, step):
        mqtt.publish("dispositivos/estado", {"serial_number": serial, "estado": estado, "parametros": {"paso": step}})
        return backend.wait_device(serial, parametros={"paso": step})

    return send


def test_a_repeated_report_does_not_undo_the_wish_during_the_grace(backend, http, report, serial):
    device = report(serial, ON, 1)
    assert (
        http.put(f"/dispositivos/{device['id']}", {"configuracion": {"modo": "manual", "encendido": False}}).json[
            "estado"
        ]
        == OFF
    )
    stale = report(serial, ON, 2)
    assert (stale["estado"], stale["configuracion"]["encendido"]) == (OFF, False)
    confirmed = report(serial, OFF, 3)
    assert confirmed["estado"] == OFF
    # Confirmed: from here on a report is the device's own will, at once.
    assert report(serial, ON, 4)["estado"] == ON


def test_after_the_grace_the_report_rules(backend, http, report, serial):
    device = report(serial, ON, 1)
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    step = iter(range(2, 1000))
    wait_until(lambda: report(serial, ON, next(step))["estado"] == ON, GRACE + 3, "the report rules", every=0.3)


def test_the_late_answer_to_an_overtaken_wish_does_not_undo_the_newest(backend, http, report, serial):
    """Reported OFF, wished ON, wished OFF within one poll: the device's answer to the first wish changes nothing."""
    device = report(serial, OFF, 1)
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    late = report(serial, ON, 2)
    assert late["estado"] == OFF
    assert late["deriva"]["encendido"]["reportado"] is True
    assert report(serial, OFF, 3)["deriva"] == {}


def test_a_report_in_the_grace_still_updates_what_it_measured(backend, http, report, serial):
    device = report(serial, ON, 1)
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    now = report(serial, ON, 2)
    assert now["parametros"] == {"paso": 2}
    assert backend.logs(device["id"])["total"] == 3
