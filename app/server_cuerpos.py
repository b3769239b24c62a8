"""How large a request's body may be: the same for all, but for what takes a picture, and few of those at a time.

So who sends large bodies to many connections at once holds ``AT_ONCE`` of them in memory, and no more.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.server_pool import saturated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.server_http import Head

IMAGEN_MAX = 1 << 20
GRANDES = {("POST", "/qr/leer"): IMAGEN_MAX}
AT_ONCE = 4


class Cuerpos:
    """The bodies that are in memory beyond ``maximo`` bytes (HTTP_BODY_MAX). Used in the loop's thread only."""

    def __init__(self, maximo: int) -> None:
        self._maximo = maximo
        self._held = 0

    @contextmanager
    def room(self, head: Head) -> Iterator[int]:
        """The most that this request may send, for as long as it is being served.

        Raises:
            ProblemError: 503, it is a large one and there are enough of them.
        """
        most = GRANDES.get((head.method, head.target.partition("?")[0]), 0)
        if (head.content_length or 0) <= self._maximo or most <= self._maximo:
            yield self._maximo
            return
        if self._held >= AT_ONCE:
            raise saturated()
        self._held += 1
        try:
            yield most
        finally:
            self._held -= 1
