"""HTTPS of a running house: whether it is on, for which names, and a certificate that never runs out.

The certificate is made in a process of its own, so that this one does not carry `cryptography` for what happens once a
year; the server goes on with the old one meanwhile, and takes the new one without a restart.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from app import certificados
from app.acceso import machine_names
from app.config_net import lan_addresses
from app.server_tls import TlsDoor, make_context
from app.servicios import Cifrado

if TYPE_CHECKING:
    from datetime import datetime
    from ssl import SSLContext

    from app.clock import Clock

log = logging.getLogger(__name__)

LOOK_S = 60.0
STOP_S = 1.5
MAKE_S = 60.0
_ROOT = Path(__file__).resolve().parent.parent
_MAKE = "import sys; from app.autoridad import make_from_line; sys.exit(make_from_line(sys.argv[1], sys.stdin.read()))"


class HttpsSettings(Protocol):
    """The settings that this reads."""

    @property
    def https_enabled(self) -> str: ...
    @property
    def https_port(self) -> int: ...
    @property
    def https_redirect(self) -> bool: ...
    @property
    def public_backend_url(self) -> str: ...
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...
    @property
    def instance_path(self) -> Path: ...


class HttpsError(Exception):
    """HTTPS can't be had; the message says why, in Spanish."""


def wanted_on(settings: HttpsSettings) -> bool:
    """Whether the settings, and what `./iot https` left in the house's folder, ask for it."""
    return settings.https_enabled == "siempre" or (
        settings.https_enabled == "auto" and certificados.is_on(settings.instance_path)
    )


def hosts(settings: HttpsSettings) -> tuple[str, ...]:
    """Every name and address under which this machine may be asked for."""
    public = urlsplit(settings.public_backend_url).hostname
    own = ["localhost", "127.0.0.1", "::1", *machine_names(), *lan_addresses()]
    return certificados.wanted([*own, *settings.allowed_hosts, *([public] if public else [])])


class Https:
    """Opens the TLS door, and the thread ``https`` that keeps its certificate current; :meth:`tick` is all it does."""

    def __init__(self, settings: HttpsSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._folder = certificados.folder_of(settings.instance_path)
        self.on = wanted_on(settings)
        self.door: TlsDoor | None = None
        self.fault: str | None = None
        self._shown: tuple[int, int] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="https", daemon=True)

    def open(self) -> TlsDoor | None:
        """The door for the server; None when HTTPS is off.

        Raises:
            HttpsError: it is on, and there is no certificate that could be used.
        """
        if not self.on:
            return None
        self._renew()
        try:
            self.door = TlsDoor(self._settings.https_port, self._load())
        except OSError as error:
            why = self.fault or f"no se puede usar {self._folder / certificados.SERVER}: {error}"
            raise HttpsError(f"HTTPS está activado, y {why}. Repárelo con ./iot https, o quítelo: --quitar") from error
        return self.door

    def edge(self) -> Cifrado:
        """What the routes are told."""
        ca = self._folder / certificados.CA_CERT
        return Cifrado(self._settings.https_port, ca, self._settings.https_redirect) if self.on else Cifrado()

    def start(self) -> None:
        """Begin to look after it."""
        if self.on:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def tick(self) -> None:
        """Look once: a new name or address, or little time left, make a new certificate; the door shows what is there.

        Raises:
            OSError: it can't be used; the door goes on showing the one before.
        """
        if not wanted_on(self._settings):
            return  # `./iot https --quitar`: it ends with the next start, and is not made again behind its back
        self._renew()
        if self.door is not None and self._version() != self._shown:
            self.door.context = self._load()
            log.info("HTTPS: certificado nuevo")

    def _load(self) -> SSLContext:
        self._shown = self._version()
        context: SSLContext = make_context(self._folder / certificados.SERVER)
        return context

    def _version(self) -> tuple[int, int]:
        """Tells one certificate's file from the next; `./iot https` may have put it there."""
        found = (self._folder / certificados.SERVER).stat()
        return found.st_ino, found.st_mtime_ns

    def _renew(self) -> None:
        names, now = hosts(self._settings), self._clock.now()
        authority, hoja = certificados.read_authority(self._folder), certificados.read_sheet(self._folder)
        first = authority is None and not certificados.is_on(self._settings.instance_path)
        if not first and not certificados.due(hoja, names, now, authority):
            return
        self._tell(self._make_apart(names, now))

    def _make_apart(self, names: tuple[str, ...], now: datetime) -> str | None:
        """Make it in another process; what went wrong there."""
        said = json.dumps({"hosts": names, "now": now.isoformat()})
        try:
            done = subprocess.run(
                [sys.executable, "-c", _MAKE, str(self._folder)],
                cwd=_ROOT,
                input=said,
                capture_output=True,
                text=True,
                timeout=MAKE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return None if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2] or "no dijo por qué"

    def _tell(self, fault: str | None) -> None:
        if fault is not None and fault != self.fault:
            log.error("HTTPS: no se pudo hacer el certificado: %s", fault)
        self.fault = fault

    def _run(self) -> None:
        while not self._ending.wait(LOOK_S):
            try:
                self.tick()
            except OSError as error:
                log.warning("HTTPS: no se pudo cambiar el certificado: %s", error)
