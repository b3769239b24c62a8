"""Rows as Parquet, when pyarrow is installed: it is not among what the house needs, and weighs more than all of it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.domain.errors import FormatoNoDisponible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

GROUP_ROWS = 32_000
"""Rows in a group of the file: what is in memory at a time, some 20 MB."""


def parquet(slices: Iterable[list[tuple[Any, ...]]]) -> Iterator[bytes]:
    """The file, in pieces. ``timestamp`` is an instant (UTC, microseconds), null where the log has no time.

    Raises:
        FormatoNoDisponible: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet as files
    except ImportError as error:
        raise FormatoNoDisponible from error
    return _pieces(slices, pa, files)


def _pieces(slices: Iterable[list[tuple[Any, ...]]], pa: Any, files: Any) -> Iterator[bytes]:
    schema = pa.schema(
        [
            ("dispositivo_id", pa.int64()),
            ("serial_number", pa.string()),
            ("timestamp", pa.timestamp("us", tz="UTC")),
            ("estado", pa.string()),
            ("parametros", pa.string()),
            ("causa", pa.string()),
        ]
    )
    out = _Pipe()
    repeated = ["serial_number", "estado", "causa"]
    with files.ParquetWriter(out, schema, compression="zstd", use_dictionary=repeated) as to:
        for rows in _groups(slices):
            columns = list(zip(*rows, strict=True))
            columns[2] = tuple(map(_instant, columns[2]))
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            to.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=GROUP_ROWS)
            yield out.take()
    yield out.take()


def _groups(slices: Iterable[list[tuple[Any, ...]]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    held: list[tuple[Any, ...]] = []
    for rows in slices:
        held += rows
        if len(held) >= GROUP_ROWS:
            yield held
            held = []
    if held:
        yield held


def _instant(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:  # a row of the original program can hold anything
        return None


class _Pipe(io.RawIOBase):
    """What is written, until it is taken; tells how far the file has come."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._held.append(piece)
        self._at += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        found, self._held = b"".join(self._held), []
        return found
