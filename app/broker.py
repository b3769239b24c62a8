"""Which broker this start uses: the configured one, one that already runs, a mosquitto of ours, the embedded one.

ARCHITECTURE section 5; figures and reasons in docs/adr/0002-broker.md.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from app import certificados
from app.broker_amqtt import EmbeddedBroker
from app.broker_base import (
    Broker,
    BrokerError,
    BrokerInfo,
    BrokerSettings,
    ProbeResult,
    probe,
    tls_context,
)
from app.broker_child import cannot_use, lock_folder, make_folder, port_taken
from app.broker_mosquitto import Access, MosquittoBroker, TlsListener, find_mosquitto
from app.broker_orphan import end_orphan
from app.config_net import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

    from app.clock import Clock

__all__ = ["Broker", "BrokerError", "BrokerInfo", "ProbeResult", "choose_broker", "probe"]

_LOCAL = "127.0.0.1"


def choose_broker(settings: BrokerSettings, instance_path: Path, *, clock: Clock) -> Broker:
    """The broker to use; call its `start` next. Ends a child of ours that an earlier start left behind.

    Raises `BrokerError` when none can be used.
    """
    if settings.mqtt_broker_url:
        return _configured(settings, clock)
    _refuse_tls(settings)
    folder = instance_path.absolute() / "broker"
    _end_leftovers(folder, clock)
    if settings.mqtt_embedded == "siempre":
        return _embedded(settings, folder, clock)
    found = _found(settings, clock)
    if found is not None:
        return found
    program = find_mosquitto()
    if program is not None:
        return MosquittoBroker(
            program,
            folder,
            listen_host=settings.mqtt_listen_host,
            port=settings.mqtt_broker_port,
            clock=clock,
            tls=_tls_listener(settings, instance_path.absolute()),
            access=_access(settings),
        )
    if settings.mqtt_embedded == "nunca":
        raise BrokerError(
            "broker_ninguno",
            "no hay broker MQTT: instale Mosquitto (en Debian o Raspberry Pi: sudo apt install mosquitto), "
            'ponga MQTT_BROKER_URL, o permita el de prueba con MQTT_EMBEDDED = "auto"',
        )
    return _embedded(settings, folder, clock)


def _tls_listener(settings: BrokerSettings, instance: Path) -> TlsListener | None:
    """Encrypted too, once HTTPS is on and devices of the network are let in at all."""
    if settings.https_enabled == "nunca" or not certificados.is_on(instance) or is_loopback(settings.mqtt_listen_host):
        return None
    return TlsListener(settings.mqtt_tls_port, certificados.folder_of(instance) / certificados.SERVER)


def _access(settings: BrokerSettings) -> Access:
    """From the network nobody gets in without a user, unless the owner says so."""
    open_to_all = is_loopback(settings.mqtt_listen_host) or settings.mqtt_listen_anonymous
    return Access(anonymous=open_to_all, shared=settings.mqtt_shared_topic, client_id=settings.mqtt_client_id)


class ExternalBroker(Broker):
    """A broker that somebody else runs: nothing to start, nothing to stop."""

    def __init__(self, info: BrokerInfo, settings: BrokerSettings, *, clock: Clock) -> None:
        super().__init__(info, clock=clock)
        self._settings = settings

    def start(self) -> None:
        """Nothing; the backend's client keeps trying to connect, so a broker that is down is no fault here."""

    def stop(self) -> None:
        """Nothing."""

    def ask(self, *, timeout: float = 3.0) -> ProbeResult:
        """What it answers now, with the credentials and TLS of the settings."""
        return _ask(self._settings, self.info.host, self.info.port, timeout=timeout)

    def _answers(self, timeout: float) -> bool:
        return self.ask(timeout=timeout).ok


def _configured(settings: BrokerSettings, clock: Clock) -> Broker:
    host, port = settings.mqtt_broker_url, settings.mqtt_broker_port
    info = BrokerInfo(
        kind="configurado",
        host=host,
        port=port,
        descripcion=f"broker configurado en {host}:{port}" + (" con TLS" if settings.mqtt_tls_enabled else ""),
        no_promete=(*_unknown_limits(), *_wire_limits(settings, host)),
    )
    return ExternalBroker(info, settings, clock=clock)


