"""TLS beside plain HTTP: who is understood where, what is refused, and that everything else is as without it."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from app.certificados import CA_CERT
from tests.support.edge import Edge, read_until_silent, running
from tests.support.procesos import require
from tests.support.servidor import Ticking, echo, gate, get, refused, split, until
from tests.support.tls import HOSTS, Tls, read_to_goodbye

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("casa") / "tls")


@pytest.fixture(scope="module")
def edge(tls: Tls) -> Iterator[Edge]:
    with running(
        echo,
        None,
        certificate=tls.certificate,
        http_header_timeout_s=1.0,
        http_threads=2,
        http_queue_max=3,
        sse_send_timeout_s=1.0,
    ) as found:
        yield found


@pytest.mark.parametrize("name", HOSTS)
def test_each_name_and_address_is_proved_to_who_trusts_only_this_house(edge: Edge, tls: Tls, name: str) -> None:
    status, _, body = split(tls.ask(edge.tls_port, get("/hola", "Connection: close"), name))
    seen = json.loads(body)
    assert (status, seen["wsgi.url_scheme"], seen["SERVER_PORT"]) == (200, "https", str(edge.tls_port))
    assert seen["iot.peer"] == "127.0.0.1"


def test_a_name_that_is_not_ours_is_not_proved(edge: Edge, tls: Tls) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        tls.connect(edge.tls_port, "otra.local")


def test_who_does_not_trust_this_house_does_not_connect(edge: Edge, tmp_path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Tls(tmp_path / "otra").connect(edge.tls_port)


def test_curl_with_the_cas_file(edge: Edge, tls: Tls) -> None:
    curl = [require("curl"), "-sS", "-w", "%{http_code} %{ssl_verify_result}", "-o", "/dev/null"]
    url = f"https://localhost:{edge.tls_port}/"
    done = subprocess.run(
        [*curl, "--cacert", tls.folder / CA_CERT, url], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "200 0"
    assert subprocess.run([*curl, url], capture_output=True, check=False, timeout=20).returncode == 60


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_versions_with_forward_secrecy(edge: Edge, tls: Tls, version: ssl.TLSVersion) -> None:
    with tls.connect(edge.tls_port, newest=version, oldest=version) as sock:
        name, protocol, _ = sock.cipher() or ("", "", 0)
        assert sock.version() == version.name.replace("_", ".")
        assert protocol == "TLSv1.3" or name.startswith("ECDHE-")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_older_versions_are_refused(edge: Edge, tls: Tls) -> None:
    context = ssl.create_default_context(cafile=tls.folder / CA_CERT)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", edge.tls_port), timeout=5) as plain:
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol|alert|unsupported"):
            context.wrap_socket(plain, server_hostname="localhost")


def test_plain_http_on_the_tls_port_is_told_so_and_closed(edge: Edge) -> None:
    found = refused(Edge(edge.tls_port, edge.server), get("/"), 400)
    assert found["codigo"] == "falta_https"


def test_the_plain_port_understands_tls_too(edge: Edge, tls: Tls) -> None:
    """A browser that was told to use HTTPS for this name (HSTS) keeps the port that the address has."""
    seen = json.loads(split(tls.ask(edge.port, get("/", "Connection: close")))[2])
    assert (seen["wsgi.url_scheme"], seen["SERVER_PORT"]) == ("https", str(edge.port))
    plain = json.loads(split(edge.raw(get("/", "Connection: close")))[2])
    assert (plain["wsgi.url_scheme"], plain["SERVER_PORT"]) == ("http", str(edge.port))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01\xff\xff" + b"A" * 300, b"\x16\x16\x16\x16\x16\x16"],
    ids=["nothing", "one byte", "cut off", "garbage", "no version"],
)
def test_a_handshake_that_never_ends_is_ended(edge: Edge, data: bytes) -> None:
    """One deadline for all of it, and its place is free after it."""
    with socket.create_connection(("127.0.0.1", edge.tls_port), timeout=5) as sock:
        began = time.monotonic()
        sock.sendall(data)
        read_until_silent(sock)
        assert time.monotonic() - began < 3
    until(lambda: edge.server.stats()["conexiones"] == 0)


def test_a_handshake_that_drips_is_ended_all_the_same(edge: Edge) -> None:
    """Each byte comes in time, the handshake does not (header timeout: 1 s)."""
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", edge.tls_port), timeout=0.1) as sock:
        began, closed = time.monotonic(), False
        for byte in hello.read()[:60]:
            try:
                sock.sendall(bytes([byte]))
                closed = sock.recv(10) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
            break
        assert closed
        assert 0.5 < time.monotonic() - began < 3


def test_keep_alive_and_a_body(edge: Edge, tls: Tls) -> None:
    with tls.connect(edge.tls_port) as sock:
        for n in range(3):
            body = b"x" * (20_000 * n)
            sock.sendall(get("/", f"Content-Length: {len(body)}", start="POST / HTTP/1.1") + body)
            head, seen = read_answer(sock)
            assert head.startswith(b"HTTP/1.1 200")
            assert len(seen["body"]) == len(body)


def read_answer(sock: ssl.SSLSocket) -> tuple[bytes, dict]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(split(data)[1]["Content-Length"])
    while len(body) < size:
        body += sock.recv(65536)
    return head, json.loads(body)


def test_two_requests_in_one_record(edge: Edge, tls: Tls) -> None:
    """The second one waits in TLS's own buffer, where the socket does not show it."""
    answers = tls.ask(edge.tls_port, get("/una") + get("/dos", "Connection: close"))
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.index(b"/una") < answers.index(b"/dos")


