"""What is printed once everything is up: where to go, which broker, who gets in, where the data is."""

from __future__ import annotations

import ipaddress
import textwrap
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.config_net import is_loopback, lan_addresses, url_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.runtime import RuntimeInfo

_WIDTH = 96
_INDENT = " " * 18


def show_banner(info: RuntimeInfo) -> None:
    """Print it, at once, also when the output goes to a file."""
    print("\n".join(banner_lines(info)), flush=True)


def banner_lines(info: RuntimeInfo) -> Iterator[str]:
    """The lines of the banner."""
    yield ""
    yield f"IoT Backend está en marcha{' por primera vez aquí' if info.first_run else ''}. Para terminarlo: Ctrl+C"
    yield ""
    yield _line("Esta máquina", info.http_url)
    yield _line("Desde un móvil", _phone(info))
    if info.https_port is not None:
        yield _line("Cifrado", _secure(info, info.https_port))
    yield _line("Documentación", f"{info.http_url}/docs")
    if info.broker is None:
        yield _line("Broker MQTT", f"ninguno todavía; se sigue intentando. {info.broker_fault or ''}")
    else:
        yield _line("Broker MQTT", info.broker.descripcion)
        for number, missing in enumerate(info.broker.no_promete):
            yield _line("  no promete" if number == 0 else "", missing)
    yield _line("Quién entra", who_gets_in(info.settings.trusted_networks))
    if not _open_to_lan(info.settings.trusted_networks):
        yield _line("", f"para dejar entrar a su red, en {info.instance_path / 'config.py'}:")
        yield f"{_INDENT}  TRUSTED_NETWORKS = {_suggested(info)}"
    if info.setup_code is not None:
        yield _line("Cuentas", "ninguna todavía. La primera:  ./iot usuario crear NOMBRE")
        yield _line("", f"o desde otro equipo, en los próximos 15 minutos, con el código {info.setup_code}")
    yield _line("Datos", f"{info.settings.database_path} (esquema {info.schema_version})")
    for text in info.settings.avisos:
        yield _line("Aviso", text)
    yield ""


def who_gets_in(networks: Sequence[str]) -> str:
    """TRUSTED_NETWORKS in plain words."""
    loopback = any(_is_loopback_net(network) for network in networks)
    others = [network for network in networks if not _is_loopback_net(network)]
    if any(network.endswith("/0") for network in others):
        return "cualquiera que llegue a este puerto, sin credenciales"
    if not networks:
        return "nadie sin cuenta: TRUSTED_NETWORKS está vacío"
    if not others:
        return "solo programas de esta misma máquina; los demás equipos, con una cuenta"
    here = "esta máquina y " if loopback else ""
    return f"{here}los equipos de {', '.join(others)}, sin credenciales; los demás, con una cuenta"


def suggested_network(address: str) -> str:
    """The usual home network around an IPv4 address: its /24."""
    return f"{address.rpartition('.')[0]}.0/24"


def _phone(info: RuntimeInfo) -> str:
    if is_loopback(info.settings.backend_host):
        return "no: BACKEND_HOST solo escucha en esta máquina"
    urls = [url for url in info.lan_urls if not is_loopback(_host(url))]
    if not urls:
        return "esta máquina no tiene ahora dirección en ninguna red"
    allowed = "" if _open_to_lan(info.settings.trusted_networks) else " (antes, la línea de «Quién entra»)"
    return f"{'  o  '.join(urls[:3])}{allowed}"


def _secure(info: RuntimeInfo, port: int) -> str:
    host = next(map(_host, info.lan_urls), "") or "127.0.0.1"
    return (
        f"https://{url_host(host)}:{port} (cada aparato ha de instalar antes la autoridad: {info.http_url}/autoridad)"
    )


def _suggested(info: RuntimeInfo) -> str:
    address = next(
        (host for host in [*map(_host, info.lan_urls), *lan_addresses()] if _is_lan_v4(host)), "192.168.1.10"
    )
    kept = [*info.settings.trusted_networks, suggested_network(address)]
    return "[" + ", ".join(f'"{network}"' for network in kept) + "]"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_lan_v4(host: str) -> bool:
    try:
        return not ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _open_to_lan(networks: Sequence[str]) -> bool:
    return any(not _is_loopback_net(network) for network in networks)


def _is_loopback_net(network: str) -> bool:
    return is_loopback(network.partition("/")[0])


def _line(title: str, text: str) -> str:
    label = f"  {title}".ljust(len(_INDENT))
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=label,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
