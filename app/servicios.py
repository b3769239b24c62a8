"""What the HTTP edge is given: the parts that its routes call, and nothing global."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.autenticador import Autenticador
    from app.clock import Clock
    from app.db import Database
    from app.entrada import Entrada
    from app.espera import Esperas
    from app.pases import Pases
    from app.respaldador import Respaldador
    from app.sse import Hub


class EdgeSettings(Protocol):
    """The settings that the routes and their guard read."""

    @property
    def trusted_networks(self) -> tuple[str, ...]: ...
    @property
    def trusted_proxies(self) -> tuple[str, ...]: ...
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...
    @property
    def cors_origins(self) -> tuple[str, ...]: ...
    @property
    def backend_host(self) -> str: ...
    @property
    def public_backend_url(self) -> str: ...
    @property
    def mqtt_broker_url(self) -> str: ...
    @property
    def mqtt_broker_port(self) -> int: ...
    @property
    def mqtt_listen_host(self) -> str: ...
    @property
    def mqtt_tls_port(self) -> int: ...
    @property
    def http_body_max(self) -> int: ...
    @property
    def claims_per_min(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Cifrado:
    """HTTPS as the edge sees it: its port (None: off), the file of the house's CA, and whether pages are sent there."""

    puerto: int | None = None
    autoridad: Path | None = None
    redirigir: bool = False


@dataclass(frozen=True, slots=True)
class Copias:
    """Where backups are, who makes them, and how the program is told to start anew."""

    folder: Path = Path("respaldos")
    instance: Path = Path()
    frase: str = ""
    respaldador: Respaldador | None = None
    reiniciar: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Services:
    """The parts.

    ``estado`` returns what each part says of itself (see ``app.salud.JUDGES`` for the keys); it is called from request
    threads, by /salud and /metrics.
    """

    settings: EdgeSettings
    db: Database
    hub: Hub
    esperas: Esperas
    clock: Clock
    estado: Callable[[], Mapping[str, Any]]
    autenticador: Autenticador
    entrada: Entrada
    pases: Pases
    cifrado: Cifrado = Cifrado()
    copias: Copias = Copias()