def test_a_big_answer_arrives_whole(edge: Edge, tls: Tls) -> None:
    status, _, body = split(tls.ask(edge.tls_port, get("/big", "Connection: close")))
    assert (status, len(body), set(body)) == (200, 5_000_000, {ord("x")})


def test_who_does_not_read_a_big_answer_is_let_go(edge: Edge, tls: Tls) -> None:
    """The send deadline (1 s) counts the whole answer, and what waited is not counted any more."""
    with tls.connect(edge.tls_port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(get("/big"))
        until(lambda: edge.server.stats()["bytes_por_enviar"] > 0)
        until(lambda: edge.server.stats()["conexiones"] == 0, 4)
    assert edge.server.stats()["bytes_por_enviar"] == 0


@pytest.mark.parametrize("way", ["goodbye", "fin", "reset"])
def test_a_reader_that_leaves_a_stream_frees_its_place(edge: Edge, tls: Tls, way: str) -> None:
    before = Ticking.open_now
    with tls.connect(edge.tls_port) as sock:
        sock.sendall(get("/stream"))
        until(lambda: Ticking.open_now == before + 1)
        assert b"text/event-stream" in sock.recv(65536)
        if way == "goodbye":
            with suppress(OSError):  # the answer to it may have come already, or not
                sock.settimeout(0)
                sock.unwrap()
        if way == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: Ticking.open_now == before, 1.0)


def test_what_a_reader_says_during_a_stream_is_thrown_away(edge: Edge, tls: Tls) -> None:
    with tls.connect(edge.tls_port) as sock:
        sock.sendall(get("/stream"))
        for _ in range(5):
            sock.sendall(b"hola " * 1000)
            assert b"x" in sock.recv(65536)
    until(lambda: Ticking.open_now == 0)


def test_a_client_that_leaves_while_the_application_works(edge: Edge, tls: Tls) -> None:
    gate.clear()
    sock = tls.connect(edge.tls_port)
    sock.sendall(get("/wait"))
    until(lambda: edge.server.stats()["en_proceso"] == 1)
    sock.close()
    gate.set()
    until(lambda: edge.server.stats()["conexiones"] == 0)


class Offered(Ticking):
    """A stream that can be given a way past the server's greenlet, as the hub's are."""

    ways: list[object] = []  # noqa: RUF012

    def attach(self, send: object) -> None:
        self.ways.append(send)


def offering(_environ: dict, start_response: Callable[..., object]) -> Offered:
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return Offered()


def test_no_other_thread_is_given_a_tls_readers_socket(tls: Tls) -> None:
    """The hub's writer sends straight to plain sockets; under TLS's back that would break the session."""
    with running(offering, None, certificate=tls.certificate) as edge:
        with edge.connect() as sock:
            sock.sendall(get("/"))
            until(lambda: len(Offered.ways) == 1)
        with tls.connect(edge.tls_port) as sock:
            sock.sendall(get("/"))
            assert b"data: xxx" in sock.recv(65536) + sock.recv(65536)
    assert len(Offered.ways) == 1


def test_the_end_says_goodbye(tls: Tls) -> None:
    """Stopping: the stream ends with TLS's own end, so that it is not taken for somebody's cut."""
    with running(echo, None, certificate=tls.certificate) as edge:
        with tls.connect(edge.tls_port) as sock:
            sock.sendall(get("/", "Connection: close"))
            assert read_to_goodbye(sock).startswith(b"HTTP/1.1 200")
