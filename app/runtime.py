"""Starts and stops the parts, in the order in which they need each other. HTTP answers before the broker does."""

from __future__ import annotations

import gc
import logging
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gevent

from app import __version__, control, create_app, dispositivos, pronostico, runtime_demo
from app import runtime_ajustes as ajustes
from app.autenticador import Autenticador
from app.avisos import cerrar_puertas
from app.broker import BrokerError, BrokerInfo, choose_broker
from app.broker_base import Broker
from app.bus import Bus
from app.clock import Clock, iso_z
from app.config_load import Settings
from app.contrasenas import Contrasenas
from app.db import Database
from app.domain.aviso import TODAS, at_least
from app.domain.dispositivo import Dispositivo
from app.domain.errors import DomainError
from app.domain.events import AccesoRevocado, CredencialCambiada, Event
from app.entrada import Entrada
from app.espera import Esperas
from app.guardian import Guardian, free_and_total
from app.https import Https, HttpsError
from app.ingest import Delivery, Ingest
from app.intentos import Intentos
from app.limpieza import Limpieza
from app.mensajero import Mensajero
from app.migrations import HEAD, migrate
from app.motor import Motor
from app.mqtt_client import MqttClient
from app.pases import Pases
from app.programador import Programador
from app.puertas import Apprise, Puerta, Webhook
from app.respaldador import Respaldador
from app.resumidor import Resumidor
from app.secretos import new_token
from app.server import Server, max_connections
from app.servicios import Services
from app.sse import Hub
from app.usuarios_broker import UsuariosBroker
from app.vencimientos import Vencimientos
from app.vigia import Vigia

log = logging.getLogger(__name__)

SWITCH_S = 0.0005
"""A thread that computes lets the others on after this long; Python's own 5 ms is ten streams' worth of latency."""
BROKER_RETRY_S = 10.0


