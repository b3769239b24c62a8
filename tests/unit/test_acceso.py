"""Who is served, and under which names."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import Any

import pytest

from app.acceso import Acceso, Politica, host_name, how_to_trust
from app.autenticador import Autenticador
from app.domain.identidad import ANONIMO, Identidad
from app.domain.identidad import LOCAL as WHOEVER_IS_LOCAL
from tests.support.nucleo import FakeClock, House

LOCAL = ("127.0.0.0/8", "::1/128")


def politica(**changes: Any) -> Politica:
    return Politica.make(**{"trusted_networks": LOCAL, "allowed_hosts": (), "public_url": "", **changes})


@pytest.fixture(scope="module")
def nobody(tmp_path_factory):
    """What knows every credential of a house that has given out none."""
    with House(tmp_path_factory.mktemp("casa"), FakeClock()) as house:
        yield Autenticador(house.db, house.clock)


@pytest.fixture
def check(nobody):
    """The status that a GET gets, 200 when it reaches the application."""

    def ask(policy: Politica, peer: str = "127.0.0.1", host: str = "localhost:5000", **headers: str) -> int:
        environ = {"iot.peer": peer, "HTTP_HOST": host, "REQUEST_METHOD": headers.pop("method", "GET")}
        environ |= {f"HTTP_{k.upper()}": v for k, v in headers.items()}
        seen: list[str] = []
        Acceso(_reached, policy, nobody)(environ, lambda status, _headers: seen.append(status))
        return int(seen[0][:3])

    return ask


def _reached(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application, whose guard turns away who is unknown."""
    assert isinstance(environ["iot.identidad"], Identidad)
    start_response("401 Unauthorized" if environ["iot.identidad"] == ANONIMO else "200 OK", [])
    return []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:5000",
        "192.168.1.7",
        "[::1]:5000",
        "[fe80::1]",
        "localhost.",
        "ip6-localhost",
    ],
)
def test_names_of_this_machine(check, host):
    assert check(politica(), host=host) == 200


def test_host_name_of_the_machine_and_mdns(check):
    name = socket.gethostname().lower().partition(".")[0]
    assert check(politica(), host=f"{name}:5000") == check(politica(), host=f"{name}.local") == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil",
        "127.0.0.1.evil.example",
        "localhost:x",
        "a b",
        "[::1",
        "::1",
        "localhost:80:80",
        ".",
    ],
)
def test_foreign_names(check, host):
    assert check(politica(), host=host) == 421


def test_names_that_the_settings_add(check):
    added = politica(allowed_hosts=["Casa.Lan"], public_url="http://iot.example:8080")
    assert check(added, host="casa.lan:5000") == check(added, host="iot.example") == 200
    assert check(politica(), host="casa.lan") == 421


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_served(check, peer):
    assert check(politica(), peer=peer) == 200


@pytest.mark.parametrize("peer", ["192.168.1.7", "::ffff:192.168.1.7", "fe80::1%eth0", "", "basura"])
def test_others_are_not(check, peer):
    assert check(politica(), peer=peer) == 401


def test_a_trusted_network_lets_the_phone_in_and_an_empty_list_nobody(check):
    assert check(politica(trusted_networks=[*LOCAL, "192.168.1.0/24"]), peer="192.168.1.77") == 200
    assert check(politica(trusted_networks=["fe80::/10"]), peer="fe80::1%eth0") == 200
    assert check(politica(trusted_networks=[])) == 401


def test_the_sentence_has_the_line_to_write():
    networks = [ipaddress.ip_network("127.0.0.0/8")]
    text = how_to_trust(ipaddress.ip_address("192.168.1.77"), networks)
    assert 'TRUSTED_NETWORKS = ["127.0.0.0/8", "192.168.1.0/24"]' in text
    assert "instance/config.py" in text
    assert '"2001:db8:1:2::/64"' in how_to_trust(ipaddress.ip_address("2001:db8:1:2::9"), networks)
    assert 'TRUSTED_NETWORKS = ["127.0.0.0/8"]' in how_to_trust(ipaddress.ip_address("127.0.0.1"), [])


