"""The files of the house's own TLS: where they are, what they say, and when the server's certificate is due.

Nothing here needs `cryptography` (9 MB of memory): what the server must know of its certificate stands in front of it,
in the same file, as one line of JSON (RFC 7468 §2 lets text stand before the certificate), so the two never disagree.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER = "tls"
CA_CERT, CA_KEY, SERVER = "autoridad.crt", "autoridad.key", "servidor.pem"
RENEW = timedelta(days=30)
"""A certificate with less than this left is replaced."""
_SHEET = "iot-hoja: "
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n", re.DOTALL)
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Autoridad:
    """The CA as anybody may see it. ``huella`` is the SHA-256 of its DER in pairs, as browsers and phones show it."""

    nombre: str
    pem: str
    huella: str
    desde: datetime
    hasta: datetime


@dataclass(frozen=True, slots=True)
class Hoja:
    """What the server's certificate says of itself.

    ``pedidos``: the names and addresses that it was asked for; ``fuera``: those of them that the CA may not sign.
    """

    pedidos: tuple[str, ...]
    fuera: tuple[str, ...]
    desde: datetime
    hasta: datetime
    autoridad: str


def folder_of(instance: Path) -> Path:
    """Where a house keeps them."""
    return instance / FOLDER


def is_on(instance: Path) -> bool:
    """Whether this house has been given a certificate (`./iot https`), and not been relieved of it (`--quitar`)."""
    return (folder_of(instance) / SERVER).exists()


def wanted(hosts: Iterable[str]) -> tuple[str, ...]:
    """The names and addresses that a certificate can hold, each once, sorted; what is neither is left out."""
    found = set()
    for host in hosts:
        text = host.lower().rstrip(".").strip("[]").partition("%")[0]
        address = as_address(text)
        if address is not None:
            found.add(str(address))
        elif _NAME.fullmatch(text):
            found.add(text)
    return tuple(sorted(found))


def as_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a text is."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def due(hoja: Hoja | None, hosts: Iterable[str], now: datetime, ca: Autoridad | None) -> bool:
    """Whether the certificate has to be made (again).

    Names that are gone are no reason (an address may come back with the cable), new ones are. With a clock that is
    before the CA's own time nothing is made: it would be good for the past only.
    """
    if ca is None or now < ca.desde:
        return False
    if hoja is None or hoja.autoridad != ca.huella or not set(hosts) <= set(hoja.pedidos):
        return True
    return now >= hoja.hasta - RENEW and hoja.hasta < ca.hasta


def read_authority(folder: Path) -> Autoridad | None:
    """The CA, or None when there is none that can be read."""
    try:
        match = _PEM.search((folder / CA_CERT).read_text())
        return None if match is None else _authority(match[0])
    except (OSError, ValueError, LookupError):  # SSLError is an OSError
        return None


def _authority(pem: str) -> Autoridad | None:
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    store.load_verify_locations(cadata=pem)
    found: Any = store.get_ca_certs()[0]
    subject = {key: value for part in found["subject"] for key, value in part}
    return Autoridad(
        nombre=subject["commonName"],
        pem=pem,
        huella=fingerprint(pem),
        desde=_moment(found["notBefore"]),
        hasta=_moment(found["notAfter"]),
    )


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate, as `AB:CD:...`."""
    digest = hashlib.sha256(pem_to_der(pem)).hexdigest().upper()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def pem_to_der(pem: str) -> bytes:
    """The certificate's own bytes."""
    return ssl.PEM_cert_to_DER_cert(pem)


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def read_sheet(folder: Path) -> Hoja | None:
    """What the server's certificate says of itself, or None when there is none of ours."""
    try:
        first = (folder / SERVER).read_text().partition("\n")[0]
        said = json.loads(first.removeprefix(_SHEET))
        return Hoja(
            tuple(said["pedidos"]),
            tuple(said["fuera"]),
            datetime.fromisoformat(said["desde"]),
            datetime.fromisoformat(said["hasta"]),
            said["autoridad"],
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def sheet_line(hoja: Hoja) -> str:
    """The line that goes before the certificate."""
    said = {
        "pedidos": hoja.pedidos,
        "fuera": hoja.fuera,
        "desde": hoja.desde.isoformat(),
        "hasta": hoja.hasta.isoformat(),
        "autoridad": hoja.autoridad,
    }
    return _SHEET + json.dumps(said) + "\n"
