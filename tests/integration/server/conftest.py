"""A server with the echoing application for each module, which must still answer after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.edge import Edge, running
from tests.support.servidor import echo, get


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with running(
        echo, None, http_header_timeout_s=1.0, http_threads=2, http_queue_max=3, sse_send_timeout_s=1.0
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def lives(edge: Edge) -> Iterator[None]:
    """After each attack an ordinary request is answered, and its answer is nobody else's."""
    yield
    assert b" 200 OK" in edge.raw(get("/despues", "Connection: close"))
