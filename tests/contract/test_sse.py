"""Server-Sent Events: the bytes, the filters, resume and reset."""

from __future__ import annotations

import json

import pytest

from tests.support.campos import OURS, TEN
from tests.support.http import Http, problem

HELLO = b"event: hello\ndata: {}\n\n"
PING = b"event: ping\ndata: {}\n\n"


@pytest.fixture(scope="module")
def settings():
    return {"SSE_PING_S": 1, "SSE_HISTORY_EVENTS": 200, "INGEST_DEVICE_RATE": 0}


@pytest.fixture
def report(mqtt):
    def send(serial, n=0, **fields):
        mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"n": n}, **fields})

    return send


def numbers(stream, count, timeout=10):
    """The `n` of the next updates."""
    return [stream.update(timeout).json["parametros"]["n"] for _ in range(count)]


def test_headers_hello_update_ping_bytes(backend, report, serial):
    """Headers and all three kinds of frame, byte for byte."""
    with backend.sse(f"?serial={serial}") as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["Cache-Control"] == "no-cache"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.next().raw == HELLO
        report(serial, 1, estado="activo", parametros={"temperatura": 22.5, "sitio": "salón ñ"})
        update = stream.update()
        device = backend.http.device(serial)
        start = (
            f'id: {update.id}\ndata: {{"id":{device["id"]},"serial_number":"{serial}",'
            '"nombre":"No definido","tipo":"generico","modelo":"desconocido",'
            '"descripcion":"","estado":"activo","parametros":{"temperatura":22.5,"sitio":"salón ñ"},'
            '"configuracion":{"encendido":true},"reclamado":false,"event":"device_update","version":1,'
        ).encode()
        assert update.raw.startswith(start), update.raw
        assert update.raw.endswith(b"}\n\n")
        assert update.raw.count(b"\n") == 3
        assert list(update.json) == [*TEN, "event", *OURS]
        assert {k: v for k, v in update.json.items() if k != "event"} == device
        assert stream.next(3).raw == PING


def test_ping_comes_whatever_the_filter_hides(backend, report, serials):
    """A busy house still pings a reader whose device is silent."""
    other = serials()
    with backend.sse(f"?serial={serials()}") as stream:
        stream.hello()
        for n in range(3):
            report(other, n)
            assert stream.next(3).raw == PING


def test_ids_increase_within_one_epoch(backend, report, serial):
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        found = []
        for n in range(5):
            report(serial, n)
            found.append(stream.update())
        assert len({e.epoch for e in found}) == 1
        assert [e.sequence for e in found] == sorted({e.sequence for e in found})
        assert [e.json["version"] for e in found] == [1, 2, 3, 4, 5]


def test_every_reader_gets_every_event(backend, report, serial):
    with backend.sse() as one, backend.sse(f"?serial={serial}") as two, backend.sse("?reclamado=false") as three:
        for stream in (one, two, three):
            stream.hello()
        for n in range(10):
            report(serial, n)
            raws = {
                stream.until(lambda e: e.event == "message" and e.json["serial_number"] == serial).raw
                for stream in (one, two, three)
            }
            assert len(raws) == 1


def test_filter_by_serial_hides_others(backend, report, serials):
    mine, other = serials(), serials()
    with backend.sse(f"?serial={mine}") as stream:
        stream.hello()
        report(other, 1)
        report(mine, 2)
        assert stream.update().json["serial_number"] == mine


def test_filter_by_reclamado_and_leave(backend, http, report, serial, serials):
    """Claimed: enters `true`, leaves `false` with one named event that carries id and serial."""
    report(serial)
    device = backend.wait_device(serial)
    with backend.sse("?reclamado=true") as claimed, backend.sse("?reclamado=false") as unclaimed:
        claimed.hello()
        unclaimed.hello()
        assert http.post("/dispositivos/reclamar", {"serial_number": serial}).status == 200
        assert claimed.update().json["serial_number"] == serial
        leave = unclaimed.update()
        assert leave.event == "leave"
        assert (leave.json["id"], leave.json["serial_number"]) == (device["id"], serial)
        report(serial, 5)
        report(other := serials(), 6)
        assert unclaimed.update().json["serial_number"] == other
        assert claimed.update().json["parametros"] == {"n": 5}


def test_both_filters(backend, http, report, serial):
    report(serial)
    device = backend.wait_device(serial)
    with backend.sse(f"?serial={serial}&reclamado=true") as stream:
        stream.hello()
        report(serial, 1)
        http.post("/dispositivos/reclamar", {"serial_number": serial})
        assert stream.update().json["reclamado"] is True
        assert device["reclamado"] is False


