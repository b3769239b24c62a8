"""The mode rules (README; WIRE §3): who rules, ``encendido`` or ``estado``, and the other one derived.

The invariant ``estado == "activo"`` ⇔ ``configuracion.encendido`` holds after every write of either.
"""

from __future__ import annotations

from typing import Any

from app.domain.valores import ESTADO_ACTIVO, ESTADO_INACTIVO, estado_of, parse_encendido


def mode_of(configuracion: dict[str, Any]) -> str | None:
    """``manual``, ``horario`` or None, whatever the case in which it was written."""
    modo = configuracion.get("modo")
    word = modo.strip().lower() if isinstance(modo, str) else None
    return word if word in ("manual", "horario") else None


def resolve(configuracion: dict[str, Any], *, encendido: bool | None, estado: bool | None) -> bool | None:
    """Whether the device is on after a write, None when the write touched neither field.

    Args:
        configuracion: the configuration after the write's own keys were laid over the current ones.
        encendido: the wish that came (top level or inside ``configuracion``), None when none came.
        estado: the state that came, as a boolean, None when none came.
    """
    first, second = (encendido, estado) if mode_of(configuracion) == "manual" else (estado, encendido)
    return first if first is not None else second


def settle(configuracion: dict[str, Any], estado: str, on: bool | None) -> tuple[dict[str, Any], str]:
    """Configuration and ``estado`` with the invariant in force.

    ``on`` is what :func:`resolve` said. When the write touched neither, the current ``estado`` rules over a
    configuration that contradicts it, so that a row that came in broken is mended by its next write.
    """
    if on is None:
        if "encendido" not in configuracion and estado not in (ESTADO_ACTIVO, ESTADO_INACTIVO):
            return configuracion, estado  # never heard whether it is on: nothing to derive from
        on = estado == ESTADO_ACTIVO
    else:
        estado = estado_of(on)
    if configuracion.get("encendido") is not on:
        configuracion = {**configuracion, "encendido": on}
    return configuracion, estado


def take_encendido(configuracion: dict[str, Any]) -> bool | None:
    """The wish inside a configuration that came, None when absent or not one of the accepted spellings."""
    return parse_encendido(configuracion["encendido"]) if "encendido" in configuracion else None