@pytest.mark.parametrize(
    "name", ["forwarded", "x_forwarded_for", "x_forwarded_proto", "x_real_ip", "x_forwarded_anything"]
)
def test_behind_a_proxy_nobody_is_guessed(check, name):
    assert check(politica(), **{name: "1.2.3.4"}) == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://localhost:5000"}, 200),
        ({"origin": "http://LOCALHOST:5000"}, 200),
        ({"origin": "http://localhost:3000"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://[mal"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "same-site"}, 200),
        ({"sec_fetch_site": "same-site", "method": "PUT"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),
        (
            {
                "sec_fetch_site": "cross-site",
                "sec_fetch_mode": "navigate",
                "sec_fetch_dest": "document",
                "method": "POST",
            },
            403,
        ),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, 403),
    ],
    ids=str,
)
def test_pages_of_other_sites(check, headers, status):
    assert check(politica(), **headers) == status


def test_it_answers_before_the_app_is_asked(nobody):
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise AssertionError("the app was asked")

    seen: dict[str, Any] = {}
    guard = Acceso(app, politica(), nobody)
    environ = {"iot.peer": "10.0.0.1", "HTTP_HOST": "localhost", "REQUEST_METHOD": "GET"}
    environ |= {"HTTP_AUTHORIZATION": "Bearer iot_de_nadie"}
    body = guard(environ, lambda status, headers: seen.update(status=status, headers=dict(headers)))
    assert seen["status"] == "401 Unauthorized"
    assert seen["headers"]["WWW-Authenticate"] == 'Basic realm="IoT Backend", charset="UTF-8"'
    assert seen["headers"]["Content-Type"] == "application/problem+json"
    assert seen["headers"]["X-Content-Type-Options"] == "nosniff"
    assert json.loads(b"".join(body))["status"] == 401
    assert list(guard({**environ, "REQUEST_METHOD": "HEAD"}, lambda *_: None)) == []


def identity(nobody, policy: Politica, **environ: str) -> tuple[Identidad, dict[str, Any]]:
    seen: dict[str, Any] = {}
    asked = {"HTTP_HOST": "localhost", "REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "PATH_INFO": "/sesion"}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        return []

    Acceso(app, policy, nobody)(asked | environ, lambda *_: None)
    return seen["iot.identidad"], seen


PROXY = {"trusted_proxies": ["10.0.0.2"], "trusted_networks": ["127.0.0.0/8", "192.168.1.0/24"]}


@pytest.mark.parametrize(
    ("peer", "hops", "address", "local"),
    [
        ("10.0.0.2", "192.168.1.7", "192.168.1.7", True),
        (
            "10.0.0.2",
            "192.168.1.7, 203.0.113.9",
            "203.0.113.9",
            False,
        ),  # the first is the client's word
        ("10.0.0.2", "127.0.0.1,203.0.113.9, 10.0.0.2", "203.0.113.9", False),
        ("10.0.0.2", "10.0.0.2", "10.0.0.2", False),
        ("10.0.0.2", "no-es-una-ip", "no-es-una-ip", False),
        ("10.0.0.2", "", "10.0.0.2", False),
    ],
    ids=str,
)
def test_behind_a_named_proxy_the_client_is_its_last_hop(nobody, peer, hops, address, local):
    who, environ = identity(
        nobody, politica(**PROXY), **{"iot.peer": peer, "HTTP_X_FORWARDED_FOR": hops, "HTTP_X_FORWARDED_PROTO": "https"}
    )
    assert environ["iot.peer"] == address
    assert (who is WHOEVER_IS_LOCAL) == local
    assert environ["wsgi.url_scheme"] == ("https" if hops else "http")


def test_a_named_proxy_that_does_not_say_for_whom_is_not_trusted(nobody):
    settings = {"trusted_proxies": ["127.0.0.1"], "trusted_networks": LOCAL}
    who, _ = identity(nobody, politica(**settings), **{"iot.peer": "127.0.0.1"})
    assert who is not WHOEVER_IS_LOCAL


@pytest.mark.parametrize(
    "header", ["Bearer iot_nadie", "Basic YW5hOmlvdF9uYWRpZQ==", "Basic !!", "Digest x", "", "Bearer"], ids=str
)
def test_a_wrong_credential_is_never_the_networks(check, header):
    assert check(politica(), authorization=header) == 401


def test_host_names():
    assert host_name("Casa.Lan.:5000") == "casa.lan"
    assert host_name("[2001:DB8::1]:80") == "2001:db8::1"
    assert host_name("casa:") == "casa"
    assert host_name("[::1]x") is None
