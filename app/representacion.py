"""What clients read of a device: the REST object and the data of a live event (WIRE §3, §4), as compact JSON text.

The JSON columns are already compact text, so a device is joined from pieces instead of being parsed and dumped again.
"""

from __future__ import annotations

import json

from app.domain.conectividad import umbral
from app.domain.dispositivo import Dispositivo, dump_object
from app.domain.orden import SIN_DESEOS, deriva_of

_quote = json.encoder.encode_basestring  # JSON string literal, UTF-8 unescaped


def _seed_fields(d: Dispositivo) -> str:
    return (
        f'{{"id":{d.id},"serial_number":{_quote(d.serial_number)},"nombre":{_quote(d.nombre)},"tipo":{_quote(d.tipo)},'
        f'"modelo":{_quote(d.modelo)},"descripcion":{_quote(d.descripcion)},"estado":{_quote(d.estado)},'
        f'"parametros":{d.parametros_json},"configuracion":{d.configuracion_json},'
        f'"reclamado":{"true" if d.reclamado else "false"}'
    )


def _additions(d: Dispositivo) -> str:
    drift = "{}" if d.deseos_json == SIN_DESEOS else dump_object(deriva_of(d))
    return (
        f',"version":{d.version},"creado_en":"{d.creado_en}","actualizado_en":"{d.actualizado_en}",'
        f'"visto_en":{_stamp(d.visto_en)},"deriva":{drift},"tiempos":{{"estado":{_stamp(d.estado_en)},'
        f'"parametros":{_stamp(d.parametros_en)},"configuracion":{d.configuracion_en_json}}},"conectividad":{conectividad_json(d)},'
        f'"habitacion_id":{"null" if d.habitacion_id is None else d.habitacion_id}}}'
    )


def conectividad_json(d: Dispositivo) -> str:
    """Whether it is alive; ``esperado_cada_s`` is null while nothing is known of its cadence."""
    known = d.esperado_manual is not None or d.esperado_s is not None
    return (
        f'{{"estado":"{d.conectividad}","ultima_senal":{_stamp(d.visto_en)},'
        f'"esperado_cada_s":{round(umbral(d)) if known else "null"},"motivo":"{d.conectividad_motivo}",'
        f'"desde":{_stamp(d.conectividad_en)}}}'
    )


def _stamp(stamp: str | None) -> str:
    return f'"{stamp}"' if stamp else "null"


def device_json(d: Dispositivo) -> str:
    """The REST object: the ten fields of old, in their order, then ours."""
    return _seed_fields(d) + _additions(d)


def device_event_json(d: Dispositivo) -> str:
    """The data of a live update: the REST object with ``event`` last of the old fields."""
    return f'{_seed_fields(d)},"event":"device_update"{_additions(d)}'
