"""GET: the bytes old clients read, filters, 304, paging."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from datetime import datetime

import pytest

from tests.support.campos import OURS, TEN
from tests.support.http import problem, raw

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


def test_unknown_device_has_the_promised_bytes(backend, http, detectar, serial):
    """The device object, byte for byte, as the first report of an unknown serial makes it."""
    device = detectar(serial, estado="activo", parametros={"temperatura": 22.5, "ñandú": "sí"})
    body = http.get(f"/dispositivos/{device['id']}").text.strip()
    expected = (
        f'{{"id":{device["id"]},"serial_number":"{serial}","nombre":"No definido",'
        '"tipo":"generico","modelo":"desconocido","descripcion":"","estado":"activo","parametros":{"temperatura":22.5,"ñandú":"sí"},'
        '"configuracion":{"encendido":true},"reclamado":false,"version":1,'
    )
    assert body.startswith(expected), body
    rest = body.removeprefix(expected)
    times = rf'{{"estado":"{STAMP}","parametros":"{STAMP}","configuracion":{{"encendido":"{STAMP}"}}}}'
    ours = rf'"creado_en":"{STAMP}","actualizado_en":"{STAMP}","visto_en":"{STAMP}","deriva":{{}},"tiempos":{times}'
    ours += rf',"conectividad":{{"estado":"en_linea","ultima_senal":"{STAMP}","esperado_cada_s":(?:null|[0-9]+),'
    ours += rf'"motivo":"senal","desde":"{STAMP}"}},"habitacion_id":null}}'
    assert re.fullmatch(ours, rest), rest


def test_list_is_a_bare_array_of_the_same_objects(http, detectar):
    """GET /dispositivos: an array by id, each element the bytes of GET /dispositivos/<id>."""
    one, two = detectar(), detectar()
    answer = http.get("/dispositivos")
    assert answer.status == 200
    assert answer.headers.get_content_type() == "application/json"
    assert answer.body.startswith(b"[{")
    ids = [d["id"] for d in answer.json]
    assert ids == sorted(ids)
    assert {one["id"], two["id"]} <= set(ids)
    for device in (one, two):
        assert http.get(f"/dispositivos/{device['id']}").body.strip() in answer.body
    assert all(list(d) == TEN + OURS for d in answer.json)


def test_empty_house(parts, mosquitto):
    """With no device the lists are empty arrays, not null and not an error."""
    empty = parts.backend(mosquitto, MQTT_CLIENT_ID="casa-vacia")
    assert empty.http.get("/dispositivos").body.strip() == b"[]"
    assert empty.http.get("/dispositivos/no-reclamados").body.strip() == b"[]"
    empty.stop()


def test_unclaimed_newest_first(http, detectar):
    """GET /dispositivos/no-reclamados: only unclaimed, newest first."""
    old, new, mine = detectar(), detectar(), detectar()
    assert http.post("/dispositivos/reclamar", {"serial_number": mine["serial_number"]}).status == 200
    found = http.get("/dispositivos/no-reclamados")
    assert found.status == 200
    assert all(list(d) == TEN + OURS and d["reclamado"] is False for d in found.json)
    ids = [d["id"] for d in found.json]
    assert ids == sorted(ids, reverse=True)
    assert ids.index(new["id"]) < ids.index(old["id"])
    assert mine["id"] not in ids


def test_unknown_id_is_404_with_the_known_sentence(http):
    problem(http.get("/dispositivos/999999"), 404, "Recurso no encontrado")
    problem(http.get("/dispositivos/999999/logs"), 404, "Recurso no encontrado")
    problem(http.put("/dispositivos/999999", {"nombre": "x"}), 404, "Recurso no encontrado")
    problem(http.get("/no/existe"), 404, "Recurso no encontrado")


def test_problem_bytes(http):
    """An error body starts with RFC 9457's members and carries the sentence under ``error`` too."""
    body = http.get("/dispositivos/999999").json
    assert list(body)[:4] == ["type", "title", "status", "detail"]
    assert body["error"] == "Recurso no encontrado"


# --- logs -------------------------------------------------------------------------------------------------------------
def test_logs_page_bytes(backend, http, mqtt, serial):
    """One row for each report, newest first, with the documented members in their order."""
    for n in range(3):
        mqtt.publish("dispositivos/estado", {"serial_number": serial, "estado": "activo", "parametros": {"n": n}})
    device = backend.wait_device(serial, parametros={"n": 2})
    answer = http.get(f"/dispositivos/{device['id']}/logs")
    assert answer.status == 200
    assert answer.text.startswith(
        '{"page":1,"per_page":50,"total":3,"pages":1,"data":[{"estado":"activo","parametros":{"n":2},"timestamp":"'
    )
    rows = answer.json["data"]
    assert [r["parametros"]["n"] for r in rows] == [2, 1, 0]
    assert all(list(r) == ["estado", "parametros", "timestamp", "causa"] for r in rows)
    assert all(r["causa"] == {"tipo": "dispositivo"} for r in rows)
    assert all(re.fullmatch(STAMP, r["timestamp"]) for r in rows)
    stamps = [datetime.fromisoformat(r["timestamp"]) for r in rows]
    assert stamps == sorted(stamps, reverse=True)


