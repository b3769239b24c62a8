"""Rows read from bare pages are those that SQLite reads; bytes of any kind are no reason to fail."""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.paginas import filas

PAGE = 4096
VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=40), st.sampled_from([0, 1, 255, -129])
)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.text(max_size=300)), max_size=80)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, st.integers(0, 60))
def test_the_rows_of_a_table_also_those_in_its_log(first, second, after):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.db"
        conn = sqlite3.connect(path, isolation_level=None)
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA wal_autocheckpoint=0")
        conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)")
        conn.executemany("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", first)
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.executemany("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", second)
        told = {row[0]: list(row[1:]) for row in conn.execute("SELECT * FROM t WHERE id > ?", (after,))}
        conn.execute("BEGIN")
        conn.execute("INSERT INTO t VALUES (9999, 'nobody', 'committed', 'this')")
        found = {rowid: values[1:] for rowid, values in filas(path, PAGE, after) if len(values) == 4}
        conn.execute("ROLLBACK")
        conn.close()
    assert {k: v for k, v in found.items() if k in told} == told
    assert 9999 not in found


def test_what_is_not_committed_is_not_read_even_when_it_is_in_the_log(tmp_path):
    """A transaction bigger than the cache is written to the log before it ends; a killed program leaves it there."""
    path = tmp_path / "t.db"
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA cache_size=5")
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    conn.execute("INSERT INTO t (a) VALUES ('here')")
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO t (a) VALUES (?)", [("x" * 900,) for _ in range(200)])
    assert path.with_name("t.db-wal").stat().st_size > 20 * PAGE
    found = {rowid for rowid, values in filas(path, PAGE, 0) if len(values) == 2}
    conn.close()
    assert found == {1}


def test_any_bytes_are_read_without_a_fault(tmp_path):
    chance, path = random.Random(1), tmp_path / "t.db"
    for n in range(300):
        pages = [bytearray(chance.randbytes(PAGE)) for _ in range(3)]
        for page in pages[1:]:
            page[0], page[3:5] = 13, chance.choice([b"\0\x02", b"\x01\0", b"\xff\xff"])
        path.write_bytes(b"".join(pages)[: 3 * PAGE - n])
        path.with_name("t.db-wal").write_bytes(os.urandom(2 * PAGE))
        list(filas(path, PAGE, 0))
