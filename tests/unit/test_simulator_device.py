# ruff: noqa: DTZ001  a device's clock is the local one, without a zone
"""What a device does with a configuration."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from simulator.catalogue import KINDS
from simulator.device import Device, Spec

LUZ = next(kind for kind in KINDS if kind.prefix == "LGT0")
NOON = datetime(2026, 11, 23, 12, 0)
WINDOW = [{"dias": ["todos"], "inicio": "11:00", "fin": "13:00"}]


def light(estilo: str = "moderno") -> Device:
    return Device(Spec("LGT0AAAAAAAA", LUZ, estilo), 1)


def test_the_report_is_the_wire_object() -> None:
    """Three keys, compact, also while the device is off."""
    device = light()
    assert device.next_reports(0.0) == [b'{"serial_number":"LGT0AAAAAAAA","estado":"activo","parametros":{}}']
    device.apply({"encendido": False})
    assert json.loads(device.next_reports(0.0)[0])["estado"] == "inactivo"


def test_manual_mode_obeys_encendido_and_interval() -> None:
    """A whole configuration replaces the one before."""
    device = light()
    device.apply({"modo": "manual", "encendido": False, "intervalo_envio": 2.5})
    assert (device.estado, device.interval) == ("inactivo", 2.5)
    assert device.follow_schedule(NOON) is False
    device.apply({"encendido": True})
    assert (device.estado, device.interval) == ("activo", 2.5)


def test_a_legacy_device_in_schedule_mode_obeys_the_clock() -> None:
    """``encendido`` does not switch it then; a flip is told once."""
    device = light("legado")
    device.apply({"modo": "HORARIO", "encendido": False, "horarios": WINDOW})
    assert device.estado == "activo"
    assert device.follow_schedule(NOON) is False
    assert device.follow_schedule(NOON.replace(hour=14)) is True
    assert (device.estado, device.configuracion["encendido"]) == ("inactivo", False)
    assert device.follow_schedule(NOON.replace(hour=15)) is False


def test_a_modern_device_in_schedule_mode_obeys_the_backend() -> None:
    """``encendido`` switches it in every mode, its own clock never does."""
    device = light()
    device.apply({"modo": "horario", "encendido": False, "horarios": WINDOW})
    assert (device.estado, device.follow_schedule(NOON), device.estado) == ("inactivo", False, "inactivo")
    device.apply({"modo": "horario", "encendido": True, "horarios": []})
    assert (device.estado, device.follow_schedule(NOON.replace(hour=14)), device.estado) == ("activo", False, "activo")


def test_a_report_echoes_the_version_and_says_what_is_refused() -> None:
    """Both beside the three keys, and only when there is something to say."""
    device = light()
    device.version = 7
    report = b'{"serial_number":"LGT0AAAAAAAA","estado":"activo","parametros":{},"version":7'
    assert device.next_reports(0.0) == [report + b"}"]
    assert device.reports(0.0, {"version": 8, "motivo": "no"}) == [report + b',"rechazo":{"version":8,"motivo":"no"}}']


@pytest.mark.parametrize("nonsense", ["10", True, None, float("nan"), float("inf"), [], {}])
def test_a_senseless_configuration_leaves_things_as_they_are(nonsense: Any) -> None:
    """Interval and switch keep their values; an interval stays within bounds."""
    device = light()
    device.apply({"intervalo_envio": nonsense, "encendido": "no", "modo": nonsense, "horarios": nonsense})
    assert (device.estado, device.interval) == ("activo", 10.0)


def test_the_interval_has_bounds() -> None:
    """0 would be a flood, a year would be silence."""
    device = light()
    device.apply({"intervalo_envio": -5})
    assert device.interval == 0.05
    device.apply({"intervalo_envio": 10**12})
    assert device.interval == 3600
