"""Who is served without credentials (SECURITY item 1) and under which names (item 4), decided before anything else.

Being on the network is not a credential: by default only this machine gets in. The decision takes the peer's address,
the request's method and headers, and nothing else.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.domain.identidad import LOCAL
from app.problems import CONTENT_TYPE, SECURITY_HEADERS, Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORT = re.compile(r":[0-9]{0,5}")
_FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Politica:
    """Whom to serve. ``redes`` are the trusted networks, ``nombres`` the host names in lower case without port."""

    redes: tuple[Network, ...]
    nombres: frozenset[str]

    @classmethod
    def make(cls, *, trusted_networks: Iterable[str], allowed_hosts: Iterable[str], public_url: str = "") -> Politica:
        """From the settings; this machine's own names are always allowed."""
        redes = tuple(ipaddress.ip_network(text, strict=False) for text in trusted_networks)
        own = {"localhost", *machine_names(), *(h.lower().rstrip(".") for h in allowed_hosts)}
        public = urlsplit(public_url).hostname
        return cls(redes, frozenset(own | {public.lower()} if public else own))

    def check(self, environ: dict[str, Any]) -> None:
        """Let the request pass, or refuse it.

        Raises:
            ProblemError: 421 for a foreign Host, 403 for anyone without credentials who is not to be trusted.
        """
        self._check_host(environ.get("HTTP_HOST", ""))
        self._check_peer(environ)
        _check_origin(environ)

    def _check_host(self, host: str) -> None:
        name = host_name(host)
        if name is None or not (name in self.nombres or _is_ip(name)):
            error = "Este servidor no atiende ese nombre"
            detail = (
                f"El nombre {_shown(name or host)} no es de este servidor. Si debe serlo, ponga en instance/config.py: "
                f'ALLOWED_HOSTS = ["{_shown(name or host)}"]'
            )
            raise ProblemError(Problem(421, "host_ajeno", error, detail))

    def _check_peer(self, environ: dict[str, Any]) -> None:
        peer = peer_address(environ)
        if any(key in environ for key in _FORWARDED) or any(key.startswith("HTTP_X_FORWARDED") for key in environ):
            raise _forbidden(
                "La petición viene a través de un proxy (trae Forwarded o X-Forwarded-*), "
                "y no se adivina quién hay detrás. "
                "Llama directamente a este servidor"
            )
        if peer is None or not any(peer in red for red in self.redes):
            raise _forbidden(how_to_trust(peer, self.redes))


def how_to_trust(peer: Address | None, redes: Iterable[Network]) -> str:
    """The sentence of a 403: the exact line that lets this peer's network in."""
    if peer is None:
        return "No se sabe desde qué dirección llega la petición"
    network = ipaddress.ip_network((peer, 24 if peer.version == 4 else 64), strict=False)
    if peer.is_loopback:
        network = ipaddress.ip_network("127.0.0.0/8" if peer.version == 4 else "::1/128")
    names = ", ".join(f'"{text}"' for text in dict.fromkeys([*map(str, redes), str(network)]))
    return (
        f"La dirección {peer} no está en TRUSTED_NETWORKS. Para dejar entrar a su red sin contraseña, "
        f"ponga esta línea en instance/config.py y reinicie: TRUSTED_NETWORKS = [{names}]"
    )


def peer_address(environ: dict[str, Any]) -> Address | None:
    """The other end of the socket; an IPv4 one told through IPv6 is IPv4."""
    try:
        peer = ipaddress.ip_address(str(environ.get("iot.peer") or environ.get("REMOTE_ADDR", "")))
    except ValueError:
        return None
    if isinstance(peer, ipaddress.IPv6Address):
        return peer.ipv4_mapped or ipaddress.IPv6Address(int(peer))  # without the scope, which no network has
    return peer


def host_name(host: str) -> str | None:
    """The name in a Host header, lower case, without port and final dot; None when it is not one."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return name.lower() if bracket and (not port or _PORT.fullmatch(port)) else None
    name, colon, port = host.partition(":")
    if colon and not _PORT.fullmatch(colon + port):
        return None
    return name.lower().rstrip(".") or None


def machine_names() -> Iterator[str]:
    """The names by which the house's network may know this machine."""
    name = socket.gethostname().lower().rstrip(".")
    short = name.partition(".")[0]
    for known in {name, short} - {""}:
        yield known
        yield f"{known}.local"
    yield "ip6-localhost"


def _is_ip(name: str) -> bool:
    # An address can't be rebound by somebody else's DNS, so every literal is as good as ours.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_origin(environ: dict[str, Any]) -> None:
    """A page of another site, open in a trusted browser, is not the person (CSRF, cross-site reading of streams)."""
    site = environ.get("HTTP_SEC_FETCH_SITE", "none").strip().lower()
    reads = environ.get("REQUEST_METHOD") in SAFE_METHODS
    if site not in ("same-origin", "none") and not (site == "same-site" and reads) and not _is_navigation(environ):
        raise _forbidden("La petición la hace una página de otro sitio (Sec-Fetch-Site), y eso no se admite")
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and _netloc(origin) != environ.get("HTTP_HOST", "").lower():
        raise _forbidden(f"La petición la hace una página de otro origen ({_shown(origin)}), y eso no se admite")


def _is_navigation(environ: dict[str, Any]) -> bool:
    """Somebody follows a link from another page: harmless, it shows the answer to that person only."""
    return (
        environ.get("REQUEST_METHOD") in ("GET", "HEAD")
        and environ.get("HTTP_SEC_FETCH_MODE", "").lower() == "navigate"
        and environ.get("HTTP_SEC_FETCH_DEST", "").lower() == "document"
    )


def _netloc(origin: str) -> str | None:
    """Host and port of an Origin, None for `null` and for what is no origin."""
    try:
        return urlsplit(origin.strip().lower()).netloc or None
    except ValueError:
        return None


def _forbidden(error: str) -> ProblemError:
    return ProblemError(Problem(403, "acceso_denegado", error))


def _shown(text: str) -> str:
    return "".join(c for c in text[:100] if c.isprintable() and c not in "\"'\\<>")


class Acceso:
    """WSGI middleware: the outermost layer, streams included."""

    def __init__(self, app: Callable[..., Iterable[bytes]], politica: Politica) -> None:
        self._app = app
        self._politica = politica

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            self._politica.check(environ)
        except ProblemError as error:
            return _answer(error.problem, environ, start_response)
        environ["iot.identidad"] = LOCAL
        return self._app(environ, start_response)


def _answer(problem: Problem, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    from http import HTTPStatus

    body = problem.body()
    headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(
        f"{problem.status} {HTTPStatus(problem.status).phrase}", [*headers, *SECURITY_HEADERS, *problem.headers]
    )
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
