"""The database's schema: the same whether new or migrated, with its first values and nothing of an older file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from app.db import connect
from app.migrations import HEAD, migrate
from app.models import metadata
from tests.support.nucleo import BEGINNING, fast_folder
from tests.support.original import ORIGINAL


def schema(path):
    """Tables with their columns (name, NOT NULL, primary key), foreign keys and indices (columns, unique)."""
    found = {}
    with closing(connect(path, read_only=True)) as conn:
        ask = lambda sql: conn.execute(sql).fetchall()  # noqa: E731
        for (table,) in ask("SELECT name FROM sqlite_master WHERE type='table' ORDER BY 1"):
            columns = [(name, notnull, pk) for _, name, _, notnull, _, pk in ask(f"PRAGMA table_info({table})")]
            keys = sorted((row[2], row[3], row[4]) for row in ask(f"PRAGMA foreign_key_list({table})"))
            indices = sorted(
                (unique, origin, tuple(row[2] for row in ask(f"PRAGMA index_info({name})")))
                for _, name, unique, origin, _ in ask(f"PRAGMA index_list({table})")
            )
            found[table] = columns, keys, indices
    return found


def original(path):
    with closing(sqlite3.connect(path)) as conn:
        conn.executescript(ORIGINAL)


def test_a_new_database_and_a_migrated_one_have_the_same_schema(tmp_path):
    """Also that the tables' definition and the revisions do not drift apart."""
    (tmp_path / "vieja").mkdir()
    original(tmp_path / "vieja" / "iot.db")
    assert migrate(tmp_path / "vieja" / "iot.db", BEGINNING) is False
    assert migrate(tmp_path / "nueva" / "iot.db", BEGINNING) is True
    new, old = schema(tmp_path / "nueva" / "iot.db"), schema(tmp_path / "vieja" / "iot.db")
    assert new == old
    assert set(new) == {*metadata.tables, "alembic_version"}
    for table in metadata.tables.values():
        assert [c[0] for c in new[table.name][0]] == [c.name for c in table.columns]


def test_a_new_database_has_its_first_values(tmp_path):
    migrate(tmp_path / "iot.db", BEGINNING)
    with closing(connect(tmp_path / "iot.db", read_only=True)) as conn:
        first = {"secuencia": 0, "rechazados": 0, "historial_hasta": 0}
        assert dict(conn.execute("SELECT clave, valor FROM casa").fetchall()) == first
        assert conn.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
    assert migrate(tmp_path / "iot.db", BEGINNING) is False


def test_the_log_of_a_vanished_database_does_not_get_into_the_new_one():
    """Killed, then iot.db and its marker deleted by hand to start anew: the -wal that stayed belongs to nobody."""
    with fast_folder() as folder:
        from pathlib import Path

        folder = Path(folder)
        migrate(folder / "iot.db", BEGINNING)
        ghost = connect(folder / "iot.db", read_only=False)
        ghost.execute("INSERT INTO casa VALUES ('fantasma', 1)")
        wal = (folder / "iot.db-wal").read_bytes()
        ghost.close()
        for file in folder.iterdir():
            file.unlink()
        (folder / "iot.db-wal").write_bytes(wal)
        (folder / "iot.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\0" * 1000)
        assert migrate(folder / "iot.db", BEGINNING) is True
        with closing(connect(folder / "iot.db", read_only=False)) as conn:
            assert conn.execute("SELECT count(*) FROM casa WHERE clave = 'fantasma'").fetchone() == (0,)
            assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
