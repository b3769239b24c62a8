"""What every broker of app/broker.py offers, and how one is asked whether it speaks MQTT."""

from __future__ import annotations

import secrets
import socket
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.clock import Clock

Kind = Literal["configurado", "encontrado", "mosquitto", "embebido"]

_ALIVE_S = 2.0  # an answer about being alive is this old at most
_CONNACK = {
    1: "no acepta MQTT 3.1.1",
    2: "rechaza el identificador de cliente",
    3: "dice que no está disponible",
    4: "rechaza el usuario o la contraseña",
    5: "no autoriza la conexión",
}


class BrokerSettings(Protocol):
    """The settings that this part reads (app/config_load.py has them all)."""

    @property
    def mqtt_broker_url(self) -> str: ...
    @property
    def mqtt_broker_port(self) -> int: ...
    @property
    def mqtt_listen_host(self) -> str: ...
    @property
    def mqtt_tls_port(self) -> int: ...
    @property
    def https_enabled(self) -> str: ...
    @property
    def mqtt_listen_anonymous(self) -> bool: ...
    @property
    def mqtt_shared_topic(self) -> bool: ...
    @property
    def mqtt_embedded(self) -> str: ...
    @property
    def mqtt_client_id(self) -> str: ...
    @property
    def mqtt_username(self) -> str: ...
    @property
    def mqtt_password(self) -> str: ...
    @property
    def mqtt_tls_enabled(self) -> bool: ...
    @property
    def mqtt_tls_ca(self) -> str: ...
    @property
    def mqtt_tls_cert(self) -> str: ...
    @property
    def mqtt_tls_key(self) -> str: ...
    @property
    def mqtt_tls_insecure(self) -> bool: ...


class BrokerError(Exception):
    """No broker can be used. `codigo` is stable, `mensaje` says in Spanish what to do about it."""

    def __init__(self, codigo: str, mensaje: str) -> None:
        self.codigo, self.mensaje = codigo, mensaje
        super().__init__(mensaje)


@dataclass(frozen=True, slots=True)
class BrokerInfo:
    """Which broker is used: where the backend connects, and what must not be expected of it."""

    kind: Kind
    host: str
    port: int
    descripcion: str
    no_promete: tuple[str, ...]
    pide_usuario: bool = False
    """Ours, and it lets nobody in without a user."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether something speaks MQTT there. `motivo`, in Spanish, is empty when it does.

    `fase` says how far it went: "conexion" (nobody accepts), "protocolo" (somebody who does not speak MQTT),
    "rechazo" (an MQTT broker that refused us), "ok".
    """

    ok: bool
    motivo: str
    fase: Literal["conexion", "protocolo", "rechazo", "ok"] = "ok"


class Broker(ABC):
    """The broker of this start. `start` and `stop` do nothing for a broker that is not ours."""

    def __init__(self, info: BrokerInfo, *, clock: Clock) -> None:
        self.info = info
        self.restarts = 0
        """How often it died and was started again. Each time, what it took in the last seconds may be missing from it,
        retained messages too, although it says that the session is present."""
        self._clock = clock
        self._asked = threading.Lock()
        self._heard: tuple[float, bool] | None = None

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for the backend's own connection; None = those of the settings."""
        return None

    @property
    def client_id(self) -> str | None:
        """The backend's client id; None = that of the settings."""
        return None

    def set_users(self, devices: Mapping[str, str]) -> None:  # noqa: B027 - nothing to do for most
        """The devices that have a broker user of their own, serial -> hash: for the broker that knows users by us.
        What others' owners write in theirs is `./iot dispositivo acl`."""

    @abstractmethod
    def start(self) -> None:
        """Have the broker answer when this returns. Raises `BrokerError`."""

    @abstractmethod
    def stop(self) -> None:
        """End what `start` started, within 5 s; the broker has written what it keeps."""

    def alive(self, *, timeout: float = 1.0) -> bool:
        """Whether it answers an MQTT CONNECT; asked at most every 2 s, blocks for `timeout` seconds at most."""
        with self._asked:
            now = self._clock.monotonic()
            if self._heard is None or now - self._heard[0] > _ALIVE_S:
                self._heard = (now, self._answers(timeout))
            return self._heard[1]

    @abstractmethod
    def _answers(self, timeout: float) -> bool: ...

    def _forget_answer(self) -> None:
        self._heard = None


def probe(
    host: str,
    port: int,
    *,
    username: str | None = None,
    password: str | None = None,
    tls: ssl.SSLContext | None = None,
    timeout: float = 3.0,
) -> ProbeResult:
    """Ask for an MQTT 3.1.1 session (clean, random client id) and leave.

    Never raises for what the network does. `timeout` is for each step, in seconds.
    """
    try:
        raw = socket.create_connection((host, port), timeout=timeout)
    except OSError as error:
        return ProbeResult(
            ok=False, motivo=f"no se puede conectar con {host}:{port} ({_reason(error)})", fase="conexion"
        )
    try:
        with raw, tls.wrap_socket(raw, server_hostname=host) if tls else raw as link:
            link.sendall(_connect_packet(username, password))
            answer = _read_exactly(link, 4)
            verdict = _judge(host, port, answer)
            if verdict.ok:
                link.sendall(b"\xe0\x00")  # DISCONNECT, so that no last will or log line is caused
            return verdict
    except OSError as error:
        return ProbeResult(ok=False, motivo=_not_mqtt(host, port, _reason(error)), fase="protocolo")


def tls_context(settings: BrokerSettings) -> ssl.SSLContext | None:
    """The TLS of the backend's connection as the settings want it; None without TLS."""
    if not settings.mqtt_tls_enabled:
        return None
    context = ssl.create_default_context(cafile=settings.mqtt_tls_ca or None)
    if settings.mqtt_tls_cert:
        context.load_cert_chain(settings.mqtt_tls_cert, settings.mqtt_tls_key or None)
    if settings.mqtt_tls_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _connect_packet(username: str | None, password: str | None) -> bytes:
    """CONNECT of MQTT 3.1.1 (section 3.1): clean session, keep alive 10 s."""
    flags, payload = 0x02, _text(f"iot-prueba-{secrets.token_hex(4)}")
    if username:
        flags |= 0x80
        payload += _text(username)
        if password:
            flags |= 0x40
            payload += _text(password)
    body = _text("MQTT") + struct.pack(">BBH", 4, flags, 10) + payload
    return b"\x10" + _length(len(body)) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def _length(number: int) -> bytes:
    """Remaining length (section 2.2.3): seven bits a byte, the low ones first."""
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _read_exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def _judge(host: str, port: int, answer: bytes) -> ProbeResult:
    if len(answer) < 4 or answer[:2] != b"\x20\x02":
        return ProbeResult(ok=False, motivo=_not_mqtt(host, port, "otra respuesta"), fase="protocolo")
    if answer[3] == 0:
        return ProbeResult(ok=True, motivo="")
    why = _CONNACK.get(answer[3], f"rechaza la conexión (código {answer[3]})")
    return ProbeResult(ok=False, motivo=f"el broker de {host}:{port} {why}", fase="rechazo")


def _not_mqtt(host: str, port: int, why: str) -> str:
    return f"lo que escucha en {host}:{port} no contesta como un broker MQTT ({why})"


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no contesta a tiempo"
    if isinstance(error, ConnectionRefusedError):
        return "nadie escucha ahí"
    if isinstance(error, socket.gaierror):
        return "ese nombre no existe"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"su certificado no es válido: {error.verify_message}"
    return error.strerror or str(error) or type(error).__name__
