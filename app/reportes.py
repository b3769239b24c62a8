"""Use-case of what devices say: a batch of accepted messages becomes rows, logs and events (WIRE §1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app import ordenes
from app.clock import iso_z
from app.db import UnitOfWork, bulk_insert
from app.dispositivos import announce, blank, insert_new, stamped
from app.domain.causa import Causa
from app.domain.conectividad import DESCONOCIDO, EN_LINEA, SENAL, YOUNG, aprender, esperado
from app.domain.criba import Criba, Fila
from app.domain.dispositivo import Dispositivo, load_object
from app.domain.events import CambioDeseada
from app.domain.reporte import SHARED_TOPIC, Efecto, Reporte, effect
from app.domain.valores import estado_of
from app.historial import append_stamped, sello
from app.models import dispositivo, row_of


def apply_reportes(
    uow: UnitOfWork,
    reportes: Sequence[Reporte],
    known: dict[str, Dispositivo],
    *,
    grace: timedelta,
    criba: Criba | None = None,
) -> None:
    """A batch of accepted messages, in order: each one row in the log and one event, each device written once.

    ``known`` are the devices as :func:`app.dispositivos.by_serials` read them in this unit; serials that are not among
    them become devices on the spot. It is left holding the devices as they are after the batch. ``criba``: only what it
    chooses becomes a row.
    """
    now = iso_z(uow.now)
    missing = dict.fromkeys(r.serial_number for r in reportes if r.serial_number not in known)
    fresh = {d.serial_number for d in insert_new(uow, [blank(s, now) for s in missing], into=known)}
    logs: list[Fila] = []
    stamp = sello(uow)
    for reporte in reportes:
        serial = reporte.serial_number
        antes = known[serial]
        efecto = effect(antes, reporte, uow.now, grace)
        despues = _after(antes, reporte, efecto, now, first=serial in fresh)
        known[serial] = despues
        said = despues.estado if reporte.estado is None else estado_of(reporte.estado)
        fila = Fila(despues.id, said, despues.parametros_json, stamp, _cause(efecto))
        logs += [fila] if criba is None else criba.elegir(fila, uow.now, estado_de_ahora=antes.estado)
        reclamado_antes = None if serial in fresh else antes.reclamado
        fresh.discard(serial)
        followed = CambioDeseada.SEGUIDA if efecto.configuracion_cambiada else CambioDeseada.NO
        announce(uow, despues, reclamado_antes, followed)
        if efecto.juicio.cierres:
            ordenes.cerrar(uow, despues, efecto.juicio.cierres)
    changed = dict.fromkeys(r.serial_number for r in reportes)
    bulk_insert(uow, dispositivo, [row_of(known[s]) for s in changed], upsert=True)
    append_stamped(uow, logs)


def _cause(efecto: Efecto) -> str | None:
    """None, the device's own will, unless its report answers an order."""
    proven = efecto.juicio.probada
    return None if proven is None else Causa("dispositivo", orden=proven).json()


def _seconds(before: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(before)).total_seconds()


def _after(antes: Dispositivo, reporte: Reporte, efecto: Efecto, now: str, *, first: bool) -> Dispositivo:
    d = antes
    followed = efecto.configuracion_cambiada
    deseada = max(d.deseada_version, 1) if followed else d.deseada_version
    appears = d.conectividad == DESCONOCIDO and not reporte.retenido
    cadencia = d.cadencia_s
    if d.visto_en is not None:
        cadencia = aprender(cadencia, _seconds(d.visto_en, now), young=d.version < YOUNG)
    return Dispositivo(
        d.id,
        d.serial_number,
        d.nombre,
        d.tipo,
        d.modelo,
        d.descripcion,
        efecto.estado,
        efecto.parametros_json,
        efecto.configuracion_json,
        d.reclamado,
        d.version if first else d.version + 1,
        d.creado_en,
        now,
        d.visto_en if reporte.retenido else now,
        deseada,
        min(d.deseada_confirmada, deseada - 1) if followed else d.deseada_confirmada,
        efecto.estado_reportado,
        None,
        d.configuracion_en_json if not followed else stamped(d, load_object(efecto.configuracion_json), now),
        now if efecto.estado != d.estado else d.estado_en,
        now if reporte.parametros_json is not None else d.parametros_en,
        efecto.juicio.deseos_json,
        reporte.topic != SHARED_TOPIC,
        cadencia,
        esperado(cadencia, efecto.configuracion_json),
        d.esperado_manual,
        EN_LINEA if appears else d.conectividad,
        SENAL if appears else d.conectividad_motivo,
        now if appears else d.conectividad_en,
        d.habitacion_id,
    )
