"""Poison on the broker: one rejected row each with its reason, counted, acknowledged; the loop lives."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until


def report(**fields) -> bytes:
    return json.dumps({"serial_number": "VENENO1", **fields}).encode()


POISON = {
    "empty": b"",
    "not-utf8": b"\xff\xfe\x00marca-01",
    "latin1": '{"serial_number":"VENENO1","parametros":{"a":"marca-02 ñ"}}'.encode("latin-1"),
    "not-json": b"marca-03 hola",
    "truncated": b'{"serial_number":"VENENO1","parametros":{"marca-04":',
    "nan": b'{"serial_number":"VENENO1","parametros":{"marca-05":NaN}}',
    "infinity": b'{"serial_number":"VENENO1","parametros":{"marca-06":-Infinity}}',
    "1e999": b'{"serial_number":"VENENO1","parametros":{"marca-07":1e999}}',
    "brackets": b"[" * 30_000 + b"]" * 30_000,
    "brackets-inside": b'{"serial_number":"VENENO1","parametros":{"marca-08":' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    "64KiB+": b'{"serial_number":"VENENO1","parametros":{"marca-09":"' + b"x" * 66_000 + b'"}}',
    "1MiB": b'{"serial_number":"VENENO1","parametros":{"marca-10":"' + b"x" * 1_048_576 + b'"}}',
    "surrogate": rb'{"serial_number":"VENENO1","parametros":{"marca-11":"\ud800"}}',
    "surrogate-key": rb'{"serial_number":"VENENO1","parametros":{"marca-12\udfff":1}}',
    "nul": rb'{"serial_number":"VENENO1","parametros":{"marca-13":"\u0000"}}',
    "10k-keys": report(parametros={f"marca-14-{n}": n for n in range(3_000)}),
    "10k-short-keys": b'{"serial_number":"VENENO1","parametros":{'
    + b",".join(b'"%d":1' % n for n in range(6_000))
    + b"}}",
    "int-2^63": b'{"serial_number":"VENENO1","parametros":{"marca-15":9223372036854775808}}',
    "int-huge": b'{"serial_number":"VENENO1","parametros":{"marca-16":' + b"9" * 5_000 + b"}}",
    "array": b'["marca-17"]',
    "string": b'"marca-18"',
    "null": b"null",
    "no-serial": b'{"estado":"activo","parametros":{"marca-19":1}}',
    "serial-number": b'{"serial_number":5,"parametros":{"marca-20":1}}',
    "serial-null": b'{"serial_number":null,"parametros":{"marca-21":1}}',
    "serial-empty": b'{"serial_number":"","parametros":{"marca-22":1}}',
    "serial-list": b'{"serial_number":["VENENO1"],"parametros":{"marca-23":1}}',
    "serial-path": b'{"serial_number":"../x","parametros":{"marca-24":1}}',
    "serial-wildcard": b'{"serial_number":"+/#","parametros":{"marca-25":1}}',
    "serial-long": b'{"serial_number":"' + b"x" * 200 + b'","parametros":{"marca-26":1}}',
    "estado-number": report(estado=7, parametros={"marca-27": 1}),
    "estado-word": report(estado="quizas", parametros={"marca-28": 1}),
    "estado-list": report(estado=["activo"], parametros={"marca-29": 1}),
    "parametros-list": report(parametros=["marca-30"]),
    "parametros-text": report(parametros="marca-31"),
    "configuracion-text": report(configuracion="marca-32"),
    "encendido-word": report(configuracion={"encendido": "marca-33"}),
    "too-deep": report(parametros={"marca-34": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}}),
    "long-string": report(parametros={"marca-35": "x" * 4_097}),
}


@pytest.fixture(scope="module")
def settings():
    return {"MAX_UNCLAIMED": 200}


def rejected_count(backend) -> int:
    return backend.http.get("/mensajes/rechazados?per_page=1").json["total"]


@pytest.mark.parametrize("name", POISON)
def test_poison_is_one_row_with_its_reason(backend, mqtt, name, serial):
    """Kept with topic, reason and the beginning of the payload; nothing else happens."""
    payload = POISON[name]
    before = rejected_count(backend)
    counted = backend.rejected_metric()
    mqtt.publish("dispositivos/estado", payload)
    mqtt.publish(own_topic(serial), {"estado": "activo"})
    backend.wait_device(serial)
    assert rejected_count(backend) == before + 1
    row = backend.rejected()[0]
    assert row["topic"] == "dispositivos/estado"
    assert row["motivo"]
    assert len(row["detalle"]) > 5
    assert len(row["payload"]) <= 512 * 10
    if b"marca-" in payload[:400]:
        start = payload.index(b"marca-")
        assert payload[start : start + 8].decode() in row["payload"]
    wait_until(lambda: backend.rejected_metric() == counted + 1, 5, "counted once")
    assert backend.http.device("VENENO1") is None


def test_poison_was_acknowledged(own_parts):
    """Nothing poisonous comes back after a restart."""
    backend = own_parts.backend(own_parts.mosquitto())
    client = own_parts.client(backend)
    client.publish_all(("dispositivos/estado", p) for p in POISON.values())
    client.publish(own_topic("TESTIGO1"), {"parametros": {"n": 1}})
    device = backend.wait_device("TESTIGO1")
    count = rejected_count(backend)
    assert count == len(POISON)
    backend.restart()
    client.publish(own_topic("TESTIGO1"), {"parametros": {"n": 2}})
    backend.wait_device("TESTIGO1", parametros={"n": 2})
    assert rejected_count(backend) == count
    assert backend.logs(device["id"])["total"] == 2


def test_poison_between_good_ones_in_one_burst(backend, mqtt, serial):
    """Good messages around poison are all stored, in order."""
    poison = list(POISON.values())
    messages = []
    for n in range(100):
        messages.append((own_topic(serial), {"parametros": {"n": n}}))
        messages.append(("dispositivos/estado", poison[n % len(poison)]))
    mqtt.publish_all(messages)
    device = backend.wait_device(serial, parametros={"n": 99})
    assert [r["parametros"]["n"] for r in backend.logs(device["id"])["data"]] == list(range(99, -1, -1))


@pytest.mark.parametrize(
    "topic",
    [
        "dispositivos/ñandú/estado",
        "dispositivos/a b/estado",
        "dispositivos/$x/estado",
        "dispositivos/" + "y" * 200 + "/estado",
    ],
)
def test_strange_topics_are_rejected(backend, mqtt, topic, serial):
    before = rejected_count(backend)
    mqtt.publish(topic, {"estado": "activo"})
    mqtt.publish(own_topic(serial), {"estado": "activo"})
    backend.wait_device(serial)
    assert rejected_count(backend) == before + 1


def test_control_characters_are_escaped_for_the_operator(backend, mqtt, serial):
    mqtt.publish("dispositivos/estado", b"\x1b[31mrojo\x07 <script>alert(1)</script>\r\n")
    mqtt.publish(own_topic(serial), {})
    mqtt.publish(own_topic(serial), {"estado": "activo"})
    backend.wait_device(serial)
    row = next(r for r in backend.rejected() if "rojo" in r["payload"])
    assert "\x1b" not in row["payload"]
    assert "\x07" not in row["payload"]


def test_the_rejected_list_is_paged_and_checked(http):
    from tests.support.http import problem

    page = http.get("/mensajes/rechazados?page=1&per_page=2").json
    assert list(page)[:5] == ["page", "per_page", "total", "pages", "data"]
    problem(http.get("/mensajes/rechazados?page=0"), 422)


def test_the_rejected_list_is_bounded(own_parts):
    backend = own_parts.backend(own_parts.mosquitto(), REJECTED_MAX=100)
    client = own_parts.client(backend)
    client.publish_all(("dispositivos/estado", b"malo %d" % n) for n in range(500))
    client.publish(own_topic("TESTIGO2"), {"estado": "activo"})
    backend.wait_device("TESTIGO2", timeout=10)
    page = backend.http.get("/mensajes/rechazados?per_page=200").json
    assert page["total"] == 100
    assert page["data"][0]["payload"] == "malo 499"
    wait_until(lambda: backend.rejected_metric() == 500, 5, "every one counted")


# --- floods -----------------------------------------------------------------------------------------------------------
@pytest.mark.solo
def test_a_rogue_device_is_limited_and_disturbs_nobody(backend, mqtt, own_parts, serials):
    """Thousands of messages from one device: about rate x time + burst are stored; another one's p99 < 250 ms."""
    rogue, good = serials(), serials()
    flood = own_parts.client(backend)
    mqtt.publish(own_topic(good), {"parametros": {"n": 0}})
    backend.wait_device(good)
    delays = []
    with backend.sse(f"?serial={good}") as stream:
        stream.hello()
        began = time.monotonic()
        for n in range(1, 101):
            for k in range(100):
                flood.publish(own_topic(rogue), {"parametros": {"k": k}}, wait=False)
            sent = time.monotonic()
            mqtt.publish(own_topic(good), {"parametros": {"n": n}}, wait=False)
            stream.until(lambda e, n=n: e.event == "message" and e.json["parametros"]["n"] == n)
            delays.append(time.monotonic() - sent)
            time.sleep(max(0, began + n * 0.06 - time.monotonic()))
    took = time.monotonic() - began
    delays.sort()
    assert delays[98] < 0.25, f"p99 {delays[98] * 1000:.0f} ms"
    device = backend.wait_device(rogue)
    stored = wait_settled(lambda: backend.logs(device["id"], 1)["total"])
    assert 200 <= stored <= 200 + 20 * (took + 5)


