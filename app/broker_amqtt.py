"""The backend's side of the embedded broker: its child process, its credentials, and what it does not promise."""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING

from app.broker_base import BrokerInfo
from app.broker_child import ChildBroker
from app.broker_mosquitto import connect_host
from app.config_net import is_loopback

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from app.clock import Clock

log = logging.getLogger(__name__)

_USER = "iot-backend"
_LIMITS = (
    "Es para probar: instale Mosquitto para una casa de verdad (en Debian o Raspberry Pi: sudo apt install mosquitto).",
    "Todo está en memoria: sus colas y los mensajes retenidos se pierden cuando se apaga o muere.",
    (
        "Solo guarda la sesión del backend, con 50000 mensajes como mucho, y puede entregar alguno dos veces "
        "sin marca de repetido; a los dispositivos ausentes no les guarda nada."
    ),
    "Es lento (la décima parte que Mosquitto) y si lo desbordan muere y vuelve a empezar vacío.",
)


def _open_to(listen_host: str) -> str:
    """Who gets in; with MQTT_LISTEN_ANONYMOUS off it never listens beyond this machine (app/broker.py)."""
    if is_loopback(listen_host):
        return (
            "No conoce usuarios de dispositivos: cualquier programa de esta máquina puede hacerse pasar por "
            "cualquiera. Desde la red no se llega a él, salvo con MQTT_LISTEN_HOST y MQTT_LISTEN_ANONYMOUS = True."
        )
    return (
        f"MQTT_LISTEN_ANONYMOUS lo abre en {listen_host} sin contraseña ni cifrado, y no conoce usuarios de "
        "dispositivos: quien esté en la red puede leer los mensajes, hacerse pasar por cualquiera y dar órdenes."
    )


class EmbeddedBroker(ChildBroker):
    """amqtt in a child process. The backend's credentials are new at each start and are never on disk."""

    wants_stdin = True

    def __init__(self, folder: Path, *, listen_host: str, port: int, client_id: str, clock: Clock) -> None:
        info = BrokerInfo(
            kind="embebido",
            host=connect_host(listen_host),
            port=port,
            descripcion=f"broker de prueba (amqtt) en {listen_host}:{port}",
            no_promete=(*_LIMITS, _open_to(listen_host)),
        )
        super().__init__(info, folder, listen_host=listen_host, clock=clock)
        self._client_id = client_id
        self._password = secrets.token_urlsafe(24)

    @property
    def credentials(self) -> tuple[str, str]:
        return _USER, self._password

    def _command(self) -> list[str]:
        me = str(os.getpid())
        return [
            *(sys.executable, "-m", "app.broker_embedded"),
            *(str(self.folder), self._listen_host, str(self.info.port), me),
        ]

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """By the standard input: arguments and environment can be read by others."""
        assert process.stdin is not None
        secret = {"username": _USER, "password": self._password, "client_id": self._client_id}
        process.stdin.write(json.dumps(secret).encode() + b"\n")
        process.stdin.flush()

    def _log_line(self, line: str) -> None:
        log.log(logging.WARNING if line.startswith(("ERROR", "CRITICAL")) else logging.DEBUG, "amqtt: %s", line)
