"""A compiled schedule: a level at every instant, and where it changes."""

from __future__ import annotations

from datetime import datetime

from app.domain.horario_tipos import Nivel, Transicion


class Plan:
    """One device's schedule, compiled; immutable, cheap, for the caller to keep while configuration and house stay."""

    def nivel(self, instante: datetime) -> Nivel | None:
        """What the schedule says at ``instante`` (aware); None when it says nothing (yet)."""
        raise NotImplementedError

    def siguiente(self, despues: datetime) -> Transicion | None:
        """The first change strictly after ``despues`` (aware); None when there is none within 400 days."""
        raise NotImplementedError

    def transiciones(self, desde: datetime, hasta: datetime, maximo: int = 1000) -> list[Transicion]:
        """Every change in [desde, hasta), oldest first, at most ``maximo``; ends early after 400 days without one."""
        raise NotImplementedError
