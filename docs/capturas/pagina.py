"""Photographs of the page for `hacer.py`: each screen on a phone and on a desktop, light and dark, as WebP.

The house is the demo, with a day of history behind it: the database of before its first start is one that the original
program could have left, which the backend then converts as it does everybody's.
"""

# ruff: noqa: INP001, S310, S311, T201, TID251 - part of a script, which prints and waits

from __future__ import annotations

import base64
import json
import math
import random
import sqlite3
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from simulator.house import LAMPARA, demo_specs  # noqa: E402 - this folder is no package

SENSOR, SWITCH = "Temperatura del salón", LAMPARA
WEEK = {
    "modo": "horario",
    "horarios": [
        {"dias": ["lunes", "martes", "miercoles", "jueves", "viernes"], "inicio": "06:45", "fin": "08:15"},
        {"dias": ["lunes", "martes", "miercoles", "jueves", "domingo"], "inicio": "20:30", "fin": "23:15"},
        {"dias": ["viernes", "sabado"], "inicio": "21:00", "fin": "01:30"},
    ],
}
SIZES: dict[str, dict[str, Any]] = {
    "telefono": {"viewport": {"width": 360, "height": 780}, "is_mobile": True, "has_touch": True},
    "escritorio": {"viewport": {"width": 1440, "height": 900}},
}
THEMES = {"claro": "light", "oscuro": "dark"}
SCALE = {"telefono": 2.0, "escritorio": 1.0}
QUALITY = 78
SETTLE_MS = 1500  # charts and small lines come after the words
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--force-color-profile=srgb"]
PEOPLE = (("Ana", "administrador"), ("Luis", "miembro"), ("Abuela", "invitado"))
HOURS, EVERY_S = 30, 300
ORIGINAL = """
CREATE TABLE dispositivo (id INTEGER NOT NULL PRIMARY KEY, serial_number VARCHAR(100) NOT NULL UNIQUE,
  nombre VARCHAR(80) NOT NULL, tipo VARCHAR(50) NOT NULL, modelo VARCHAR(100), descripcion VARCHAR(255),
  estado VARCHAR(20), parametros JSON, configuracion JSON, reclamado BOOLEAN);
CREATE TABLE estado_log (id INTEGER NOT NULL PRIMARY KEY, dispositivo_id INTEGER NOT NULL REFERENCES dispositivo (id),
  estado VARCHAR(20), parametros JSON, timestamp DATETIME);
"""


def remember(database: Path) -> None:
    """What the demo's devices said since yesterday, at the hours of the day when a house does it."""
    database.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).replace(tzinfo=None)
    with closing(sqlite3.connect(database)) as conn:
        conn.executescript(ORIGINAL)
        for number, spec in enumerate(demo_specs(), 1):
            row = (number, spec.serial, spec.nombre, spec.kind.tipo, spec.kind.modelo, spec.kind.descripcion)
            conn.execute("INSERT INTO dispositivo VALUES (?, ?, ?, ?, ?, ?, 'activo', '{}', '{}', 0)", row)
        sql = "INSERT INTO estado_log (dispositivo_id, estado, parametros, timestamp) VALUES (?, ?, ?, ?)"
        conn.executemany(sql, rows(now))
        conn.commit()


def rows(now: datetime) -> Iterator[tuple[int, str, str, str]]:
    chance = random.Random(7)
    for step in range(HOURS * 3600 // EVERY_S, 0, -1):
        moment = now - timedelta(seconds=step * EVERY_S)
        hour = moment.hour + moment.minute / 60
        for number, spec in enumerate(demo_specs(), 1):
            said = parameters(spec.serial[:4], hour, chance)
            on = spec.kind.tipo == "sensor" or 7 <= hour < 9 or 18 <= hour < 23
            stamp = moment.isoformat(" ", "microseconds")
            yield number, "activo" if on else "inactivo", json.dumps(said), stamp


def parameters(prefix: str, hour: float, chance: random.Random) -> dict[str, Any]:
    day = math.sin(2 * math.pi * (hour - 9) / 24)
    match prefix:
        case "TMP0":
            return {"temperatura": round(21.5 + 2 * day + chance.gauss(0, 0.15), 1), "humedad": round(48 - 6 * day)}
        case "CO20":
            return {"co2_ppm": round(520 + 260 * max(0.0, -day) + chance.gauss(0, 12))}
        case "PLG0":
            return {"consumo_w": round(1400 + chance.gauss(0, 60)) if 18 <= hour < 22 else 2}
        case "MOV0":
            return {"movimiento": 7 <= hour < 23 and chance.random() < 0.3}
        case "FAN0":
            return {"velocidad": 2 if 18 <= hour < 23 else 0}
    return {}


def photograph(browser: str, base: str) -> None:
    """All screens of the house that answers at ``base``."""
    devices = {d["nombre"]: d["id"] for d in ask(f"{base}/dispositivos")}
    for nombre, rol in PEOPLE:
        ask(f"{base}/usuarios", {"nombre": nombre, "clave": f"una frase larga de {nombre}", "rol": rol})
    ask(f"{base}/casa", {"nombre": "Casa del mar", "zona": "Europe/Madrid"}, "PUT")
    ask(f"{base}/dispositivos/{devices[SWITCH]}", {"configuracion": WEEK}, "PUT")
    screens = {
        "casa": "#/",
        "dispositivo": f"#/dispositivo/{devices[SENSOR]}",
        "horario": f"#/horario/{devices[SWITCH]}",
        "anadir": "#/anadir",
        "cuentas": "#/mas/cuentas",
    }
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        for size in SIZES:
            for theme in THEMES:
                series(chromium, base, screens, size, theme)
        chromium.close()


def series(chromium: Browser, base: str, screens: dict[str, str], size: str, theme: str) -> None:
    look = {"locale": "es-ES", "color_scheme": THEMES[theme], "device_scale_factor": SCALE[size]}
    context = chromium.new_context(**SIZES[size], **look)
    page = context.new_page()
    for name, address in screens.items():
        page.goto(f"{base}/{address}")
        page.locator("h1").first.wait_for()
        page.wait_for_timeout(SETTLE_MS)
        shoot(page, SCALE[size], HERE / f"pagina-{name}-{size}-{theme}.webp")
    context.close()


def shoot(page: Page, scale: float, target: Path) -> None:
    """Playwright writes PNG and JPEG; Chromium itself also WebP, a third as large."""
    assert page.viewport_size is not None
    session = page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, **page.viewport_size, "scale": scale}
    answer = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "clip": clip})
    target.write_bytes(base64.b64decode(answer["data"]))
    session.detach()
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KiB")


def ask(url: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)
