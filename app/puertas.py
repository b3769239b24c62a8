"""The doors through which notices leave the house: a webhook, and whatever apprise knows when it is installed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import importlib
import importlib.util
import io
import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from app.clock import Clock
from app.domain.aviso import APPRISE, PUERTAS, RESUELTO, WEBHOOK
from app.domain.dispositivo import dump_object

TIMEOUT_S = 10.0
"""For the connection, and again for the headers of the answer."""
MAX_MOTIVO = 200
REFUSED_FOR_GOOD = frozenset({400, 410, 413, 415, 422})
"""What the receiver will not take however often it is sent; anything else may be mended, and is tried again."""
SIGNATURE = "X-IoT-Firma"
DELIVERY = "X-IoT-Entrega"


class Fallo(Exception):
    """A notice did not go out; ``definitivo``: trying again is of no use."""

    def __init__(self, motivo: str, *, definitivo: bool = False) -> None:
        self.motivo = motivo
        self.definitivo = definitivo
        super().__init__(motivo)


class Puerta(Protocol):
    """A door; ``bit`` is its place in :data:`app.domain.aviso.PUERTAS`."""

    bit: int

    def enviar(self, aviso: Mapping[str, Any], entrega: str, casa: str) -> None:
        """Send a notice; ``entrega`` names this news of it, so that one that comes twice is known as such.

        Raises:
            Fallo: it did not go out.
        """


class Webhook:
    """``POST`` of JSON to one address. Redirections are not followed.

    With a secret, ``X-IoT-Firma: t=<epoch seconds>,v1=<hex>`` carries the HMAC-SHA256 of ``<t>.<body>``, so that the
    receiver knows who sent it and when.
    """

    bit = WEBHOOK

    def __init__(self, url: str, secreto: str, clock: Clock, version: str) -> None:
        self._url = urlsplit(url)
        self._secreto = secreto.encode()
        self._clock = clock
        self._agent = f"iot-backend/{version}"

    def enviar(self, aviso: Mapping[str, Any], entrega: str, casa: str) -> None:
        """See :class:`Puerta`."""
        body = dump_object({"evento": "aviso", "entrega": entrega, "casa": casa, "aviso": dict(aviso)}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": self._agent, DELIVERY: entrega}
        if self._secreto:
            headers[SIGNATURE] = firma(self._secreto, int(self._clock.now().timestamp()), body)
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        try:
            connection = self._connection()
            try:
                connection.request("POST", path, body, headers)
                end = self._clock.monotonic() + TIMEOUT_S
                connection.sock = _Hasty(connection.sock, lambda: end - self._clock.monotonic())
                status = connection.getresponse().status  # what comes after the headers is not read
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Fallo(f"no se pudo llegar: {_words(error)}") from None
        if not 200 <= status < 300:
            raise Fallo(f"respondió {status}", definitivo=status in REFUSED_FOR_GOOD)

    def _connection(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(
                host, self._url.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, self._url.port, timeout=TIMEOUT_S)


class _Hasty:
    """What http.client needs of a socket to read an answer; reading ends after ``left`` seconds, however little comes
    at a time: the timeout of a socket is of each piece."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Pieces(self._sock, self._left))

    def close(self) -> None:
        self._sock.close()


class _Pieces(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock, self._left = sock, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._left()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


def _words(error: Exception) -> str:
    """For people. Bounded, as it may quote what the other side said; without the address, which may hold a secret."""
    if isinstance(error, ValueError | http.client.InvalidURL) and not isinstance(error, OSError):
        return "la dirección no es válida"
    return repr(str(error))[1 : MAX_MOTIVO + 1].rstrip("'\"") or type(error).__name__


def firma(secreto: bytes, t: int, body: bytes) -> str:
    """The value of ``X-IoT-Firma``."""
    return f"t={t},v1={hmac.new(secreto, f'{t}.'.encode() + body, hashlib.sha256).hexdigest()}"


class Apprise:
    """Every address of NOTIFY_APPRISE_URLS, through the library of that name, which is an extra."""

    bit = APPRISE
    _KINDS: Mapping[str, str] = {"info": "info", "advertencia": "warning", "grave": "failure"}

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._found: Any = None

    def enviar(self, aviso: Mapping[str, Any], entrega: str, casa: str) -> None:  # noqa: ARG002 - no place for it
        """See :class:`Puerta`. One address that fails makes it a failure, and the next try reaches the others again."""
        over = aviso["estado"] == RESUELTO
        title = f"{'Resuelto' if over else 'Aviso'}{f' · {casa}' if casa else ''}"
        kind = "success" if over else self._KINDS[aviso["gravedad"]]
        try:
            sent = self._library().notify(body=aviso["texto"], title=title, notify_type=kind)
        except Fallo:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one of its hundred services raises
            raise Fallo(f"apprise falló: {type(error).__name__}") from None
        if not sent:
            raise Fallo("alguna de las direcciones de NOTIFY_APPRISE_URLS no lo aceptó")

    def _library(self) -> Any:
        """Loaded with the first notice: it is 15 MB that most houses never need."""
        if self._found is None:
            if not apprise_installed():
                raise Fallo("falta apprise; instálelo con  pip install --require-hashes -r requirements-avisos.txt")
            logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses, and they are secrets
            module = importlib.import_module("apprise")
            made = module.Apprise()
            if not all(made.add(url) for url in self._urls):
                raise Fallo("NOTIFY_APPRISE_URLS tiene una dirección que apprise no entiende")
            self._found = made
        return self._found


def apprise_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("apprise") is not None


def nombre(puerta: Puerta) -> str:
    """The door's name on the wire."""
    return PUERTAS[puerta.bit]
