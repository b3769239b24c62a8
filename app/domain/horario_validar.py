"""Hard errors of the schedule keys that came after ``horarios``; warnings are horario_revisar.py's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.errors import ErrorCampo
from app.domain.horario_capas import MAX_CAPAS, read_fecha
from app.domain.horario_franjas import read_dia, read_horarios
from app.domain.horario_tipos import Aviso
from app.domain.horario_zona import FIRST, LAST, find_zona, read_instante
from app.domain.valores import parse_encendido

MAX_NOMBRE = 80
MAX_ERRORES = 20
_ON_OFF = "debe ser true|false, o activo|on|1 e inactivo|off|0"


def validar(configuracion: Mapping[str, Any]) -> list[ErrorCampo]:
    """Hard errors of ``zona``, ``excepciones``, ``festivos``, ``saltar`` and ``anulacion``; null reads as absent.

    At most 20. Faults of ``horarios`` itself are answered by app/schemas.py.
    """
    errores: list[ErrorCampo] = []
    for key, check in (
        ("zona", _zona),
        ("excepciones", _excepciones),
        ("festivos", _festivos),
        ("saltar", _saltar),
        ("anulacion", _anulacion),
    ):
        if configuracion.get(key) is not None:
            check(configuracion[key], f"configuracion.{key}", errores)
    return errores[:MAX_ERRORES]


def _zona(value: Any, campo: str, errores: list[ErrorCampo]) -> None:
    if not isinstance(value, str) or find_zona(value) is None:
        errores.append(ErrorCampo(campo, "no se conoce esa zona horaria (ejemplo: Europe/Madrid)"))


def _excepciones(value: Any, campo: str, errores: list[ErrorCampo]) -> None:
    for index, item in enumerate(_list(value, campo, errores)):
        where = f"{campo}[{index}]"
        if isinstance(item, dict):
            _excepcion(item, where, errores)
        else:
            errores.append(ErrorCampo(where, "debe ser un objeto"))


def _excepcion(item: dict[Any, Any], campo: str, errores: list[ErrorCampo]) -> None:
    nombre, anual = item.get("nombre"), item.get("cada_ano")
    if nombre is not None and (not isinstance(nombre, str) or len(nombre) > MAX_NOMBRE):
        errores.append(ErrorCampo(f"{campo}.nombre", f"debe ser un texto de hasta {MAX_NOMBRE} caracteres"))
    if anual is not None and not isinstance(anual, bool):
        errores.append(ErrorCampo(f"{campo}.cada_ano", "debe ser true o false"))
    desde = read_fecha(item.get("desde"))
    hasta = read_fecha(item.get("hasta"))
    if desde is None:
        errores.append(ErrorCampo(f"{campo}.desde", "debe ser una fecha AAAA-MM-DD"))
    if item.get("hasta") is not None and hasta is None:
        errores.append(ErrorCampo(f"{campo}.hasta", "debe ser una fecha AAAA-MM-DD"))
    if desde is not None and hasta is not None and hasta < desde:
        errores.append(ErrorCampo(f"{campo}.hasta", "no puede ser anterior a desde"))
    _days_programme(item, campo, errores)


def _festivos(value: Any, campo: str, errores: list[ErrorCampo]) -> None:
    if isinstance(value, dict):
        _days_programme(value, campo, errores)
    elif len(read_dia(value)) != 1:
        errores.append(ErrorCampo(campo, "debe ser un objeto con horarios o encendido, o el nombre de un día"))


def _days_programme(item: dict[Any, Any], campo: str, errores: list[ErrorCampo]) -> None:
    """What applies on the days of a layer: readable ``horarios``, or ``encendido``; one of them must be there."""
    if item.get("horarios") is not None:
        fallos: list[Aviso] = []
        read_horarios(item["horarios"], f"{campo}.horarios", fallos)
        errores += [ErrorCampo(fallo.campo, _lower(fallo.mensaje)) for fallo in fallos]
    if item.get("encendido") is not None:
        if parse_encendido(item["encendido"]) is None:
            errores.append(ErrorCampo(f"{campo}.encendido", _ON_OFF))
    elif item.get("horarios") is None:
        errores.append(ErrorCampo(campo, "necesita horarios o encendido"))


def _saltar(value: Any, campo: str, errores: list[ErrorCampo]) -> None:
    for index, item in enumerate(_list(value, campo, errores)):
        _instante(item, f"{campo}[{index}]", errores)


def _anulacion(value: Any, campo: str, errores: list[ErrorCampo]) -> None:
    if not isinstance(value, dict):
        errores.append(ErrorCampo(campo, "debe ser un objeto"))
        return
    if parse_encendido(value.get("encendido")) is None:
        errores.append(ErrorCampo(f"{campo}.encendido", _ON_OFF))
    desde, hasta = (
        None if value.get(key) is None else _instante(value[key], f"{campo}.{key}", errores)
        for key in ("desde", "hasta")
    )
    if desde is not None and hasta is not None and hasta <= desde:
        errores.append(ErrorCampo(f"{campo}.hasta", "debe ser posterior a desde"))


def _instante(value: Any, campo: str, errores: list[ErrorCampo]) -> int | None:
    instante = read_instante(value)
    if instante is None or not FIRST <= instante <= LAST:
        errores.append(ErrorCampo(campo, "debe ser un instante ISO 8601 entre 1970 y 2199 (2026-12-24T20:00:00Z)"))
    return instante


def _list(value: Any, campo: str, errores: list[ErrorCampo]) -> list[Any]:
    if not isinstance(value, list):
        errores.append(ErrorCampo(campo, "debe ser una lista"))
        return []
    if len(value) > MAX_CAPAS:
        errores.append(ErrorCampo(campo, f"no puede tener más de {MAX_CAPAS} elementos"))
    return value[:MAX_CAPAS]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].removesuffix(".")
