#!/usr/bin/env python3
"""Watch a backend's devices live: ``python sse_client.py [--serial S] [--reclamado true|false] ...``.

Needs nothing but Python 3.11. Connects to ``GET /stream/dispositivos`` (server-sent events, WHATWG HTML section 9.2),
prints each device event, and comes back where it was after any interruption.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import http.client
import json
import netrc
import os
import random
import ssl
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STREAM_PATH = "/stream/dispositivos"
PING_S = 15.0
MISSED_PINGS = 3
BACKOFF_FIRST_S, BACKOFF_LAST_S = 2.0, 30.0
RETRY_MAX_S = 300.0
EVENT_MAX_CHARS = 8 * 1024 * 1024
WORTH_RETRYING = frozenset({408, 425, 429})
ADVICE = {
    401: "Hace falta identificarse: use --token o --usuario y --clave.",
    403: "El servidor no permite el acceso.",
    404: "Esa dirección no tiene stream de dispositivos: revise --url.",
}
FAULTS: dict[type[Exception], str] = {
    TimeoutError: "sin noticias del servidor en {:.0f} s",
    ConnectionRefusedError: "el servidor no acepta la conexión (¿está en marcha?)",
    http.client.IncompleteRead: "la conexión se cortó a mitad de un evento",
    http.client.RemoteDisconnected: "el servidor cerró la conexión sin contestar",
}
SENTENCES = {
    "orden": ("🧾 Orden {id} a {serial_number}", ": {cambios}", " → {estado}", " ({motivo})"),
    "aviso": ("🔔 Aviso {estado} ({gravedad}): {texto}",),
    "conectividad": ("📶 {serial_number}: {antes} → {estado}", " ({motivo})"),
    "regla": ("📐 Regla «{nombre}» {cambio}", ": {detalle}", " → {resultados}"),
    "casa": ("🏠 La casa ha cambiado: zona {zona}", ", {latitud}, {longitud}", ", festivos {festivos}"),
}
"""What a named event says, in parts; a part that needs a field which the event leaves empty is not said."""
RESULT = ("{tipo}", " a {serial_number}", " «{texto}»", " ({resultado})", ": {error}")
WORDS = {"en_linea": "en línea", "senal": "da señales", "sin_cambio": "sin cambio", "sin_prueba": "nadie lo confirmó",
         "True": "sí", "False": "no"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event: its type ("message" when the stream names none) and its data lines, joined."""

    tipo: str
    data: str


class FlujoInvalido(Exception):
    """The stream is not one we can go on reading; the message is Spanish."""


class Rechazado(Exception):
    """The server said no, and asking again will not help; the message is Spanish."""


class Ocupado(Exception):
    """The server cannot now (429, 5xx); ``espera`` seconds when it said for how long, else ``None``."""

    def __init__(self, mensaje: str, espera: float | None) -> None:
        super().__init__(mensaje)
        self.espera = espera


