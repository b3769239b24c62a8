"""The MQTT edge on a real Mosquitto: deliveries, their acknowledgements, sessions, an ingest that is full."""

from __future__ import annotations

import os
import time

from tests.support.cliente_mqtt import edge, say
from tests.support.mqtt import SHARED, Cliente
from tests.support.procesos import wait_until


def test_reports_arrive_from_both_topics_with_what_names_them(broker, connected):
    say(broker, b"uno")
    say(broker, b"dos", topic="dispositivos/A/estado")
    say(broker, b"tres", qos=0)
    say(broker, b"no", topic="dispositivos/A/otra")
    say(broker, b"offline", topic="dispositivos/A/disponible")
    wait_until(lambda: len(connected.sink.got) == 4)
    assert [(d.topic, d.payload, d.qos, d.dup, d.retain, d.epoch) for d in connected.sink.got] == [
        (SHARED, b"uno", 1, False, False, 1), ("dispositivos/A/estado", b"dos", 1, False, False, 1),
        (SHARED, b"tres", 0, False, False, 1), ("dispositivos/A/disponible", b"offline", 1, False, False, 1),
    ]  # fmt: skip
    assert connected.sink.got[0].mid != connected.sink.got[1].mid
    assert connected.sink.lost == 1, "a first connection has no session"
    assert connected.asked_for_all == [True]


def wait_for_goodbyes(broker, count):
    """Until the broker has read the end of ``count`` connections: one that takes over makes it drop what it has not."""
    log = broker.folder / "mosquitto.log"
    wait_until(lambda: log.read_text().count("Received DISCONNECT from iot-backend-prueba") == count)


def test_what_is_not_acknowledged_comes_again_what_is_does_not(own_parts):
    broker = own_parts.mosquitto(extra="log_type all")
    with edge(broker.port) as first:
        first.connected()
        say(broker, *(b"%d" % i for i in range(20)))
        wait_until(lambda: len(first.sink.got) == 20)
        first.client.ack(first.sink.got[:12])
        wait_until(lambda: first.client.status()["acuses"] == 12)
    wait_for_goodbyes(broker, 1)
    with edge(broker.port) as second:
        second.connected()
        wait_until(lambda: len(second.sink.got) == 8)
        assert second.sink.payloads() == [b"%d" % i for i in range(12, 20)]
        assert all(d.dup for d in second.sink.got)
        assert [d.mid for d in second.sink.got] == [d.mid for d in first.sink.got[12:]], "the same packet ids"
        assert second.sink.lost == 0
        assert second.client.status()["sesion_conservada"] is True
        assert second.asked_for_all == [False]


def test_acks_given_just_before_stopping_still_go_out(own_parts):
    """All 200 reach the broker before the DISCONNECT does."""
    broker = own_parts.mosquitto(extra="log_type all")
    with edge(broker.port) as first:
        first.connected()
        say(broker, *(b"%d" % i for i in range(200)))
        wait_until(lambda: len(first.sink.got) == 200)
        first.client.pause()
        first.client.ack(first.sink.got)
    wait_for_goodbyes(broker, 1)
    with edge(broker.port) as second:
        second.connected()
        say(broker, b"despues")
        wait_until(lambda: second.sink.payloads() == [b"despues"])


def test_the_end_is_a_disconnect_and_sends_what_was_given_before_it(own_parts):
    """Many times, because it is a race: a stop right after the last acks, as the ingest's end gives them."""
    broker = own_parts.mosquitto(extra="log_type all")
    for number in range(1, 11):
        with edge(broker.port) as it:
            it.connected()
            say(broker, b"x")
            wait_until(lambda: it.sink.got)
            it.client.pause()
            it.client.ack(it.sink.got)
        wait_for_goodbyes(broker, number)
    assert (broker.folder / "mosquitto.log").read_text().count("Received PUBACK from iot-backend-prueba") == 10


def test_messages_sent_while_we_were_away_wait_in_the_broker(broker):
    with edge(broker.port) as it:
        it.connected()
    say(broker, *(b"%d" % i for i in range(50)))
    with edge(broker.port) as it:
        wait_until(lambda: it.sink.payloads() == [b"%d" % i for i in range(50)])


def test_acks_of_an_old_connection_are_dropped(broker, connected):
    say(broker, b"uno", b"dos")
    wait_until(lambda: len(connected.sink.got) == 2)
    old = list(connected.sink.got)
    broker.restart()
    wait_until(lambda: len(connected.sink.got) == 4, 10)
    now = connected.client._epoch
    assert [d.epoch for d in connected.sink.got] == [1, 1, now, now]
    connected.client.ack(old)
    wait_until(lambda: connected.client.status()["acuses_caducados"] == 2)
    connected.client.ack(connected.sink.got[2:])
    wait_until(lambda: connected.client.status()["acuses"] == 2)
    say(broker, b"tres")
    wait_until(lambda: connected.sink.payloads()[-1] == b"tres")
    assert connected.client.connected()


def test_acks_from_many_threads_while_the_broker_comes_and_goes(broker):
    """Whatever is acked when, nothing but a PUBACK of this connection goes out: Mosquitto never resets us for it."""
    with edge(broker.port) as it:
        it.connected()
        for round_ in range(3):
            say(broker, *(b"%d-%d" % (round_, i) for i in range(30)))
            broker.restart()
            for delivery in list(it.sink.got):
                it.client.ack([delivery])
            it.connected()
        wait_until(lambda: {b"%d-%d" % (r, i) for r in range(3) for i in range(30)} <= set(it.sink.payloads()), 10)
        connections = it.client.status()["conexiones"]
        time.sleep(0.5)
        assert it.client.status()["conexiones"] == connections


def test_large_messages_and_many(broker, connected):
    big = [os.urandom(60_000) for _ in range(20)]
    say(broker, *big)
    with Cliente(broker.port) as client:
        client.publish_all((SHARED, b"%d" % i) for i in range(2000))
    acked = 0
    deadline = time.monotonic() + 10
    while acked < 2020 and time.monotonic() < deadline:  # the broker keeps a thousand in flight
        fresh = connected.sink.got[acked:]
        acked += len(fresh)
        connected.client.ack(fresh)
        time.sleep(0.01)
    assert connected.sink.payloads()[:20] == big
    assert connected.sink.payloads()[20:] == [b"%d" % i for i in range(2000)]


def test_a_full_ingest_stops_reading_and_resumes(broker, connected):
    say(broker, b"antes")
    wait_until(lambda: connected.sink.got)
    connected.sink.is_full = True
    connected.client.ack(connected.sink.got)  # wakes it out of a wait that began before
    time.sleep(0.1)
    say(broker, *(b"%d" % i for i in range(100)))
    time.sleep(0.3)
    assert len(connected.sink.got) == 1
    assert connected.client.status()["hilo_vivo"]
    assert connected.client.status()["acuses"] == 1, "acknowledging goes on"
    connected.sink.is_full = False
    wait_until(lambda: len(connected.sink.got) == 101)
    assert connected.client.status()["conexiones"] == 1


def test_a_long_pause_ends_the_connection_at_worst_and_loses_nothing(broker):
    with edge(broker.port, keepalive=1) as it:
        it.connected()
        it.sink.is_full = True
        say(broker, *(b"%d" % i for i in range(20)))
        time.sleep(4)
        it.sink.is_full = False
        wait_until(lambda: {b"%d" % i for i in range(20)} <= set(it.sink.payloads()), 10)
