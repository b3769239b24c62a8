"""What a device says: parsing of an MQTT message and its effect on the device (WIRE §1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import from_json

from app.domain import modo
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.valores import ValorInvalido, check_json, estado_of, is_serial, parse_encendido

SHARED_TOPIC = "dispositivos/estado"
MAX_PAYLOAD_BYTES = 65536


class Reporte(NamedTuple):
    """One accepted message. None = the field did not come, or came empty, and so replaces nothing."""

    serial_number: str
    estado: bool | None
    parametros_json: str | None
    configuracion: dict[str, Any] | None
    topic: str


class ReporteRechazado(ValueError):
    """A message that can't be accepted; ``motivo`` is a stable code, ``detalle`` says what is wrong in Spanish."""

    def __init__(self, motivo: str, detalle: str) -> None:
        self.motivo = motivo
        self.detalle = detalle
        super().__init__(f"{motivo}: {detalle}")


def serial_of_topic(topic: str) -> str | None:
    """The serial of ``dispositivos/<serial>/estado``, None for the shared topic.

    Raises:
        ReporteRechazado: for any other topic.
    """
    if topic == SHARED_TOPIC:
        return None
    parts = topic.split("/")
    if len(parts) == 3 and parts[0] == "dispositivos" and parts[2] == "estado":
        return parts[1]
    raise ReporteRechazado("topic", "el topic no es de un dispositivo")


def parse(topic: str, payload: bytes) -> Reporte:
    """The report in a message.

    Raises:
        ReporteRechazado: not UTF-8, not JSON, out of bounds, of a wrong type, or without a serial.
    """
    own = serial_of_topic(topic)
    body = _parse_body(payload)
    serial = body.get("serial_number", own)
    if serial is None or serial == "":
        raise ReporteRechazado("sin_serial", "falta serial_number")
    if not is_serial(serial):
        raise ReporteRechazado("serial_invalido", "serial_number debe ser texto de 1 a 100 de [A-Za-z0-9._:-]")
    if own is not None and serial != own:
        raise ReporteRechazado("serial_ajeno", "serial_number no es el del topic")
    parametros = _object(body, "parametros")
    return Reporte(
        serial,
        _estado(body.get("estado")),
        dump_object(parametros) if parametros else None,
        _configuracion(body, own is not None),
        topic,
    )


def _parse_body(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ReporteRechazado("demasiado_grande", f"el mensaje pasa de {MAX_PAYLOAD_BYTES} bytes")
    try:
        body = from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        raise ReporteRechazado(*_why_not_json(payload, error)) from None
    if type(body) is not dict:
        raise ReporteRechazado("no_es_objeto", "el mensaje no es un objeto JSON")
    try:
        check_json(body)
    except ValorInvalido as error:
        raise ReporteRechazado("valor_invalido", str(error)) from None
    return body


def _why_not_json(payload: bytes, error: ValueError) -> tuple[str, str]:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return "no_utf8", "el mensaje no es UTF-8"
    return "no_json", f"el mensaje no es JSON válido: {str(error)[:120]}"


def _object(body: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = body.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise ReporteRechazado("tipo_invalido", f"{name} debe ser un objeto")


def _configuracion(body: dict[str, Any], own_topic: bool) -> dict[str, Any] | None:
    value = _object(body, "configuracion")
    if not value:
        return None
    if "encendido" in value:
        on = parse_encendido(value["encendido"])
        if on is None:
            raise ReporteRechazado("valor_invalido", "configuracion.encendido no es un sí o un no")
        value["encendido"] = on
    if own_topic:  # an echo of our desired configuration carries our version (WIRE §2); it is not the device's to keep
        value.pop("version", None)
    return value or None


def _estado(value: object) -> bool | None:
    if value is None or value == "":
        return None
    on = parse_encendido(value)
    if on is None:
        raise ReporteRechazado("valor_invalido", "estado debe ser activo o inactivo")
    return on


@dataclass(frozen=True, slots=True)
class Efecto:
    """What a report makes of a device's fields."""

    estado: str
    estado_reportado: str | None
    parametros_json: str
    configuracion_json: str
    deseo_en: str | None
    configuracion_cambiada: bool


def effect(actual: Dispositivo, reporte: Reporte, now: datetime, grace: timedelta) -> Efecto:
    """The device's fields after a report: each part that came replaces the whole old one, the invariant settled.

    A device that was asked over HTTP to switch and has not had the time to hear it (a legacy one polls every 3 s) may
    still repeat its old state: within ``grace`` such a repetition does not undo the wish. A report that confirms the
    wish, or that differs from the device's own last one, rules at once; after the grace every report rules.
    """
    said = estado_of(reporte.estado) if reporte.estado is not None else None
    if (
        said is None
        and reporte.configuracion is not None
        and (on := modo.take_encendido(reporte.configuracion)) is not None
    ):
        said = estado_of(on)
    waiting = actual.deseo_en is not None and _within(actual.deseo_en, now, grace)
    if waiting and said is not None and said != actual.estado and said == actual.estado_reportado:
        return _keep_wish(actual, reporte, said)
    deseo = actual.deseo_en if waiting and said is None else None
    parametros = reporte.parametros_json or actual.parametros_json
    if reporte.configuracion is None and (said is None or (said == actual.estado and said == actual.estado_reportado)):
        # The common case, thousands of times a second: nothing but parameters moved.
        return Efecto(actual.estado, actual.estado_reportado, parametros, actual.configuracion_json, deseo, False)
    configuracion = actual.configuracion if reporte.configuracion is None else reporte.configuracion
    came = None if reporte.configuracion is None else modo.take_encendido(reporte.configuracion)
    on = modo.resolve(configuracion, encendido=came, estado=reporte.estado)
    configuracion, estado = modo.settle(configuracion, actual.estado, on)
    text = dump_object(configuracion)
    return Efecto(
        estado,
        said if said is not None else actual.estado_reportado,
        parametros,
        text,
        deseo,
        text != actual.configuracion_json,
    )


def _keep_wish(actual: Dispositivo, reporte: Reporte, said: str) -> Efecto:
    parametros = reporte.parametros_json or actual.parametros_json
    return Efecto(actual.estado, said, parametros, actual.configuracion_json, actual.deseo_en, False)


def _within(since: str, now: datetime, grace: timedelta) -> bool:
    age = now - datetime.fromisoformat(since)
    return timedelta(0) <= age < grace