def test_logs_paging(backend, http, mqtt, serial):
    """Pages do not overlap, the last is short, past the end is empty."""
    mqtt.publish_all(("dispositivos/estado", {"serial_number": serial, "parametros": {"n": n}}) for n in range(25))
    device = backend.wait_device(serial, parametros={"n": 24})
    pages = [http.get(f"/dispositivos/{device['id']}/logs?page={p}&per_page=10").json for p in (1, 2, 3, 4, 5)]
    assert [[r["parametros"]["n"] for r in p["data"]] for p in pages] == [
        list(range(24, 14, -1)),
        list(range(14, 4, -1)),
        list(range(4, -1, -1)),
        [],
        [],
    ]
    assert all((p["total"], p["pages"], p["per_page"]) == (25, 3, 10) for p in pages)
    assert [p["page"] for p in pages] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("per_page", [1, 200])
def test_logs_per_page_bounds(http, detectar, per_page):
    device = detectar()
    assert http.get(f"/dispositivos/{device['id']}/logs?per_page={per_page}").json["per_page"] == per_page


# --- ETag -------------------------------------------------------------------------------------------------------------
def test_etag_is_the_version_and_gives_304(http, detectar):
    """The ETag is the version; If-None-Match with it saves the body, a change makes a new one."""
    device = detectar()
    path = f"/dispositivos/{device['id']}"
    first = http.get(path)
    assert first.etag == f'"{first.json["version"]}"'
    again = http.get(path, headers={"If-None-Match": first.etag})
    assert (again.status, again.body) == (304, b"")
    assert again.etag == first.etag
    assert http.get(path, headers={"If-None-Match": f'W/{first.etag}, "otra"'}).status == 304
    assert http.get(path, headers={"If-None-Match": "*"}).status == 304
    put = http.put(path, {"nombre": "otro"})
    assert put.etag != first.etag
    changed = http.get(path, headers={"If-None-Match": first.etag})
    assert (changed.status, changed.etag) == (200, put.etag)


def test_if_match_decides_between_two_people(http, detectar):
    """The second of two edits of the same version gets 412 and changes nothing."""
    path = f"/dispositivos/{detectar()['id']}"
    tag = http.get(path).etag
    assert http.put(path, {"nombre": "primera"}, headers={"If-Match": tag}).status == 200
    problem(http.put(path, {"nombre": "segunda"}, headers={"If-Match": tag}), 412)
    assert http.get(path).json["nombre"] == "primera"
    assert http.put(path, {"nombre": "tercera"}, headers={"If-Match": "*"}).status == 200
    assert http.put(path, {"nombre": "cuarta"}, headers={"If-Match": http.get(path).etag}).status == 200


# --- filters ----------------------------------------------------------------------------------------------------------
def test_list_filters(http, detectar):
    """reclamado, tipo, estado and q narrow the list; the plain call stays whole."""
    on, off, named = detectar(estado="activo"), detectar(estado="inactivo"), detectar()
    tipo = f"tipo{named['id']}"
    http.post(
        "/dispositivos/reclamar",
        {"serial_number": named["serial_number"], "nombre": "Lámpara del Salón", "tipo": tipo, "modelo": "XR-9"},
    )

    def ids(query: str) -> set[int]:
        answer = http.get(f"/dispositivos?{query}")
        assert answer.status == 200, answer.body
        return {d["id"] for d in answer.json} & {on["id"], off["id"], named["id"]}

    assert ids("") == {on["id"], off["id"], named["id"]}
    assert ids("reclamado=true") == {named["id"]}
    assert ids("reclamado=false") == {on["id"], off["id"]}
    assert ids("estado=activo") == {on["id"]}
    assert ids("estado=inactivo") == {off["id"]}
    assert ids("estado=desconocido") == {named["id"]}
    assert ids(f"tipo={tipo}") == {named["id"]}
    assert ids("tipo=generico&estado=activo") == {on["id"]}
    assert ids(f"q={on['serial_number'][2:].lower()}") == {on["id"]}
    assert ids("q=sal%C3%B3n") == ids("q=SAL%C3%93N") == ids("q=del+sal") == {named["id"]}
    assert ids("q=%25") == set()
    assert ids("q=no+hay+tal+cosa") == set()


def test_accented_search_is_a_json_array_too(http):
    assert json.loads(http.get("/dispositivos?q=%C3%B1").body) == []


# --- other clients ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/dispositivos", "/dispositivos/no-reclamados", "/salud", "/stream/dispositivos"])
def test_head_has_headers_and_no_body(backend, path):
    """HEAD answers as GET without a body, streams too, and ends."""
    request = f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1:{backend.port}\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", backend.port), timeout=5) as s:
        s.sendall(request)
        received = b""
        while data := s.recv(65536):
            received += data
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""


def test_http_1_0_clients_are_served(backend, detectar):
    """No Host, no keep-alive, no chunks: an embedded client of the old school reads the list and the stream."""
    device = detectar()
    answer = raw(backend.port, f"GET /dispositivos/{device['id']} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert (answer.status, answer.json["id"]) == (200, device["id"])
    with socket.create_connection(("127.0.0.1", backend.port), timeout=5) as s:
        s.sendall(b"GET /stream/dispositivos HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        received = b""
        while b"event: hello\ndata: {}\n\n" not in received:
            received += s.recv(65536)
        assert b"chunked" not in received.lower()


def test_kept_alive_connection_serves_many(backend):
    """A hundred requests on one connection, well under the 44 ms that a missing TCP_NODELAY would cost each."""
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=5)
    began = time.monotonic()
    try:
        for _ in range(100):
            connection.request("GET", "/dispositivos")
            assert connection.getresponse().read()
    finally:
        connection.close()
    assert time.monotonic() - began < 4
