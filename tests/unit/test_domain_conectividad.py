"""Liveness, pure: cadence learned, silence judged, wills as hints, flapping damped (docs/control-vida.md)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain import conectividad as c

LIVE = {"estado": c.EN_LINEA, "motivo": c.SENAL, "heard": True}


def learned(*gaps: float) -> float:
    cadencia = None
    for gap in gaps:
        cadencia = c.aprender(cadencia, gap)
    assert cadencia is not None
    return cadencia


def test_a_steady_cadence_is_learned_and_presses_do_not_undo_it():
    assert learned(30, 30, 30) == 30
    assert learned(*[30] * 5, *[0.1] * 20) > 29


def test_one_outage_does_not_double_what_is_expected():
    assert learned(*[30] * 5, 86000) < 60


def test_a_slow_device_is_learned_from_its_first_gap():
    assert learned(600) == 600


def test_the_way_from_the_shop_to_the_wall_is_no_cadence():
    """One message when it was tried, the next ones a day later, every ten seconds: known within three minutes."""
    cadencia = c.aprender(None, 80_000)
    for _ in range(c.YOUNG - 2):
        cadencia = c.aprender(cadencia, 10, young=True)
    assert cadencia < 11
    assert c.aprender(600, 0.2, young=True) > 599
    assert c.aprender(10, 600, young=True) == c.aprender(10, 600)


def test_clock_steps_teach_nothing():
    assert c.aprender(30, -5) == c.aprender(30, 1e9) == 30


def test_the_sending_interval_is_the_floor():
    assert c.esperado(5.0, '{"intervalo_envio":60,"modo":"manual"}') == 60
    assert c.esperado(90.0, '{"intervalo_envio":60}') == 90
    assert c.esperado(None, '{"intervalo_envio":"60"}') is None


def test_silence_makes_doubt_then_loss():
    pulse = c.Pulso(0.0, 10.0, **LIVE)
    assert [pulse.judge(t, 0.0)[0] for t in (24.9, 25, 39.9, 40)] == ["en_linea", "dudoso", "dudoso", "fuera"]


def test_after_a_start_or_without_broker_everybody_has_a_new_grace():
    pulse = c.Pulso(0.0, 10.0, c.EN_LINEA, c.SENAL)
    assert pulse.judge(1000.0, since=990.0) == (c.EN_LINEA, c.SENAL)
    assert pulse.judge(1030.0, since=990.0)[0] == c.FUERA


def test_a_last_will_is_a_hint_that_a_message_overrules():
    pulse = c.Pulso(0.0, 10.0, **LIVE)
    pulse.say_goodbye(1.0, retained=False)
    assert pulse.judge(1.0, 0.0) == (c.DUDOSO, c.TESTAMENTO)
    assert pulse.judge(6.0, 0.0) == (c.FUERA, c.TESTAMENTO)
    pulse.hear(7.0)
    assert pulse.judge(7.0, 0.0) == (c.EN_LINEA, c.SENAL)


def test_a_retained_will_says_nothing_of_a_device_that_was_heard():
    pulse = c.Pulso(0.0, 10.0, **LIVE)
    pulse.say_goodbye(1.0, retained=True)
    assert pulse.judge(10.0, 0.0)[0] == c.EN_LINEA


def _live(pulse: c.Pulso, now: float) -> str:
    verdict = pulse.judge(now, 0.0)
    if verdict != (pulse.estado, pulse.motivo):
        pulse.become(*verdict, now)
    return pulse.estado


def test_a_device_that_comes_and_goes_is_doubtful_until_it_is_calm():
    pulse, now, seen = c.Pulso(0.0, 10.0, **LIVE), 0.0, []
    for _ in range(4):
        now += 40
        assert _live(pulse, now) == c.FUERA
        pulse.hear(now)
        seen.append(_live(pulse, now))
    assert seen == [c.EN_LINEA, c.EN_LINEA, c.DUDOSO, c.DUDOSO]
    for _ in range(6):
        now += 10
        pulse.hear(now)
        last = _live(pulse, now)
    assert last == c.EN_LINEA


def test_slow_flapping_is_never_called_good_again_in_between():
    """Lost every five minutes: the third time it comes back it is doubtful at once, not in line for a moment."""
    pulse, now, seen = c.Pulso(0.0, 10.0, **LIVE), 0.0, []
    for _ in range(5):
        for _ in range(26):
            now += 10
            pulse.hear(now)
            seen.append(_live(pulse, now))
        now += 40
        seen.append(_live(pulse, now))
    words = [word for n, word in enumerate(seen) if n == 0 or word != seen[n - 1]]
    assert words[:6] == [c.EN_LINEA, c.FUERA, c.EN_LINEA, c.FUERA, c.EN_LINEA, c.FUERA]
    assert words[6] == c.DUDOSO


def test_a_connection_that_is_cut_again_and_again_is_damped_too():
    """A will every twenty seconds, and a message right after it: doubtful until it has been calm for a minute."""
    pulse, now, seen = c.Pulso(0.0, 10.0, **LIVE), 0.0, []
    for _ in range(30):
        now += 20
        pulse.say_goodbye(now, retained=False)
        seen.append(_live(pulse, now))
        pulse.hear(now + 1)
        seen.append(_live(pulse, now + 1))
    assert seen[:5] == [c.DUDOSO, c.EN_LINEA, c.DUDOSO, c.EN_LINEA, c.DUDOSO]
    assert set(seen[5:]) == {c.DUDOSO}
    for _ in range(7):
        now += 10
        pulse.hear(now)
        last = _live(pulse, now)
    assert last == c.EN_LINEA


def test_a_will_that_comes_late_is_the_same_loss():
    """Silent, lost, and then the broker notices too: one loss."""
    pulse = c.Pulso(0.0, 10.0, **LIVE)
    _live(pulse, 40.0)
    pulse.say_goodbye(60.0, retained=False)
    _live(pulse, 60.0)
    assert list(pulse.losses) == [40.0]


@given(
    st.lists(st.tuples(st.sampled_from(["hear", "will", "old_will", "broker", "wait"]), st.floats(0, 200)), max_size=60)
)
def test_any_life(steps):
    """Never in line beyond the threshold; never lost while it speaks in time, unless it said goodbye."""
    pulse, now, since, heard, will = c.Pulso(0.0, 20.0, **LIVE), 0.0, 0.0, 0.0, False
    for what, gap in steps:
        now += gap
        if what == "hear":
            pulse.hear(now)
            heard, will = now, False
        elif what == "will":
            pulse.say_goodbye(now, retained=False)
            will = True
        elif what == "old_will":
            pulse.say_goodbye(now, retained=True)
        elif what == "broker":
            since = now
        estado, motivo = pulse.judge(now, since)
        silent = now - max(heard, since)
        if estado == c.EN_LINEA:
            assert silent < c.DOUBT * 20
        if estado == c.FUERA and pulse.estado != c.FUERA:
            assert silent >= c.LOST * 20 or (will and motivo == c.TESTAMENTO)
        if (estado, motivo) != (pulse.estado, pulse.motivo):
            pulse.become(estado, motivo, now)
        assert len(pulse.losses) <= c.FLAPS
