"""How often a password or code may be tried: growing delays, never a lock that the owner cannot pass.

Tries are counted for each account *and* address together, for each address over all accounts, and for each account over
all addresses. Only the first two make anybody wait; the third only says how many tries an address that has made none
yet gets, and that is never fewer than one. So whoever knows the password gets in from an address that did not guess,
however long somebody else guesses elsewhere.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.domain.errors import DemasiadosIntentos

FREE_TRIES = 5
"""Tries of one address at one account before it waits; one when the account is under attack from elsewhere."""
FREE_TRIES_ADDRESS = 20
"""Tries of one address at all accounts together: a household behind one address may forget more than one password."""
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 900.0
FORGET_S = 3600.0
"""A count is forgotten after an hour without another try."""
MAX_COUNTS = 10_000
"""Counts remembered; the one quiet for longest goes first. An address is stopped long before it could fill this."""


@dataclass(slots=True)
class _Count:
    tries: int = 0
    last: float = 0.0
    until: float = 0.0


class Intentos:
    """Tries of the last hour. Any thread. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, account: str, address: str, now: float) -> None:
        """Count a try as failed before it is made, so that many at once are not one.

        Raises:
            DemasiadosIntentos: not now; it has how many seconds to wait.
        """
        where = _group(address)
        with self._lock:
            both, here = self._count(account, where, now), self._count("", where, now)
            wait = max(both.until, here.until) - now
            if wait > 0:
                raise DemasiadosIntentos(wait)
            everywhere = self._count(account, "", now)
            free = FREE_TRIES if everywhere.tries - both.tries < FREE_TRIES else 1
            for key, count, limit in (
                ((account, where), both, free),
                (("", where), here, FREE_TRIES_ADDRESS),
                ((account, ""), everywhere, None),
            ):
                self._add(key, count, now, limit)

    def succeeded(self, account: str, address: str, now: float) -> None:
        """The try that was begun was right: the address starts anew at this account, and the try is no failure."""
        where = _group(address)
        with self._lock:
            tries = self._count(account, where, now).tries
            self._counts.pop((account, where), None)
            self._take(("", where), 1)
            self._take((account, ""), tries)

    def remembered(self) -> int:
        """How many counts are remembered."""
        return len(self._counts)

    def _count(self, account: str, where: str, now: float) -> _Count:
        found = self._counts.get((account, where))
        return found if found is not None and now - found.last < FORGET_S else _Count()

    def _add(self, key: tuple[str, str], count: _Count, now: float, free: int | None) -> None:
        count.tries += 1
        count.last = now
        if free is not None and count.tries >= free:
            count.until = now + min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(count.tries - free, 20))
        self._counts[key] = count
        self._counts.move_to_end(key)
        if len(self._counts) > MAX_COUNTS:
            self._counts.popitem(last=False)

    def _take(self, key: tuple[str, str], tries: int) -> None:
        count = self._counts.get(key)
        if count is not None:
            count.tries = max(0, count.tries - tries)
            count.until = count.until if count.tries >= FREE_TRIES_ADDRESS else 0.0


def _group(address: str) -> str:
    """An IPv6 address stands for its /64: whoever has one has them all."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
