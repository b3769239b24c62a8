"""A house's CA and certificate on disk, and clients that trust that CA and nothing else."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

from app.autoridad import make
from app.certificados import CA_CERT, SERVER

HOSTS = ("localhost", "127.0.0.1", "::1", "casa", "casa.local", "192.168.7.5")


class Tls:
    """A folder with a CA and a certificate for ``hosts``."""

    def __init__(self, folder: Path, hosts: tuple[str, ...] = HOSTS) -> None:
        self.folder = folder
        make(folder, hosts, datetime.now(UTC))

    @property
    def certificate(self) -> Path:
        return self.folder / SERVER

    def connect(self, port: int, name: str = "localhost", **kw: ssl.TLSVersion) -> ssl.SSLSocket:
        """A connection whose other end has proved to be ``name``."""
        return secured(self.folder / CA_CERT, port, name, **kw)

    def ask(self, port: int, data: bytes, name: str = "localhost") -> bytes:
        """Everything that is said to these bytes until the other end says goodbye."""
        with self.connect(port, name) as sock:
            sock.sendall(data)
            return read_to_goodbye(sock)


def context(ca: Path, *, newest: ssl.TLSVersion | None = None, oldest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    found = ssl.create_default_context(cafile=ca)
    if newest is not None:
        found.maximum_version = newest
    if oldest is not None:
        found.minimum_version = oldest
    return found


def secured(ca: Path, port: int, name: str, **kw: ssl.TLSVersion) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        return context(ca, **kw).wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)
    except BaseException:
        plain.close()
        raise


def read_to_goodbye(sock: ssl.SSLSocket) -> bytes:
    """An end without TLS's own goodbye is an error here: it could be somebody's cut."""
    found = b""
    while chunk := sock.recv(65536):
        found += chunk
    return found
