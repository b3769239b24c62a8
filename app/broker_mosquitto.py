"""A mosquitto of this machine as our own child, with a configuration of ours (figures: docs/adr/0002-broker.md)."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app import broker_identidad
from app.broker_acl import ACL, USERS, acl_text, password_hash, password_text
from app.broker_base import BrokerError, BrokerInfo, probe
from app.broker_child import ChildBroker
from app.broker_orphan import CONFIG
from app.config_net import is_loopback

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from app.clock import Clock

log = logging.getLogger(__name__)

MAX_INFLIGHT = 4_000
"""Messages sent to one client and not acknowledged yet; at most so many come again after a lost connection."""
MAX_QUEUED = 500_000
"""Messages kept for one client that is away or slow: 14 hours of a house that sends ten a second."""
MAX_QUEUED_BYTES = 64 * 1024 * 1024
"""The same in payload bytes, whichever comes first: about 300 MB of memory at worst."""
MAX_PACKET = 256 * 1024
"""Bigger ones close the connection. Well above 64 KiB: what is too big for us must arrive to be rejected visibly."""
FORGET_CLIENT = "30d"

_DATABASE = "mosquitto.db"
_SAVE_BYTES_S = 8 * 1024 * 1024  # a save writes everything: the larger it is, the more seldom
_SAVE_MIN_S, _SAVE_MAX_S = 1.9, 30.0  # asked once a second: so every 2 s; every second showed in the p99 at 100 msg/s
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/sbin")
_GENERATED = "# Written by the IoT backend: changes made here are lost."
_HARMLESS = "should not be run as root"


def find_mosquitto() -> str | None:
    """The program's path; system services live where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_FOLDERS))


