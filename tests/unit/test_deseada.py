"""The out-tray of desired configurations: bounded, newest wins, nothing is lost by a lost connection."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.deseada import FOLLOW_S, MAX_IN_FLIGHT, Bandeja, deseada_of, desired_topic
from tests.support.nucleo import a_device


def wanted(device_id, desired, *, row=None, **config):
    """A device at row version ``row`` whose desired configuration has the version ``desired``."""
    config.setdefault("n", row or desired)
    return a_device(device_id, version=row or desired, deseada_version=desired, configuracion_json=json.dumps(config))


def test_what_is_sent():
    device = wanted(3, 7, modo="manual", texto="año", version=99)
    wish = deseada_of(device)
    assert desired_topic(wish.serial_number) == "dispositivos/SER00003/configuracion"
    assert json.loads(wish.payload) == {"modo": "manual", "texto": "año", "n": 7, "version": 7}
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


def test_the_topic_follows_a_device_once_it_is_quiet():
    tray = Bandeja()
    tray.follow([wanted(1, 3, row=10)], 0.0)
    assert tray.next(FOLLOW_S - 0.1) is None
    tray.follow([wanted(1, 3, row=11)], 1.0)
    assert tray.next(FOLLOW_S) is None, "it spoke again"
    wish = tray.next(1.0 + FOLLOW_S)
    assert (wish.version, json.loads(wish.payload)["n"]) == (3, 11)
    assert tray.next(1e9) is None


def test_what_people_ask_does_not_wait_for_quiet():
    tray = Bandeja()
    tray.follow([wanted(1, 3, row=10), wanted(2, 1, row=5)], 0.0)
    tray.add([wanted(1, 4, row=11)])
    tray.follow([wanted(1, 4, row=12)], 0.1)
    wish = tray.next(0.1)
    assert (wish.version, json.loads(wish.payload)["n"]) == (4, 12)
    assert tray.next(0.1) is None
    assert tray.next(FOLLOW_S).device_id == 2


def test_of_two_lost_ones_of_the_same_version_the_later_is_sent_again():
    tray = Bandeja()
    tray.add([wanted(1, 3, row=10)])
    tray.sent(1, tray.next(0.0))
    tray.follow([wanted(1, 3, row=11)], 0.0)
    tray.sent(2, tray.next(FOLLOW_S))
    tray.reclaim()
    assert json.loads(tray.next(FOLLOW_S).payload)["n"] == 11
    assert tray.next(1e9) is None


class Tray(RuleBasedStateMachine):
    """Connections come and go; the broker keeps what it was sent last. At rest it must hold each device's newest. A
    device's row version tells which is newer; its desired version moves only when people ask."""

    def __init__(self):
        super().__init__()
        self.tray = Bandeja()
        self.rows: dict[int, int] = {}
        self.desired: dict[int, int] = {}
        self.broker: dict[int, tuple[int, int]] = {}
        self.flying: dict[int, tuple[int, tuple[int, int]]] = {}
        self.mid, self.now = 0, 0.0

    def device(self, i):
        return wanted(i, self.desired[i], row=self.rows[i])

    @rule(devices=st.lists(st.integers(1, 30), min_size=1, max_size=30, unique=True))
    def people_ask(self, devices):
        for i in devices:
            self.rows[i] = self.rows.get(i, 0) + 1
            self.desired[i] = self.desired.get(i, 0) + 1
        self.tray.add([self.device(i) for i in devices])

    @rule(devices=st.lists(st.integers(1, 30), min_size=1, max_size=30, unique=True))
    def devices_change(self, devices):
        known = [i for i in devices if i in self.rows]
        for i in known:
            self.rows[i] += 1
        self.tray.follow([self.device(i) for i in known], self.now)

    @rule(devices=st.lists(st.integers(1, 30), max_size=5))
    def read_again_from_the_database(self, devices):
        """After a reconnect the pending ones are read and put out again; they may be waiting or flying already."""
        self.tray.add([self.device(i) for i in devices if i in self.rows])

    @rule(seconds=st.floats(0.1, FOLLOW_S))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(count=st.integers(1, 25))
    def send(self, count):
        for _ in range(count):
            wish = self.tray.next(self.now)
            if wish is None:
                return
            self.mid += 1
            self.tray.sent(self.mid, wish)
            what = (wish.version, json.loads(wish.payload)["n"])
            ahead = [w for d, w in self.flying.values() if d == wish.device_id] + [
                self.broker.get(wish.device_id, (0, 0))
            ]
            assert what >= max(ahead), "an older one after a newer one"
            self.flying[self.mid] = (wish.device_id, what)

    @rule(count=st.integers(1, 25))
    def broker_answers(self, count):
        for mid in list(self.flying)[:count]:
            device, what = self.flying.pop(mid)
            self.broker[device] = what
            wish = self.tray.confirmed(mid)
            assert (wish.device_id, wish.version) == (device, what[0])

    @rule(arrived=st.integers(0, 25))
    def connection_lost(self, arrived):
        """The first ``arrived`` of those under way had reached the broker; their PUBACKs had not reached us."""
        for mid in list(self.flying)[:arrived]:
            device, what = self.flying[mid]
            self.broker[device] = what
        self.flying.clear()
        self.mid = 0
        self.tray.reclaim()

    @invariant()
    def bounded(self):
        assert len(self.flying) <= MAX_IN_FLIGHT
        assert len(self.tray) <= 2 * 30 + MAX_IN_FLIGHT

    def teardown(self):
        self.now += FOLLOW_S
        while True:
            self.send(25)
            if not self.flying:
                break
            self.broker_answers(25)
        assert self.broker == {i: (self.desired[i], self.rows[i]) for i in self.rows}, "at rest it holds the newest"
        assert len(self.tray) == 0


Tray.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTray = Tray.TestCase
