"""History over HTTP: the log with its filters and cursor, series, and how things were; what is refused."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from app import create_app, openapi
from app.bloques import BLOQUE
from app.db import bulk_insert
from app.domain.niveles import sello_de
from app.models import dispositivo, estado_log, row_of
from app.resumidor import Resumidor
from tests.support.edge import EdgeSettings, make_services
from tests.support.nucleo import a_device

FIRST = 1_790_000_000
ROWS = 3 * BLOQUE + 7


def a_row(i):
    told = json.dumps({"t": i, "on": i % 2 == 0})
    return 1, "inactivo" if i % 3 else "activo", told, sello_de(FIRST + i * 600), None


@pytest.fixture(scope="module", params=["resumido", "a medias", "sin resumir"])
def client(request, tmp_path_factory):
    """A house with rows every ten minutes, of which the summaries tell all, some or nothing."""
    services = make_services(tmp_path_factory.mktemp("casa"), EdgeSettings(), {})
    rows = [a_row(i) for i in range(ROWS)]
    with services.db.unit_of_work() as uow:
        bulk_insert(uow, dispositivo, [row_of(a_device(i)) for i in (1, 2)], upsert=True)
        bulk_insert(uow, estado_log, rows[: ROWS if request.param == "resumido" else ROWS // 2])
    if request.param != "sin resumir":
        resumidor = Resumidor(services.db, services.clock)
        while resumidor.tick(all_now=True) == 0.0:
            pass
    if request.param != "resumido":
        with services.db.unit_of_work() as uow:
            bulk_insert(uow, estado_log, rows[ROWS // 2 :])
    yield create_app(services).test_client()
    services.db.close()


def get(client, path, status=200):
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json()


def told(rows):
    return [row["parametros"]["t"] for row in rows]


@pytest.mark.parametrize(("page", "first"), [(1, ROWS - 1), (8, ROWS - 1 - 700), (10**12, None)])
def test_pages_are_as_they_always_were(client, page, first):
    found = get(client, f"/dispositivos/1/logs?page={page}&per_page=100")
    assert list(found) == ["page", "per_page", "total", "pages", "data"]
    assert (found["page"], found["total"], found["pages"]) == (page, ROWS, -(-ROWS // 100))
    assert told(found["data"]) == ([] if first is None else list(range(first, max(-1, first - 100), -1)))


def test_a_cursor_goes_through_the_whole_log(client):
    found, cursor, answers = [], "", 0
    while cursor is not None:
        answer = get(client, f"/dispositivos/1/logs?cursor={cursor}&per_page=200")
        assert list(answer) == ["per_page", "cursor", "data"]
        found, cursor, answers = found + told(answer["data"]), answer["cursor"], answers + 1
    assert found == list(range(ROWS - 1, -1, -1))
    assert answers == -(-ROWS // 200)


def test_filters_and_cursor_together(client):
    when = f"desde={sello_de(FIRST + 60_000).replace(' ', 'T')}Z&hasta={sello_de(FIRST + 180_000).replace(' ', 'T')}Z"
    wanted = [i for i in range(299, 99, -1) if i % 3 == 0]
    page = get(client, f"/dispositivos/1/logs?{when}&estado=ON&per_page=40&page=2")
    assert (page["total"], page["pages"], told(page["data"])) == (len(wanted), 2, wanted[40:])
    first = get(client, f"/dispositivos/1/logs?{when}&estado=activo&per_page=40&cursor=")
    rest = get(client, f"/dispositivos/1/logs?{when}&estado=activo&per_page=40&cursor={first['cursor']}")
    assert told(first["data"]) + told(rest["data"]) == wanted
    assert rest["cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x", "cursor=AAAAAAAAAAAAAAAA", "cursor=" + "A" * 5000, "cursor=%00", "cursor=&page=1", "desde=ayer",
        "desde=2026-01-02&hasta=2026-01-01", "estado=encendidísimo", "hasta=1900-01-01",
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(client, query):
    get(client, f"/dispositivos/1/logs?{query}", 422)


def test_a_cursor_of_another_device_is_refused(client):
    cursor = get(client, "/dispositivos/1/logs?cursor=&per_page=1")["cursor"]
    get(client, f"/dispositivos/2/logs?cursor={cursor}", 422)


def span(hours):
    start, end = (sello_de(FIRST + s).replace(" ", "T") + "Z" for s in (0, hours * 3600))
    return f"desde={start}&hasta={end}"


def test_series_in_buckets(client):
    found = get(client, f"/dispositivos/1/historial?parametro=t&parametro=on,estado&{span(48)}&puntos=20")
    assert (found["paso"], found["zona"], found["completo"]) == ("PT3H", "UTC", True)
    number, yes_no, state = found["series"]
    assert [s["parametro"] for s in found["series"]] == ["t", "on", "estado"]
    assert (number["tipo"], yes_no["tipo"], state["tipo"]) == ("numero", "logico", "logico")
    whole = number["datos"][3]
    assert (whole["n"], whole["max"] - whole["min"]) == (18, 18)  # the value that was held when it began counts too
    assert whole["min"] < whole["media"] < whole["max"]
    assert yes_no["datos"][3] | {"inicio": ""} == {
        "inicio": "", "activo_s": 5400.0, "conocido_s": 10_800.0, "cambios": 18, "n": 18,
    }  # fmt: skip
    validator(found, "Historial")


def test_series_as_they_were_said_when_they_are_few(client):
    (serie,) = get(client, f"/dispositivos/1/historial?parametro=on&{span(1)}")["series"]
    assert serie["crudo"] is True
    assert [d["valor"] for d in serie["datos"]] == [True, False, True, False, True, False]
    assert serie["datos"][0]["instante"] == "2026-09-21T14:13:20.000000Z"


def test_several_devices_at_once(client):
    found = get(client, f"/historial?dispositivos=1,2&parametros=t,humedad&{span(48)}&puntos=20")
    shape = [(s["dispositivo_id"], s["parametro"], s["tipo"], bool(s["datos"])) for s in found["series"]]
    nothing = [(1, "humedad", None, False), (2, "t", None, False), (2, "humedad", None, False)]
    assert shape == [(1, "t", "numero", True), *nothing]
    if get(client, "/dispositivos/1/historial")["series"]:  # what it has is known of summaries only
        assert {s["parametro"] for s in get(client, "/historial?dispositivos=1")["series"]} == {"t", "on", "estado"}
    validator(found, "Historial")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/historial", 422), ("/historial?dispositivos=x", 422), ("/historial?dispositivos=1,99", 404),
        ("/historial?dispositivos=" + ",".join(map(str, range(1, 100))), 422), ("/dispositivos/99/historial", 404),
        ("/dispositivos/1/historial?puntos=0", 422), ("/dispositivos/1/historial?puntos=2001", 422),
        ("/dispositivos/1/historial?parametro=" + "x" * 300, 422), ("/dispositivos/1/historial?desde=x", 422),
        ("/dispositivos/1/historial?parametro=" + ",".join(f"p{i}" for i in range(30)) + "&puntos=2000", 422),
        ("/dispositivos/1?instante=mañana", 422), ("/dispositivos?instante=", 422),
        ("/dispositivos/9?instante=2026-01-01", 404),
        ("/dispositivos/1/historial?desde=1971-01-01&hasta=2198-12-31", 200),
        ("/dispositivos/1/historial?desde=2198-01-01", 200),
    ],
)  # fmt: skip
def test_bounds(client, path, status):
    get(client, path, status)


def test_how_it_was(client):
    when = sello_de(FIRST + 605).replace(" ", "T") + "Z"
    one = get(client, f"/dispositivos/1?instante={when}")
    assert (one["estado"], one["parametros"]) == ("inactivo", {"t": 1, "on": False})
    assert one["timestamp"] == "2026-09-21T14:23:20Z"
    assert (one["causa"], one["instante"]) == ({"tipo": "dispositivo"}, "2026-09-21T14:23:25.000000Z")
    everything = get(client, f"/dispositivos?instante={when}")
    assert everything[0] == one
    assert (everything[1]["estado"], everything[1]["timestamp"], everything[1]["causa"]) == ("desconocido", None, None)
    assert [d["id"] for d in get(client, f"/dispositivos?instante={when}&estado=inactivo")] == [1]
    validator(one, "EnInstante")


def validator(value, name):
    document = openapi.document()
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema_rs.validator_for(schema).validate(value)