def _found(settings: BrokerSettings, clock: Clock) -> Broker | None:
    """The broker that already answers on this machine, or None. Raises `BrokerError` if we cannot use what is there."""
    port = settings.mqtt_broker_port
    result = _ask(settings, _LOCAL, port, timeout=1.0)
    if result.fase == "conexion":
        return None
    if result.fase == "protocolo":
        raise port_taken(_LOCAL, port)
    if result.fase == "rechazo":
        raise BrokerError(
            "broker_rechaza",
            f"en este equipo ya hay un broker, pero {result.motivo}; ponga MQTT_USERNAME y MQTT_PASSWORD, "
            "o use otro puerto con MQTT_BROKER_PORT para que el backend arranque el suyo",
        )
    info = BrokerInfo(
        kind="encontrado",
        host=_LOCAL,
        port=port,
        descripcion=f"broker que ya estaba en marcha en {_LOCAL}:{port}",
        no_promete=(*_unknown_limits(), *_listen_limits(settings)),
    )
    return ExternalBroker(info, settings, clock=clock)


def _unknown_limits() -> tuple[str, ...]:
    return (
        (
            "No conocemos sus límites. De fábrica, Mosquitto guarda 1000 mensajes para un backend ausente "
            "(max_queued_messages), ninguno tras un reinicio (persistence) y nada de lo enviado con QoS 0 "
            "(upgrade_outgoing_qos): lo que el broker olvida no se puede recuperar."
        ),
    )


def _wire_limits(settings: BrokerSettings, host: str) -> tuple[str, ...]:
    if settings.mqtt_tls_enabled:
        if not settings.mqtt_tls_insecure:
            return ()
        return ("MQTT_TLS_INSECURE: no se comprueba su certificado, así que otro equipo puede suplantarlo.",)
    if is_loopback(host):
        return ()
    return ("La conexión con él va sin cifrar: quien esté en la red puede leerla y cambiarla (MQTT_TLS_ENABLED).",)


def _listen_limits(settings: BrokerSettings) -> tuple[str, ...]:
    if is_loopback(settings.mqtt_listen_host):
        return ("Si acepta conexiones de la red lo decide su propia configuración.",)
    return (
        f"MQTT_LISTEN_HOST = {settings.mqtt_listen_host} no tiene efecto: dónde escucha lo decide su configuración.",
    )


def _embedded(settings: BrokerSettings, folder: Path, clock: Clock) -> Broker:
    open_to_all = is_loopback(settings.mqtt_listen_host) or settings.mqtt_listen_anonymous
    return EmbeddedBroker(
        folder,
        listen_host=settings.mqtt_listen_host if open_to_all else _LOCAL,
        port=settings.mqtt_broker_port,
        client_id=settings.mqtt_client_id,
        clock=clock,
    )


def _refuse_tls(settings: BrokerSettings) -> None:
    if settings.mqtt_tls_enabled:
        raise BrokerError(
            "broker_sin_tls",
            "MQTT_TLS_ENABLED pide cifrado, pero sin MQTT_BROKER_URL no se sabe qué broker lo ofrece "
            "(el que arranca el backend no); ponga MQTT_BROKER_URL, o quite MQTT_TLS_ENABLED",
        )


def _ask(settings: BrokerSettings, host: str, port: int, *, timeout: float) -> ProbeResult:
    try:
        tls = tls_context(settings)
    except OSError as error:
        return ProbeResult(
            ok=False, motivo=f"los ficheros de TLS no sirven: {error.strerror or error}", fase="conexion"
        )
    return probe(host, port, username=settings.mqtt_username, password=settings.mqtt_password, tls=tls, timeout=timeout)


def _end_leftovers(folder: Path, clock: Clock) -> None:
    """Before looking for a broker on the machine: an orphan of ours must not pass for somebody else's."""
    make_folder(folder)
    with contextlib.closing(lock_folder(folder)):
        try:
            end_orphan(folder, clock=clock)
        except OSError as error:
            raise cannot_use(folder, error) from error
