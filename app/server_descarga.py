"""Long answers on the wire: a piece is made by a thread of the pool, sent by the connection's greenlet, and so on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.server_http import response_head

if TYPE_CHECKING:
    from app.server_http import Head
    from app.server_pool import Answer, Workers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Emisor:
    """The connection: how it sends, where pieces are made, and what the time is in HTTP's words."""

    send: Callable[[bytes], None]
    workers: Workers
    date: str


def send_pieces(answer: Answer, head: Head, emisor: Emisor, *, keep: bool) -> bool:
    """Send all of it; whether the connection can be used again. What fails on the way cuts it off, so that nobody
    takes a part for the whole."""
    pieces = answer.pieces
    assert pieces is not None
    sized = any(name.lower() == "content-length" for name, _ in answer.headers)
    chunked = not sized and bool(head.minor)
    keep = keep and (sized or chunked)
    extra = [("Date", emisor.date)] + ([("Transfer-Encoding", "chunked")] if chunked else [])
    extra += [] if keep else [("Connection", "close")]
    try:
        emisor.send(response_head(answer.status, answer.headers + extra))
        if head.method == "HEAD":
            return keep
        while (piece := emisor.workers.run(pieces.piece, admitted=True)) is not None:
            if piece:
                emisor.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            emisor.send(b"0\r\n\r\n")
    except OSError:
        raise
    except Exception:
        log.exception("a long answer could not be finished")
        return False
    else:
        return keep
    finally:
        pieces.close()