@dataclass(frozen=True, slots=True)
class TlsListener:
    """A second port of the same broker, encrypted with the house's certificate (key and certificate in one file)."""

    port: int
    certificate: Path

    def lines(self, listen_host: str) -> list[str]:
        """Its part of mosquitto.conf; `tls_version` is the oldest that is accepted."""
        return [
            f"listener {self.port} {listen_host}",
            f"certfile {self.certificate}",
            f"keyfile {self.certificate}",
            "tls_version tlsv1.2",
        ]

    def version(self) -> tuple[int, int] | None:
        """Tells one certificate's file from the next; None while there is none."""
        try:
            found = self.certificate.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in. ``anonymous``: who shows no user; ``shared``: the shared topic is heard; ``client_id``: the one
    that the backend had before it had a user here."""

    anonymous: bool = True
    shared: bool = True
    client_id: str = ""


def configuration(
    folder: Path, listen_host: str, port: int, *, root: bool, anonymous: bool = True, tls: TlsListener | None = None
) -> str:
    """The text of mosquitto.conf (man 5 mosquitto.conf, 2.0.11)."""
    if any(c in str(folder) for c in "\r\n"):
        raise BrokerError("broker_carpeta", "la ruta de la carpeta instance no puede tener saltos de línea")
    lines = [
        _GENERATED,
        f"listener {port} {listen_host}",
        *_own_ids(anonymous=anonymous),
        f"allow_anonymous {'true' if anonymous else 'false'}",
        f"password_file {folder}/{USERS}",
        f"acl_file {folder}/{ACL}",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {folder}/",
        f"persistence_file {_DATABASE}",
        # Saves are asked for by signal, see MosquittoBroker._tick; this is the net below.
        "autosave_on_changes false",
        "autosave_interval 60",
        f"max_inflight_messages {MAX_INFLIGHT}",
        f"max_queued_messages {MAX_QUEUED}",
        f"max_queued_bytes {MAX_QUEUED_BYTES}",
        f"max_packet_size {MAX_PACKET}",
        # Legacy devices publish at QoS 0; so their messages too are queued and wait for the backend's commit.
        "upgrade_outgoing_qos true",
        f"persistent_client_expiration {FORGET_CLIENT}",
        "sys_interval 0",
        "connection_messages false",
        "log_dest stderr",
        "log_timestamp false",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    if tls is not None:
        lines += tls.lines(listen_host) + _own_ids(anonymous=anonymous)
    if root:  # else it becomes another user, who cannot write in our folder
        lines.append("user root")
    return "\n".join(lines) + "\n"


def _own_ids(*, anonymous: bool) -> list[str]:
    """A user's name is its client id, so that none takes another's session; Mosquitto then lets nobody in without."""
    return [] if anonymous else ["use_username_as_clientid true"]


def connect_host(listen_host: str) -> str:
    """Where the backend reaches a listener on `listen_host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(listen_host, listen_host)


def limits(listen_host: str, *, anonymous: bool) -> tuple[str, ...]:
    """What this broker does not promise, for the banner and `./iot doctor`."""
    return (
        (
            "Si Mosquitto muere de golpe (kill -9, corte de luz) se pierde lo que recibió y aún no había guardado: "
            "alrededor de 2 segundos, hasta 30 con una cola muy grande."
        ),
        (
            f"Para un cliente ausente guarda hasta {MAX_QUEUED} mensajes o {MAX_QUEUED_BYTES // 2**20} MiB; "
            f"después descarta los nuevos. A los {FORGET_CLIENT[:-1]} días sin verlo lo olvida."
        ),
        "Se apaga con el backend: mientras tanto los dispositivos no tienen a quién enviar.",
        anonymous_limit(listen_host) if anonymous else wire_limit(listen_host),
    )


def anonymous_limit(listen_host: str) -> str:
    """What somebody without a user can do."""
    if is_loopback(listen_host):
        return (
            "En esta máquina no pide contraseña: cualquier programa puede hacerse pasar por un dispositivo que no "
            "tenga usuario propio, y echar a uno que lo tenga si conoce su identificador de cliente. "
            "Desde la red no se llega a él (MQTT_LISTEN_HOST)."
        )
    return (
        f"MQTT_LISTEN_ANONYMOUS lo abre en {listen_host} sin contraseña: quien esté en la red puede leer los mensajes "
        "y hacerse pasar por los dispositivos que no tengan usuario propio, y echar a uno que lo tenga si conoce su "
        "identificador de cliente. Órdenes no puede dar, ni ocupar la sesión del backend."
    )


def wire_limit(listen_host: str) -> str:
    """What passwords do not help against."""
    return (
        f"En {listen_host} pide usuario y contraseña a todos (./iot dispositivo credencial), también en esta máquina; "
        "por el puerto sin cifrar quien escuche la red los puede leer."
    )


class MosquittoBroker(ChildBroker):
    """Keeps sessions, queues and retained messages in the instance folder over restarts of either process."""

    def __init__(
        self,
        program: str,
        folder: Path,
        *,
        listen_host: str,
        port: int,
        clock: Clock,
        access: Access | None = None,
        tls: TlsListener | None = None,
    ) -> None:
        self._access = access or Access()
        info = BrokerInfo(
            kind="mosquitto",
            host=connect_host(listen_host),
            port=port,
            descripcion=f"Mosquitto propio en {listen_host}:{port}" + (f", y cifrado en {tls.port}" if tls else ""),
            no_promete=limits(listen_host, anonymous=self._access.anonymous),
            pide_usuario=not self._access.anonymous,
        )
        super().__init__(info, folder, listen_host=listen_host, clock=clock)
        self._program = program
        self._next_save = 0.0
        self._received: int | None = None
        self._tls = tls
        self._certificate = tls.version() if tls else None
        self._me: broker_identidad.Identidad | None = None
        # Asking whether it answers needs a user too, and the backend's would take the backend's session.
        self._asker = (f"iot-sonda-{secrets.token_hex(16)}", secrets.token_urlsafe(24))
        self._devices: Mapping[str, str] = {}
        self._users = threading.Lock()  # covers _devices and the files that say them
        self._heard_pid: int | None = None  # of the child that has answered, so that a SIGHUP does not end it
        self._stale = False  # it may have read older files than those that are there

    @property
    def credentials(self) -> tuple[str, str] | None:
        return (self._me.usuario, self._me.clave) if self._me else None

    @property
    def client_id(self) -> str | None:
        return self._me.usuario if self._me else None

    def set_users(self, devices: Mapping[str, str]) -> None:
        """The devices with a user of their own, serial -> hash; counts at once, for those that are connected too."""
        with self._users:
            self._devices = dict(devices)
            if self._me is None:  # not started: what is read at the start
                return
            self._stale = True
            try:
                self._write_users()
            except OSError as error:  # tried again at each tick
                log.error("no se pueden escribir los usuarios del broker: %s", error.strerror or error)
            else:
                self._reload()

    def _write_users(self) -> None:
        assert self._me is not None
        backend = self._me.usuario
        users = {backend: password_hash(self._me.clave), self._asker[0]: password_hash(self._asker[1]), **self._devices}
        broker_identidad.write_private(self.folder / USERS, password_text(users))
        rules = acl_text(backend, self._devices, anonymous=self._access.anonymous, shared=self._access.shared)
        broker_identidad.write_private(self.folder / ACL, f"{_GENERATED}\n{rules}")

    def _reload(self) -> None:
        """Have the child read the files again (SIGHUP). It ends the connections of users that are no more."""
        with self._guard:
            process = self._process
            if process is not None and process.pid == self._heard_pid and process.poll() is None:
                process.send_signal(signal.SIGHUP)
                self._stale = False

    def _answers(self, timeout: float) -> bool:
        pid = self.pid
        if pid is None:
            return False
        user, password = self._asker
        ok = probe(self.info.host, self.info.port, username=user, password=password, timeout=timeout).ok
        if ok and self.pid == pid:
            self._heard_pid = pid
        return ok

    @property
    def config_path(self) -> str:
        """The generated configuration."""
        return str(self.folder / CONFIG)

    def _prepare(self) -> None:
        text = configuration(
            self.folder,
            self._listen_host,
            self.info.port,
            root=os.geteuid() == 0,
            anonymous=self._access.anonymous,
            tls=self._tls,
        )
        broker_identidad.write_private(Path(self.config_path), text)
        with self._users:
            if self._me is None:
                self._me = broker_identidad.load_or_make(self.folder, self.folder / _DATABASE, self._access.client_id)
            self._stale = False
            self._write_users()

    def _command(self) -> list[str]:
        tie = str(Path(__file__).with_name("broker_exec.py"))
        return [sys.executable, "-I", "-S", tie, str(os.getpid()), self._program, "-c", self.config_path]

    def _tick(self, process: subprocess.Popen[bytes]) -> None:
        """Have it save (SIGUSR1), every 2 s while that is cheap.

        Its own autosave either writes everything on every message (2,000 messages/s are then the limit) or every so
        many seconds whatever it costs: with a queue of 500,000 that is 100 MB each time.
        """
        self._reload_certificate(process)
        self._reload_users()
        now = self._clock.monotonic()
        if now < self._next_save:
            return
        received = _bytes_read(process.pid)
        if received is not None and received == self._received:
            return  # nothing came in: nothing to save
        self._received = received
        self._next_save = now + min(max(self._database_size() / _SAVE_BYTES_S, _SAVE_MIN_S), _SAVE_MAX_S)
        process.send_signal(signal.SIGUSR1)

    def _reload_users(self) -> None:
        """What could not be told at once: a disk that was full, a child that was just starting."""
        if not self._stale:
            return
        with self._users:
            try:
                self._write_users()
            except OSError:
                return
            self._reload()

    def _reload_certificate(self, process: subprocess.Popen[bytes]) -> None:
        """A renewed one counts for new connections at once (SIGHUP); those that are open stay."""
        found = self._tls.version() if self._tls else None
        if found is not None and found != self._certificate:
            self._certificate = found
            process.send_signal(signal.SIGHUP)

    def _database_size(self) -> int:
        try:
            return (self.folder / _DATABASE).stat().st_size
        except OSError:
            return 0

    def _mend(self, lines: list[str]) -> bool:
        """A database that it cannot read would keep it from ever starting again: put it aside, loudly."""
        self._next_save, self._received = 0.0, None
        database = self.folder / _DATABASE
        if not any("Couldn't open database" in line for line in lines[-4:]) or not database.exists():
            return False
        aside = database.with_suffix(".db.roto")
        database.replace(aside)
        self._lines.clear()
        log.error("Mosquitto no puede leer su base de datos: queda apartada en %s y empieza vacío", aside)
        return True

    def _log_line(self, line: str) -> None:
        if _HARMLESS in line:
            return
        serious = line.startswith(("Error", "Warning")) or "being dropped" in line
        log.log(logging.WARNING if serious else logging.DEBUG, "mosquitto: %s", line)


def _bytes_read(pid: int) -> int | None:
    """How much the process has read so far, sockets included (proc(5), io); None where that cannot be known."""
    try:
        text = Path(f"/proc/{pid}/io").read_text()
    except OSError:
        return None
    return int(text.split("rchar:", 1)[1].split(maxsplit=1)[0])