def wait_settled(value, quiet=0.5):
    """The value once it stopped changing."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < quiet:
        time.sleep(0.05)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last


def test_rate_zero_is_no_limit(own_parts):
    backend = own_parts.backend(own_parts.mosquitto(), INGEST_DEVICE_RATE=0)
    client = own_parts.client(backend)
    client.publish_all((own_topic("RAPIDO1"), {"parametros": {"n": n}}) for n in range(3_000))
    device = backend.wait_device("RAPIDO1", timeout=15, parametros={"n": 2_999})
    assert backend.logs(device["id"], 1)["total"] == 3_000


def test_ten_thousand_unknown_serials_are_capped(own_parts):
    """Unclaimed devices stop at MAX_UNCLAIMED; claimed ones are heard as before."""
    backend = own_parts.backend(own_parts.mosquitto(), MAX_UNCLAIMED=200)
    client = own_parts.client(backend)
    client.publish(own_topic("MIO1"), {"parametros": {"n": 0}})
    backend.wait_device("MIO1")
    assert backend.http.post("/dispositivos/reclamar", {"serial_number": "MIO1"}).status == 200
    client.publish_all(("dispositivos/estado", {"serial_number": f"INVASOR{n}"}) for n in range(10_000))
    client.publish(own_topic("MIO1"), {"parametros": {"n": 1}})
    backend.wait_device("MIO1", timeout=30, parametros={"n": 1})
    unclaimed = backend.http.get("/dispositivos/no-reclamados").json
    assert 0 < len(unclaimed) <= 200
    assert backend.query("SELECT count(*) FROM dispositivo")[0][0] <= 201


def test_a_strangers_flood_on_other_topics_is_not_ours(backend, mqtt, serial):
    before = rejected_count(backend)
    mqtt.publish_all((f"otra/cosa/{n}", b"x") for n in range(500))
    mqtt.publish(own_topic(serial), {"estado": "activo"})
    backend.wait_device(serial)
    assert rejected_count(backend) == before


def test_wait_until_is_bounded():
    """The suite's own wait fails instead of hanging."""
    with pytest.raises(pytest.fail.Exception):
        wait_until(lambda: False, 0.1)
