"""``python sse_client.py`` as a person runs it, against servers that do what real ones only do on bad days."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import sse_client
from app.reglas import SUCESO
from tests.support.procesos import ROOT, Proceso, wait_until

pytestmark = pytest.mark.integration

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PLAIN = HEAD + b"Connection: close\r\n\r\n"
HELLO = b"event: hello\ndata: {}\n\n"
DEVICE = 'id: e-7\ndata: {"serial_number":"TMP0603IF1WD","nombre":"Salón ñ","event":"device_update"}\n\n'.encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class Server:
    """Answers the n-th connection with the n-th script, and keeps each request's head."""

    def __init__(self, *scripts: Callable[[socket.socket], None]) -> None:
        self._scripts, self.heads = scripts, list[str]()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heads.append(connection.recv(65536).decode())
                script(connection)
        self._end.wait(30)

    def close(self) -> None:
        self._end.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*scripts: Callable[[socket.socket], None]) -> Server:
        made.append(Server(*scripts))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., Proceso]]:
    made: list[Proceso] = []

    def start(server: Server, *options: str, **env: str) -> Proceso:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("IOT_")} | {"HOME": str(tmp_path)} | env
        argv = [sys.executable, str(ROOT / "sse_client.py"), "--url", f"http://127.0.0.1:{server.port}", *options]
        made.append(Proceso("sse_client", argv, tmp_path / f"sse-{len(made)}.log", env=clean))
        return made[-1]

    yield start
    for process in made:
        process.kill()


