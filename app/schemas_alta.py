"""Bodies that claim or add a device: what its QR says, and, added by hand, a little more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from app.domain.errors import SerialRequerido
from app.domain.peticiones import Alta, Reclamo
from app.domain.posesion import MAX_CHARS, falta_a
from app.domain.valores import ESTADO_DESCONOCIDO
from app.schemas import (
    SERIAL_SCHEMA,
    SPELLINGS,
    Body,
    Configuracion,
    Descripcion,
    Encendido,
    Estado,
    Modelo,
    Nombre,
    Serial,
    Tipo,
    fail,
    sent_configuracion,
    texts,
    validated,
)


def _fit(codigo: str) -> str:
    fault = falta_a(codigo)
    if fault is not None:
        raise fail("codigo", fault)
    return codigo


MAX_SENT = 2 * MAX_CHARS
"""Of a code with its hyphens and spaces."""


class CuerpoReclamo(Body):
    """Reclamar un dispositivo detectado; es el contenido de su QR."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["serial_number"]}, {"required": ["serial"]}]})

    serial_number: Annotated[Serial | None, SERIAL_SCHEMA] = Field(
        None, description="Número de serie; vale también `serial`."
    )
    serial: Annotated[Serial | None, SERIAL_SCHEMA] = Field(None, description="Como `serial_number`.")
    nombre: Nombre | None = None
    tipo: Tipo | None = None
    modelo: Modelo | None = None
    descripcion: Descripcion | None = None
    configuracion: Configuracion | None = Field(None, description="Se mezcla, clave a clave, con la que ya tiene.")
    codigo: Annotated[str, Field(max_length=MAX_SENT)] | None = Field(
        None, description="El de su etiqueta, si el dispositivo solo se puede reclamar con él."
    )


class CuerpoAlta(CuerpoReclamo):
    """Añadir un dispositivo a mano, antes de que se le haya oído."""

    parametros: dict[str, Any] | None = Field(None, description="Lo que mide; objeto de forma libre.")
    codigo: Annotated[str, Field(max_length=MAX_SENT), AfterValidator(_fit)] | None = Field(
        None, description="Código de posesión (64 bits o más; `./iot qr --codigo` hace uno): sin él no se reclamará."
    )
    estado: Estado | None = Field(None, description="`activo` o `inactivo`.")
    encendido: Encendido | None = Field(None, description=f"Encendido o apagado: {SPELLINGS}.")


def parse_reclamo(body: Mapping[str, Any]) -> Reclamo:
    """The claim in a body.

    Raises:
        SerialRequerido: it names no serial.
        DatosInvalidos: a field breaks its rule.
    """
    model = validated(CuerpoReclamo, _with_serial(body))
    configuracion = sent_configuracion(body, model.configuracion)
    return Reclamo(_required(model.serial_number), *texts(model), configuracion, model.codigo)


def parse_alta(body: Mapping[str, Any]) -> Alta:
    """The new device in a body.

    Raises:
        SerialRequerido: it names no serial.
        DatosInvalidos: a field breaks its rule.
    """
    model = validated(CuerpoAlta, _with_serial(body))
    configuracion = sent_configuracion(body, model.configuracion)
    if model.encendido is not None:
        configuracion = {**(configuracion or {}), "encendido": model.encendido}
    estado = None if model.estado == ESTADO_DESCONOCIDO else model.estado
    serial = _required(model.serial_number)
    return Alta(serial, *texts(model), configuracion, model.parametros, estado, model.codigo)


def _with_serial(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the serial under its own name; a QR may say ``serial``."""
    serial = body.get("serial_number")
    if serial is None or serial == "":
        serial = body.get("serial")
    if serial is None or serial == "":
        raise SerialRequerido
    return {**body, "serial_number": serial, "serial": None}


def _required(serial: str | None) -> str:
    if serial is None:
        raise SerialRequerido
    return serial
