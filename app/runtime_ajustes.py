"""What each part is given of the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.domain.horario_tipos import Casa
from app.domain.orden import LimitesOrden
from app.lastre import Lastre
from app.limitador import IngestLimits
from app.limpieza import Plazos
from app.mqtt_client import MqttSettings
from app.respaldador import Ritmo
from app.respaldo import Plan, listar
from app.retencion import Conservar
from app.servicios import Copias
from app.sospecha import Sospecha

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.broker_base import Broker
    from app.clock import Clock
    from app.config_load import Settings
    from app.respaldador import Respaldador


def ingest_limits(s: Settings) -> IngestLimits:
    """The bounds of the ingest."""
    return IngestLimits(
        batch_max=s.ingest_batch_max,
        queue_max=s.ingest_queue_max,
        linger_s=s.ingest_linger_ms / 1000,
        bandas=_numbers(s.history_deadband),
        hueco_s=s.history_max_gap_s,
        device_rate=s.ingest_device_rate,
        max_unclaimed=s.max_unclaimed,
        rejected_max=s.rejected_max,
        grace_s=s.command_grace_s,
        new_per_min=s.new_devices_per_min,
    )


def order_limits(s: Settings) -> LimitesOrden:
    """How long orders live and how many are kept."""
    return LimitesOrden(ttl_s=s.order_ttl_s, guardadas=s.orders_kept, avisos=s.notices_max)


def cleaning(s: Settings) -> Plazos:
    """How long unclaimed devices and the audit are kept."""
    return Plazos(sin_reclamar_dias=s.unclaimed_ttl_days, auditoria=s.audit_max)


def backup_folder(s: Settings) -> Path:
    """Where backups go."""
    return Path(s.backup_dir).expanduser() if s.backup_dir else s.instance_path / "respaldos"


def ballast(s: Settings) -> Lastre:
    """The room that is kept for a full disk."""
    return Lastre(s.instance_path, s.ballast_mb << 20)


def suspicion(s: Settings, clock: Clock, restart: Callable[[], object]) -> Sospecha:
    """What is done when the database turns out to be damaged while the house runs."""
    return Sospecha(s.database_path, clock, lambda: bool(listar(backup_folder(s))), restart)


def backup_rhythm(s: Settings) -> Ritmo:
    """How often backups are made, and where they go."""
    return Ritmo(backup_folder(s), s.backup_every_h)


def copies(s: Settings, respaldador: Respaldador, reiniciar: Callable[[], None]) -> Copias:
    """What the routes need of backups."""
    return Copias(backup_folder(s), s.instance_path, s.backup_passphrase, respaldador, reiniciar)


def backup_plan(s: Settings) -> Plan:
    """Which backups are kept."""
    return Plan(s.backup_days, s.backup_weeks, s.backup_months, s.backup_max_mb * 1_000_000)


def keeping(s: Settings) -> Conservar:
    """How long each level of history is kept, and how much room it may take."""
    return Conservar(
        s.history_raw_days,
        s.history_5min_days,
        s.history_hour_days,
        s.history_day_days,
        s.history_max_mb * 1_000_000,
        _numbers(s.history_param_days),
    )


def _numbers(texts: Sequence[str]) -> dict[str, float]:
    """``name:number`` each, as app.config_parse leaves them."""
    return {name: float(number) for name, _, number in (text.rpartition(":") for text in texts)}


def house(s: Settings) -> Casa:
    """The house as the settings say it."""
    return Casa(zona=s.house_timezone, latitud=s.house_latitude, longitud=s.house_longitude)


def mqtt_settings(s: Settings, broker: Broker) -> MqttSettings:
    """Where the broker is and who we are to it; a broker of ours may have made up our credentials."""
    mine = MqttSettings(
        host=broker.info.host,
        port=broker.info.port,
        keepalive=s.mqtt_keepalive,
        client_id=s.mqtt_client_id,
        username=s.mqtt_username or None,
        password=s.mqtt_password or None,
        shared_topic=s.mqtt_shared_topic,
    )
    if broker.credentials is not None:
        user, password = broker.credentials
        return replace(mine, username=user, password=password, client_id=broker.client_id or mine.client_id)
    if broker.info.kind != "configurado" or not s.mqtt_tls_enabled:
        return mine
    return replace(
        mine,
        tls=True,
        tls_ca=s.mqtt_tls_ca or None,
        tls_cert=s.mqtt_tls_cert or None,
        tls_key=s.mqtt_tls_key or None,
        tls_insecure=s.mqtt_tls_insecure,
    )
