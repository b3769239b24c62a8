"""Under which names and for which pages the program answers, and who asks, decided before anything else.

In this order: the name asked for (DNS rebinding), the page that asks (SECURITY item 4), the peer behind a named proxy,
and the identity: of a session's cookie, of a token, or of a trusted network for who offers nothing (items 1 and 3).
Being on the network is not a credential: by default only this machine gets in without one.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app import cors
from app.autenticador import CONSOLA
from app.domain.errors import CredencialInvalida, DomainError
from app.domain.identidad import ANONIMO, LOCAL
from app.problems import CONTENT_TYPE, SECURITY_HEADERS, Problem, ProblemError, of_domain
from app.secretos import TOKEN_PREFIX
from app.sesiones import ABSOLUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.autenticador import Autenticador
    from app.domain.identidad import Identidad

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
    """Whom to serve. ``redes`` are the trusted networks, ``nombres`` the host names in lower case without port,
    ``proxies`` the networks whose X-Forwarded-For is believed, ``origenes`` the origins whose pages may ask."""

    redes: tuple[Network, ...]
    nombres: frozenset[str]
    proxies: tuple[Network, ...] = ()
    origenes: frozenset[str] = frozenset()

    @classmethod
    def make(
        cls,
        *,
        trusted_networks: Iterable[str],
        allowed_hosts: Iterable[str],
        public_url: str = "",
        trusted_proxies: Iterable[str] = (),
        cors_origins: Iterable[str] = (),
    ) -> Politica:
        """From the settings; this machine's own names are always allowed."""
        own = {"localhost", *machine_names(), *(h.lower().rstrip(".") for h in allowed_hosts)}
        public = urlsplit(public_url).hostname
        names = frozenset(own | {public.lower()} if public else own)
        return cls(_networks(trusted_networks), names, _networks(trusted_proxies), frozenset(cors_origins))

    def check(self, environ: dict[str, Any]) -> None:
        """Let the request come to the question of who asks, or refuse it.

        Raises:
            ProblemError: 421 for a foreign Host, 403 for a page of another site.
        """
        self._check_host(environ.get("HTTP_HOST", ""))
        if cors.named_origin(environ, self.origenes) is None:
            _check_origin(environ)

    def trusts(self, environ: dict[str, Any]) -> bool:
        """Whether who offers no credential acts as the house itself: a trusted peer, and nobody in between.

        Raises:
            ProblemError: 403, a proxy that is not named sent it, and who is behind it is not guessed.
        """
        peer = peer_address(environ)
        if self._is_proxy(peer):
            return False  # one of ours that did not say for whom
        if "iot.proxy" not in environ and _is_forwarded(environ):
            raise _forbidden(
                "La petición viene a través de un proxy (trae Forwarded o X-Forwarded-*), "
                "y no se adivina quién hay detrás. "
                "Llame directamente a este servidor, identifíquese, o nombre al proxy en TRUSTED_PROXIES"
            )
        return peer is not None and any(peer in red for red in self.redes)

    def resolve_proxy(self, environ: dict[str, Any]) -> None:
        """Behind a proxy of TRUSTED_PROXIES the peer is the last of X-Forwarded-For that is no such proxy, and the
        scheme what the proxy says; ``iot.proxy`` then has the proxy's own address."""
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if not hops or not self._is_proxy(peer_address(environ)):
            return
        environ["iot.proxy"] = environ.get("iot.peer", "")
        if environ.get("HTTP_X_FORWARDED_PROTO", "").strip().lower() == "https":
            environ["wsgi.url_scheme"] = "https"
        while True:
            environ["iot.peer"] = hops.pop()[:64]
            if not hops or not self._is_proxy(peer_address(environ)):
                return

    def _is_proxy(self, peer: Address | None) -> bool:
        return peer is not None and any(peer in red for red in self.proxies)

    def _check_host(self, host: str) -> None:
        name = host_name(host)
        if name is None or not (name in self.nombres or _is_ip(name)):
            error = "Este servidor no atiende ese nombre"
            detail = (
                f"El nombre {_shown(name or host)} no es de este servidor. Si debe serlo, ponga en instance/config.py: "
                f'ALLOWED_HOSTS = ["{_shown(name or host)}"]'
            )
            raise ProblemError(Problem(421, "host_ajeno", error, detail))


def how_to_trust(peer: Address | None, redes: Iterable[Network]) -> str:
    """The sentence of a 401: the exact line that lets this peer's network in."""
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


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _is_forwarded(environ: dict[str, Any]) -> bool:
    return any(key in environ for key in _FORWARDED) or any(key.startswith("HTTP_X_FORWARDED") for key in environ)


