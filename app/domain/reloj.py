"""Whether the machine's clock can be right, and what is said of it when it jumped. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

PLAUSIBLE_YEAR = 2024
"""A clock before the program was written is wrong. Any time stored by a clock that was right is later too."""
SALTO = timedelta(minutes=2)
"""Setting a clock by less disturbs nobody: schedules are of minutes."""
PARADA = timedelta(days=366)
"""A house that was silent for longer than this is less likely than a clock that runs ahead."""


@dataclass(frozen=True, slots=True)
class Salto:
    """A jump of the wall clock: what it should have said, and what it says. ``parada``: over a stop of the program, so
    that ``antes`` is only the last that was stored."""

    antes: datetime
    ahora: datetime
    parada: bool = False

    @property
    def grave(self) -> bool:
        """Whether what is stored is out of order now, or somebody must look at the clock."""
        return self.ahora < self.antes or self.parada

    def texto(self, zona: tzinfo) -> str:
        """The notice, in Spanish, with the times of a zone."""
        antes, ahora = (f"{m.astimezone(zona):%d/%m/%Y a las %H:%M}" for m in (self.antes, self.ahora))
        cuanto = magnitud(abs(self.ahora - self.antes))
        if self.parada and self.ahora > self.antes:
            return (
                f"El reloj de la máquina dice {ahora}, {cuanto} después de lo último que se guardó. Si el programa no "
                "ha estado parado tanto tiempo, póngalo en hora."
            )
        if self.parada:
            return f"El reloj de la máquina va {cuanto} por detrás: dice {ahora}, y lo último se guardó el {antes}."
        if self.ahora < self.antes:
            return (
                f"El reloj de la máquina se ha atrasado {cuanto}, del {antes} al {ahora}: lo último que se guardó "
                "lleva una hora que aún no ha llegado. Los horarios ya siguen la nueva."
            )
        return (
            f"El reloj de la máquina se ha adelantado {cuanto}, del {antes} al {ahora}: lo pusieron en hora, o la "
            "máquina estuvo suspendida. Los horarios ya siguen la hora nueva."
        )


def puesto(ahora: datetime) -> bool:
    """Whether the clock was ever set: it can be right."""
    return ahora.year >= PLAUSIBLE_YEAR


def salto(antes: datetime, ahora: datetime) -> Salto | None:
    """The jump from what the clock should say to what it says, None for none. That of a clock that was not set is told
    otherwise (notice ``reloj``), and being set is what it waits for."""
    if not (puesto(antes) and puesto(ahora)) or abs(ahora - antes) < SALTO:
        return None
    return Salto(antes, ahora)


def salto_parado(ultimo: datetime, ahora: datetime) -> Salto | None:
    """The jump that a stop of the program hides: the clock is behind the last that was stored, or far ahead of it."""
    if not (puesto(ultimo) and puesto(ahora)) or -SALTO < ahora - ultimo < PARADA:
        return None
    return Salto(ultimo, ahora, parada=True)


def magnitud(tiempo: timedelta) -> str:
    """A time as people say it: ``3 min``, ``5 h``, ``2 días``."""
    minutes = round(tiempo.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} días"
