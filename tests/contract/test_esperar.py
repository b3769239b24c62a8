"""PUT …?esperar=: the answer comes with the proof, says what happened, and holds nobody else up (README)."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until

TTL = 6


@pytest.fixture(scope="module")
def settings():
    return {"ORDER_TTL_S": TTL, "HTTP_THREADS": 2}


@pytest.fixture
def modern(backend, mqtt, serial):
    """A device with a topic of its own; ``answers(report)`` makes it answer its next desired configuration."""

    class Modern:
        def __init__(self) -> None:
            self.say(estado="inactivo")
            self.device = backend.wait_device(serial, estado="inactivo")
            self.path = f"/dispositivos/{self.device['id']}"
            mqtt.subscribe(f"dispositivos/{serial}/configuracion")

        def say(self, **report):
            mqtt.publish(own_topic(serial), {"serial_number": serial, "parametros": {"n": 1}, **report})

        def answers(self, **report):
            def run() -> None:
                wanted = json.loads(mqtt.message(10).payload)
                self.say(**{"version": wanted["version"], **report})

            thread = threading.Thread(target=run)
            thread.start()
            return thread

    return Modern()


def test_proven(http, modern):
    answering = modern.answers(estado="activo")
    answer = http.put(f"{modern.path}?esperar=10", {"encendido": True})
    answering.join()
    assert answer.status == 200
    told = answer.json
    assert (told["mensaje"], told["resultado"]) == ("Dispositivo actualizado", "El dispositivo lo ha confirmado")
    assert (told["orden"]["estado"], told["estado"], told["deriva"]) == ("aplicada", "activo", {})
    assert answer.etag == f'"{told["version"]}"' == http.get(modern.path).etag
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_refused(http, modern):
    wanted = modern.answers(estado="inactivo", rechazo={"version": 1, "motivo": "sin agua"})
    told = http.put(f"{modern.path}?esperar=10", {"encendido": True}).json
    wanted.join()
    assert (told["orden"]["estado"], told["orden"]["motivo"]) == ("rechazada", "sin agua")
    assert told["resultado"] == "El dispositivo no lo ha hecho"


def test_nobody_answers_in_time(http, modern):
    told = http.put(f"{modern.path}?esperar=0.2", {"encendido": True}).json
    assert told["orden"]["estado"] in ("pendiente", "enviada")
    assert told["resultado"] == "Guardado; el dispositivo aún no lo ha confirmado"


def test_expired(http, modern):
    told = http.put(f"{modern.path}?esperar=30", {"encendido": True}).json
    assert told["orden"]["estado"] == "expirada"


def test_overtaken(http, modern):
    first = threading.Thread(
        target=lambda: told.append(http.put(f"{modern.path}?esperar=20", {"encendido": True}).json)
    )
    told: list[dict] = []
    first.start()
    wait_until(lambda: http.get(f"{modern.path}/ordenes").json["total"], 5, "the order is made")
    http.put(modern.path, {"encendido": False})
    first.join(10)
    assert told[0]["orden"]["estado"] == "sustituida"


def test_asked_again_waits_for_the_order_under_way(http, modern):
    body = {"configuracion": {"intervalo_envio": 7}}
    http.put(modern.path, body)
    told = http.put(f"{modern.path}?esperar=0", body).json
    assert told["orden"]["cambios"] == body["configuracion"]


def test_nothing_to_prove(http, modern):
    told = http.put(f"{modern.path}?esperar=20", {"nombre": "otro"}).json
    assert (told["orden"], told["resultado"]) == (None, "No había nada que pedir al dispositivo")


@pytest.mark.parametrize("text", ["31", "-1", "x", "", "1e1", "nan", "٣"])
def test_times_that_make_no_sense_change_nothing(http, modern, text):
    from urllib.parse import quote

    answer = http.put(f"{modern.path}?esperar={quote(text)}", {"nombre": "no"})
    assert (answer.status, answer.json["errores"][0]["campo"]) == (422, "esperar")
    assert http.get(modern.path).json["nombre"] != "no"


def test_an_error_gives_its_place_back_and_says_itself(http):
    assert http.put("/dispositivos/999999?esperar=5", {"encendido": True}).status == 404


def _held(backend, path, n):
    """A connection that waits for the proof of an order of its own."""
    body = json.dumps({"configuracion": {f"clave{n}": 1}}).encode()
    head = f"PUT {path}?esperar=30 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    sock = socket.create_connection(("127.0.0.1", backend.port), timeout=10)
    sock.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return sock


def test_more_wait_than_there_are_threads_and_nobody_notices(backend, http, modern):
    waiting = [_held(backend, modern.path, n) for n in range(20)]
    wait_until(lambda: backend.metric("iot_esperas") == 20, 5, "they wait")
    started = time.monotonic()
    assert http.get("/dispositivos").status == 200
    assert time.monotonic() - started < 5  # not the 30 s that two threads would be taken for
    for sock in waiting:
        sock.close()
    wait_until(lambda: backend.metric("iot_esperas") == 0, 5, "they are gone")


def test_one_beyond_the_bound_is_refused_and_changes_nothing(backend, http, modern, detectar):
    """256 wait; those who leave give their places back."""
    paths = [f"/dispositivos/{detectar()['id']}" for _ in range(16)]
    waiting: list[socket.socket] = []
    for n in range(16):  # no more at a time than may queue for a thread
        waiting.extend(_held(backend, path, n) for path in paths)
        wait_until(lambda held=16 * (n + 1): backend.metric("iot_esperas") == held, 5, "they wait")
    refused = http.put(f"{modern.path}?esperar=1", {"nombre": "no"})
    assert (refused.status, refused.json["codigo"], refused.headers["Retry-After"]) == (503, "demasiadas_esperas", "2")
    assert http.get(modern.path).json["nombre"] != "no"
    assert http.put(modern.path, {"nombre": "sí"}).status == 200
    for sock in waiting:
        sock.close()
    wait_until(lambda: backend.metric("iot_esperas") == 0, 5, "they are gone")
    assert http.put(f"{modern.path}?esperar=1", {"nombre": "otro"}).status == 200


def test_a_request_behind_a_wait_is_answered_in_turn(backend, modern):
    with _held(backend, modern.path, 1) as sock:
        sock.sendall(b"GET /salud/viva HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        modern.say(estado="inactivo", configuracion={"clave1": 1})
        sock.settimeout(15)
        got = b""
        while chunk := sock.recv(65536):
            got += chunk
    assert got.count(b"HTTP/1.1 200 OK") == 2
