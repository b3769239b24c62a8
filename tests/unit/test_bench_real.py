"""Load generator, readers and the plain application, for real: a private broker, processes, a database file."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench.children import Lab, program
from bench.echo import Caller
from bench.load import Plan
from bench.ordenes import House, furnish
from bench.readers import Plan as ReadersPlan
from bench.runs import paced, settled
from bench.store import audit, last_row, probe, run_load, wait_rows
from tests.support.procesos import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if not program("mosquitto"):
        missing("mosquitto is not on this machine")
    with Lab() as lab:
        yield lab
        folder = lab.folder
    assert not folder.exists()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def broker(lab: Lab) -> int:
    return lab.mosquitto()


@pytest.mark.parametrize("qos", [0, 1])
def test_what_is_published_reaches_a_subscriber_each_once(lab: Lab, broker: int, qos: int) -> None:
    """Saturated, both kinds of topic, counted on both ends; latencies are positive."""
    crowd = lab.readers(ReadersPlan(broker, kind="mqtt", count=2, qos=qos))
    crowd.ask("reset")
    load = run_load(lab, Plan(broker, count=5000))
    report = settled(crowd, 10_000)
    lab.end(crowd)
    assert (load["sent"], load["acked"], report["events"]) == (5000, 5000, 10_000)
    assert report["latency"]["n"] == 10_000
    assert 0 < report["latency"]["p50"] <= report["latency"]["p99"]


def test_a_paced_load_keeps_its_count_and_can_be_stopped(lab: Lab, broker: int) -> None:
    """`state` answers on the way; `stop` ends an endless plan with everything acknowledged."""
    load = lab.load(Plan(broker, rate=500))
    load.tell("go")
    while load.ask("state")["sent"] < 50:
        pass
    load.tell("stop")
    result = load.hear()
    lab.end(load)
    assert result["sent"] == result["acked"] >= 50
    assert max(result["sent_by"].values()) - min(result["sent_by"].values()) <= 1


def test_the_plain_application_stores_and_streams_everything(lab: Lab, broker: int) -> None:
    """The reference is a working program: all rows stored once, all events streamed, the REST list served."""
    target = lab.plain(broker)
    probe(lab, target, broker)
    crowd = lab.readers(ReadersPlan(target.port, count=3, keep=True))
    before = last_row(target.database)
    result = paced(lab, broker, crowd, rate=100, seconds=1, readers=3)
    assert (result["deliveries"], result["n"], result["share"]) == (300, 300, 1.0)
    load = run_load(lab, Plan(broker, boot=2, count=200, devices=10, window=50, database=str(target.database), chunk=5))
    wait_rows(target.database, before + 300, 20)
    settled(crowd, 900)
    finals = crowd.ask("final")["final"]
    assert [final["BNCH00000003"] for final in finals] == [load["seq_base"] + load["sent_by"]["BNCH00000003"] - 1] * 3
    verdict = audit(target.database, load)
    assert (verdict.ok, verdict.stored) == (True, 200)
    lab.end(crowd)
    lab.end(target.child)


def test_a_saturated_load_shares_what_it_sends_among_all_devices(lab: Lab, broker: int) -> None:
    """With small chunks and limits no connection may hog the window."""
    load = run_load(lab, Plan(broker, count=10_000, chunk=10, inflight=50))
    assert min(load["sent_by"].values()) >= 0.5 * max(load["sent_by"].values())


def test_an_order_is_timed_from_asking_to_its_proof(lab: Lab) -> None:
    """Simulated devices obey each in turn; the live event comes after the asking; a round trip beside it."""
    broker = lab.mosquitto()
    target = lab.backend(broker)
    furnish(lab, target, broker)
    lab.echo(broker)
    with closing(House(target)) as house, closing(Caller(broker)) as caller:
        before = dict(house.devices)
        answers = [house.order() for _ in range(7)]
        live = house.told()
        assert len(live) == len(answers) == 7
        assert all(0 < seconds < 5 for seconds in (*answers, *live))
        assert [house.devices[device] is before[device] for device in house.ids] == [True, True, False, False, False]
        assert 0 < caller.round_trip(b"hola") < 5
