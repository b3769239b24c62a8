"""What a series did in a stretch of time, such that two stretches, one after the other, join into one.

A series is points (instant, value). Its signal is the value of the newest point, for at most ``SOSTEN_US``: then it is
unknown until the next point. A :class:`Resumen` tells of the points of a stretch and of the signal between the first
and the last of them, so it depends on nothing outside the stretch: a late point changes the stretches it falls into and
no other. :func:`cubo` adds what only the neighbours know. Instants are microseconds of 1970, UTC.

Yes and no are 1 and 0: the integral is then the time spent on, in microseconds and exact.
"""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

US = 1_000_000
SOSTEN_US = 24 * 3600 * US
"""So long a value holds without a word: a thing that is dead is not drawn as if it lived."""


class Punto(NamedTuple):
    """A value that a series took."""

    en: int
    valor: float


class Resumen(NamedTuple):
    """Of at least one point. ``cambios``: points that differ from the one before; ``integral``: of the signal from the
    first point to the last, value times microseconds; ``cubierto``: for how many of these the signal is known;
    ``subida``: how much a counter went up from the first to the last (:func:`alza`), None of what is no counter."""

    n: int
    cambios: int
    minimo: float
    maximo: float
    primero_en: int
    primero: float
    ultimo_en: int
    ultimo: float
    integral: float
    cubierto: int
    subida: float | None = None


CONTADORES = ("_kwh", "_wh", "_total", "_m3", "_litros", "_pulsos")


def es_contador(nombre: str) -> bool:
    """Whether a parameter only goes up until its device begins anew: energy, water, pulses; its name tells."""
    return nombre.lower().endswith(CONTADORES)


def alza(antes: float, despues: float) -> float:
    """How much a counter went up between two readings: after a fall it began anew, so all that it shows is new."""
    return despues - antes if despues >= antes else max(despues, 0.0)


def de_punto(punto: Punto, *, contador: bool = False) -> Resumen:
    """The summary of one point."""
    en, v = punto
    return Resumen(1, 0, v, v, en, v, en, v, 0.0, 0, 0.0 if contador else None)


def unir(a: Resumen, b: Resumen) -> Resumen:
    """The summary of both; no point of ``b`` is before one of ``a``. Associative."""
    held = min(b.primero_en - a.ultimo_en, SOSTEN_US)
    return Resumen(
        a.n + b.n,
        a.cambios + b.cambios + (a.ultimo != b.primero),
        min(a.minimo, b.minimo),
        max(a.maximo, b.maximo),
        a.primero_en,
        a.primero,
        b.ultimo_en,
        b.ultimo,
        a.integral + a.ultimo * held + b.integral,
        a.cubierto + held + b.cubierto,
        None if a.subida is None or b.subida is None else a.subida + alza(a.ultimo, b.primero) + b.subida,
    )


def plegar(puntos: Sequence[Punto], *, contador: bool = False) -> Resumen:
    """The summary of points in the order of time, at least one: as :func:`unir` of each, in a third of the time."""
    last_at, last = puntos[0]
    low = high = last
    changes, integral, known = 0, 0.0, 0
    for en, value in puntos[1:]:
        held = min(en - last_at, SOSTEN_US)
        integral += last * held
        known += held
        if value != last:
            changes += 1
            low, high = min(low, value), max(high, value)
        last_at, last = en, value
    first_at, first = puntos[0]
    risen = sum(alza(a.valor, b.valor) for a, b in pairwise(puntos)) if contador else None
    return Resumen(len(puntos), changes, low, high, first_at, first, last_at, last, integral, known, risen)


def unir_todos(resumenes: Iterable[Resumen]) -> Resumen:
    """The summary of several, in the order of time, at least one."""
    return reduce(unir, resumenes)


class Cubo(NamedTuple):
    """A series from ``inicio`` to ``fin``: how many points fell into it, and its signal there; what is known for no
    moment is None. ``cubierto`` in microseconds, ``integral`` value times microseconds; ``subida``: of a counter."""

    inicio: int
    fin: int
    n: int
    cambios: int
    minimo: float | None
    maximo: float | None
    integral: float
    cubierto: int
    subida: float | None = None

    @property
    def media(self) -> float | None:
        """Weighted by time; of points without any duration (all at the very end) unweighted extremes' middle."""
        if self.cubierto:
            return self.integral / self.cubierto
        return None if self.minimo is None or self.maximo is None else (self.minimo + self.maximo) / 2


def cubo(antes: Punto | None, dentro: Sequence[Resumen], inicio: int, fin: int, *, contador: bool = False) -> Cubo:
    """The series in a stretch that has begun: ``dentro`` are the summaries of its points in the order of time,
    ``antes`` the newest point before it; ``fin`` not beyond now."""
    whole = unir_todos(dentro) if dentro else None
    n, cambios, integral, cubierto = 0, 0, 0.0, 0
    extremes: list[float] = []
    if antes is not None:
        held = min(fin if whole is None else whole.primero_en, antes.en + SOSTEN_US) - inicio
        if held > 0:
            integral, cubierto = antes.valor * held, held
            extremes.append(antes.valor)
    if whole is not None:
        held = min(fin - whole.ultimo_en, SOSTEN_US)
        n, cambios = whole.n, whole.cambios + (antes is not None and antes.valor != whole.primero)
        integral += whole.integral + whole.ultimo * held
        cubierto += whole.cubierto + held
        extremes += (whole.minimo, whole.maximo)
    low, high = (min(extremes), max(extremes)) if extremes else (None, None)
    risen = _risen(antes, whole) if contador else None
    return Cubo(inicio, fin, n, cambios, low, high, integral, cubierto, risen)


def _risen(antes: Punto | None, whole: Resumen | None) -> float | None:
    """Since the last reading before, however long ago; None: what is kept of it is from before counters were known."""
    if whole is None:
        return 0.0
    if whole.subida is None:
        return None
    return whole.subida + (0.0 if antes is None else alza(antes.valor, whole.primero))