class Parser:
    """Server-sent events from text that arrives cut anywhere; keeps the last id and the server's ``retry``."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: float | None = None
        self.restart()

    def restart(self) -> None:
        """A new connection: half a line or event of the old one is void, the id and ``retry`` stay."""
        self._pending, self._after_cr, self._first = "", False, True
        self._tipo, self._data, self._size = "", list[str](), 0
        self._id: str | None = None

    def lines(self, text: str) -> Iterator[str]:
        """The lines completed by ``text``; a line ends with LF, CR or CRLF, also when CRLF is cut in two."""
        if self._first and text:
            text, self._first = text.removeprefix("\ufeff"), False
        if self._after_cr and text:
            text, self._after_cr = text.removeprefix("\n"), False
        self._after_cr = self._after_cr or text.endswith("\r")
        *complete, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in complete:
            yield self._pending + line
            self._pending = ""
        self._pending += rest
        if len(self._pending) + self._size > EVENT_MAX_CHARS:
            raise FlujoInvalido("el servidor envía un evento demasiado grande")

    def feed(self, line: str) -> Event | None:
        """Take one line; an empty one may complete an event."""
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
                self._size += len(value)
            case "event":
                self._tipo = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit() and len(value) < 10:
                self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> Event | None:
        if self._id is not None:
            self.last_id = self._id
        event = Event(self._tipo or "message", "\n".join(self._data)) if self._data else None
        self._tipo, self._data, self._size, self._id = "", [], 0, None
        return event


@dataclass(slots=True)
class Backoff:
    """2 to 30 s, doubling, with jitter, never less than the server asks for; ``failures`` counts consecutive ones."""

    failures: int = 0

    def ok(self) -> None:
        self.failures = 0

    def failed(self, at_least: float | None) -> float:
        """Count one more failure; how many seconds to wait now."""
        self.failures += 1
        pause: float = min(BACKOFF_FIRST_S * 2 ** min(self.failures - 1, 10), BACKOFF_LAST_S)
        return max(pause * random.uniform(0.8, 1.2), min(at_least or 0.0, RETRY_MAX_S))


@dataclass(slots=True)
class Client:
    """Connects, prints, reconnects. ``run`` returns the exit status."""

    url: str
    filtros: dict[str, str]
    headers: dict[str, str]
    snapshot: bool = False
    show_raw: bool = False
    max_retries: int = 0
    read_timeout: float = PING_S * MISSED_PINGS
    parser: Parser = field(default_factory=Parser)
    backoff: Backoff = field(default_factory=Backoff)
    _resumed: bool = False

    def run(self) -> int:
        """Watch until Ctrl+C (0), a refusal (1) or too many consecutive failures (1)."""
        while True:
            pause: float | None = None
            try:
                if self._connect_and_read():
                    continue
                say("ℹ️  Stream cerrado por el servidor. Reintentando...")
            except Rechazado as err:
                say(f"🚫 {err}")
                return 1
            except (OSError, http.client.HTTPException, FlujoInvalido, Ocupado) as err:
                say(f"⚠️  Error en el stream: {explain(err, self.read_timeout)}")
                pause = err.espera if isinstance(err, Ocupado) else None
            if not self._wait(pause):
                return 1

    def _wait(self, at_least: float | None) -> bool:
        """Sleep before the next try; ``False`` when there is none."""
        pause = self.backoff.failed(self.parser.retry if at_least is None else at_least)
        if self.max_retries and self.backoff.failures > self.max_retries:
            say(f"🚫 Máximo de reintentos alcanzado ({self.max_retries}). Saliendo.")
            return False
        say(f"   Nuevo intento en {pause:.0f} s.")
        time.sleep(pause)
        return True

    def _connect_and_read(self) -> bool:
        """One connection, to its end. ``True`` when the next one should be made at once (to fetch after a reset)."""
        target = self._target()
        say(f"🔌 Conectando a: {self.url}{target}")
        connection = make_connection(self.url, self.read_timeout)
        try:
            self._resumed = bool(self.parser.last_id)
            connection.request("GET", urlsplit(self.url).path + target, headers=self._headers())
            response = connection.getresponse()
            check_answer(response)
            say("✅ Conectado. Esperando eventos...")
            return self._read(response)
        finally:
            connection.close()

    def _headers(self) -> dict[str, str | bytes]:
        last = {"Last-Event-ID": self.parser.last_id.encode()} if self.parser.last_id else {}
        return {"Accept": "text/event-stream", "Cache-Control": "no-cache", **self.headers, **last}

    def _target(self) -> str:
        wanted = self.filtros | ({"snapshot": "1"} if self.snapshot and not self.parser.last_id else {})
        return STREAM_PATH + (f"?{urlencode(wanted)}" if wanted else "")

    def _read(self, response: http.client.HTTPResponse) -> bool:
        self.parser.restart()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while chunk := response.read1(65536):
            for line in self.parser.lines(decoder.decode(chunk)):
                if self.show_raw:
                    say(f"» {line}")
                if (event := self.parser.feed(line)) and self._take(event):
                    return True
        return False

    def _take(self, event: Event) -> bool:
        """Show one event; ``True`` asks for a new connection, which fetches everything again."""
        if event.tipo != "hello":
            self.backoff.ok()
        match event.tipo:
            case "hello" | "ping":
                pass
            case "message":
                say("📥 Evento dispositivo:", pretty(event.data), "")
            case "leave":
                say("📤 Un dispositivo ya no cumple el filtro:", pretty(event.data), "")
            case "reset":
                say("🔄 Faltan eventos que el servidor ya no guarda: lo mostrado puede estar anticuado.")
                self.parser.last_id = ""
                return self.snapshot and self._resumed
            case other:
                say(sentence(event) or f"📨 Evento «{other}»:\n{pretty(event.data)}\n")
        return False


def make_connection(url: str, timeout: float) -> http.client.HTTPConnection:
    scheme, netloc, *_ = urlsplit(url)  # base_url has left no user in it
    if scheme == "https":
        return http.client.HTTPSConnection(netloc, timeout=timeout, context=ssl.create_default_context())
    return http.client.HTTPConnection(netloc, timeout=timeout)


def check_answer(response: http.client.HTTPResponse) -> None:
    """Raise ``Rechazado`` or ``Ocupado`` unless this is a stream."""
    kind = response.headers.get_content_type()
    if response.status == 200 and kind == "text/event-stream":
        return
    if response.status == 200:
        raise Rechazado(f"Esa dirección no es un stream de eventos (contestó {kind}). Revise --url.")
    reason = server_sentence(response)
    if response.status in WORTH_RETRYING or response.status >= 500:
        raise Ocupado(f"el servidor respondió {response.status}: {reason}", retry_after(response))
    if 300 <= response.status < 400:
        reason = f"redirige a {response.headers.get('Location', '?')}; use esa dirección con --url"
    raise Rechazado(f"{ADVICE.get(response.status, 'El servidor rechazó la petición.')} ({response.status}: {reason})")


def server_sentence(response: http.client.HTTPResponse) -> str:
    """The answer's ``error`` sentence, or what can be had of it."""
    body = response.read(65536)
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace").strip() or response.reason