@pytest.mark.parametrize("value", ["true", "True", "false", ""])
def test_spellings_of_reclamado(backend, value):
    with backend.sse(f"?reclamado={value}") as stream:
        assert stream.status == 200
        stream.hello()


def test_nonsense_filter_is_422(http):
    problem(http.get("/stream/dispositivos?reclamado=quizas"), 422)


# --- resume -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["header", "query"])
def test_resume_gives_every_later_event_once_and_in_order(backend, report, serial, how):
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        report(serial, 0)
        last = stream.update().id
    for n in range(1, 21):
        report(serial, n)
    backend.wait_device(serial, parametros={"n": 20})
    with reopen(backend, serial, last, how) as stream:
        stream.hello()
        assert numbers(stream, 20) == list(range(1, 21))
        report(serial, 21)
        assert numbers(stream, 1) == [21]


def reopen(backend, serial, last, how):
    if how == "header":
        return backend.sse(f"?serial={serial}", headers={"Last-Event-ID": last})
    return backend.sse(f"?serial={serial}&last_event_id={last}")


def test_resume_while_events_pour_in(backend, mqtt, serial):
    """Cut and resume again and again under a stream of events: none missing, none twice."""
    seen: list[int] = []
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"n": 0}})
        last = stream.update().id
    for n in range(1, 101):
        mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"n": n}}, wait=False)
        if n % 10 == 0:
            with backend.sse(f"?serial={serial}", headers={"Last-Event-ID": last}) as stream:
                stream.hello()
                while not seen or seen[-1] < n - 3:
                    event = stream.update()
                    seen.append(event.json["parametros"]["n"])
                    last = event.id
    with backend.sse(f"?serial={serial}", headers={"Last-Event-ID": last}) as stream:
        stream.hello()
        while not seen or seen[-1] < 100:
            seen.append(stream.update().json["parametros"]["n"])
    assert seen == list(range(1, 101))


@pytest.mark.parametrize(
    "last",
    ["basura", "0", "otraepoca-1", "ñ", "-", "x" * 3000, "1-1-1-1", "deadbeef-99999999999999999999999999"],
)
def test_resume_from_nowhere_is_one_reset(backend, report, serial, last):
    """Garbage or another epoch: one reset, then life goes on."""
    from urllib.parse import quote

    with backend.sse(f"?serial={serial}&last_event_id={quote(last)}") as stream:
        stream.hello()
        assert stream.update().event == "reset"
        report(serial, 1)
        assert numbers(stream, 1) == [1]


def test_resume_from_the_future_is_a_reset(backend, report, serial):
    with backend.sse(f"?serial={serial}") as stream:
        stream.hello()
        report(serial, 0)
        event = stream.update()
    with backend.sse(
        f"?serial={serial}", headers={"Last-Event-ID": f"{event.epoch}-{event.sequence + 1000}"}
    ) as stream:
        stream.hello()
        assert stream.update().event == "reset"


def test_resume_beyond_the_history_is_a_reset(backend, mqtt, report, serials):
    """Older than SSE_HISTORY_EVENTS: reset, not silence."""
    mine, other = serials(), serials()
    with backend.sse(f"?serial={mine}") as stream:
        stream.hello()
        report(mine, 0)
        last = stream.update().id
    mqtt.publish_all(("dispositivos/estado", {"serial_number": other, "parametros": {"n": n}}) for n in range(300))
    backend.wait_device(other, parametros={"n": 299})
    with backend.sse(f"?serial={mine}", headers={"Last-Event-ID": last}) as stream:
        stream.hello()
        assert stream.update().event == "reset"


def test_resume_of_a_filter_tells_what_left_meanwhile(backend, http, report, serial):
    """A device claimed while the reader was away leaves its `reclamado=false` stream on resume."""
    with backend.sse("?reclamado=false") as stream:
        stream.hello()
        report(serial, 0)
        last = stream.until(lambda e: e.event == "message" and e.json["serial_number"] == serial).id
    http.post("/dispositivos/reclamar", {"serial_number": serial})
    with backend.sse("?reclamado=false", headers={"Last-Event-ID": last}) as stream:
        stream.hello()
        left = stream.update()
        assert (left.event, left.json["serial_number"]) == ("leave", serial)