class Hilo(Protocol):
    """A part with threads of its own."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class StartError(Exception):
    """The program can't start; the message says why and how to mend it, in Spanish."""


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What the banner tells."""

    settings: Settings
    http_url: str
    lan_urls: tuple[str, ...]
    broker: BrokerInfo | None
    broker_fault: str | None
    instance_path: Path
    schema_version: str
    first_run: bool
    https_port: int | None = None
    setup_code: str | None = None
    """With which the first account can be made; None when there are accounts."""


class Runtime:
    """One running house."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        sys.setswitchinterval(SWITCH_S)
        self.settings = settings
        self.clock = clock
        self.stopping = self.restarting = False
        self._loop = gevent.get_hub().loop
        self.broker: Broker | None = None
        self.mqtt: MqttClient | None = None
        self._demo: subprocess.Popen[bytes] | None = None
        self._stop_once = threading.Lock()
        self._stopper: gevent.Greenlet | None = None
        self._broker_fault: str | None = None
        self._restarts_seen = 0
        self._bus: Bus[Event] = Bus()
        self._revocations: Bus[AccesoRevocado] = Bus()
        self._credentials: Bus[CredencialCambiada] = Bus()
        self.first_run = migrate(settings.database_path, clock.now())
        self.db = self._open_database()
        self.db.on_damaged = ajustes.suspicion(settings, clock, self.request_restart)
        self.hub = self._make_hub()
        self._bus.subscribe(self.hub.publish)
        self.programador = Programador(self.db, clock)
        self.vencimientos = Vencimientos(self.db, clock, settings.order_ttl_s)
        self.vigia = Vigia(self.db, clock, self._devices_heard)
        self.motor = Motor(self.db, clock)
        self.lastre = ajustes.ballast(settings)
        self.guardian = Guardian(self.db, clock, lambda: free_and_total(settings.instance_path), self.lastre)
        self.limpieza = Limpieza(self.db, clock, ajustes.cleaning(settings), ajustes.keeping(settings))
        self.resumidor = Resumidor(self.db, clock)
        self.respaldador = Respaldador(self.db, clock, ajustes.backup_rhythm(settings))
        self.esperas = Esperas()
        for part in (self.programador, self.vigia, self.motor, self.limpieza, self.esperas):
            self._bus.subscribe(part.on_events)
        self.mensajeros = self._messengers()
        self.ingest = Ingest(self.db, ajustes.ingest_limits(settings), clock, self._ack, self.vigia.on_will)
        self.usuarios_broker = UsuariosBroker(self.db, self.ingest.reserve)
        self._credentials.subscribe(self.usuarios_broker.on_changes)
        self._control = new_token()
        self.autenticador = Autenticador(self.db, clock, control=self._control)
        self.pases = Pases(clock)
        for listener in (self.autenticador.on_revoked, self.pases.revocar, self.hub.revoke):
            self._revocations.subscribe(listener)
        self.entrada = Entrada(self.db, clock, Contrasenas(), Intentos())
        self.https, self.server = self._make_server()

    def _open_database(self) -> Database:
        s = self.settings
        return Database(
            s.sqlalchemy_database_uri,
            s.instance_path,
            self.clock,
            self._bus.publish,
            ajustes.order_limits(s),
            ajustes.house(s),
            self._revocations.publish,
            self._credentials.publish,
        )

    def _make_hub(self) -> Hub:
        settings = self.settings
        with self.db.reader() as conn:
            last, _ = dispositivos.snapshot(conn, dispositivos.NADIE)
        return Hub(
            epoch=secrets.token_hex(4),
            last=last,
            history=settings.sse_history_events,
            ping_s=settings.sse_ping_s,
            # Never every connection there is: a PUT must find room (RELIABILITY: out of descriptors).
            max_streams=min(settings.sse_max_streams, max_connections(settings.http_max_connections) * 3 // 4),
            max_per_address=settings.sse_max_streams_per_address,
            clock=self.clock,
        )

    def run(self, banner: Callable[[RuntimeInfo], None], *, demo: bool) -> None:
        """Serve until told to stop, then stop everything in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self.request_stop)
        self.hub.start()
        try:
            self.server.start()
        except OSError as error:
            raise StartError(_port_taken(self.settings, error)) from error
        control.write(self.settings.instance_path, control.Control(self._http_url(), self._control))
        self.ingest.start()
        for part in self._threads():
            part.start()
        gevent.get_hub().threadpool.spawn(self._start_broker, banner, demo)
        gc.collect()
        gc.freeze()  # what is loaded now stays; the collector need not look at it again
        self.server.serve_forever()
        if self._stopper is not None:
            self._stopper.join()  # the server is the first to end, the broker and the database come after it

    def _threads(self) -> Sequence[Hilo]:
        """What works beside the server and the ingest, in the order in which it starts and ends."""
        return (
            self.programador,
            self.vencimientos,
            self.vigia,
            self.motor,
            self.guardian,
            self.limpieza,
            self.resumidor,
            self.respaldador,
            self.https,
            *self.mensajeros,
        )

    def _messengers(self) -> list[Mensajero]:
        """One for each door that the house has; what waits at one that it has not is not sent any more."""
        s = self.settings
        doors: list[Puerta] = []
        if s.notify_webhook_url:
            doors.append(Webhook(s.notify_webhook_url, s.notify_webhook_secret, self.clock, __version__))
        if s.notify_apprise_urls:
            doors.append(Apprise(s.notify_apprise_urls))
        missing = TODAS & ~sum(door.bit for door in doors)
        try:
            with self.db.unit_of_work() as uow:
                cerrar_puertas(uow, missing)
        except DomainError as error:  # a full disk must not keep the house from starting
            log.warning("no se pudo apuntar que faltan puertas de avisos: %s", error.mensaje)
        made = [Mensajero(self.db, self.clock, door, at_least(s.notify_min_gravedad)) for door in doors]
        for each in made:
            self._bus.subscribe(each.on_events)
        return made

    def _make_server(self) -> tuple[Https, Server]:
        s, https = self.settings, Https(self.settings, self.clock)
        app = create_app(
            Services(
                s,
                self.db,
                self.hub,
                self.esperas,
                self.clock,
                self.estado,
                self.autenticador,
                self.entrada,
                self.pases,
                cifrado=https.edge(),
                copias=ajustes.copies(s, self.respaldador, self.request_restart),
            )
        )
        try:
            return https, Server(app, s, self.clock, on_stop=self._end_waits, tls=https.open())
        except HttpsError as error:
            raise StartError(str(error)) from error

    def _end_waits(self) -> None:
        """No stream and no held answer keeps the server from its end."""
        self.esperas.close()
        self.hub.close()

    def request_restart(self) -> None:
        """Stop and begin anew, in this very process; any thread."""
        self.restarting = True
        self._loop.run_callback_threadsafe(self.request_stop)

    def request_stop(self) -> None:
        """Begin the end; SIGTERM and SIGINT come here, a second one changes nothing."""
        if self._stop_once.acquire(blocking=False):
            self.stopping = True
            self._stopper = gevent.spawn(self._stop)

    def estado(self) -> Mapping[str, Any]:
        """What every part says of itself, for ``/salud`` and ``/metrics``; any thread."""
        free, total = free_and_total(self.settings.instance_path)
        growth = self._growth(free)
        return {
            "version": __version__,
            "parando": self.stopping,
            "avisos": self.settings.avisos,
            "base_de_datos": self._database_state(),
            "mqtt": self._mqtt_state(),
            "ingesta": {"viva": self.ingest.alive(), **self.ingest.stats()},
            "horarios": {"vivo": self.programador.alive(), **self.programador.stats()},
            "reglas": {"vivo": self.motor.alive(), **self.motor.stats()},
            "conectividad": {"viva": self.vigia.alive(), **self.vigia.stats()},
            **{each.nombre: each.stats() for each in self.mensajeros},
            "limpieza": self.limpieza.stats(),
            "historial": self.resumidor.stats(),
            "respaldos": self.respaldador.stats(),
            "flujos": self.hub.stats(),
            "http": self.server.stats(),
            "esperas": {"ocupadas": self.esperas.waiting},
            "disco": {"libre_bytes": free, "total_bytes": total, "lastre": self.lastre.puesto, **growth},
            "reloj": {"ahora": iso_z(self.clock.now())},
        }

    def _start_broker(self, banner: Callable[[RuntimeInfo], None], demo: bool) -> None:
        """In a native thread: HTTP serves meanwhile, and goes on serving while no broker can be had."""
        told = False
        while not self.stopping and not self._broker_started():
            if not told:
                banner(self._info())
                told = True
            self.clock.sleep(BROKER_RETRY_S)
        if self.stopping or self.broker is None:
            return
        self.mqtt = MqttClient(
            ajustes.mqtt_settings(self.settings, self.broker), self.ingest, self._pending, self.clock, self._gone
        )
        self._bus.subscribe(self.mqtt.on_events)
        self.mqtt.start()
        if not told:
            banner(self._info())
        if demo and not self.broker.info.pide_usuario:
            self._demo = runtime_demo.start(self.settings, self.broker.info)
        elif demo:
            log.warning("sin casa de demostración: sus dispositivos no tienen usuario, y el broker pide uno a todos")

    def _broker_started(self) -> bool:
        try:
            self.broker = choose_broker(self.settings, self.settings.instance_path, clock=self.clock)
            self.usuarios_broker.attach(self.broker)
            self.broker.start()
        except BrokerError as error:
            if self._broker_fault != str(error):
                log.error("sin broker MQTT: %s (se reintenta)", error)
            self._broker_fault = str(error)
            return False
        self._broker_fault = None
        return True

    def _stop(self) -> None:
        """Not ready; no new work; flush, acknowledge, disconnect keeping the session; end the streams; checkpoint."""
        pool = gevent.get_hub().threadpool
        if self._demo is not None:
            self._demo.terminate()
        self.server.stop_accepting()
        control.remove(self.settings.instance_path)
        if self.mqtt is not None:
            self.mqtt.pause()
        pool.apply(self.ingest.stop)
        for part in self._threads():
            pool.apply(part.stop)
        if self.mqtt is not None:
            pool.apply(self.mqtt.stop)
        self.server.stop()
        self.db.close()
        if self.broker is not None:
            pool.apply(self.broker.stop)
        if self._demo is not None:
            pool.apply(runtime_demo.wait_or_kill, (self._demo,))

    def _devices_heard(self) -> bool:
        """Whether what devices say reaches the database now; while it does not, silence means nothing."""
        return self.mqtt is not None and self.mqtt.connected() and not self.ingest.stuck()

    def _ack(self, deliveries: Sequence[Delivery]) -> None:
        if self.mqtt is not None:
            self.mqtt.ack(deliveries)

    def _pending(self, everything: bool) -> Sequence[Dispositivo]:
        """A broker of ours that died comes back as it was at its last save: it knows the session, and may have lost
        retained messages (docs/adr/0002), so after a restart everything is published again."""
        restarts = getattr(self.broker, "restarts", 0)
        everything, self._restarts_seen = everything or restarts != self._restarts_seen, restarts
        with self.db.reader() as conn:
            return dispositivos.deseadas_pendientes(conn, todas=everything)

    def _gone(self) -> Sequence[tuple[int, str]]:
        with self.db.reader() as conn:
            return dispositivos.borrados(conn)

    def _database_state(self) -> dict[str, Any]:
        state = {"commits": self.db.commits, "esquema": HEAD, "bytes": self.db.size()}
        try:
            with self.db.reader() as conn:
                return {"responde": True, "ultimo_evento": dispositivos.snapshot(conn, dispositivos.NADIE)[0], **state}
        except DomainError as error:
            return {"responde": False, "fallo": error.mensaje, **state}

    def _growth(self, free: int) -> dict[str, Any]:
        bound = self.settings.history_max_mb * 1_000_000
        try:
            with self.db.reader() as conn:
                found = pronostico.pronosticar(conn, self.clock.now(), self.db.size(), free, bound)
                return {**found, "habladores": pronostico.habladores(conn)}
        except DomainError:  # told by `base_de_datos`
            return {}

    def _mqtt_state(self) -> dict[str, Any]:
        info = self.broker.info if self.broker else None
        kind = {"tipo": info.kind, "debilidades": info.no_promete} if info else {}
        if self.mqtt is None:
            return {"conectado": False, "fallo": self._broker_fault or "el broker está arrancando", **kind}
        return {**self.mqtt.status(), **kind}

    def _setup_code(self) -> str | None:
        try:
            return self.entrada.new_setup_code()
        except DomainError:  # what is wrong with the database is told elsewhere
            return None

    def _http_url(self) -> str:
        return f"http://{_local_host(self.settings.backend_host)}:{self.server.port}"

    def _info(self) -> RuntimeInfo:
        public = self.settings.public_backend_url
        return RuntimeInfo(
            settings=self.settings,
            http_url=self._http_url(),
            lan_urls=(public,) if public else (),
            https_port=self.https.door.port if self.https.door else None,
            broker=self.broker.info if self.broker and not self._broker_fault else None,
            broker_fault=self._broker_fault,
            instance_path=self.settings.instance_path,
            schema_version=HEAD,
            first_run=self.first_run,
            setup_code=self._setup_code(),
        )


def _port_taken(s: Settings, error: OSError) -> str:
    return (
        f"el puerto {s.backend_port} (o el {s.https_port} de HTTPS, si está activo) no está libre, o la dirección "
        f"{s.backend_host} no es de esta máquina ({error}). "
        "Cambie BACKEND_PORT (por ejemplo IOT_BACKEND_PORT=5001 ./iot) o vea quién lo ocupa con ./iot doctor."
    )


def _local_host(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "", "::") else f"[{host}]" if ":" in host else host
