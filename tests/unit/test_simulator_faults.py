"""Faults on purpose: read from the command line, drawn from the seed, each doing what its name says."""

from __future__ import annotations

import json

import pytest

from simulator.catalogue import KINDS
from simulator.device import Device, Spec
from simulator.faults import GARBAGE, FalloInvalido, assign_faults, parse_fault
from simulator.stats import Stats

SERIALS = [f"TMP0{number:08}" for number in range(40)]


def device(*faults: str) -> tuple[Device, Stats]:
    stats = Stats()
    struck = assign_faults([parse_fault(text) for text in faults], SERIALS[:1], "s", stats)
    return Device(Spec(SERIALS[0], KINDS[0], "moderno"), "s", faults=struck.get(SERIALS[0])), stats


@pytest.mark.parametrize(
    ("text", "struck"),
    [("todos", 40), ("3", 3), ("25%", 10), ("1000", 40), ("TMP0", 40), ("TMP00000000", 10), (SERIALS[7], 1), ("X", 0)],
)
def test_who_is_struck(text: str, struck: int) -> None:
    """All, a number, a percentage, a prefix or one serial; the same for the same seed."""
    faults = [parse_fault(f"silencio:dispositivos={text}")]
    first = assign_faults(faults, SERIALS, "s", Stats())
    assert len(first) == struck
    assert first.keys() == assign_faults(faults, SERIALS, "s", Stats()).keys()


@pytest.mark.parametrize(
    "text",
    [
        *("", "rayo", "basura:prob=2", "basura:prob=nan", "basura:prob", "basura:color=rojo", "silencio:segundos=x"),
        *("lento=", "lento=pronto", "lento:vuelve=3", "muere=3:vuelve=", "=3"),
    ],
)
def test_an_unreadable_fault_is_refused(text: str) -> None:
    """With a sentence."""
    with pytest.raises(FalloInvalido, match=r"fallo|esperaba"):
        parse_fault(text)


def test_stuck_out_of_range() -> None:
    """The same impossible value from then on."""
    broken, stats = device("valor-atascado")
    values = {json.loads(broken.next_reports(0.0)[0])["parametros"]["temperatura"] for _ in range(5)}
    assert values == {40.0}
    assert stats["atascados"] == 5


def test_silence_lasts() -> None:
    """Nothing is sent for its seconds."""
    broken, stats = device("silencio:prob=1:segundos=30")
    assert [broken.next_reports(now) for now in (0.0, 10.0, 29.0)] == [[], [], []]
    assert stats["silenciados"] == 3


def test_duplicates_and_disorder() -> None:
    """The same bytes twice; the older report after the newer."""
    twice, _ = device("duplicados:prob=1")
    first, second = twice.next_reports(0.0)
    assert first == second
    late, _ = device("desorden:prob=1")
    straight, _ = device()
    right = [straight.next_reports(0.0)[0] for _ in range(2)]
    assert [late.next_reports(0.0), late.next_reports(0.0)] == [[], right[::-1]]


def test_garbage_comes_beside_the_report_and_in_every_kind() -> None:
    """Over time every kind of malformed payload is sent, and no two runs differ."""
    broken, stats = device("basura:prob=1")
    again, _ = device("basura:prob=1")
    kinds = {make(SERIALS[0]) for make in GARBAGE.values()}
    sent = [broken.next_reports(0.0) for _ in range(400)]
    assert {garbage for _, garbage in sent} == kinds
    assert sent == [again.next_reports(0.0) for _ in range(400)]
    assert stats["basura"] == 400


def test_seconds_have_a_short_form() -> None:
    """``lento=3`` is ``lento:segundos=3``; each kind has its own default."""
    assert parse_fault("lento=2,5:prob=0.5") == parse_fault("lento:segundos=2.5:prob=0.5")
    assert [parse_fault(kind).segundos for kind in ("lento", "parpadea", "muere", "silencio")] == [3, 20, 60, 30]
    assert parse_fault("muere=5").vuelve is None
    assert parse_fault("muere=5:vuelve=7").vuelve == 7


@pytest.mark.parametrize("kind", ["desobedece", "rechaza", "lento"])
def test_only_orders_that_change_something_are_struck(kind: str) -> None:
    """To be as it is already is no order: that is obeyed, so that a backend which gives in finds peace."""
    broken, _ = device(kind)
    assert broken.treatment({"encendido": False}) == kind
    assert broken.treatment({"intervalo_envio": 60}) == kind
    assert broken.treatment({"encendido": True, "intervalo_envio": 5, "modo": "horario"}) is None
    sound, _ = device("basura")
    assert sound.treatment({"encendido": False}) is None


def test_a_death_is_for_good_or_for_a_time() -> None:
    """Counted from the first look at it; with ``vuelve`` it lives and dies in turns."""
    broken, _ = device("muere=10")
    assert [broken.dead(now) for now in (100.0, 109.9, 110.0, 1e9)] == [False, False, True, True]
    returning, _ = device("muere=10:vuelve=5")
    times = {100.0: False, 109.9: False, 110.0: True, 114.9: True, 115.0: False, 124.9: False, 125.0: True}
    assert {now: returning.dead(now) for now in times} == times
    lucky, _ = device("muere=10:prob=0")
    assert [lucky.dead(now) for now in (0.0, 1e9)] == [False, False]


def test_blinking_comes_back_every_so_many_seconds() -> None:
    """Once each time, counted from the first look at it."""
    broken, _ = device("parpadea=10")
    times = {0.0: False, 9.0: False, 10.0: True, 11.0: False, 19.9: False, 20.5: True, 21.0: False}
    assert {now: broken.blinks(now) for now in times} == times


def test_a_device_without_faults_is_left_alone() -> None:
    """Nothing is counted and each report is one payload."""
    sound, stats = device("basura:prob=1:dispositivos=X")
    assert all(len(sound.next_reports(0.0)) == 1 for _ in range(10))
    assert stats.snapshot() == {}
