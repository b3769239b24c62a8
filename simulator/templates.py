"""Device templates: JSON files of WIRE section 6's schema, checked before anything starts."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from simulator.catalogue import PREFIX_RE, Kind
from simulator.parameters import NUMERIC_TYPES, ParameterRule

if TYPE_CHECKING:
    from pathlib import Path

_TEXT_FIELDS = {"nombre": 80, "tipo": 50, "modelo": 100}
_KNOWN_FIELDS = {"serial_prefix", "nombre", "tipo", "modelo", "descripcion", "configuracion", "parametros"}
_DEFAULT_INTERVAL = 10.0


class PlantillaInvalida(Exception):
    """A template cannot be used; the message (Spanish) names the file and the field."""


def load_templates(path: Path) -> list[Kind]:
    """Every template of a file (an object or an array of them) or of a folder's ``*.json`` files, in name order.

    Raises ``PlantillaInvalida`` at the first fault: unreadable file, bad JSON, bad field, prefix used twice.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise PlantillaInvalida(f"{path}: la carpeta no contiene ningún archivo .json")
    kinds: dict[str, Kind] = {}
    for file in files:
        for kind in _load_file(file):
            if kind.prefix in kinds:
                _fail(file, "serial_prefix", f"el prefijo {kind.prefix} ya lo usa otra plantilla")
            kinds[kind.prefix] = kind
    return list(kinds.values())


def _load_file(file: Path) -> list[Kind]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except OSError as err:
        raise PlantillaInvalida(f"{file}: no se puede leer ({err.strerror or err})") from err
    except (ValueError, RecursionError) as err:
        raise PlantillaInvalida(f"{file}: no es JSON válido en UTF-8 ({_where(err)})") from err
    items = content if isinstance(content, list) else [content]
    return [_kind(file, item, f"[{index}]." if isinstance(content, list) else "") for index, item in enumerate(items)]


def _kind(file: Path, item: Any, at: str) -> Kind:
    if not isinstance(item, dict):
        _fail(file, at.rstrip(".") or "(raíz)", "debe ser un objeto JSON")
    unknown = sorted(set(item) - _KNOWN_FIELDS)
    if unknown:
        _fail(file, at + unknown[0], f"campo desconocido; los conocidos son {', '.join(sorted(_KNOWN_FIELDS))}")
    prefix = item.get("serial_prefix")
    if not isinstance(prefix, str) or not PREFIX_RE.fullmatch(prefix):
        _fail(file, at + "serial_prefix", "debe tener 4 caracteres de A-Z y 0-9")
    texts = {name: _text(file, item, at, name, limit) for name, limit in _TEXT_FIELDS.items()}
    configuracion = _object(file, item, at, "configuracion")
    return Kind(
        prefix, texts["tipo"], texts["modelo"], texts["nombre"],
        _text(file, {"descripcion": "", **item}, at, "descripcion", 255, empty=True),
        _interval(file, at, configuracion),
        _rules(file, at, _object(file, item, at, "parametros")),
        configuracion,
    )  # fmt: skip


def _text(file: Path, item: dict[str, Any], at: str, name: str, limit: int, *, empty: bool = False) -> str:
    value = item.get(name)
    if not isinstance(value, str) or (not value.strip() and not empty):
        _fail(file, at + name, "falta o no es un texto")
    if len(value) > limit:
        _fail(file, at + name, f"no puede pasar de {limit} caracteres")
    return value


def _object(file: Path, item: dict[str, Any], at: str, name: str) -> dict[str, Any]:
    value = item.get(name, {})
    if not isinstance(value, dict):
        _fail(file, at + name, "debe ser un objeto JSON")
    return value


def _interval(file: Path, at: str, configuracion: dict[str, Any]) -> float:
    value = configuracion.get("intervalo_envio", _DEFAULT_INTERVAL)
    if not _is_number(value) or value <= 0:
        _fail(file, at + "configuracion.intervalo_envio", "debe ser un número de segundos mayor que 0")
    return float(value)


def _rules(file: Path, at: str, parametros: dict[str, Any]) -> tuple[ParameterRule, ...]:
    return tuple(_rule(file, f"{at}parametros.{name}", name, rule) for name, rule in parametros.items())


def _rule(file: Path, at: str, name: str, rule: Any) -> ParameterRule:
    if not isinstance(rule, dict):
        _fail(file, at, "debe ser un objeto JSON")
    match rule.get("tipo"):
        case "boolean":
            return ParameterRule(name, "boolean", prob_flip=_probability(file, at, rule))
        case str(tipo) if tipo in NUMERIC_TYPES:
            return _numeric_rule(file, at, name, rule)
        case _:
            return _fail(file, at + ".tipo", "debe ser float, double, int o boolean")


def _numeric_rule(file: Path, at: str, name: str, rule: dict[str, Any]) -> ParameterRule:
    low, high = _number(file, at, rule, "min"), _number(file, at, rule, "max")
    if low > high:
        _fail(file, at + ".min", f"no puede ser mayor que max ({low} > {high})")
    step = _number(file, at, rule, "variacion") if "variacion" in rule else (high - low) / 20
    if step < 0:
        _fail(file, at + ".variacion", "no puede ser negativa")
    if rule["tipo"] == "int":
        if low != int(low) or high != int(high):
            _fail(file, at + ".min", "min y max deben ser enteros cuando tipo es int")
        step = max(int(step), 1 if step else 0)
    return ParameterRule(name, rule["tipo"], min=low, max=high, variacion=step)


def _number(file: Path, at: str, rule: dict[str, Any], field: str) -> float:
    value = rule.get(field)
    if not _is_number(value) or abs(value) > 2**53:
        _fail(file, f"{at}.{field}", "falta o no es un número")
    return value


def _probability(file: Path, at: str, rule: dict[str, Any]) -> float:
    value = rule.get("prob_flip", 0.1)
    if not _is_number(value) or not 0 <= value <= 1:
        _fail(file, at + ".prob_flip", "debe ser un número entre 0 y 1")
    return float(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} no es un número JSON")


def _where(err: Exception) -> str:
    if isinstance(err, json.JSONDecodeError):
        return f"línea {err.lineno}, columna {err.colno}"
    return "demasiado anidado" if isinstance(err, RecursionError) else str(err)


def _fail(file: Path, field: str, reason: str) -> NoReturn:
    raise PlantillaInvalida(f"{file}: campo «{field}»: {reason}")
