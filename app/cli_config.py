"""`./iot config`: every setting with its value, source, unit and meaning."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from app.config_load import Settings, table

if TYPE_CHECKING:
    from config import Ajuste

MASK = "••••••"
_WIDTH = 100


def show(settings: Settings, *, as_json: bool) -> int:
    """Print them; the exit code."""
    rows = [describe(settings, ajuste) for ajuste in table()]
    if as_json:
        print(json.dumps({"carpeta": str(settings.instance_path), "ajustes": rows}, ensure_ascii=False, indent=2))
        return 0
    print(f"Carpeta de datos: {settings.instance_path}")
    print("Origen, del más débil al más fuerte: predeterminado, instance/config.py, variable IOT_<NOMBRE>.\n")
    for row in rows:
        _print_row(row)
    for aviso in settings.avisos:
        print(f"Aviso: {aviso}")
    return 0


def describe(settings: Settings, ajuste: Ajuste) -> dict[str, Any]:
    """One setting as plain data; a secret's value is masked."""
    value = getattr(settings, ajuste.nombre.lower())
    if ajuste.secreto and value:
        value = MASK
    return {
        "nombre": ajuste.nombre,
        "valor": list(value) if isinstance(value, tuple) else value,
        "origen": settings.origenes[ajuste.nombre],
        "unidad": ajuste.unidad,
        "ayuda": ajuste.ayuda,
    }


def _print_row(row: dict[str, Any]) -> None:
    unit = f" {row['unidad']}" if row["unidad"] else ""
    print(f"{row['nombre']} = {shown(row['valor'])}{unit}   [{row['origen']}]")
    print(textwrap.fill(row["ayuda"], _WIDTH, initial_indent="    ", subsequent_indent="    "))


def shown(value: object) -> str:
    """A value as a person reads it."""
    match value:
        case bool():
            return "sí" if value else "no"
        case "" | None:
            return "(vacío)"
        case []:
            return "(ninguno)"
        case list():
            return ", ".join(map(str, value))
        case float():
            return f"{value:g}"
        case _:
            return str(value)