def says(*parts: bytes) -> Callable[[socket.socket], None]:
    """A script that sends and hangs up."""

    def script(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return script


def quiet(*parts: bytes) -> Callable[[socket.socket], None]:
    """A script that sends and then keeps the line open without a word, until the client leaves."""

    def script(connection: socket.socket) -> None:
        says(*parts)(connection)
        connection.settimeout(20)
        with suppress(ConnectionResetError):  # a client that ends with bytes unread resets instead of closing
            connection.recv(1)

    return script


def shows(process: Proceso, words: str, seconds: float = 10) -> None:
    wait_until(lambda: words in process.log() or not process.alive, seconds)
    assert words in process.log()


def test_events_are_shown_and_pings_are_not(serve: Callable[..., Server], client: Callable[..., Proceso]) -> None:
    """Chunked transfer that cuts a letter in two; pretty JSON as the README shows; Ctrl+C is 0 and a friendly line."""
    stream = HELLO + DEVICE + b"event: ping\ndata: {}\n\n"
    cut = stream.index("ó".encode()) + 1
    server = serve(quiet(CHUNKED, chunk(stream[:cut]), chunk(stream[cut:])))
    process = client(server, "--serial", "TMP0603IF1WD", "--reclamado", "true")
    shows(process, '"event": "device_update"\n}')
    assert process.log() == (
        f"🔌 Conectando a: http://127.0.0.1:{server.port}/stream/dispositivos?serial=TMP0603IF1WD&reclamado=true\n"
        "✅ Conectado. Esperando eventos...\n"
        "📥 Evento dispositivo:\n"
        '{\n  "serial_number": "TMP0603IF1WD",\n  "nombre": "Salón ñ",\n  "event": "device_update"\n}\n\n'
    )
    process.signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert process.log().endswith("👋 Cancelado por el usuario.\n")
    assert "GET /stream/dispositivos?serial=TMP0603IF1WD&reclamado=true HTTP/1.1\r\n" in server.heads[0]


def test_every_named_event_of_the_backend_has_a_sentence() -> None:
    """Each kind that a use-case tells, by its literal or by the constant that holds it."""
    sources = [file.read_text("utf-8") for file in (ROOT / "app").glob("*.py")]
    told = {kind for text in sources for kind in re.findall(r"uow\.tell\(\s*([\w\"]+)", text)}
    assert told == {"SUCESO", '"orden"', '"aviso"', '"conectividad"', '"casa"'}
    assert set(sse_client.SENTENCES) == {SUCESO, "orden", "aviso", "conectividad", "casa"}


@pytest.mark.parametrize(
    ("tipo", "data", "line"),
    [
        (
            "orden",
            {"id": 7, "serial_number": "LGT01", "cambios": {"encendido": True, "nota": 0}, "estado": "expirada",
             "motivo": "sin_prueba"},
            "🧾 Orden 7 a LGT01: encendido: sí, nota: 0 → expirada (nadie lo confirmó)",
        ),
        (
            "orden",
            {"id": 8, "serial_number": "LGT01", "estado": "enviada", "motivo": "", "cambios": {
                "horarios": [{"dias": ["lunes"], "inicio": "07:00", "fin": "09:00"}]}},
            "🧾 Orden 8 a LGT01: horarios: dias: lunes, inicio: 07:00, fin: 09:00 → enviada",
        ),
        ("aviso", {"estado": "resuelto", "gravedad": "grave", "texto": "{x}"}, "🔔 Aviso resuelto (grave): {x}"),
        (
            "regla",
            {"nombre": "Noche", "cambio": "disparada", "detalle": "x > 1", "resultados": [
                {"tipo": "orden", "serial_number": None, "resultado": "error", "error": "No existe ese dispositivo"}]},
            "📐 Regla «Noche» disparada: x > 1 → orden (error): No existe ese dispositivo",
        ),
        ("casa", {"zona": "UTC", "latitud": None, "longitud": None}, "🏠 La casa ha cambiado: zona UTC"),
        ("casa", {"zona": "UTC", "latitud": 0, "longitud": -3.7, "festivos": ["2026-12-25", "2027-01-01"]},
         "🏠 La casa ha cambiado: zona UTC, 0, -3.7, festivos 2026-12-25; 2027-01-01"),
    ],
)  # fmt: skip
def test_sentences(tipo: str, data: dict[str, Any], line: str) -> None:
    assert sse_client.sentence(sse_client.Event(tipo, json.dumps(data))) == line


@pytest.mark.parametrize(
    ("tipo", "data"),
    [("otro", '{"x":1}'), ("orden", "{}"), ("orden", "hola"), ("aviso", "[1]"), ("casa", "1"), ("regla", "[" * 100_000),
     ("conectividad", '{"serial_number":"A","antes":"fuera","conectividad":"x"}')],
)  # fmt: skip
def test_an_event_that_is_not_as_we_know_it_is_shown_as_it_is(
    serve: Callable[..., Server], client: Callable[..., Proceso], tipo: str, data: str
) -> None:
    """Of a later version, or of another program: its name and its data, and the script goes on."""
    stream = f"event: {tipo}\ndata: {data}\n\n".encode() + DEVICE
    process = client(serve(quiet(PLAIN, HELLO, stream)))
    shows(process, "📥 Evento dispositivo:\n")
    assert f"📨 Evento «{tipo}»:\n{sse_client.pretty(data)}\n\n📥" in process.log()


def test_raw_lines(serve: Callable[..., Server], client: Callable[..., Proceso]) -> None:
    """--show-raw shows every line as it came, hello and ping too, with control characters made harmless."""
    process = client(serve(quiet(PLAIN, HELLO, b": \x1b[2J\n")), "--show-raw")
    shows(process, "» : \\x1b[2J\n")
    assert "» event: hello\n» data: {}\n» \n" in process.log()
    assert "📥" not in process.log()


def test_it_comes_back_where_it_was(serve: Callable[..., Server], client: Callable[..., Proceso]) -> None:
    """Closed by the server: the next connection carries the last id, and no second snapshot is asked for."""
    server = serve(says(PLAIN, HELLO, DEVICE), quiet(PLAIN, HELLO))
    process = client(server, "--snapshot")
    shows(process, "ℹ️  Stream cerrado por el servidor. Reintentando...")
    wait_until(lambda: len(server.heads) == 2, 5)
    assert "?snapshot=1" in server.heads[0]
    assert "Last-Event-ID" not in server.heads[0]
    assert "snapshot" not in server.heads[1]
    assert "Last-Event-ID: e-7\r\n" in server.heads[1]


def test_a_reset_fetches_a_snapshot_again(serve: Callable[..., Server], client: Callable[..., Proceso]) -> None:
    """At once, without the id that is worth nothing any more."""
    server = serve(says(PLAIN, DEVICE), quiet(PLAIN, b"event: reset\ndata: {}\n\n"), quiet(PLAIN, HELLO))
    process = client(server, "--snapshot")
    wait_until(lambda: len(server.heads) == 3, 8)
    assert "🔄" in process.log()
    assert "?snapshot=1" in server.heads[2]
    assert "Last-Event-ID" not in server.heads[2]


def test_silence_is_noticed(serve: Callable[..., Server], client: Callable[..., Proceso]) -> None:
    """Three missed pings are a broken connection; a cut chunk too. --max-retries counts consecutive failures."""
    server = serve(quiet(PLAIN, HELLO), says(CHUNKED, b"400\r\nda"))
    process = client(server, "--ping", "0.2", "--max-retries", "1")
    assert process.wait(15) == 1
    assert "⚠️  Error en el stream: sin noticias del servidor en 1 s" in process.log()
    assert "⚠️  Error en el stream: la conexión se cortó a mitad de un evento" in process.log()
    assert process.log().endswith("🚫 Máximo de reintentos alcanzado (1). Saliendo.\n")


def test_success_makes_the_count_start_again(serve: Callable[..., Server], client: Callable[..., Proceso]) -> None:
    """Three connections, each cut after an event, with one retry allowed: not yet too many. Then two real failures."""
    bad = says(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\n\r\n" + b'{"error":"al completo"}')
    process = client(serve(says(PLAIN, DEVICE), says(PLAIN, DEVICE), says(PLAIN, DEVICE), bad), "--max-retries", "1")
    assert process.wait(25) == 1
    assert process.log().count("📥") == 3
    assert "el servidor respondió 503: al completo" in process.log()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"403 Forbidden", "El servidor no permite el acceso. (403: Añada su red a TRUSTED_NETWORKS)"),
        (b"404 Not Found", "Esa dirección no tiene stream de dispositivos: revise --url. (404: Añada"),
        (b"401 Unauthorized", "Hace falta identificarse"),
        (b"301 Moved Permanently\r\nLocation: https://otra/", "redirige a https://otra/"),
        (b"200 OK\r\nContent-Type: text/html", "no es un stream de eventos (contestó text/html)"),
    ],
)
def test_a_refusal_is_final_and_said_in_the_servers_words(
    serve: Callable[..., Server], client: Callable[..., Proceso], answer: bytes, words: str
) -> None:
    """No retries: asking again would not help."""
    body = '{"error":"Añada su red a TRUSTED_NETWORKS"}'.encode()
    head = b"HTTP/1.1 " + answer + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    process = client(serve(says(head + body)))
    assert process.wait(10) == 1
    assert "🚫 " in process.log()
    assert words in process.log()


