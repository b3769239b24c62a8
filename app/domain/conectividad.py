"""Whether a device is alive, judged by its silence against its own cadence. Pure: instants are monotonic seconds.

``en_linea`` until it has been silent for 2.5 times what is expected of it, then ``dudoso``, after 4 times ``fuera``;
``desconocido`` before its first message. What is expected: what somebody set by hand, else what it was seen to need
between two messages, not less than its own ``intervalo_envio``.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from app.domain.dispositivo import Dispositivo

EN_LINEA, DUDOSO, FUERA, DESCONOCIDO = "en_linea", "dudoso", "fuera", "desconocido"
ESTADOS = (EN_LINEA, DUDOSO, FUERA, DESCONOCIDO)
SENAL, SILENCIO, TESTAMENTO, INTERMITENTE = "senal", "silencio", "testamento", "intermitente"

DEFAULT_S = 60.0
"""Expected of a device of which nothing is known."""
MIN_S, MAX_S = 10.0, 86400.0
"""The bounds of what is expected when nobody set it by hand."""
DOUBT, LOST = 2.5, 4.0
ATTACK, RELEASE, OUTAGE = 0.3, 0.1, 4.0
"""A longer gap counts at once for three tenths, and never for more than four times what is known."""
YOUNG, YOUNG_RELEASE, BURST_S = 20, 0.5, 1.0
"""A device is young in its first versions; messages closer than this are a burst, and teach it nothing either."""
WILL_GRACE_S = 5.0
"""A last will followed by a message this soon was a reconnection."""
FLAPS, FLAP_WINDOW_S = 3, 1800.0
"""A device that was lost, or cut off, this often within the window is intermittent."""
CALM, MIN_CALM_S, CALM_GAPS = 5.0, 60.0, 1.5
"""An intermittent device is in line again after this many expected intervals without a loss, and this many times what
passed lately between two of them: one that is lost every ten minutes is not calm after one."""

_INTERVALO = re.compile(r'"intervalo_envio":([0-9]{1,5}(?:\.[0-9]+)?)[,}]')


def aprender(cadencia: float | None, gap: float, *, young: bool = False) -> float | None:
    """The cadence (s) after one more gap (s) between two messages.

    Long gaps are learned fast, short ones in proportion to their length: twenty presses in a second change nothing.
    Of a ``young`` device short ones are learned fast too: its first gap may have been that from the shop to the wall.
    A gap below zero is a clock that was set.
    """
    if gap < 0 or gap > MAX_S:
        return cadencia
    if cadencia is None or cadencia <= 0:
        return gap
    if gap > cadencia:
        return cadencia + (min(gap, OUTAGE * max(cadencia, 1.0)) - cadencia) * ATTACK
    return cadencia - (cadencia - gap) * (YOUNG_RELEASE if young and gap >= BURST_S else RELEASE * gap / cadencia)


def esperado(cadencia: float | None, configuracion_json: str) -> float | None:
    """Seconds within which a message is usual, None when nothing is known."""
    found = _INTERVALO.search(configuracion_json)
    asked = float(found[1]) if found else 0.0
    return max(cadencia or 0.0, asked) or None


def umbral(d: Dispositivo) -> float:
    """Seconds within which a message of this device is expected."""
    if d.esperado_manual is not None:
        return d.esperado_manual
    return DEFAULT_S if d.esperado_s is None else min(MAX_S, max(MIN_S, d.esperado_s))


@dataclass(slots=True)
class Pulso:
    """What is remembered of one device. ``last`` is when it was last heard (or watching it began), ``visto`` the stamp
    of that message."""

    last: float
    expected: float = DEFAULT_S
    estado: str = DESCONOCIDO
    motivo: str = ""
    visto: str | None = None
    heard: bool = False
    will: float | None = None
    calm_at: float = 0.0
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=FLAPS))

    def hear(self, now: float) -> None:
        """A fresh message of the device itself: it overrules everything."""
        self.heard, self.last, self.will = True, now, None

    def say_goodbye(self, now: float, *, retained: bool) -> None:
        """Its last will: a hint. A retained one may be old, so it means something of silent devices only."""
        if self.will is None and not (retained and self.heard):
            self.will = now

    def judge(self, now: float, since: float) -> tuple[str, str]:
        """(estado, motivo) now; ``since`` is from when on it could have been heard at all (start, broker)."""
        if self.estado == DESCONOCIDO:
            return self.estado, self.motivo
        if self.will is not None:
            late = self.estado == FUERA or now - max(self.will, since) >= WILL_GRACE_S
            return (FUERA if late else DUDOSO), TESTAMENTO
        silent = now - max(self.last, since)
        if silent >= LOST * self.expected:
            return FUERA, SILENCIO
        if silent >= DOUBT * self.expected:
            return (self.estado if self.estado == FUERA else DUDOSO), SILENCIO
        if not self.heard or self.last < since:  # within a grace nothing new is known
            return self.estado, self.motivo
        if (self._down or now < self.calm_at) and self._flapping(now):
            return DUDOSO, INTERMITENTE
        return EN_LINEA, SENAL

    def next_look(self, now: float, since: float) -> float:
        """After how many seconds silence alone could change the judgement."""
        if self.will is not None:
            return max(0.0, self.will + WILL_GRACE_S - now) if self.estado != FUERA else MAX_S
        base = max(self.last, since)
        ends = (base + DOUBT * self.expected, base + LOST * self.expected, self.calm_at)
        return min((end - now for end in ends if end > now), default=MAX_S)

    def become(self, estado: str, motivo: str, now: float) -> None:
        """Remember a change. A connection that was cut is a loss as soon as that is told, and once."""
        down = estado == FUERA or motivo == TESTAMENTO
        if down and not self._down:
            self.losses.append(now)
        elif self._down and not down:
            self.calm_at = now + max(MIN_CALM_S, CALM * self.expected, CALM_GAPS * self._gap(now))
        self.estado, self.motivo = estado, motivo

    @property
    def _down(self) -> bool:
        return self.estado == FUERA or self.motivo == TESTAMENTO

    def _gap(self, now: float) -> float:
        """Seconds between its losses lately."""
        return (self.losses[-1] - self.losses[0]) / (FLAPS - 1) if self._flapping(now) else 0.0

    def _flapping(self, now: float) -> bool:
        return len(self.losses) == FLAPS and now - self.losses[0] < FLAP_WINDOW_S
