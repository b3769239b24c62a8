"""/autoridad: what a phone that trusts nothing yet is given; and which requests are sent on to HTTPS."""

from __future__ import annotations

import plistlib
import re
import ssl
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.certificados import Autoridad, pem_to_der, read_authority
from app.problems import SECURITY_HEADERS
from app.routes_autoridad import profile
from app.servicios import Cifrado, Services
from tests.support.edge import EdgeSettings, make_services
from tests.support.tls import Tls


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("casa") / "tls")


@pytest.fixture(scope="module")
def authority(tls: Tls) -> Autoridad:
    found = read_authority(tls.folder)
    assert found is not None
    return found


def services(folder: Path, cifrado: Cifrado) -> Iterator[Services]:
    found = make_services(folder, EdgeSettings(allowed_hosts=("casa",)), {}, cifrado=cifrado)
    yield found
    found.db.close()


@pytest.fixture
def client(tmp_path: Path, tls: Tls) -> Iterator[Any]:
    """HTTPS on port 5443, without redirect."""
    for found in services(tmp_path, Cifrado(5443, tls.folder / "autoridad.crt")):
        yield create_app(found).test_client()


@pytest.fixture
def redirecting(tmp_path: Path, tls: Tls) -> Iterator[Any]:
    for found in services(tmp_path, Cifrado(5443, tls.folder / "autoridad.crt", redirigir=True)):
        yield create_app(found).test_client()


def test_the_certificate(client: Any, authority: Autoridad) -> None:
    answer = client.get("/autoridad/ca.crt")
    assert answer.content_type == "application/x-x509-ca-cert"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ca.crt"'
    assert answer.get_data(as_text=True) == authority.pem
    assert "PRIVATE" not in answer.get_data(as_text=True)
    ssl.create_default_context(cadata=answer.get_data(as_text=True))


def test_the_profile_for_iphones(client: Any, authority: Autoridad) -> None:
    answer = client.get("/autoridad/ca.mobileconfig")
    assert answer.content_type == "application/x-apple-aspen-config"
    found = plistlib.loads(answer.data)
    assert found["PayloadType"] == "Configuration"
    (payload,) = found["PayloadContent"]
    assert payload["PayloadType"] == "com.apple.security.root"
    assert payload["PayloadContent"] == pem_to_der(authority.pem)
    for part in (found, payload):
        assert {"PayloadIdentifier", "PayloadUUID", "PayloadVersion", "PayloadDisplayName"} <= set(part)
    assert profile(authority) == answer.data, "a second download replaces the first instead of piling up"


class Page(HTMLParser):
    """Tags, attributes and languages of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.langs: list[str] = []
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.bad.append(f"{tag} {name}")
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "lang":
                self.langs.append(value or "")


def test_the_page(client: Any, authority: Autoridad) -> None:
    """In both languages, the fingerprint in each, nothing that the policy would block, links that lead somewhere."""
    answer = client.get("/autoridad", base_url="http://casa:5000")
    text = answer.get_data(as_text=True)
    page = Page(text)
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == dict(SECURITY_HEADERS)["Content-Security-Policy"]
    assert not page.bad
    assert not {"script", "style", "iframe", "form"} & set(page.tags)
    assert page.langs == ["es", "en"]
    assert text.count(authority.huella) == 2
    assert "https://casa:5443/" in page.links
    for link in page.links:
        if not link.startswith(("#", "https://casa:5443/")):
            assert not link.startswith("/"), f"{link} is not below a proxy's prefix"
            assert client.get(f"/{link}", buffered=True).status_code == 200, link
    for system in ("Android", "iPhone", "Windows", "Linux"):
        assert len(re.findall(rf"<summary>[^<]*{system}", text)) >= 2


@pytest.mark.parametrize("path", ["/autoridad", "/autoridad/ca.crt", "/autoridad/ca.mobileconfig"])
def test_a_house_without_https_says_how_to_switch_it_on(tmp_path: Path, path: str) -> None:
    for found in services(tmp_path, Cifrado()):
        answer = create_app(found).test_client().get(path)
        assert (answer.status_code, answer.get_json()["codigo"]) == (404, "sin_https")
        assert "./iot https" in answer.get_json()["detail"]


# --- from HTTP to HTTPS ----------------------------------------------------------------------------------------------

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def from_lan(tmp_path: Path, tls: Tls) -> Iterator[Any]:
    """Asks from another machine of a trusted network; redirect on."""
    settings = EdgeSettings(allowed_hosts=("casa",), trusted_networks=("127.0.0.0/8", "192.168.7.0/24"))
    cifrado = Cifrado(5443, tls.folder / "autoridad.crt", redirigir=True)
    found = make_services(tmp_path, settings, {"version": "0"}, cifrado=cifrado)
    client = create_app(found).test_client()

    def ask(
        path: str = "/docs", method: str = "GET", *, peer: str = "192.168.7.9", scheme: str = "http", **kw: Any
    ) -> Any:
        environ = {"iot.peer": peer, "REQUEST_URI": path}
        return client.open(
            path, method=method, base_url=f"{scheme}://casa:5000", environ_overrides=environ, buffered=True, **kw
        )

    yield ask
    found.db.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_from_another_machine_is_sent_on(from_lan: Any, method: str) -> None:
    answer = from_lan("/docs?a=1", method, headers=BROWSER)
    assert answer.status_code == 307
    assert answer.headers["Location"] == "https://casa:5443/docs?a=1"
    assert answer.headers["Cache-Control"] == "no-store", "it must be possible to turn it off again"
    assert "Strict-Transport-Security" not in answer.headers, "means nothing over plain HTTP (RFC 6797 §7.2)"


@pytest.mark.parametrize(
    ("path", "method", "kw"),
    [
        ("/dispositivos", "GET", {}),
        ("/dispositivos", "GET", {"headers": {"Accept": "application/json, text/plain, */*"}}),
        ("/dispositivos/reclamar", "POST", {"headers": BROWSER, "json": {}}),
        ("/docs", "GET", {"headers": BROWSER, "peer": "127.0.0.1"}),
        ("/docs", "GET", {"headers": BROWSER, "scheme": "https"}),
        ("/autoridad", "GET", {"headers": BROWSER}),
        ("/autoridad/ca.crt", "GET", {"headers": BROWSER}),
        ("/static/autoridad.css", "GET", {"headers": BROWSER}),
    ],
    ids=["curl", "the old app", "a write", "this machine", "over TLS", "the CA's page", "the CA", "its style"],
)
def test_everything_else_stays(from_lan: Any, path: str, method: str, kw: dict[str, Any]) -> None:
    assert from_lan(path, method, **kw).status_code != 307


def test_a_foreign_host_is_not_sent_anywhere(redirecting: Any) -> None:
    environ = {"iot.peer": "192.168.7.9"}
    answer = redirecting.get("/docs", headers=BROWSER, base_url="http://mala.example", environ_overrides=environ)
    assert answer.status_code == 421


def test_nothing_is_sent_on_unless_asked_for(client: Any) -> None:
    answer = client.get("/docs", headers=BROWSER, environ_overrides={"iot.peer": "192.168.7.9"})
    assert answer.status_code != 307


def test_hsts_only_over_tls_and_only_with_the_redirect(client: Any, redirecting: Any) -> None:
    header = "Strict-Transport-Security"
    assert redirecting.get("/salud/viva", base_url="https://localhost").headers[header] == "max-age=2592000"
    assert header not in redirecting.get("/salud/viva").headers
    assert header not in client.get("/salud/viva", base_url="https://localhost").headers