def test_credentials(serve: Callable[..., Server], client: Callable[..., Proceso], tmp_path: Path) -> None:
    """A token, a user with password, the environment, ~/.netrc; never in the address that is printed."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ana password iot_1\n")
    (tmp_path / ".netrc").chmod(0o600)
    cases: list[tuple[list[str], dict[str, str], str]] = [
        (["--token", "iot_x"], {}, "Bearer iot_x"),
        ([], {"IOT_TOKEN": "iot_y"}, "Bearer iot_y"),
        (["--usuario", "eva", "--clave", "ñ"], {}, "Basic ZXZhOsOx"),
        ([], {}, "Basic YW5hOmlvdF8x"),
    ]
    for options, env, expected in cases:
        server = serve(quiet(PLAIN, HELLO))
        process = client(server, *options, **env)
        wait_until(lambda server=server: server.heads, 5)
        assert f"Authorization: {expected}\r\n" in server.heads[0]
        process.kill()


def test_a_reader_of_the_output_may_leave(serve: Callable[..., Server], tmp_path: Path) -> None:
    """``python sse_client.py | head -1`` ends without a traceback."""
    server = serve(says(PLAIN, DEVICE * 2000))
    command = f"{sys.executable} {ROOT / 'sse_client.py'} --url http://127.0.0.1:{server.port} | head -1"
    process = Proceso("sh", ["sh", "-c", command], tmp_path / "pipe.log")
    assert process.wait(10) == 0
    assert process.log().startswith("🔌")
    assert len(process.log().splitlines()) == 1
