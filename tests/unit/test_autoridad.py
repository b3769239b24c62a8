"""The house's CA and the certificate it signs: what is in them, who may read them, when they are made again."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app import autoridad, certificados
from tests.support.tls import HOSTS, Tls

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    autoridad.make(tmp_path / "tls", HOSTS, NOW)
    return tmp_path / "tls"


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_only_the_owner_reads_them(folder: Path) -> None:
    assert {p.name for p in folder.iterdir()} == {"autoridad.crt", "autoridad.key", "servidor.pem"}
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_the_authority_is(folder: Path) -> None:
    """P-256, ten years, signs certificates and nothing else, none of them a CA."""
    ca = certificate(folder / "autoridad.crt")
    assert isinstance(ca.public_key(), ec.EllipticCurvePublicKey)
    assert ca.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]
    assert timedelta(days=3649) <= ca.not_valid_after_utc - NOW <= timedelta(days=3651)
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature, usage.key_encipherment) == (True, False, False)
    assert ca.extensions.get_extension_for_class(x509.NameConstraints).critical


def test_what_the_certificate_is(folder: Path) -> None:
    """At most 397 days, for TLS servers only, with every name and address; it says the same of itself in its sheet."""
    cert, hoja = certificate(folder / "servidor.pem"), certificados.read_sheet(folder)
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    assert found == set(HOSTS)
    assert cert.not_valid_after_utc - cert.not_valid_before_utc <= timedelta(days=397)
    usage = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
    assert hoja is not None
    assert (set(hoja.pedidos), hoja.fuera) == (set(HOSTS), ())
    assert (hoja.desde, hoja.hasta) == (cert.not_valid_before_utc, cert.not_valid_after_utc)
    ca = certificados.read_authority(folder)
    assert ca is not None
    assert hoja.autoridad == ca.huella
    digest = certificate(folder / "autoridad.crt").fingerprint(hashes.SHA256())
    assert ca.huella == digest.hex(":").upper()


def test_two_houses_share_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        autoridad.make(tmp_path / name, HOSTS, NOW)
    for file in ("autoridad.crt", "autoridad.key", "servidor.pem"):
        assert (tmp_path / "a" / file).read_bytes() != (tmp_path / "b" / file).read_bytes()
    a, b = (certificate(tmp_path / n / "autoridad.crt") for n in "ab")
    assert a.subject != b.subject, "a phone shows them apart"


def test_a_stolen_key_cannot_pass_for_a_bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for a name on the internet, really signed by the CA, is refused by who trusts the CA."""
    tls = Tls(tmp_path / "tls")
    monkeypatch.setattr(autoridad, "_allows", lambda *_: True)
    autoridad.issue(tls.folder, ("banco.example", "198.51.100.7", "localhost"), datetime.now(UTC))
    with server(tls.certificate) as port:
        for name in ("banco.example", "198.51.100.7", "localhost"):
            with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
                tls.connect(port, name)


def test_names_that_the_authority_may_not_sign_are_left_out_and_told(folder: Path) -> None:
    hoja = autoridad.issue(folder, (*HOSTS, "otra", "otra.local", "casa.example", "203.0.113.9"), NOW)
    assert set(hoja.fuera) == {"otra", "casa.example", "203.0.113.9"}
    names = certificate(folder / "servidor.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "otra.local" in names.get_values_for_type(x509.DNSName)
    assert "otra" not in names.get_values_for_type(x509.DNSName)
    autoridad.make_authority(folder, (*HOSTS, "otra", "casa.example", "203.0.113.9"), NOW)
    assert autoridad.issue(folder, (*HOSTS, "otra", "casa.example", "203.0.113.9"), NOW).fuera == ()


def test_what_cannot_be_in_a_certificate_is_not_asked_for() -> None:
    found = certificados.wanted(["Casa.Local.", "[::1]", "fe80::1%eth0", "mi_casa", "", "a..b", "x" * 64, "casa.local"])
    assert found == ("::1", "casa.local", "fe80::1")


@pytest.mark.parametrize(
    ("when", "extra", "gone", "due"),
    [
        (timedelta(), (), (), False),
        (timedelta(days=365), (), (), False),
        (timedelta(days=367), (), (), True),
        (timedelta(days=500), (), (), True),
        (timedelta(), ("192.168.7.77",), (), True),
        (timedelta(), (), ("192.168.7.5",), False),
        (timedelta(days=-400), ("192.168.7.77",), (), False),
    ],
    ids=["new", "a year", "29 days left", "expired", "new address", "address gone", "clock behind"],
)
def test_when_it_is_made_again(
    folder: Path, when: timedelta, extra: tuple[str, ...], gone: tuple[str, ...], due: bool
) -> None:
    hosts = [h for h in (*HOSTS, *extra) if h not in gone]
    ca, hoja = certificados.read_authority(folder), certificados.read_sheet(folder)
    assert certificados.due(hoja, hosts, NOW + when, ca) is due


def test_one_of_another_authority_is_made_again(folder: Path) -> None:
    hoja = certificados.read_sheet(folder)
    autoridad.make_authority(folder, HOSTS, NOW)
    assert certificados.due(hoja, HOSTS, NOW, certificados.read_authority(folder))
    assert certificados.due(None, HOSTS, NOW, certificados.read_authority(folder))


def test_near_the_authoritys_own_end_it_lasts_no_longer_and_is_not_made_again_and_again(folder: Path) -> None:
    late = NOW + timedelta(days=3640)
    hoja, ca = autoridad.issue(folder, HOSTS, late), certificados.read_authority(folder)
    assert ca is not None
    assert hoja.hasta == ca.hasta
    assert not certificados.due(hoja, HOSTS, late, ca)


@pytest.mark.parametrize("break_", ["no key", "no certificate", "foreign key", "garbage"])
def test_half_an_authority_is_said_and_never_replaced(folder: Path, tmp_path: Path, break_: str) -> None:
    """A phone trusts what was there: only a person may decide on another one."""
    autoridad.make(tmp_path / "other", HOSTS, NOW)
    match break_:
        case "no key":
            (folder / "autoridad.key").unlink()
        case "no certificate":
            (folder / "autoridad.crt").unlink()
        case "foreign key":
            (folder / "autoridad.key").write_bytes((tmp_path / "other" / "autoridad.key").read_bytes())
        case _:
            (folder / "autoridad.key").write_text("no es una clave")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(autoridad.AutoridadError, match=r"\./iot https --nueva"):
        autoridad.make(folder, HOSTS, NOW)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize("text", ["", "iot-hoja: {}\n", "iot-hoja: [1]\n", "otra cosa\n", 'iot-hoja: {"pedidos": 1}\n'])
def test_a_sheet_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "servidor.pem").write_text(text)
    assert certificados.read_sheet(tmp_path) is None
    (tmp_path / "autoridad.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert certificados.read_authority(tmp_path) is None


class server:  # noqa: N801 - a context manager
    """A TLS server of the standard library's, with this certificate."""

    def __init__(self, path: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(path)

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                with closing(peer), suppress(OSError):
                    self._context.wrap_socket(peer, server_side=True).close()
