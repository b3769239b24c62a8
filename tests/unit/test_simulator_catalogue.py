"""The catalogue is WIRE section 6's table; templates are checked with sentences that help."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simulator.catalogue import GENERIC, KINDS, kind_of
from simulator.fleet import make_specs
from simulator.house import demo_specs
from simulator.templates import PlantillaInvalida, load_templates

TABLE = """
TMP0 sensor ST-1000 temperatura:float:20:30,humedad:int:35:65 5
CO20 sensor C2-300 co2_ppm:int:0:800 12
LUX0 sensor LX-500 luz_lux:int:0:500 8
SND0 sensor SN-200 db:float:30:80 7
MOV0 sensor MOV-200 movimiento:boolean:0:0 10
SMK0 sensor SM-150 humo_detectado:boolean:0:0 20
LGT0 actuador LGT-300 - 10
FAN0 actuador FAN-300 velocidad:int:0:3 10
SHD0 actuador SHD-400 - 8
DRL0 actuador DR-200 - 12
RGD0 actuador RG-500 - 20
CAM0 actuador CAM-900 stream_activo:boolean:0:0,alertas_movimiento:boolean:0:0 15
PLG0 actuador SP-100 consumo_w:float:0:2000 6
"""


def test_the_catalogue_is_the_wire_table() -> None:
    """Prefix, type, model, parameters and interval of all thirteen kinds."""
    rows = [
        " ".join([
            kind.prefix, kind.tipo, kind.modelo,
            ",".join(f"{p.nombre}:{p.tipo}:{p.min}:{p.max}" for p in kind.parametros) or "-", str(kind.intervalo),
        ])
        for kind in KINDS
    ]  # fmt: skip
    assert rows == TABLE.strip().splitlines()
    by_name = {rule.nombre: rule for kind in KINDS for rule in kind.parametros}
    assert (by_name["temperatura"].variacion, by_name["humedad"].variacion) == (0.3, 2)


def test_the_prefix_names_the_kind() -> None:
    """An unknown prefix is a generic device."""
    assert kind_of("TMP0603IF1WD").modelo == "ST-1000"
    assert kind_of("XYZ9603IF1WD") is GENERIC


def test_serials_are_well_formed_unique_and_repeatable() -> None:
    """Four characters of prefix, eight of [A-Z0-9], the same for the same seed; "mezcla" has both styles."""
    specs = make_specs(500, "mezcla", "semilla")
    assert specs == make_specs(500, "mezcla", "semilla")
    assert len({spec.serial for spec in specs}) == 500
    assert all(re.fullmatch(spec.kind.prefix + "[A-Z0-9]{8}", spec.serial) for spec in specs)
    assert {spec.estilo for spec in specs} == {"moderno", "legado"}
    assert {spec.serial for spec in specs}.isdisjoint(spec.serial for spec in make_specs(500, "mezcla", "otra"))


def test_the_demo_house_is_always_the_same() -> None:
    """Stickers printed from the demo stay true: serials may never change."""
    assert [spec.serial for spec in demo_specs()] == DEMO_SERIALS
    assert {spec.estilo for spec in demo_specs()} == {"moderno", "legado"}


DEMO_SERIALS = [
    "TMP0T3MADCBT", "LGT0E8AF0M7Z", "MOV035DBKD5R", "CO20UNX6YXVT",
    "PLG0EII8NGAM", "FAN0BR3K7S7C", "SHD0458HJ43G", "CAM0GLE85OKE",
    "LGT08O8ALOVJ", "LGT0YUI2ONLM", "TMP0QPRC5EGZ", "RGD09IM5WZS4",
    "PLG0UWQONC9T",
]  # fmt: skip

GOOD: dict[str, Any] = {
    "serial_prefix": "HUM1",
    "nombre": "Humedad del suelo",
    "tipo": "sensor",
    "modelo": "HS-1",
    "descripcion": "",
    "configuracion": {"intervalo_envio": 4, "zona": "norte"},
    "parametros": {
        "humedad": {"tipo": "double", "min": 0, "max": 1, "variacion": 0.01},
        "nivel": {"tipo": "int", "min": 0, "max": 10, "variacion": 1},
        "seco": {"tipo": "boolean", "prob_flip": 0.5},
    },
}


def write(folder: Path, content: Any, name: str = "a.json") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_templates_from_a_file_a_list_and_a_folder(tmp_path: Path) -> None:
    """One object, an array, or all the files of a folder; the interval comes from configuracion."""
    (kind,) = load_templates(write(tmp_path, GOOD))
    assert (kind.prefix, kind.intervalo, len(kind.parametros)) == ("HUM1", 4.0, 3)
    assert kind.default_configuracion()["zona"] == "norte"
    write(tmp_path, [{**GOOD, "serial_prefix": "HUM2"}, {**GOOD, "serial_prefix": "HUM3"}], "b.json")
    assert [kind.prefix for kind in load_templates(tmp_path)] == ["HUM1", "HUM2", "HUM3"]


def rule(**changed: Any) -> dict[str, Any]:
    return {**GOOD, "parametros": {"p": {"tipo": "int", "min": 0, "max": 9, **changed}}}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("{", "línea 1"),
        ('{"serial_prefix": NaN}', "NaN"),
        ("[" * 100_000, "anidado"),
        ([1], "[0]"),
        ({**GOOD, "serial_prefix": "abc"}, "serial_prefix"),
        ({**GOOD, "nombre": ""}, "nombre"),
        ({**GOOD, "tipo": 3}, "tipo"),
        ({**GOOD, "modelo": "x" * 101}, "modelo"),
        ({**GOOD, "configuracion": []}, "configuracion"),
        ({**GOOD, "configuracion": {"intervalo_envio": 0}}, "configuracion.intervalo_envio"),
        ({**GOOD, "color": "rojo"}, "color"),
        ({**GOOD, "parametros": {"p": 1}}, "parametros.p"),
        (rule(tipo="texto"), "parametros.p.tipo"),
        (rule(min=10), "parametros.p.min"),
        (rule(max=None), "parametros.p.max"),
        (rule(max=9.5), "parametros.p.min"),
        (rule(variacion=-1), "parametros.p.variacion"),
        (rule(tipo="boolean", prob_flip=2), "parametros.p.prob_flip"),
        ([GOOD, GOOD], "serial_prefix"),
    ],
)
def test_a_bad_template_names_file_and_field(tmp_path: Path, content: Any, field: str) -> None:
    """The sentence says where to look."""
    file = write(tmp_path, content)
    with pytest.raises(PlantillaInvalida) as caught:
        load_templates(file)
    assert str(file) in str(caught.value)
    assert field in str(caught.value)


def test_missing_templates_are_said(tmp_path: Path) -> None:
    """No file, an empty folder."""
    with pytest.raises(PlantillaInvalida, match="no se puede leer"):
        load_templates(tmp_path / "nada.json")
    with pytest.raises(PlantillaInvalida, match="ningún archivo"):
        load_templates(tmp_path)
