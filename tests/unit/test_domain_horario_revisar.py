"""The linter of schedules, one remark at a time, and the hard errors of the keys beside ``horarios``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.horario import Casa, revisar, validar

MADRID = Casa("Europe/Madrid", 40.4168, -3.7038, (date(2026, 12, 25),))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=ZoneInfo("Europe/Madrid"))
DAY = {"inicio": "07:00", "fin": "09:00"}
MORNING = {"diario": [["07:00", "on"], ["23:00", "off"]]}


def said(casa: Casa = MADRID, **configuracion: Any) -> list[tuple[str, str]]:
    """(field, code) of every remark, the field without its common beginning."""
    found = revisar({"modo": "horario", **configuracion}, casa, NOW)
    assert all(a.mensaje.endswith(".") and a.campo.startswith("configuracion") for a in found)
    return [(a.campo.removeprefix("configuracion."), a.codigo) for a in found]


@pytest.mark.parametrize(
    "horarios",
    [
        [DAY],
        [DAY, {"inicio": "09:00", "fin": "10:00"}],
        [
            {"dias": ["domingo"], "inicio": "22:00", "fin": "06:00"},
            {"dias": ["lunes"], "inicio": "06:00", "fin": "7:00"},
        ],
        [{"inicio": "atardecer", "fin": "23:30"}],
        [{"inicio": "atardecer+30", "fin": "amanecer"}],
        MORNING,
        {"lunes": [["07:00", "on"]], "martes": [["07:00", "off"]]},
        {"diario": [["atardecer", "on"], ["23:00", "off"]]},
        None,
    ],
)
def test_good_schedules_are_left_alone(horarios: Any) -> None:
    assert said(horarios=horarios) == []


CASES = [
    ({"horarios": [{"inicio": "07:00", "fin": "07:00"}]}, [("horarios[0]", "dia_entero")]),
    ({"horarios": [DAY, {"inicio": "08:00", "fin": "10:00"}]}, [("horarios[1]", "solapado")]),
    ({"horarios": [DAY, {"dias": ["lunes"], "inicio": "07:30", "fin": "08:00"}]}, [("horarios[1]", "solapado")]),
    (
        {
            "horarios": [
                {"dias": ["domingo"], "inicio": "22:00", "fin": "06:00"},
                {"dias": ["lunes"], "inicio": "05:00", "fin": "08:00"},
            ]
        },
        [("horarios[1]", "solapado")],
    ),
    ({"horarios": [{**DAY, "dias": ["lunes", "lunnes"]}]}, [("horarios[0].dias[1]", "dia_desconocido")]),
    (
        {"horarios": [{**DAY, "dias": ["lunnes"]}]},
        [("horarios[0].dias[0]", "dia_desconocido"), ("horarios[0]", "nunca")],
    ),
    ({"horarios": {"lunnes": [["07:00", "on"]]}}, [("horarios.lunnes", "dia_desconocido")]),
    ({"horarios": [{"inicio": "25:00", "fin": "09:00"}]}, [("horarios[0].inicio", "hora_invalida")]),
    ({"horarios": [{"start": "07:00", "end": "amanezer"}]}, [("horarios[0].end", "hora_invalida")]),
    ({"horarios": {"lunes": [["7h", "on"]]}}, [("horarios.lunes[0][0]", "hora_invalida")]),
    (
        {"horarios": {"diario": [["07:00", "quizá"], *MORNING["diario"]]}},
        [("horarios.diario[0][1]", "estado_invalido")],
    ),
    ({"horarios": 7}, [("horarios", "forma_desconocida")]),
    (
        {"horarios": {"diario": [["07:00", "on"], ["08:00", "on"], ["23:00", "off"]]}},
        [("horarios.diario[1]", "sin_efecto")],
    ),
    ({"horarios": {"diario": [["07:00", "on"], ["08:00", "on"]]}}, [("horarios", "sin_efecto")]),
    (
        {"horarios": {"diario": [["07:00", "off"], ["07:00", "on"], ["23:00", "off"]]}},
        [("horarios.diario[0]", "solapado")],
    ),
    ({"horarios": [{"inicio": "02:10", "fin": "02:50"}]}, [("horarios[0]", "vacio")]),
    ({"horarios": [{"inicio": "19:00", "fin": "atardecer"}]}, [("horarios[0]", "vacio")]),
    ({"horarios": [{"inicio": "23:30", "fin": "atardecer"}]}, [("horarios[0]", "vacio")]),
    (
        {"horarios": MORNING, "excepciones": [{"desde": "2026-11-23", "encendido": False}]},
        [("excepciones[0]", "pasada")],
    ),
    (
        {
            "horarios": [DAY],
            "excepciones": [{"desde": "2020-01-01", "hasta": "2020-12-31", "cada_ano": True, "encendido": False}],
        },
        [("horarios[0]", "nunca")],
    ),
    (
        {
            "excepciones": [
                {"desde": "2026-12-01", "encendido": True},
                {"desde": "2026-11-01", "hasta": "2026-12-31", "encendido": False},
            ]
        },
        [("excepciones[0]", "nunca")],
    ),
    ({"horarios": [DAY], "excepciones": [{"desde": "2026-12-01"}]}, [("excepciones[0]", "vacio")]),
    ({"horarios": [DAY], "saltar": ["2026-11-23T06:00:00Z"]}, [("saltar[0]", "pasada")]),
    ({"horarios": [DAY], "saltar": ["2026-11-25T06:00:00Z", "2026-11-26T06:01:00Z"]}, [("saltar[1]", "nunca")]),
    (
        {
            "horarios": [DAY],
            "anulacion": {"encendido": True, "desde": "2026-11-20T00:00:00Z", "hasta": "2026-11-21T00:00:00Z"},
        },
        [("anulacion", "pasada")],
    ),
    ({"horarios": [DAY], "modo": "manual"}, [("modo", "modo_manual")]),
    ({"horarios": [DAY], "zona": "Marte/Base"}, [("zona", "zona_desconocida")]),
    (
        {"horarios": [{"inicio": "07:00"}] * 2},
        [("horarios[0].fin", "hora_invalida"), ("horarios[1].fin", "hora_invalida")],
    ),
]


@pytest.mark.parametrize(("configuracion", "expected"), CASES)
def test_what_a_person_should_look_at(configuracion: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Each once, at the field that has it."""
    assert said(**configuracion) == expected


