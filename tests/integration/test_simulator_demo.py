"""What the demo prepares over HTTP: once, and politely where the backend does not admit it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from simulator.backend import Backend
from simulator.demo import prepare_demo, windows
from simulator.house import HOUSE, demo_specs
from simulator.schedule import is_on

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 23, 21, 58, 30)  # noqa: DTZ001  a device's clock is the local one


class Casa(ThreadingHTTPServer):
    """An HTTP server that keeps what is created and changed in it; ``refused`` maps a path to its status."""

    daemon_threads = True

    def __init__(self, refused: dict[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refused = refused
        self.written: list[tuple[str, str, dict[str, Any]]] = []
        self.kept: dict[str, list[dict[str, Any]]] = {"/habitaciones": [], "/escenas": [], "/reglas": []}
        self.kept["/dispositivos"] = [
            {"id": number, "serial_number": spec.serial, **spec.identity(), "habitacion_id": None}
            for number, spec in enumerate(demo_specs(), start=1)
        ]

    def update(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        device = self.kept["/dispositivos"][int(path.rpartition("/")[2]) - 1]
        device["configuracion"] |= body.get("configuracion", {})
        device["habitacion_id"] = body.get("habitacion_id", device["habitacion_id"])
        return device

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert all(item["nombre"] != body["nombre"] for item in self.kept[path])
        self.kept[path].append(body | {"id": len(self.kept[path]) + 1})
        return self.kept[path][-1]

    def by_name(self, path: str, nombre: str) -> dict[str, Any]:
        return next(item for item in self.kept[path] if item["nombre"] == nombre)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Casa

    def do_GET(self) -> None:
        self._answer(200, self.server.kept.get(self.path, []))

    def do_POST(self) -> None:
        self._write(self.server.create, 201)

    def do_PUT(self) -> None:
        self._write(self.server.update, 200)

    def _write(self, change: Any, status: int) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.written.append((self.command, self.path, body))
        self._answer(status, change(self.path, body) if self.path not in self.server.refused else {})

    def _answer(self, status: int, answer: Any) -> None:
        status = self.server.refused.get(self.path, status)
        body = json.dumps(answer if status < 300 else {"error": "no aquí"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@contextmanager
def casa(**refused: int) -> Iterator[Casa]:
    with Casa({f"/{path}": status for path, status in refused.items()}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def prepare(server: Casa, local: datetime = NOW) -> list[str]:
    """What it says."""
    said: list[str] = []
    backend = Backend(f"http://127.0.0.1:{server.server_address[1]}")
    prepare_demo(backend, local, said.append)
    backend.close()
    return said


def test_the_house_is_prepared_once() -> None:
    """Rooms for the claimed, a schedule, a scene, a rule, orders; a second start writes nothing more."""
    with casa() as house:
        assert prepare(house) == []
        rooms = {room["id"]: room["nombre"] for room in house.kept["/habitaciones"]}
        assert [rooms.get(device["habitacion_id"], "") for device in house.kept["/dispositivos"]] == [
            place.habitacion for place in HOUSE
        ]
        ids = {device["nombre"]: device["id"] for device in house.kept["/dispositivos"]}
        scene = house.by_name("/escenas", "Noche")
        assert {action["dispositivo_id"] for action in scene["acciones"]} < set(ids.values())
        rule = house.by_name("/reglas", "Ventilar el dormitorio")
        assert rule["condicion"] == {
            "dispositivo_id": ids["Aire del dormitorio"],
            "parametro": "co2_ppm",
            "operador": ">",
            "valor": 600,
            "histeresis": 50,
            "durante_s": 5,
        }
        assert [action["tipo"] for action in rule["acciones"]] == ["aviso", "orden"]
        off = {d["nombre"] for d in house.kept["/dispositivos"] if d["configuracion"]["encendido"] is False}
        assert off == {"Ventilador del estudio", "Lámpara del dormitorio", "Riego del jardín"}
        written = len(house.written)
        assert prepare(house, NOW + timedelta(hours=1)) == []
        assert house.written[written:] == []


def test_a_schedule_that_has_run_out_is_laid_anew_but_not_one_that_people_made() -> None:
    """The demo's own windows are for the next hours; anything else stays."""
    with casa() as house:
        prepare(house)
        device = house.by_name("/dispositivos", "Luz del pasillo")
        prepare(house, NOW + timedelta(hours=9))
        assert device["configuracion"]["horarios"][0] == {"inicio": "06:55", "fin": "07:00"}
        mine = [{"dias": ["todos"], "inicio": "07:00", "fin": "08:00"}]
        device["configuracion"]["horarios"] = mine
        prepare(house, NOW + timedelta(hours=20))
        assert device["configuracion"]["horarios"] == mine


def test_the_windows_change_the_light_every_five_minutes_over_midnight() -> None:
    """From the present five minutes on, as the device's own reading of them says."""
    horarios = windows(NOW)
    minutes = [bool(is_on(horarios, NOW + timedelta(minutes=minute))) for minute in range(230)]
    changes = [minute for minute in range(1, 230) if minutes[minute] != minutes[minute - 1]]
    assert changes == list(range(2, 230, 5))


@pytest.mark.parametrize("status", [404, 405, 409, 422, 503])
def test_what_the_backend_does_not_admit_is_left_out_with_a_line(status: int) -> None:
    """The rest is done all the same."""
    with casa(habitaciones=status, escenas=status) as house:
        why = f"se deja, el backend respondió {status}: no aquí"
        assert prepare(house) == [f"habitaciones: {why}", f"escena: {why}"]
        assert len(house.kept["/reglas"]) == 1


def test_a_backend_that_is_away_is_said_once() -> None:
    """And nothing is raised."""
    with casa(dispositivos=401) as house:
        assert prepare(house) == ["la casa queda a medio preparar: el backend respondió 401: no aquí"]
    assert len(prepare(house)) == 1