class Acceso:
    """WSGI middleware: the outermost layer, streams included. Leaves ``iot.identidad`` in the environ."""

    def __init__(self, app: Callable[..., Iterable[bytes]], politica: Politica, autenticador: Autenticador) -> None:
        self._app = app
        self._politica = politica
        self._autenticador = autenticador

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            self._politica.check(environ)
            origin = cors.named_origin(environ, self._politica.origenes)
            if origin is not None:
                start_response = cors.shown_to(environ, origin, start_response)
                if cors.is_preflight(environ):
                    start_response("204 No Content", list(SECURITY_HEADERS))
                    return []
            self._politica.resolve_proxy(environ)
            environ["iot.identidad"] = self._identify(environ, from_elsewhere=origin is not None)
        except ProblemError as error:
            return _answer(error.problem, environ, start_response)
        except DomainError as error:
            return _answer(of_domain(error), environ, start_response)
        self._autenticador.write_uses()
        return self._app(environ, start_response)

    def _identify(self, environ: dict[str, Any], *, from_elsewhere: bool) -> Identidad:
        """Who asks. A wrong credential is a 401 and never falls back to the network's trust; a page of another origin
        (``from_elsewhere``) has no more than it shows itself: neither the browser's cookie nor its network.

        Raises:
            ProblemError: 401, or 403 (:meth:`Politica.trusts`).
        """
        try:
            if "HTTP_AUTHORIZATION" in environ:
                return self._of_header(environ["HTTP_AUTHORIZATION"], environ)
            if from_elsewhere:
                return ANONIMO
            cookie = cookie_of(environ)
            if cookie is not None:
                return self._autenticador.of_cookie(cookie)
        except CredencialInvalida as error:
            if "HTTP_AUTHORIZATION" not in environ:  # an old cookie must not keep anybody from signing in again
                environ["iot.credencial_invalida"] = error
                return ANONIMO
            raise unauthorised(environ, error.mensaje, codigo=error.codigo) from None
        return LOCAL if self._politica.trusts(environ) else ANONIMO

    def _of_header(self, header: str, environ: dict[str, Any]) -> Identidad:
        scheme, _, value = header.strip().partition(" ")
        match scheme.lower():
            case "bearer":
                secret = value.strip()
                if self._autenticador.is_control(secret) and self._is_here(environ):
                    return CONSOLA
                return self._autenticador.of_token(secret)
            case "basic":
                nombre, secret = _basic(value)
                if not secret.startswith(TOKEN_PREFIX):
                    raise CredencialInvalida(
                        "Con Basic la contraseña es un token (iot_...), no la de la cuenta: comprobar esa en cada "
                        "petición ocuparía la máquina. Cree uno con  ./iot token crear"
                    )
                return self._autenticador.of_token(secret, nombre)
        raise CredencialInvalida("Solo se admiten Authorization: Bearer y Basic")

    @staticmethod
    def _is_here(environ: dict[str, Any]) -> bool:
        peer = peer_address(environ)
        return peer is not None and peer.is_loopback and not _is_forwarded(environ)


def unauthorised(environ: dict[str, Any], detail: str, *, codigo: str = "sin_credenciales") -> ProblemError:
    """The 401 of who proved nothing, or something wrong; a cookie that proves nothing is taken away."""
    # A page's own requests are not to open the browser's password window, which no password of ours fits.
    from_page = (
        environ.get("HTTP_SEC_FETCH_MODE", "navigate").lower() != "navigate" or "HTTP_X_REQUESTED_WITH" in environ
    )
    headers = [("WWW-Authenticate", 'Bearer realm="IoT Backend"' if from_page else BASIC_CHALLENGE)]
    if cookie_of(environ) is not None:
        headers.append(("Set-Cookie", session_cookie("", environ)))
    return ProblemError(Problem(401, codigo, "Hace falta identificarse", detail, headers=headers))


BASIC_CHALLENGE = 'Basic realm="IoT Backend", charset="UTF-8"'
COOKIE = "iot_sesion"


def cookie_of(environ: dict[str, Any]) -> str | None:
    """The session's cookie, None when there is none."""
    for part in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return str(value)
    return None


def session_cookie(value: str, environ: dict[str, Any]) -> str:
    """The Set-Cookie that gives a session's cookie to the browser, or takes it away when ``value`` is empty."""
    age = int(ABSOLUTE.total_seconds()) if value else 0
    secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def _basic(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except ValueError:
        raise CredencialInvalida("La cabecera Authorization está mal formada") from None
    nombre, _, secret = text.partition(":")
    return nombre.strip().lower(), secret


def _answer(problem: Problem, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    from http import HTTPStatus

    body = problem.body()
    headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(
        f"{problem.status} {HTTPStatus(problem.status).phrase}", [*headers, *SECURITY_HEADERS, *problem.headers]
    )
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