def test_sun_slots_without_coordinates_are_named() -> None:
    horarios = [DAY, {"inicio": "atardecer", "fin": "23:00"}]
    assert said(Casa("Europe/Madrid"), horarios=horarios) == [("horarios[1]", "sin_coordenadas")]


def test_polar_night_and_day_are_named() -> None:
    """In Tromsø the sun neither rises nor sets for weeks, at the pole it never does either on a day."""
    horarios = [{"inicio": "amanecer", "fin": "12:30"}]
    assert ("horarios[0]", "nunca") in said(Casa("Europe/Oslo", 69.65, 18.95), horarios=horarios)
    assert ("horarios[0]", "nunca") in said(Casa("UTC", 90.0, 0.0), horarios=horarios)


def test_the_remarks_are_bounded() -> None:
    assert len(revisar({"horarios": [{}] * 256, "excepciones": [7] * 1000}, MADRID, NOW)) == 50


HARD = [
    ({"zona": "Marte/Base"}, "zona"),
    ({"zona": 7}, "zona"),
    ({"zona": "../../etc/passwd"}, "zona"),
    ({"excepciones": {}}, "excepciones"),
    ({"excepciones": [{"desde": "2026-01-01", "encendido": True}] * 65}, "excepciones"),
    ({"excepciones": ["x"]}, "excepciones[0]"),
    ({"excepciones": [{"desde": "2026-02-30", "encendido": True}]}, "excepciones[0].desde"),
    ({"excepciones": [{"encendido": True}]}, "excepciones[0].desde"),
    ({"excepciones": [{"desde": "2026-02-02", "hasta": "2026-02-01", "encendido": True}]}, "excepciones[0].hasta"),
    ({"excepciones": [{"desde": "2026-02-02", "hasta": 3, "encendido": True}]}, "excepciones[0].hasta"),
    ({"excepciones": [{"desde": "2026-02-02", "encendido": "quizá"}]}, "excepciones[0].encendido"),
    ({"excepciones": [{"desde": "2026-02-02"}]}, "excepciones[0]"),
    ({"excepciones": [{"desde": "2026-02-02", "encendido": True, "nombre": 3}]}, "excepciones[0].nombre"),
    ({"excepciones": [{"desde": "2026-02-02", "encendido": True, "cada_ano": "sí"}]}, "excepciones[0].cada_ano"),
    ({"excepciones": [{"desde": "2026-02-02", "horarios": "x"}]}, "excepciones[0].horarios"),
    ({"excepciones": [{"desde": "2026-02-02", "horarios": [{"inicio": "9"}]}]}, "excepciones[0].horarios[0].inicio"),
    ({"festivos": "navidad"}, "festivos"),
    ({"festivos": {}}, "festivos"),
    ({"saltar": "2026-01-01T00:00:00Z"}, "saltar"),
    ({"saltar": ["mañana"]}, "saltar[0]"),
    ({"anulacion": True}, "anulacion"),
    ({"anulacion": {"desde": "2026-01-01T00:00:00Z"}}, "anulacion.encendido"),
    ({"anulacion": {"encendido": True, "desde": 3}}, "anulacion.desde"),
    ({"anulacion": {"encendido": True, "desde": "2026-01-02T00:00Z", "hasta": "2026-01-01T00:00Z"}}, "anulacion.hasta"),
]


@pytest.mark.parametrize(("configuracion", "campo"), HARD)
def test_what_makes_no_sense_is_refused_at_its_field(configuracion: dict[str, Any], campo: str) -> None:
    assert validar(configuracion)[0].campo == f"configuracion.{campo}"


@pytest.mark.parametrize(
    "configuracion",
    [
        {},
        dict.fromkeys(("zona", "excepciones", "festivos", "saltar", "anulacion")),
        {"horarios": "left to the schemas"},
        {"zona": "America/Argentina/Buenos_Aires", "festivos": "domingo", "saltar": ["2026-11-25T06:00:00.5+01:00"]},
        {
            "excepciones": [
                {
                    "nombre": "Navidad",
                    "desde": "2026-12-24",
                    "hasta": "2026-12-26",
                    "cada_ano": True,
                    "encendido": "off",
                }
            ]
        },
        {"excepciones": [{"desde": "2026-12-24", "horarios": []}], "festivos": {"horarios": MORNING}},
        {"anulacion": {"encendido": False, "desde": "2026-01-01T00:00:00Z", "hasta": None}},
    ],
)
def test_what_makes_sense_is_let_through(configuracion: dict[str, Any]) -> None:
    assert validar(configuracion) == []
