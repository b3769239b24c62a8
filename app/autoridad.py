"""Makes the house's own certificate authority and the server's certificate (X.509, RFC 5280).

The CA may sign only for names and addresses of a home network (name constraints, §4.2.1.10): whoever steals its key can
not pass for a bank before the phones that trust it. Its key stays in the instance folder, mode 0600.
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.certificados import (
    CA_CERT,
    CA_KEY,
    SERVER,
    Hoja,
    as_address,
    fingerprint,
    read_authority,
    sheet_line,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)
"""What browsers accept at most of a server's certificate (CA/B Forum, since 2020)."""
BACKDATED = timedelta(days=1)
"""Both begin a day early: a phone's clock may be behind this machine's."""
HOME_NAMES = ("localhost", "local", "lan", "home", "internal", "home.arpa")
"""Suffixes that nobody can own on the internet (RFC 6762, RFC 8375, ICANN's `internal`), or that routers hand out."""
HOME_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)


class AutoridadError(Exception):
    """There is no CA to sign with, or its files can't be used; the message (Spanish) says what to do."""


def make_authority(folder: Path, hosts: Iterable[str], now: datetime) -> None:
    """A new CA, in place of one that may be there. It may sign for what a home has, and for exactly ``hosts``."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = f"Casa IoT {secrets.token_hex(3)}"  # tells two houses, and an old CA of the same one, apart
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "IoT Backend"), _common_name(f"{name} (autoridad local)")]
    )
    builder = _builder(subject, subject, key, now - BACKDATED, now + CA_LIFE)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(list(_permitted(hosts)), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_whole(folder / CA_KEY, _key_pem(key))
    write_whole(folder / CA_CERT, _cert_pem(_sign(builder, key)))


def issue(folder: Path, hosts: Iterable[str], now: datetime) -> Hoja:
    """A new key and certificate for the server, in one file, for these names and addresses.

    Raises:
        AutoridadError: there is no CA that can sign it.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    ca, ca_key = _load_authority(folder)
    asked = wanted(hosts)
    allowed = [host for host in asked if _allows(ca, host)]
    if not allowed:
        raise AutoridadError(
            "ninguno de los nombres de esta máquina cabe en la autoridad; haga otra: ./iot https --nueva"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    begins, ends = now - BACKDATED, min(now - BACKDATED + LEAF_LIFE, ca.not_valid_after_utc)
    builder = _builder(x509.Name([_common_name("IoT Backend")]), ca.subject, key, begins, ends)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in allowed]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    cert = _sign(builder, ca_key)
    hoja = Hoja(
        pedidos=asked,
        fuera=tuple(host for host in asked if host not in allowed),
        desde=cert.not_valid_before_utc,
        hasta=cert.not_valid_after_utc,
        autoridad=fingerprint(_cert_pem(ca)),
    )
    write_whole(folder / SERVER, sheet_line(hoja) + _cert_pem(cert) + _key_pem(key))
    return hoja


def make(folder: Path, hosts: Iterable[str], now: datetime) -> Hoja:
    """A certificate for these names, and before it a CA if this house never had one.

    Raises:
        AutoridadError: there is half a CA.
    """
    if not (folder / CA_CERT).exists() and not (folder / CA_KEY).exists():
        make_authority(folder, hosts, now)
    return issue(folder, hosts, now)


def make_from_line(folder: str, line: str) -> int:
    """:func:`make` as a process of its own: the names and the hour come as JSON, its last words go to stderr."""
    said = json.loads(line)
    try:
        make(Path(folder), said["hosts"], datetime.fromisoformat(said["now"]))
    except (AutoridadError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def remove_server(folder: Path) -> bool:
    """Take the server's certificate away and keep the CA, which phones may trust already; False: there was none."""
    try:
        (folder / SERVER).unlink()
    except FileNotFoundError:
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Put a file there, mode 0600, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _load_authority(folder: Path) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = read_authority(folder)
    if found is None:
        raise AutoridadError(f"falta {folder / CA_CERT} o no se entiende; recupérelo, o haga otra: ./iot https --nueva")
    try:
        key = load_pem_private_key((folder / CA_KEY).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise AutoridadError(
            f"no se puede usar la clave {folder / CA_KEY}: {error}; recupérela, o haga otra: ./iot https --nueva"
        ) from error
    ca = x509.load_pem_x509_certificate(found.pem.encode())
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != ca.public_key():
        raise AutoridadError(f"{CA_KEY} no es la clave de {CA_CERT}; recupérela, o haga otra: ./iot https --nueva")
    return ca, key


def _permitted(hosts: Iterable[str]) -> Iterator[x509.GeneralName]:
    from cryptography import x509

    own = wanted(hosts)
    for name in dict.fromkeys([*HOME_NAMES, *(host for host in own if as_address(host) is None)]):
        yield x509.DNSName(name)
    networks = [ipaddress.ip_network(network) for network in HOME_NETWORKS]
    alone = [address for host in own if (address := as_address(host)) and not any(address in n for n in networks)]
    for network in [*networks, *map(ipaddress.ip_network, alone)]:
        yield x509.IPAddress(network)


def _allows(ca: x509.Certificate, host: str) -> bool:
    """Whether the CA's name constraints let it sign for a name or an address; a name allows what is under it."""
    from cryptography import x509

    permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    address = as_address(host)
    if address is not None:
        networks = [ipaddress.ip_network(one.value) for one in permitted if isinstance(one, x509.IPAddress)]
        return any(address in network for network in networks)
    names = [one.value for one in permitted if isinstance(one, x509.DNSName)]
    return any(host == name or host.endswith(f".{name}") for name in names)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins.replace(microsecond=0))
        .not_valid_after(ends.replace(microsecond=0))
    )


def _sign(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(key, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(text: str) -> x509.NameAttribute[str]:
    from cryptography import x509

    return x509.NameAttribute(x509.NameOID.COMMON_NAME, text)


def _general_name(host: str) -> x509.GeneralName:
    from cryptography import x509

    address = as_address(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _cert_pem(cert: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return cert.public_bytes(Encoding.PEM).decode()


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