# --- snapshot ---------------------------------------------------------------------------------------------------------
def test_snapshot_gives_the_state_then_live_events(backend, http, report, serials):
    one, two = serials(), serials()
    for s in (one, two):
        report(s, 1)
        device = backend.wait_device(s)
    http.post("/dispositivos/reclamar", {"serial_number": two})
    with backend.sse("?snapshot=1") as stream:
        stream.hello()
        expected = {d["serial_number"]: d for d in http.get("/dispositivos").json}
        found = {}
        while set(found) != set(expected):
            event = stream.update().json
            assert event["event"] == "device_update"
            assert event["serial_number"] not in found
            found[event["serial_number"]] = event
        assert found[one]["parametros"] == {"n": 1}
        assert found[two]["reclamado"] is True
        report(one, 2)
        assert numbers(stream, 1) == [2]
    assert device["reclamado"] is False


def test_snapshot_obeys_the_filter(backend, report, serial):
    report(serial, 7)
    backend.wait_device(serial)
    with backend.sse(f"?snapshot=1&serial={serial}") as stream:
        stream.hello()
        assert numbers(stream, 1) == [7]
        report(serial, 8)
        assert numbers(stream, 1) == [8]


def test_snapshot_under_load_has_no_gap_and_no_duplicate(backend, mqtt, serial):
    """Opened at any instant under load: the snapshot's version, then every later one exactly once."""
    mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"n": 0}})
    backend.wait_device(serial)
    for burst in range(10):
        n = 15 * (burst + 1)
        for k in range(n - 14, n + 1):
            mqtt.publish("dispositivos/estado", {"serial_number": serial, "parametros": {"n": k}}, wait=False)
        with backend.sse(f"?snapshot=1&serial={serial}") as stream:
            stream.hello()
            seen = [stream.update().json["parametros"]["n"]]
            while seen[-1] < n:
                seen.append(stream.update().json["parametros"]["n"])
        assert seen == list(range(seen[0], n + 1))


def test_epoch_changes_with_the_process_or_the_id_still_resumes(own_parts):
    """After a restart an old id is never silently accepted: either it resumes without a gap or it resets."""
    backend = own_parts.backend(own_parts.mosquitto())
    client = own_parts.client(backend)
    with backend.sse("?serial=EPOCA1") as stream:
        stream.hello()
        client.publish("dispositivos/estado", {"serial_number": "EPOCA1", "parametros": {"n": 0}})
        last = stream.update().id
    client.publish("dispositivos/estado", {"serial_number": "EPOCA1", "parametros": {"n": 1}})
    backend.wait_device("EPOCA1", parametros={"n": 1})
    backend.restart()
    with backend.sse("?serial=EPOCA1", headers={"Last-Event-ID": last}) as stream:
        stream.hello()
        first = stream.update()
        assert first.event == "reset" or first.json["parametros"] == {"n": 1}


def test_streams_end_with_a_retry_at_stop(own_parts):
    """SIGTERM tells each reader when to come back, and ends the stream."""
    backend = own_parts.backend(own_parts.mosquitto())
    with backend.sse() as stream:
        stream.hello()
        backend.stop()
        last = None
        while (frame := stream.maybe(3)) is not None:
            last = frame
        assert stream.ended
        assert last is not None
        assert last.retry is not None
        assert 0 < int(last.retry) <= 60_000


# --- limits -----------------------------------------------------------------------------------------------------------
def test_too_many_streams_are_503_with_retry_after(own_parts):
    backend = own_parts.backend(own_parts.mosquitto(), SSE_MAX_STREAMS_PER_ADDRESS=3, SSE_MAX_STREAMS=10)
    streams = [backend.sse().hello() for _ in range(3)]
    refused = Http(backend.port).get("/stream/dispositivos")
    problem(refused, 503)
    assert int(refused.headers["Retry-After"]) > 0
    assert backend.http.get("/dispositivos").status == 200
    streams.pop().close()
    from tests.support.procesos import wait_until

    def again():
        stream = backend.sse()
        if stream.status != 200:
            stream.close()
            return None
        return stream

    streams.append(wait_until(again, 10, "a slot freed", every=0.2))
    for stream in streams:
        stream.close()


def test_readers_that_only_know_json_lines_can_parse_everything(backend, report, serial):
    """What the old scripts do: every `data:` line is JSON."""
    with backend.sse(f"?serial={serial}") as stream:
        frames = [stream.next()]
        report(serial, 1)
        frames += [stream.next(3), stream.next(3)]
        for frame in frames:
            assert isinstance(json.loads(frame.data), dict)
