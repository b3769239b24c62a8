"""This machine's own addresses, found without sending a single packet."""

from __future__ import annotations

import ipaddress
import socket
import struct

# TEST-NET-3: reserved for documentation, so "which way would I go?" asks about no real host.
_ELSEWHERE_V4 = "203.0.113.1"
_SIOCGIFADDR = 0x8915
_VIRTUAL = ("docker", "veth", "br-", "virbr", "lxc")


def lan_addresses() -> list[str]:
    """IPv4 addresses at which other machines may reach this one, the one with the default route first."""
    found = [_route_address(), *_interface_addresses()]
    return list(dict.fromkeys(address for address in found if address and _usable(address)))


def is_loopback(address: str) -> bool:
    """True for 127.0.0.0/8, ::1 and the name localhost."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_any(address: str) -> bool:
    """True for 0.0.0.0 and ::, the wildcard addresses."""
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def url_host(address: str) -> str:
    """An address as a URL writes it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def _route_address() -> str | None:
    """The source address the kernel would choose: connect() on a datagram socket only looks at the routing table."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_ELSEWHERE_V4, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _interface_addresses() -> list[str]:
    """Every interface's first IPv4 address (Linux; elsewhere nothing, the routing table has to do)."""
    try:
        import fcntl

        names = [name for _, name in socket.if_nameindex() if not name.startswith(_VIRTUAL)]
    except (ImportError, OSError):
        return []
    addresses = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for name in names:
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue
            addresses.append(socket.inet_ntoa(answer[20:24]))
    return addresses


def _usable(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast)
