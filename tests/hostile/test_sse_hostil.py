"""Readers that do not read: others are unaffected, the bad ones are dropped."""

from __future__ import annotations

import time

import pytest

from tests.support.mqtt import own_topic
from tests.support.procesos import wait_until
from tests.support.red import OtraMaquina
from tests.support.sse import Sse

PADDING = "x" * 2_000


@pytest.fixture(scope="module")
def settings():
    return {"INGEST_DEVICE_RATE": 0, "SSE_SEND_TIMEOUT_S": 3, "SSE_PING_S": 1}


@pytest.mark.solo
def test_never_reading_readers_disturb_nobody(backend, mqtt, serials):
    """Thirty frozen readers; the live one gets every event promptly, PUT answers, memory stays bounded."""
    many = [serials() for _ in range(50)]
    frozen = [Sse(backend.port, rcvbuf=4096) for _ in range(30)]
    rss = resident(backend)
    try:
        with backend.sse() as live:
            live.hello()
            worst = 0.0
            for n in range(2_000):
                sent = time.monotonic()
                mqtt.publish(own_topic(many[n % 50]), {"parametros": {"n": n, "relleno": PADDING}}, wait=False)
                if n % 20 == 0:
                    live.until(lambda e, n=n: e.event == "message" and e.json["parametros"].get("n") == n)
                    worst = max(worst, time.monotonic() - sent)
            live.until(lambda e: e.event == "message" and e.json["parametros"].get("n") == 1_999)
            assert worst < 1.0
            began = time.monotonic()
            device = backend.http.device(many[0])
            assert backend.http.put(f"/dispositivos/{device['id']}", {"nombre": "responde"}).status == 200
            assert time.monotonic() - began < 1.0
        assert resident(backend) - rss < 60_000, "kB more while thirty readers were frozen"
        wait_until(lambda: backend.streams() == 0, 20, f"frozen readers dropped, {backend.streams()} left", every=0.2)
    finally:
        for reader in frozen:
            reader.close()


def resident(backend) -> int:
    """kB of the backend's process."""
    with open(f"/proc/{backend.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_slow_reader_is_coalesced_or_resumes_with_nothing_missing(backend, mqtt, serials):
    """It stops reading for a while: afterwards it has, or gets by resuming, the last state of every device."""
    many = [serials() for _ in range(20)]
    slow = Sse(backend.port, rcvbuf=4096).hello()
    state: dict[str, int] = {}
    last = ""
    for n in range(1_000):
        mqtt.publish(own_topic(many[n % 20]), {"parametros": {"n": n, "relleno": PADDING}}, wait=False)
    backend.wait_device(many[19], timeout=20, parametros={"n": 999, "relleno": PADDING})
    goal = {s: 980 + i for i, s in enumerate(many)}
    deadline = time.monotonic() + 30
    while state != goal:
        assert time.monotonic() < deadline, f"missing {set(goal.items()) - set(state.items())}"
        frame = slow.maybe(2)
        if frame is None:
            slow.close()
            slow = backend.sse("?snapshot=1" if not last else "", headers={"Last-Event-ID": last} if last else None)
        elif frame.event == "reset":
            slow.close()
            slow = backend.sse("?snapshot=1")
        elif frame.event == "message" and frame.json["serial_number"] in goal:
            data = frame.json
            assert data["parametros"]["n"] >= state.get(data["serial_number"], -1), "never backwards"
            state[data["serial_number"]] = data["parametros"]["n"]
            last = frame.id or last
    slow.close()


def test_readers_that_come_and_go_leave_nothing(backend, mqtt, serial):
    for _ in range(200):
        Sse(backend.port).close()
    mqtt.publish(own_topic(serial), {"estado": "activo"})
    with backend.sse(f"?snapshot=1&serial={serial}") as stream:
        stream.hello()
    wait_until(lambda: backend.streams() == 0, 10, "streams closed", every=0.1)


@pytest.mark.timeout(90)
def test_half_open_readers_are_noticed(own_parts, tmp_path):
    """The reader's machine vanishes without a word: within SSE_SEND_TIMEOUT_S and a bit its streams are closed."""
    with OtraMaquina(1) as other:
        backend = own_parts.backend(
            own_parts.mosquitto(),
            BACKEND_HOST="0.0.0.0",
            TRUSTED_NETWORKS=f"127.0.0.0/8,{other.network}",
            SSE_SEND_TIMEOUT_S=3,
            SSE_PING_S=1,
        )
        reader = other.start(
            f"from tests.support.sse import Sse\nimport time\n"
            f"keep = [Sse({backend.port}, host={other.here!r}).hello() for _ in range(5)]\n"
            f"print('listos')\ntime.sleep(80)",
            tmp_path / "there.log",
        )
        try:
            wait_until(lambda: "listos" in reader.log() or not reader.alive, 10, "readers over there")
            assert backend.streams() == 5, reader.log()
            other.pull_the_plug()
            with backend.sse() as live:
                live.hello()
                wait_until(lambda: backend.streams() == 1, 30, "half-open streams closed", every=0.3)
                assert live.until(lambda e: e.event == "ping", 3)
        finally:
            reader.kill()
