"""History that lasts: blocks of the log (so that no page and no count walks it), series, and their summaries.

Only adds tables, empty: they are filled from the log in slices, while the house runs.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = (
    (
        "log_bloque (dispositivo_id INTEGER NOT NULL, numero INTEGER NOT NULL, filas INTEGER NOT NULL, "
        "primer_id INTEGER NOT NULL, ultimo_id INTEGER NOT NULL, desde VARCHAR(32) NOT NULL, "
        "hasta VARCHAR(32) NOT NULL, activos INTEGER NOT NULL, inactivos INTEGER NOT NULL, ordenado BOOLEAN NOT NULL, "
        "tope VARCHAR(32) NOT NULL, tardio BOOLEAN NOT NULL, "
        "PRIMARY KEY (dispositivo_id, numero)) WITHOUT ROWID"
    ),
    (
        "serie (id INTEGER NOT NULL PRIMARY KEY, dispositivo_id INTEGER NOT NULL, nombre TEXT NOT NULL, "
        "logica BOOLEAN NOT NULL, UNIQUE (dispositivo_id, nombre))"
    ),
    (
        "resumen (nivel INTEGER NOT NULL, serie_id INTEGER NOT NULL, inicio INTEGER NOT NULL, n INTEGER NOT NULL, "
        "cambios INTEGER NOT NULL, minimo FLOAT NOT NULL, maximo FLOAT NOT NULL, primero_en INTEGER NOT NULL, "
        "primero FLOAT NOT NULL, ultimo_en INTEGER NOT NULL, ultimo FLOAT NOT NULL, integral FLOAT NOT NULL, "
        "cubierto INTEGER NOT NULL, subida FLOAT, partes BLOB, PRIMARY KEY (nivel, serie_id, inicio)) WITHOUT ROWID"
    ),
)


def upgrade() -> None:
    """Add the tables, and up to which row of the log they tell: none."""
    for table in TABLES:
        op.execute(f"CREATE TABLE {table}")
    op.execute("CREATE INDEX ix_log_bloque_tardio ON log_bloque (dispositivo_id) WHERE tardio")
    op.execute("INSERT INTO casa (clave, valor) VALUES ('historial_hasta', 0)")
