"""Who is served without credentials: TRUSTED_NETWORKS, from a machine that is in it and from one that is not."""

from __future__ import annotations

import http.client
import json

import pytest

from tests.support.procesos import require, wait_until
from tests.support.red import OtraMaquina

ASK = """
import http.client, json
def ask(path, **headers):
    c = http.client.HTTPConnection({host!r}, {port}, timeout=10)
    c.request("GET", path, headers=headers)
    r = c.getresponse()
    body = r.read(2000) if path.startswith("/stream") and r.status == 200 else r.read()
    c.close()
    return [r.status, r.headers.get("Content-Type"), body.decode()]
print(json.dumps([ask(p) for p in {paths!r}]))
"""
PATHS = ["/dispositivos", "/stream/dispositivos", "/metrics", "/salud", "/mensajes/rechazados", "/no/existe"]


@pytest.fixture(scope="module")
def other():
    with OtraMaquina(2) as machine:
        yield machine


def ask(other, backend, paths):
    return json.loads(other.python(ASK.format(host=other.here, port=backend.port, paths=paths)))


def test_a_stranger_is_told_which_line_to_set(own_parts, other):
    """Default networks: 401 everywhere, with the line that would let this address in."""
    backend = own_parts.backend(own_parts.mosquitto(), BACKEND_HOST="0.0.0.0")
    for path, (status, kind, body) in zip(PATHS, ask(other, backend, PATHS), strict=True):
        assert status == 401, (path, status, body)
        assert kind.startswith("application/problem+json")
        problem = json.loads(body)
        text = problem["error"] + problem["detail"]
        assert "TRUSTED_NETWORKS" in text
        assert other.there in text or other.there.rsplit(".", 1)[0] in text
    assert backend.http.get("/dispositivos").status == 200


def test_this_machine_is_itself_by_its_address_in_the_network_too(own_parts, other):
    """The README's lines, sent here to the address that the phone uses; with no network trusted, not even so."""
    broker = own_parts.mosquitto()
    backend = own_parts.backend(broker, BACKEND_HOST="0.0.0.0")
    assert get_from_here(other.here, backend.port) == 200
    backend.stop()
    closed = own_parts.backend(broker, start=False, BACKEND_HOST="0.0.0.0", TRUSTED_NETWORKS="[]")
    closed.launch()
    wait_until(lambda: get_from_here(other.here, closed.port) == 401, 15)


def get_from_here(host, port):
    """The status of a GET, None while nobody listens."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", "/dispositivos")
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


def test_a_trusted_neighbour_is_served(own_parts, other):
    backend = own_parts.backend(
        own_parts.mosquitto(), BACKEND_HOST="0.0.0.0", TRUSTED_NETWORKS=f'["127.0.0.0/8", "{other.network}"]'
    )
    (status, _, body), (missing, _, _) = ask(other, backend, ["/dispositivos", "/no/existe"])
    assert (status, json.loads(body), missing) == (200, [], 404)


def test_the_embedded_broker_stays_on_loopback(own_parts, other):
    """Unless asked, the broker we start cannot be reached from another machine."""
    backend = own_parts.backend(given_broker=False, BACKEND_HOST="0.0.0.0")
    code = f"""
import socket
try:
    socket.create_connection(({other.here!r}, {backend.mqtt_port}), timeout=3)
    print("abierto")
except OSError:
    print("cerrado")
"""
    assert other.python(code).strip() == "cerrado"


CURL = """
import os, pathlib, subprocess, sys
home = pathlib.Path({home!r})
(home / ".netrc").write_text("machine {host} login ana password {token}\\n")
(home / ".netrc").chmod(0o600)
env = {{**os.environ, "HOME": str(home)}}
url = "http://{host}:{port}"
for path in {paths!r}:
    done = subprocess.run(["curl", "-s", "-n", "-o", "/dev/null", "-w", "%{{http_code}}", url + path],
                          env=env, capture_output=True, text=True, timeout=20)
    print(done.stdout)
client = subprocess.Popen([sys.executable, "sse_client.py", "--url", url, "--max-retries", "1"], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
print(client.stdout.readline().strip(), client.stdout.readline().strip())
client.kill()
client.wait()
"""


def test_a_token_in_netrc_opens_the_door_for_curl_and_for_the_stream(own_parts, other, tmp_path):
    """From the other machine, with the very lines of the README; taken back, the same lines get a 401."""
    require("curl")
    backend = own_parts.backend(own_parts.mosquitto(), BACKEND_HOST="0.0.0.0")
    sent = {"nombre": "ana", "clave": "tres palabras sueltas", "rol": "miembro"}
    account = backend.http.post("/usuarios", sent).json
    token = backend.http.post("/tokens", {"usuario": "ana", "nombre": "curl", "ambito": "leer"}).json
    place = {"home": str(tmp_path), "host": other.here, "port": backend.port, "token": token["token"]}
    *codes, hello = other.python(CURL.format(paths=["/dispositivos", "/salud"], **place)).splitlines()
    assert codes == ["200", "200"]
    assert "401" not in hello
    assert account["rol"] == "miembro"
    assert backend.http.request("DELETE", f"/tokens/{token['id']}").status == 204
    *codes, refused = other.python(CURL.format(paths=["/dispositivos"], **place)).splitlines()
    assert codes == ["401"]
    assert "401" in refused
