"""Orders as clients read them: GET /dispositivos/<id>/ordenes, ``?deriva=``, ``event: orden`` (README)."""

from __future__ import annotations

import pytest


def test_a_page_of_orders(backend, http, detectar):
    device = detectar(estado="inactivo")
    path = f"/dispositivos/{device['id']}"
    with backend.sse(f"?serial={device['serial_number']}") as stream:
        stream.hello()
        http.put(path, {"encendido": True})
        told = stream.until(lambda e: e.event == "orden").json
    page = http.get(f"{path}/ordenes").json
    assert list(page) == ["page", "per_page", "total", "pages", "data"]
    order = page["data"][0]
    assert list(order) == [
        "id", "dispositivo_id", "version", "cambios", "estado", "motivo", "causa", "creada_en", "enviada_en",
        "cerrada_en", "expira_en",
    ]  # fmt: skip
    assert (order["cambios"], order["causa"]["tipo"], order["causa"]["desde"]) == (
        {"encendido": True},
        "http",
        "127.0.0.1",
    )
    assert (told["id"], told["serial_number"], told["estado"]) == (order["id"], device["serial_number"], "pendiente")
    assert device["id"] in [d["id"] for d in http.get("/dispositivos?deriva=true").json]
    assert device["id"] not in [d["id"] for d in http.get("/dispositivos?deriva=false").json]


def test_orders_by_state(http, detectar):
    device = detectar(estado="inactivo")
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    http.put(f"/dispositivos/{device['id']}", {"encendido": False})
    found = http.get(f"/dispositivos/{device['id']}/ordenes?estado=sustituida").json
    assert [o["estado"] for o in found["data"]] == ["sustituida"]


@pytest.mark.parametrize(
    ("query", "status"), [("?estado=rota", 422), ("?page=0", 422), ("?per_page=201", 422), ("?page=9", 200)]
)
def test_queries_that_make_no_sense(http, detectar, query, status):
    assert http.get(f"/dispositivos/{detectar()['id']}/ordenes{query}").status == status


def test_orders_of_nobody(http):
    assert http.get("/dispositivos/999999/ordenes").status == 404


def test_an_edit_that_asks_nothing_of_the_device_makes_no_order(http, detectar):
    device = detectar(estado="activo")
    http.put(f"/dispositivos/{device['id']}", {"nombre": "otro"})
    http.put(f"/dispositivos/{device['id']}", {"encendido": True})
    assert http.get(f"/dispositivos/{device['id']}/ordenes").json["total"] == 0
