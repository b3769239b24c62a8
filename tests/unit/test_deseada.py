"""The out-tray of desired configurations: bounded, newest wins, nothing is lost by a lost connection."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.deseada import FOLLOW_S, MAX_IN_FLIGHT, Bandeja, deseada_of, desired_topic
from tests.support.nucleo import a_device


def wanted(device_id, desired, **config):
    return a_device(device_id, version=desired, deseada_version=desired, configuracion_json=json.dumps(config))


def test_what_is_sent():
    device = wanted(3, 7, modo="manual", texto="año", version=99)
    wish = deseada_of(device)
    assert desired_topic(wish.serial_number) == "dispositivos/SER00003/configuracion"
    assert json.loads(wish.payload) == {"modo": "manual", "texto": "año", "version": 7}
    assert "año".encode() in wish.payload
    assert (wish.device_id, wish.version) == (3, 7)


def test_only_the_newest_version_of_a_device_waits():
    tray = Bandeja()
    tray.add([wanted(1, 1), wanted(1, 2)])
    tray.add([wanted(1, 3)])
    tray.add([wanted(1, 2)])
    assert len(tray) == 1
    assert tray.next(0.0).version == 3
    assert tray.next(0.0) is None


def test_what_a_device_changed_itself_goes_out_once_when_it_is_quiet():
    """An echo at once would make a device that obeys every message bounce between its own last two words."""
    tray = Bandeja()
    tray.follow([wanted(1, 1)], 100.0)
    tray.follow([wanted(1, 2)], 101.0)
    assert tray.next(101.0 + FOLLOW_S - 0.01) is None
    assert tray.next(101.0 + FOLLOW_S).version == 2
    assert tray.next(1e9) is None


def test_a_wish_goes_before_what_follows_and_takes_its_place():
    tray = Bandeja()
    tray.follow([wanted(1, 1)], 100.0)
    tray.add([wanted(1, 2)])
    tray.follow([wanted(1, 3)], 100.0)
    assert len(tray) == 1
    assert tray.next(100.0).version == 3


def test_no_more_than_the_window_is_in_flight():
    tray = Bandeja()
    tray.add([wanted(i, 1) for i in range(1, 101)])
    mid = 0
    while (wish := tray.next(0.0)) is not None:
        mid += 1
        tray.sent(mid, wish)
    assert mid == MAX_IN_FLIGHT
    assert tray.confirmed(1).device_id == 1
    assert tray.next(0.0) is not None
    assert tray.confirmed(999) is None, "a PUBACK nobody waits for"


def test_a_device_whose_serial_cannot_be_a_topic_is_left_out():
    """A database of the original program may hold any text as a serial; a wildcard in a topic makes the client raise,
    which would end every connection to the broker."""
    tray = Bandeja()
    serials = ["a/b", "a+", "#", ".", "a b", "x" * 70_000, "nul\0", "TMP0603IF1WD"]
    tray.add([a_device(i, serial, deseada_version=1) for i, serial in enumerate(serials, 1)])
    assert tray.next(0.0).serial_number == "TMP0603IF1WD"
    assert tray.next(0.0) is None


class Tray(RuleBasedStateMachine):
    """Connections come and go; the broker keeps what it was sent last. At rest it must hold each newest version."""

    def __init__(self):
        super().__init__()
        self.tray = Bandeja()
        self.newest: dict[int, int] = {}
        self.broker: dict[int, int] = {}
        self.sent_on_this_connection: dict[int, int] = {}
        self.flying: dict[int, tuple[int, int]] = {}
        self.mid = 0

    @rule(devices=st.lists(st.integers(1, 30), min_size=1, max_size=30))
    def change(self, devices):
        batch = []
        for device in devices:
            self.newest[device] = self.newest.get(device, 0) + 1
            batch.append(wanted(device, self.newest[device]))
        self.tray.add(batch)

    @rule(devices=st.lists(st.integers(1, 30), max_size=5))
    def read_again_from_the_database(self, devices):
        """After a reconnect the pending ones are read and put out again; they may be waiting or flying already."""
        self.tray.add([wanted(d, self.newest[d]) for d in devices if d in self.newest])

    @rule(count=st.integers(1, 25))
    def send(self, count):
        for _ in range(count):
            wish = self.tray.next(0.0)
            if wish is None:
                return
            self.mid += 1
            self.tray.sent(self.mid, wish)
            before = self.sent_on_this_connection.get(wish.device_id, 0)
            assert wish.version >= before, "an older version after a newer one"
            assert wish.version >= self.broker.get(wish.device_id, 0), "the broker holds a newer one already"
            self.sent_on_this_connection[wish.device_id] = wish.version
            self.flying[self.mid] = (wish.device_id, wish.version)

    @rule(count=st.integers(1, 25))
    def broker_answers(self, count):
        for mid in list(self.flying)[:count]:
            device, version = self.flying.pop(mid)
            self.broker[device] = version
            wish = self.tray.confirmed(mid)
            assert (wish.device_id, wish.version) == (device, version)

    @rule(arrived=st.integers(0, 25))
    def connection_lost(self, arrived):
        """The first ``arrived`` of those under way had reached the broker; their PUBACKs had not reached us."""
        for mid in list(self.flying)[:arrived]:
            device, version = self.flying[mid]
            self.broker[device] = version
        self.flying.clear()
        self.sent_on_this_connection.clear()
        self.mid = 0
        self.tray.reclaim()

    @invariant()
    def bounded(self):
        assert len(self.flying) <= MAX_IN_FLIGHT
        assert len(self.tray) <= 2 * 30 + MAX_IN_FLIGHT

    def teardown(self):
        while True:
            self.send(25)
            if not self.flying:
                break
            self.broker_answers(25)
        assert self.broker == self.newest, "at rest the broker holds the newest of each"
        assert len(self.tray) == 0


Tray.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTray = Tray.TestCase
