"""What a device says: parsing of an MQTT message and its effect on the device (WIRE §1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import from_json

from app.domain import modo
from app.domain.dispositivo import Dispositivo, dump_object, load_object
from app.domain.orden import ENCENDIDO, NADA_PEDIDO, SIN_DESEOS, Juicio, Testimonio, juzgar, word_of
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
    version: int | None = None
    """The desired version that a device with a topic of its own says it has read."""
    rechazo: tuple[int, str] | None = None
    """A desired version that it refuses, and why."""
    retenido: bool = False
    """The broker kept it: it introduces a device, and is no sign of life."""


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
    version = _echo(body) if own is not None else None  # before the echo is taken out of the configuration
    return Reporte(
        serial,
        _estado(body.get("estado")),
        dump_object(parametros) if parametros else None,
        _configuracion(body, own is not None),
        topic,
        version,
        _rechazo(body.get("rechazo")) if own is not None else None,
    )


def _echo(body: dict[str, Any]) -> int | None:
    """The version at the top level, or inside an echoed configuration; anything but a number is the device's own."""
    inside = body.get("configuracion")
    version = body.get("version", inside.get("version") if isinstance(inside, dict) else None)
    return version if type(version) is int else None


def _rechazo(value: object) -> tuple[int, str] | None:
    if not isinstance(value, dict) or type(version := value.get("version")) is not int:
        return None
    motivo = value.get("motivo")
    return version, motivo if isinstance(motivo, str) and motivo else "el dispositivo la rechaza"


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
    """What a report makes of a device's fields, and of what was asked of it."""

    estado: str
    estado_reportado: str | None
    parametros_json: str
    configuracion_json: str
    configuracion_cambiada: bool
    juicio: Juicio = NADA_PEDIDO


def effect(actual: Dispositivo, reporte: Reporte, now: datetime, grace: timedelta) -> Efecto:
    """The device's fields after a report: each part that came replaces the whole old one, the invariant settled.

    A device that was asked for something and has not had the time to hear it (a legacy one polls every 3 s) may still
    repeat its old state: a wish that is open is held against what it says until ``grace`` is over. It may also obey an
    order that a newer one has already overtaken, so within the grace nothing that it says undoes the newest. Once
    nothing is open, every report rules at once.
    """
    said = estado_of(reporte.estado) if reporte.estado is not None else None
    if (
        said is None
        and reporte.configuracion is not None
        and (on := modo.take_encendido(reporte.configuracion)) is not None
    ):
        said = estado_of(on)
    juicio = NADA_PEDIDO
    if actual.deseos_json != SIN_DESEOS:
        juicio = juzgar(actual.deseos_json, _testimony(actual, reporte, said), now, grace)
    held = juicio.sostenidos.get(ENCENDIDO)
    parametros = reporte.parametros_json or actual.parametros_json
    reported = said or actual.estado_reportado
    quiet = said is None or held is not None or (said == actual.estado and said == actual.estado_reportado)
    if reporte.configuracion is None and quiet and juicio.volver is None:
        # The common case, thousands of times a second: nothing but parameters moved.
        return Efecto(actual.estado, reported, parametros, actual.configuracion_json, False, juicio)
    configuracion = actual.configuracion if reporte.configuracion is None else reporte.configuracion
    configuracion = {**configuracion, **juicio.sostenidos}
    came = None if reporte.configuracion is None else modo.take_encendido(reporte.configuracion)
    on = held if held is not None else modo.resolve(configuracion, encendido=came, estado=reporte.estado)
    if on is None:
        on = juicio.volver
    configuracion, estado = modo.settle(configuracion, actual.estado, on)
    text = dump_object(configuracion)
    return Efecto(estado, reported, parametros, text, text != actual.configuracion_json, juicio)


def _testimony(actual: Dispositivo, reporte: Reporte, said: str | None) -> Testimonio:
    return Testimonio(
        dicho=word_of(said),
        antes=word_of(actual.estado_reportado),
        configuracion=reporte.configuracion,
        parametros=load_object(reporte.parametros_json) if reporte.parametros_json else None,
        version=reporte.version,
        rechazo=reporte.rechazo,
        propio=reporte.topic != SHARED_TOPIC,
    )
