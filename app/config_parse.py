"""Turns one configured value (Python object or text) into its typed, checked form. Pure: no files, no network."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.domain.horario_zona import find_zona

if TYPE_CHECKING:
    from collections.abc import Callable

    from config import Ajuste

Valor = str | bool | int | float | tuple[str, ...] | None

TRUE_WORDS = frozenset({"1", "true", "si", "sí", "yes", "on", "verdadero"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", "falso"})
KNOWN_SECRETS = frozenset({"dev-secret-key", "dev", "secret", "secret-key", "changeme", "change-me", "clave-secreta"})
SECRET_MIN = 16
TEXT_MAX = 1024

_HOST_RE = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_CLIENT_ID_RE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_INT_RE = re.compile(r"[+-]?[0-9]{1,18}")


class ValorNoValido(ValueError):
    """The value cannot be used; the message (Spanish) says what was expected."""


def parse_value(ajuste: Ajuste, raw: object) -> Valor:
    """The typed value of `raw` for this setting. Raises `ValorNoValido`."""
    return _PARSERS[ajuste.tipo](ajuste, raw)


def is_host_name(text: str) -> bool:
    """A DNS name or an IP address, without port or scheme."""
    return _is_ip(text) or (_HOST_RE.fullmatch(text) is not None and not _looks_numeric(text))


def _text(_: Ajuste, raw: object) -> str:
    if raw is None:
        return ""
    if not isinstance(raw, str):
        raise ValorNoValido("se esperaba un texto entre comillas")
    if len(raw) > TEXT_MAX:
        raise ValorNoValido(f"el texto tiene más de {TEXT_MAX} caracteres")
    if any(ord(char) < 32 or ord(char) == 127 for char in raw):
        raise ValorNoValido("el texto tiene caracteres de control")
    return raw


def _trimmed(ajuste: Ajuste, raw: object) -> str:
    return _text(ajuste, raw).strip()


def _secret(ajuste: Ajuste, raw: object) -> str:
    text = _text(ajuste, raw)
    if text.lower() in KNOWN_SECRETS:
        raise ValorNoValido(
            "es una clave de ejemplo que todo el mundo conoce; quite esa línea y el programa creará una propia"
        )
    if text and len(text) < SECRET_MIN:
        raise ValorNoValido(f"es demasiado corta: hacen falta {SECRET_MIN} caracteres, o vacía para que se cree una")
    return text


def _boolean(_: Ajuste, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower() if isinstance(raw, str | int) else ""
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValorNoValido("se esperaba sí o no (valen: si, no, true, false, 1, 0)")


def _integer(ajuste: Ajuste, raw: object) -> int:
    if isinstance(raw, str) and _INT_RE.fullmatch(raw.strip()):
        raw = int(raw)
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValorNoValido(f"se esperaba un número entero {_range(ajuste)}")
    _check_range(ajuste, raw)
    return raw


def _number(ajuste: Ajuste, raw: object) -> float:
    if isinstance(raw, str):
        raw = _float_or_none(raw)
    if not isinstance(raw, int | float) or isinstance(raw, bool) or not math.isfinite(raw):
        raise ValorNoValido(f"se esperaba un número {_range(ajuste)}")
    _check_range(ajuste, raw)
    return float(raw)


def _coordinate(ajuste: Ajuste, raw: object) -> float | None:
    return None if raw is None or raw == "" else _number(ajuste, raw)


def _zone(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw)
    if text and find_zona(text) is None:
        raise ValorNoValido("se esperaba el nombre de una zona horaria, como Europe/Madrid o America/Santiago")
    return text


def _choice(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw)
    for option in ajuste.opciones:
        if option.lower() == text.lower():
            return option
    raise ValorNoValido(f"se esperaba una de estas palabras: {', '.join(ajuste.opciones)}")


def _address(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw)
    if text == "localhost":
        return "127.0.0.1"
    if not _is_ip(text):
        raise ValorNoValido("se esperaba una dirección IP de esta máquina, como 127.0.0.1, o 0.0.0.0 para todas")
    return text


def _host(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw)
    if "://" in text or re.fullmatch(r"[^:/]+:[0-9]+/?", text):
        raise ValorNoValido(
            "se esperaba solo el nombre o la dirección del broker, sin mqtt:// ni puerto "
            "(el puerto va en MQTT_BROKER_PORT)"
        )
    if text and not is_host_name(text):
        raise ValorNoValido("se esperaba un nombre de equipo o una dirección IP")
    return text


def _hosts(ajuste: Ajuste, raw: object) -> tuple[str, ...]:
    names = _items(ajuste, raw)
    for name in names:
        if not is_host_name(name):
            raise ValorNoValido(f"{name!r} no es un nombre de equipo (sin http:// ni puerto, como casa.local)")
    return tuple(name.lower().rstrip(".") for name in names)


def _networks(ajuste: Ajuste, raw: object) -> tuple[str, ...]:
    return tuple(_network(item) for item in _items(ajuste, raw))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValorNoValido(f"{text!r} no es una red; se escribe como 192.168.1.0/24") from None
    raise ValorNoValido(f"{text!r} no es el principio de una red; ¿quiso decir {meant}?")


def _url(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw).rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and is_host_name(parts.hostname or "")
        fits = fits and parts.port != 0 and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        fits = False
    if not fits:
        raise ValorNoValido("se esperaba una dirección como http://192.168.1.10:5000")
    return text


def _notice_url(ajuste: Ajuste, raw: object) -> str:
    """Unlike ours, it may have a query; what is secret in it stays there, and is not shown."""
    text = _trimmed(ajuste, raw)
    if text:
        _url(ajuste, text.partition("?")[0])
    if "#" in text or not text.isascii() or " " in text:
        raise ValorNoValido("se esperaba una dirección como https://mi.servidor/avisos?clave=...")
    return text


def _database(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw)
    scheme = text.partition("://")[0]
    if scheme != "sqlite":
        raise ValorNoValido("por ahora solo se admite SQLite; se esperaba algo como sqlite:///iot.db")
    path = text.removeprefix("sqlite:///")
    if path == text or not path or ":memory:" in path or "?" in path or path.endswith("/"):
        raise ValorNoValido("se esperaba un fichero, como sqlite:///iot.db o sqlite:////srv/iot/iot.db")
    return text


def _client_id(ajuste: Ajuste, raw: object) -> str:
    text = _trimmed(ajuste, raw)
    if not _CLIENT_ID_RE.fullmatch(text):
        raise ValorNoValido("se esperaban de 1 a 64 letras sin acento, cifras, puntos o guiones")
    return text


def _origins(ajuste: Ajuste, raw: object) -> tuple[str, ...]:
    return tuple(_origin(ajuste, item) for item in _items(ajuste, raw))


def _origin(ajuste: Ajuste, text: str) -> str:
    """As a browser writes it: scheme, name and port, without the port that goes without saying."""
    try:
        url = _url(ajuste, text)
        parts = urlsplit(url.lower())
    except ValorNoValido:
        raise ValorNoValido(f"{text!r} no es un origen; se escribe como https://panel.casa.lan, y no vale *") from None
    if not url or parts.path or text.strip() != url:
        raise ValorNoValido(f"{text!r} no es un origen: sobra lo que va después del nombre y del puerto")
    usual = {"http": 80, "https": 443}[parts.scheme]
    return url.lower().removesuffix(f":{usual}")


def _bands(ajuste: Ajuste, raw: object) -> tuple[str, ...]:
    found = []
    for item in _items(ajuste, raw):
        name, _, band = item.rpartition(":")
        width = _float_or_none(band)
        if not name.strip() or width is None or not 0 <= width < float("inf"):
            raise ValorNoValido(f"{item!r} no es un parámetro y lo que ha de moverse, como temperatura:0.2")
        found.append(f"{name.strip()}:{width!r}")
    return tuple(found)


def _items(ajuste: Ajuste, raw: object) -> tuple[str, ...]:
    """A list: a Python sequence of texts, a JSON array, or words separated by commas."""
    if raw is None:
        return ()
    if isinstance(raw, str):
        raw = _json_list(raw) if raw.strip().startswith("[") else [part for part in raw.split(",") if part.strip()]
    if not isinstance(raw, list | tuple | set | frozenset):
        raise ValorNoValido("se esperaba una lista")
    if not all(isinstance(item, str) for item in raw):
        raise ValorNoValido("se esperaba una lista de textos")
    return tuple(dict.fromkeys(_trimmed(ajuste, item) for item in raw))


def _json_list(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValorNoValido('la lista no está bien escrita; se esperaba algo como a,b o ["a","b"]') from None


def _float_or_none(text: str) -> float | None:
    try:
        return float(text.strip()) if "_" not in text else None
    except ValueError:
        return None


def _check_range(ajuste: Ajuste, value: float) -> None:
    low, high = ajuste.minimo, ajuste.maximo
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValorNoValido(f"se esperaba un número {_range(ajuste)}")


def _range(ajuste: Ajuste) -> str:
    if ajuste.minimo is None or ajuste.maximo is None:
        return "válido"
    return f"de {ajuste.minimo:g} a {int(ajuste.maximo)}"


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _looks_numeric(text: str) -> bool:
    """`300.1.2.3` or `127.1`: meant as an address, and not one."""
    return re.fullmatch(r"[0-9.]+", text) is not None


_PARSERS: dict[str, Callable[[Ajuste, object], Valor]] = {
    "texto": _text,
    "secreto_largo": _secret,
    "booleano": _boolean,
    "entero": _integer,
    "numero": _number,
    "eleccion": _choice,
    "direccion": _address,
    "anfitrion": _host,
    "anfitriones": _hosts,
    "redes": _networks,
    "origenes": _origins,
    "url_http": _url,
    "url_aviso": _notice_url,
    "textos": _items,
    "bandas": _bands,
    "uri_db": _database,
    "id_cliente": _client_id,
    "fichero": _trimmed,
    "zona": _zone,
    "coordenada": _coordinate,
}
