"""The demo house, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.broker_base import BrokerInfo
    from app.config_load import Settings

STOP_S = 2.0
DEMO = "import sys; from simulator.cli import demo_main; sys.exit(demo_main(sys.argv[1:]))"


def start(s: Settings, broker: BrokerInfo) -> subprocess.Popen[bytes]:
    """Start it; it ends by itself when this process is gone."""
    args = ["--broker", f"{broker.host}:{broker.port}", "--backend", f"http://127.0.0.1:{s.backend_port}", "--reclamar"]
    if s.mqtt_tls_enabled and s.mqtt_tls_ca:
        args += ["--tls-ca", s.mqtt_tls_ca]
    env = {**os.environ, "IOT_MQTT_USERNAME": s.mqtt_username, "IOT_MQTT_PASSWORD": s.mqtt_password}
    root = Path(__file__).resolve().parent.parent
    return subprocess.Popen([sys.executable, "-c", DEMO, *args], cwd=root, env=env, stdin=subprocess.DEVNULL)


def wait_or_kill(child: subprocess.Popen[bytes]) -> None:
    """It was told to end; see that it does."""
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