def retry_after(response: http.client.HTTPResponse) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None


def explain(err: Exception, timeout: float) -> str:
    known = (words.format(timeout) for kind, words in FAULTS.items() if isinstance(err, kind))
    return next(known, str(err) or type(err).__name__)


def sentence(event: Event) -> str:
    """A named event as one Spanish line; empty when it is of no kind that we know, or not as we know it."""
    try:
        data = json.loads(event.data)
        return told(SENTENCES[event.tipo], {**data, **data.get("conectividad", {})})
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return ""


def told(parts: tuple[str, ...], fields: Mapping[str, Any]) -> str:
    said = {name: spoken(value) for name, value in fields.items() if value not in (None, "", [], {})}
    text = parts[0].format_map(said)
    for part in parts[1:]:
        with suppress(KeyError):
            text += part.format_map(said)
    return text


def spoken(value: Any) -> str:
    match value:
        case {"tipo": str()}:
            return told(RESULT, value)
        case dict():
            return ", ".join(f"{name}: {spoken(part)}" for name, part in value.items())
        case list():
            return "; ".join(map(spoken, value))
    return WORDS.get(str(value), str(value))


def pretty(data: str) -> str:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data


def say(*lines: str) -> None:
    print(*(printable(line) for line in lines), sep="\n", flush=True)


def printable(text: str) -> str:
    """Control characters escaped: what a device sends must not drive the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


def credentials(options: argparse.Namespace) -> dict[str, str]:
    """The Authorization header: --token, else --usuario and --clave, else the host's entry in ~/.netrc, else none."""
    if options.token:
        return {"Authorization": f"Bearer {options.token}"}
    given = (options.usuario, options.clave or "")
    pair = netrc_entry(urlsplit(options.url).hostname or "") if options.usuario is None else given
    return {"Authorization": f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"} if pair else {}


def netrc_entry(host: str) -> tuple[str, str] | None:
    file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entry = netrc.netrc(str(file)).authenticators(host) if file.is_file() else None
    except (netrc.NetrcParseError, OSError) as err:
        say(f"⚠️  No se usa {file}: {err}")
        entry = None
    return (entry[0], entry[2] or "") if entry else None


class ArgumentParser(argparse.ArgumentParser):
    def format_help(self) -> str:
        text = super().format_help().replace("usage:", "uso:", 1).replace("options:", "opciones:", 1)
        return text.replace("show this help message and exit", "muestra esta ayuda y termina")

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: opciones no válidas ({message})\nPruebe «{self.prog} --help».", file=sys.stderr)
        raise SystemExit(2)


def base_url(text: str) -> str:
    """The backend's address, without the stream's path if it was given with it."""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"«{text}» no es una dirección http")
    path = parts.path.rstrip("/").removesuffix(STREAM_PATH)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def not_negative(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"«{text}» no es un número entero, 0 o mayor")
    return int(text)


def parse_options(argv: list[str] | None) -> argparse.Namespace:
    parser = ArgumentParser(prog="sse_client.py", description="Muestra en vivo los cambios de los dispositivos.")
    add = parser.add_argument
    add("--serial", help="solo el dispositivo con este número de serie")
    add("--reclamado", choices=("true", "false"), help="solo los reclamados, o solo los que no")
    add("--show-raw", action="store_true", help="muestra también las líneas del stream tal como llegan")
    add("--max-retries", type=not_negative, default=0, metavar="N", help="reintentos seguidos (0 = sin límite)")
    add("--url", type=base_url, default=os.environ.get("IOT_URL") or "http://127.0.0.1:5000",
        help="dirección del backend (o la variable IOT_URL; http://127.0.0.1:5000)")  # fmt: skip
    add("--usuario", help="usuario (si no, el de ~/.netrc)")
    add("--clave", default=os.environ.get("IOT_CLAVE"), help="su clave o token (o la variable IOT_CLAVE)")
    add("--token", default=os.environ.get("IOT_TOKEN"), help="token de acceso (o la variable IOT_TOKEN)")
    add("--snapshot", action="store_true", help="muestra primero el estado actual de los dispositivos")
    add("--ping", type=float, default=PING_S, metavar="S", help="segundos entre pings del servidor (15)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    options = parse_options(argv)
    filtros = {name: value for name in ("serial", "reclamado") if (value := getattr(options, name)) is not None}
    client = Client(
        options.url, filtros, credentials(options), snapshot=options.snapshot, show_raw=options.show_raw,
        max_retries=options.max_retries, read_timeout=max(options.ping, 0.1) * MISSED_PINGS,
    )  # fmt: skip
    try:
        return client.run()
    except KeyboardInterrupt:
        say("👋 Cancelado por el usuario.")
        return 0
    except BrokenPipeError:  # the reader of our output (head, less) has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
