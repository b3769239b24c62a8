"""The window of recent deliveries: a redelivery is known, a repetition is not taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app import entregas
from tests.support.nucleo import House, fast_folder


@pytest.fixture
def house(tmp_path):
    with House(tmp_path) as house:
        yield house


def load(house):
    with house.db.reader() as conn:
        return entregas.load(conn)


def commit(house, window):
    with house.db.unit_of_work() as uow:
        window.save(uow)
    window.saved()


def fill(house, window, mids, payload=b"x"):
    for mid in mids:
        assert window.admit(mid, payload, dup=False)
    commit(house, window)


def small(monkeypatch, size):
    """A window that is reached; the slack is the rows beyond it that may wait to be dropped together."""
    monkeypatch.setattr(entregas, "WINDOW", size)
    monkeypatch.setattr(entregas, "SLACK", size // 3)


def test_a_redelivery_is_known(house):
    window = load(house)
    assert window.admit(7, b"hola", dup=False)
    assert not window.admit(7, b"hola", dup=True), "even before the commit: both are in one batch"
    commit(house, window)
    assert not window.admit(7, b"hola", dup=True)
    assert not window.admit(7, b"hola", dup=True)


def test_the_same_content_without_dup_is_news(house):
    window = load(house)
    fill(house, window, [7])
    assert window.admit(7, b"x", dup=False)
    assert window.admit(8, b"x", dup=True), "another packet"
    assert window.admit(7, b"y", dup=True), "the packet id came round with another content"


def test_dup_of_what_never_arrived_is_news(house):
    """A first delivery that was lost on the way: its redelivery carries DUP and is the first that we see."""
    assert load(house).admit(7, b"x", dup=True)


def test_after_the_session_is_lost_nothing_is_a_duplicate(house):
    window = load(house)
    fill(house, window, [1, 2, 3])
    window.clear()
    assert window.admit(1, b"x", dup=True)
    commit(house, window)
    again = load(house)
    assert not again.admit(1, b"x", dup=True)
    assert again.admit(2, b"x", dup=True), "what was before the loss is not on disk either"


def test_a_lost_session_is_written_even_when_nothing_came_after_it(house):
    window = load(house)
    fill(house, window, [1])
    window.clear()
    commit(house, window)
    assert house.scalar("SELECT count(*) FROM entrega") == 0


def test_the_window_survives_a_crash_between_commit_and_ack(house):
    window = load(house)
    for mid in (1, 2):
        window.admit(mid, b"x", dup=False)
    with house.db.unit_of_work() as uow:
        window.save(uow)
    after_crash = load(house)  # saved() was never called, no ack was sent
    assert not after_crash.admit(1, b"x", dup=True)
    assert not after_crash.admit(2, b"x", dup=True)
    assert after_crash.admit(3, b"x", dup=True)


def test_a_unit_that_failed_is_saved_by_the_next_one(house):
    window = load(house)
    window.admit(1, b"x", dup=False)
    with pytest.raises(RuntimeError):
        with house.db.unit_of_work() as uow:
            window.save(uow)
            raise RuntimeError
    assert load(house).admit(1, b"x", dup=True), "nothing was committed"
    commit(house, window)
    assert not load(house).admit(1, b"x", dup=True)
    assert house.scalar("SELECT sum(mensajes) FROM entrega") == 1


def test_a_lost_session_whose_unit_failed_is_still_lost(house):
    window = load(house)
    fill(house, window, [1])
    window.clear()
    with pytest.raises(RuntimeError):
        with house.db.unit_of_work() as uow:
            window.save(uow)
            raise RuntimeError
    commit(house, window)
    assert load(house).admit(1, b"x", dup=True)


def test_the_window_is_bounded_in_memory_and_on_disk(house, monkeypatch):
    small(monkeypatch, 100)
    window = load(house)
    for start in range(1, 2000, 30):
        fill(house, window, range(start, start + 30))
        assert house.scalar("SELECT sum(mensajes) FROM entrega") <= 170
    assert len(window._known) <= 170
    assert len(window._rows) <= 6
    newest = range(start + 29, start + 29 - 100, -1)
    assert not any(window.admit(mid, b"x", dup=True) for mid in newest), "the last hundred are all known"
    assert not any(load(house).admit(mid, b"x", dup=True) for mid in newest)


def test_a_batch_larger_than_the_window_is_kept_whole(house, monkeypatch):
    """INGEST_BATCH_MAX may be larger than the window and its slack."""
    small(monkeypatch, 10)
    window = load(house)
    fill(house, window, range(1, 4))
    for start in (100, 200, 300):
        fill(house, window, range(start, start + 100))
        for known in (window, load(house)):
            assert not any(known.admit(mid, b"x", dup=True) for mid in range(start, start + 100))
    assert house.scalar("SELECT sum(mensajes) FROM entrega") <= 203


def test_a_broker_that_uses_few_packet_ids(house, monkeypatch):
    """Some brokers take the lowest free id. An id used again by an equal message stays known while its last use is in
    the window, although its first use leaves it."""
    small(monkeypatch, 4)
    window = load(house)
    for _ in range(20):
        fill(house, window, [1])
        assert not window.admit(1, b"x", dup=True)
        assert not load(house).admit(1, b"x", dup=True)


class Window(RuleBasedStateMachine):
    """Against a list of all that was ever taken in. The bound is small so that it is reached."""

    BOUND = 12

    def __init__(self):
        super().__init__()
        self.folder = fast_folder()
        self.house = House(Path(self.folder.name))
        self.real = entregas.WINDOW, entregas.SLACK
        entregas.WINDOW, entregas.SLACK = self.BOUND, 4
        self.window = load(self.house)
        self.durable: list[tuple[int, bytes]] = []
        self.forgotten: set[int] = set()
        self.fresh: list[tuple[int, bytes]] = []

    def teardown(self):
        entregas.WINDOW, entregas.SLACK = self.real
        self.house.close()
        self.folder.cleanup()

    @rule(mid=st.integers(1, 9), payload=st.sampled_from([b"a", b"b"]), dup=st.booleans())
    def deliver(self, mid, payload, dup):
        taken = self.window.admit(mid, payload, dup=dup)
        history = self.durable + self.fresh
        if not taken:
            assert dup
            latest = next(p for m, p in reversed(history) if m == mid)
            assert latest == payload, "only the last message of that packet id can be meant"
        elif dup:
            recent = self.since_forgotten(mid, history[-self.BOUND :])
            latest = next((p for m, p in reversed(recent) if m == mid), None)
            assert latest != payload, "it was among the last ones"
        if taken:
            self.fresh.append((mid, payload))
            self.forgotten.discard(mid)

    def since_forgotten(self, mid, recent):
        """A packet id whose last use was given up says nothing about its uses before: their acks are long sent."""
        return [] if mid in self.forgotten else recent

    @rule()
    def commit(self):
        commit(self.house, self.window)
        self.durable, self.fresh = self.durable + self.fresh, []

    @rule()
    def fail(self):
        try:
            with self.house.db.unit_of_work() as uow:
                self.window.save(uow)
                raise RuntimeError
        except RuntimeError:
            pass

    @rule()
    def give_up(self):
        self.window.forget()
        self.forgotten |= {mid for mid, _ in self.fresh}
        self.fresh = []

    @rule()
    def crash(self):
        self.window = load(self.house)
        self.fresh = []
        self.forgotten = set()

    @rule()
    def session_lost(self):
        self.window.clear()
        commit(self.house, self.window)
        self.durable, self.fresh = [], []

    @invariant()
    def bounded(self):
        assert len(self.window._known) <= 9
        rows = [row.size for row in self.window._rows]
        assert sum(rows[1:-1]) < self.BOUND + 4 or len(rows) <= 1


Window.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWindow = Window.TestCase
