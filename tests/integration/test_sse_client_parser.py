"""How ``sse_client.py`` reads a stream that arrives cut anywhere."""

from __future__ import annotations

import codecs
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sse_client

ENDS = st.sampled_from(["\n", "\r\n", "\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=12)
EVENTS = st.lists(st.tuples(st.sampled_from(["", "ping", "leave"]), st.lists(TEXT, min_size=1, max_size=3)), max_size=5)


def read(data: bytes, cuts: list[int]) -> tuple[list[sse_client.Event], sse_client.Parser]:
    parser, decoder = sse_client.Parser(), codecs.getincrementaldecoder("utf-8")("replace")
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    found = []
    for start, end in itertools.pairwise(edges):
        for line in parser.lines(decoder.decode(data[start:end])):
            event = parser.feed(line)
            if event is not None:
                found.append(event)
    return found, parser


@given(EVENTS, ENDS, st.booleans(), st.lists(st.integers(0, 10_000), max_size=30))
def test_events_do_not_depend_on_where_the_bytes_are_cut(
    events: list[tuple[str, list[str]]], end: str, bom: bool, cuts: list[int]
) -> None:
    """Every line ending, a byte order mark, UTF-8 and CRLF cut in two, data of several lines."""
    lines: list[str] = []
    for tipo, data in events:
        lines += [f"event: {tipo}"] if tipo else []
        lines += [f"data: {line}" for line in data] + [": comment", ""]
    text = ("\ufeff" if bom else "") + "".join(line + end for line in lines)
    found, _ = read(text.encode(), cuts)
    assert found == [sse_client.Event(tipo or "message", "\n".join(data)) for tipo, data in events]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_readable(data: bytes, cuts: list[int]) -> None:
    """And mean the same wherever they are cut."""
    assert read(data, cuts)[0] == read(data, [])[0]


def test_ids_and_retry() -> None:
    """An id counts from its event on, also with no data; NUL and a retry that is no number are ignored."""
    _, parser = read(b"id: a-1\n\nid: bad\0\nretry: x\n\nid: a-2\nretry: 2500\ndata: half", [])
    assert (parser.last_id, parser.retry) == ("a-1", 2.5)
    parser.restart()
    assert (parser.feed(""), parser.last_id) == (None, "a-1")


def test_an_endless_event_is_refused() -> None:
    """Memory is bounded, by line and by event."""
    parser = sse_client.Parser()
    with pytest.raises(sse_client.FlujoInvalido):
        list(parser.lines("x" * (sse_client.EVENT_MAX_CHARS + 1)))
    parser.restart()
    with pytest.raises(sse_client.FlujoInvalido):
        for _ in range(sse_client.EVENT_MAX_CHARS):
            for line in parser.lines("data: " + "x" * 65536 + "\n"):
                parser.feed(line)


def test_backoff_grows_to_its_limit_and_starts_again() -> None:
    """2 to 30 s, give or take a fifth, never less than the server asks."""
    backoff = sse_client.Backoff()
    for nominal in (2, 4, 8, 16, 30, 30):
        assert 0.8 * nominal <= backoff.failed(None) <= 1.2 * nominal
    assert backoff.failures == 6
    backoff.ok()
    assert backoff.failed(None) <= 2.4
    assert backoff.failed(100) == 100
    assert backoff.failed(1e9) == sse_client.RETRY_MAX_S
