"""An answer that is long: made in pieces by a native thread, each sent before the next is made.

The reader sets the pace and holds no thread while it does not read; who makes the pieces must hold nothing between two
of them that anybody else waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Response

PIECE_BYTES = 256 << 10


class Descarga(Response):
    """The answer of a view; its body is ``pieces``, and begun only when the head has been sent."""

    def __init__(self, pieces: Iterable[bytes], content_type: str, nombre: str, size: int | None = None) -> None:
        super().__init__(content_type=content_type)
        self.pieces = pieces
        self.headers["Content-Disposition"] = f'attachment; filename="{nombre}"'
        self.headers["Cache-Control"] = "no-store"
        del self.headers["Content-Length"]
        if size is not None:
            self.headers["Content-Length"] = str(size)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        del environ
        start_response(self.status, list(self.headers))
        return Trozos(self.pieces)


class Trozos:
    """What the server is handed: it knows it by its type, and asks it for one piece at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def piece(self) -> bytes | None:
        """The next, in a native thread; it may be empty. None at the end."""
        return next(self._pieces, None)

    def close(self) -> None:
        """The reader has it all, or left."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def de_archivo(path: Path, content_type: str) -> Descarga:
    """A file, as it is."""
    return Descarga(_read(path), content_type, path.name, path.stat().st_size)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(PIECE_BYTES):
            yield data
